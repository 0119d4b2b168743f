package access

import (
	"syscall"
	"testing"

	"radpush/login"
	"radpush/radius"
)

// cpu runs f as a benchmark and reports the processor time it takes, which other
// processes on the machine disturb less than the time that passes.
func cpu(b *testing.B, f func()) {
	b.Helper()
	b.ReportAllocs()
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op")
}

func BenchmarkMSCHAP2Equal(b *testing.B) {
	p, err := readPasscode(msCHAP2Request(b, "alice", "123456"))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("hit", func(b *testing.B) { cpu(b, func() { p.Equal("123456") }) })
	b.Run("miss", func(b *testing.B) { cpu(b, func() { p.Equal("654321") }) })
	b.Run("trigger", func(b *testing.B) { cpu(b, func() { p.Equal("p") }) })
}

// typical is an engine that compares what the real one compares: the triggers, then the
// codes of one token, that of the current step first.
func typical(a login.Attempt) (login.Verdict, error) {
	if _, ok := login.Trigger(a.Passcode); ok {
		return login.Verdict{Outcome: login.Accept}, nil
	}
	for _, code := range [...]string{"123456", "755224", "287082"} {
		if a.Passcode.Equal(code) {
			return login.Verdict{Outcome: login.Accept}, nil
		}
	}
	return login.Verdict{}, nil
}

func BenchmarkHandler(b *testing.B) {
	for _, bb := range []struct {
		name    string
		request *radius.Request
	}{
		{"PAP code", papRequest(b, "123456")},
		{"PAP push", papRequest(b, "")},
		{"CHAP code", chapRequest("123456")},
		{"MSCHAPv2 push", msCHAP2Request(b, "alice", "")},
		{"MSCHAPv2 code", msCHAP2Request(b, "alice", "123456")},
		{"MSCHAPv2 wrong", msCHAP2Request(b, "alice", "000000")},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h, _ := newHandler(engine(typical))
			cpu(b, func() { serve(b, h, bb.request) })
		})
	}
}
