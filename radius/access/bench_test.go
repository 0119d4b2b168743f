package access

import (
	"context"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/radius"
)

// cpu runs f as a benchmark, and reports and returns the processor time it takes in ns, which
// other processes on the machine disturb less than the time that passes.
func cpu(b *testing.B, f func()) float64 {
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
	took := float64(used()-start) / float64(b.N)
	b.ReportMetric(took, "cpu-ns/op")
	return took
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

// A code costs the more the farther it is from the expected one; a wrong one costs the whole
// inner window and then the outer one, here those of the default configuration. All of it
// is a login through handler and engine on a store in memory: the user's record is read,
// judged, written, and put back as it was, and a row is appended. The metric x-plain is the
// ratio to the first benchmark, the plain login by a TOTP code in PAP.
func BenchmarkCodes(b *testing.B) {
	plain := 0.0
	at := time.Unix(1_700_000_000, 0)
	totp := otp.Token{ID: "t", Secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", Digits: 6, Period: 30 * time.Second}
	hotp := otp.Token{ID: "h", Secret: totp.Secret, Digits: 6, HOTP: true}
	for _, bb := range []struct {
		name  string
		token otp.Token
		code  string
		want  login.Reason
	}{
		{"TOTP/expected", totp, totp.Code(totp.Step(at)), login.CodeAccepted},
		{"TOTP/last", totp, totp.Code(totp.Step(at) + 1), login.CodeAccepted},
		{"TOTP/wrong", totp, "000000", login.WrongPasscode},
		{"HOTP/expected", hotp, hotp.Code(0), login.CodeAccepted},
		{"HOTP/last", hotp, hotp.Code(5), login.CodeAccepted},
		{"HOTP/wrong", hotp, "000000", login.WrongPasscode},
	} {
		for _, request := range []*radius.Request{papRequest(b, bb.code), chapRequest(bb.code), msCHAP2Request(b, "nemo", bb.code)} {
			p, err := readPasscode(request)
			if err != nil {
				b.Fatal(err)
			}
			request.Received = at
			b.Run(bb.name+"/"+p.protocol(), func(b *testing.B) {
				took := benchmarkCode(b, request, bb.token, bb.want)
				if plain == 0 || bb.name == "TOTP/expected" && p.protocol() == "PAP" {
					plain = took
				}
				b.ReportMetric(took/plain, "x-plain")
			})
		}
	}
}

func benchmarkCode(b *testing.B, request *radius.Request, token otp.Token, want login.Reason) float64 {
	log := slog.New(slog.DiscardHandler)
	e, _ := newEngine(false, log)
	nemo := login.User{Name: "nemo", Tokens: []otp.Token{token}}
	reset := func(*login.User) (*login.User, error) { return &nemo, nil }
	var got login.Reason
	h := &Handler{Engine: watched{e, &got}, Activity: e.Activity, Log: log}
	return cpu(b, func() {
		if err := e.Users.Update(b.Context(), "nemo", reset); err != nil {
			b.Fatal(err)
		}
		if serve(b, h, request); got != want {
			b.Fatalf("%s, want %s", got, want)
		}
	})
}

// A watched engine tells why it decided so.
type watched struct {
	Engine
	why *login.Reason
}

func (w watched) Begin(ctx context.Context, a login.Attempt) (login.Verdict, *login.Held, error) {
	v, held, err := w.Engine.Begin(ctx, a)
	*w.why = v.Reason
	return v, held, err
}
