package otp

import (
	"encoding/base32"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var b32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// token of RFC 6238, appendix B: the seed is the digits repeated to the hash's length.
func token(a Algorithm, digits int) Token {
	seed := strings.Repeat("1234567890", 7)[:[...]int{20, 32, 64}[a]]
	return Token{Secret: b32.EncodeToString([]byte(seed)), Algorithm: a, Digits: digits, Period: 30 * time.Second}
}

func typed(code string) func(string) bool { return func(c string) bool { return c == code } }

// RFC 4226, appendix D.
func TestOTP_3_1_HOTPVectors(t *testing.T) {
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314",
		"254676", "287922", "162583", "399871", "520489"} {
		if got := token(SHA1, 6).Code(uint64(step)); got != want {
			t.Errorf("counter %d: %s, want %s", step, got, want)
		}
	}
}

// RFC 6238, appendix B.
func TestOTP_3_1_TOTPVectors(t *testing.T) {
	for _, v := range []struct {
		unix                 int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		for a, want := range []string{v.sha1, v.sha256, v.sha512} {
			tok := token(Algorithm(a), 8)
			if got := tok.Code(tok.Step(time.Unix(v.unix, 0))); got != want {
				t.Errorf("%v at %d: %s, want %s", Algorithm(a), v.unix, got, want)
			}
		}
	}
}

func TestOTP_3_2_CodeIsAcceptedOnce(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	tok := token(SHA1, 6)
	here := tok.Step(now)
	first, ok := tok.Match(now, Window{Behind: 1, Ahead: 1}, typed(tok.Code(here)))
	if !ok || first.Used != here {
		t.Fatalf("first use: %v, used %d, want %d", ok, first.Used, here)
	}
	if _, ok := first.Match(now, Window{Behind: 1, Ahead: 1}, typed(tok.Code(here))); ok {
		t.Error("the same code was accepted twice")
	}
	if _, ok := first.Match(now, Window{Behind: 1, Ahead: 1}, typed(tok.Code(here-1))); ok {
		t.Error("an older code was accepted after a newer one")
	}
	next, ok := first.Match(now, Window{Behind: 1, Ahead: 1}, typed(tok.Code(here+1)))
	if !ok || next.Used != here+1 {
		t.Error("the next code was not accepted")
	}
}

func TestOTP_3_3_InnerWindowAndDrift(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, v := range []struct {
		drift, behind, ahead, off int
		ok                        bool
	}{
		{0, 1, 1, 0, true},
		{0, 1, 1, -1, true},
		{0, 1, 1, 1, true},
		{0, 1, 1, -2, false},
		{0, 1, 1, 2, false},
		{0, 0, 2, 2, true},
		{0, 0, 2, -1, false},
		{0, 2, 0, -2, true},
		{5, 1, 1, 5, true},
		{5, 1, 1, 6, true},
		{5, 1, 1, 0, false},
		{-5, 1, 1, -6, true},
	} {
		tok := token(SHA1, 6)
		tok.Drift = v.drift
		got, ok := tok.Match(now, Window{Behind: v.behind, Ahead: v.ahead}, typed(tok.Code(uint64(int64(tok.Step(now))+int64(v.off)))))
		if ok != v.ok {
			t.Errorf("%+v: %v", v, ok)
		}
		if want := v.off; ok && got.Drift != want {
			t.Errorf("%+v: learned drift %d, want %d", v, got.Drift, want)
		}
		if !ok && got != tok {
			t.Errorf("%+v: a failed match changed the token", v)
		}
	}
}

// A clock that loses a step now and then is followed as long as the user logs in.
func TestOTP_3_3_DriftIsFollowed(t *testing.T) {
	tok := token(SHA256, 8)
	now := time.Unix(1_700_000_000, 0)
	for lost := range 40 {
		now = now.Add(time.Hour)
		var ok bool
		if tok, ok = tok.Match(now, Window{Behind: 1, Ahead: 1}, typed(tok.Code(tok.Step(now)-uint64(lost)))); !ok {
			t.Fatalf("lost the token when it was %d steps behind", lost)
		}
	}
}

// counted is the token of RFC 4226, appendix D.
func counted() Token {
	t := token(SHA1, 6)
	t.HOTP, t.Period = true, 0
	return t
}

var inner = Window{Behind: 1, Ahead: 1, LookAhead: 3, Outer: 40}

func TestOTP_3_1_3_2_HOTPCounts(t *testing.T) {
	now, tok := time.Unix(1_700_000_000, 0), counted()
	if err := tok.Check(); err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		code uint64
		ok   bool
		next uint64
	}{
		{0, true, 1}, {0, false, 1}, {1, true, 2}, {4, true, 5}, {3, false, 5}, {8, true, 9}, {13, false, 9}, {12, true, 13},
	} {
		got, ok := tok.Match(now, inner, typed(counted().Code(v.code)))
		if ok != v.ok || got.Used != v.next {
			t.Errorf("code %d: %v, next counter %d; want %v, %d", v.code, ok, got.Used, v.ok, v.next)
		}
		tok = got
	}
	if !tok.Replayed(typed(counted().Code(12))) || tok.Replayed(typed(counted().Code(13))) || counted().Replayed(typed(counted().Code(0))) {
		t.Error("replay is told wrong")
	}
}

func TestOTP_3_4_TwoConsecutiveCodesResynchronize(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, fresh := range map[string]Token{"TOTP": token(SHA1, 6), "HOTP": counted()} {
		for _, off := range []int64{-40, -2, 2, 4, 40} {
			if fresh.HOTP && off < 4 {
				continue
			}
			step := uint64(int64(fresh.Step(now)) + off)
			if _, ok := fresh.Match(now, inner, typed(fresh.Code(step))); ok {
				t.Errorf("%s %+d: accepted at once", name, off)
			}
			tok, ok := fresh.MatchOuter(now, inner, typed(fresh.Code(step)))
			if !ok || tok.Used != fresh.Used {
				t.Fatalf("%s %+d: not found in the outer window, or used up", name, off)
			}
			if _, ok := tok.Resync(now, typed(tok.Code(step))); ok {
				t.Errorf("%s %+d: the same code again resynchronized", name, off)
			}
			if _, ok := tok.Resync(now.Add(6*time.Minute), typed(tok.Code(step+1))); ok {
				t.Errorf("%s %+d: resynchronized after six minutes", name, off)
			}
			tok, ok = tok.Resync(now, typed(tok.Code(step+1)))
			if !ok || tok.Next != 0 {
				t.Fatalf("%s %+d: two consecutive codes did not resynchronize", name, off)
			}
			for _, old := range []uint64{step, step + 1} {
				if _, ok := tok.Match(now, inner, typed(tok.Code(old))); ok {
					t.Errorf("%s %+d: code %+d was good twice", name, off, int64(old-step))
				}
			}
			if _, ok := tok.Match(now, inner, typed(tok.Code(step+2))); !ok {
				t.Errorf("%s %+d: the code after them is not good", name, off)
			}
		}
		if _, ok := fresh.MatchOuter(now, inner, typed(fresh.Code(fresh.Step(now)+41))); ok {
			t.Errorf("%s: found beyond the outer window", name)
		}
		if _, ok := fresh.Resync(now, typed(fresh.Code(0))); ok {
			t.Errorf("%s: resynchronized by one code", name)
		}
	}
}

func TestOTP_3_4_AnOldCodeIsNotInTheOuterWindow(t *testing.T) {
	now, tok := time.Unix(1_700_000_000, 0), token(SHA1, 6)
	tok, _ = tok.Match(now, inner, typed(tok.Code(tok.Step(now))))
	for back := range uint64(30) {
		if _, ok := tok.MatchOuter(now, inner, typed(tok.Code(tok.Used-back))); ok {
			t.Errorf("a code %d steps older than the newest used one begins to resynchronize", back)
		}
	}
}

func TestMatchNearTheEpoch(t *testing.T) {
	tok := token(SHA1, 6)
	tok.Drift = -3
	if _, ok := tok.Match(time.Unix(0, 0), Window{Behind: 5, Ahead: 5}, func(string) bool { return false }); ok {
		t.Error("matched nothing")
	}
	if step := tok.Step(time.Unix(-90, 0)); step != 0 {
		t.Errorf("a clock before 1970 gives step %d", step)
	}
}

// A secret that cannot be decoded yields no code, and no code must equal an empty passcode.
func TestABrokenSecretMatchesNothing(t *testing.T) {
	tok := Token{Secret: "not base32!", Digits: 6, Period: 30 * time.Second}
	if _, ok := tok.Match(time.Now(), Window{Behind: 1, Ahead: 1}, typed("")); ok {
		t.Error("a broken secret let an empty passcode in")
	}
}

func TestCheck(t *testing.T) {
	good := New("x", SHA512, 8, time.Minute)
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Token){
		"base32": func(t *Token) { t.Secret = "0189" },
		"short":  func(t *Token) { t.Secret = b32.EncodeToString(make([]byte, 15)) },
		"digits": func(t *Token) { t.Digits = 7 },
		"period": func(t *Token) { t.Period = 0 },
		"hash":   func(t *Token) { t.Algorithm = 3 },
		"HOTP":   func(t *Token) { t.HOTP = true },
		"count":  func(t *Token) { t.Used = 1 << 63 },
	} {
		bad := good
		if change(&bad); bad.Check() == nil {
			t.Errorf("%s: a bad token passed", name)
		}
	}
}

func TestParseAlgorithm(t *testing.T) {
	for _, want := range []Algorithm{SHA1, SHA256, SHA512} {
		if got, ok := ParseAlgorithm(want.String()); !ok || got != want {
			t.Errorf("%v: %v, %t", want, got, ok)
		}
	}
	for _, name := range []string{"", "sha1", "MD5"} {
		if got, ok := ParseAlgorithm(name); ok {
			t.Errorf("%q is %v", name, got)
		}
	}
}

func TestURL(t *testing.T) {
	tok := token(SHA1, 6)
	want := "otpauth://totp/Example%20Ltd:alice?algorithm=SHA1&digits=6&issuer=Example%20Ltd&period=30&secret=" + tok.Secret
	if got := tok.URL("Example Ltd", "alice"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	event := counted()
	event.Used = 7
	want = "otpauth://hotp/Example%20Ltd:alice?algorithm=SHA1&counter=7&digits=6&issuer=Example%20Ltd&secret=" + tok.Secret
	if got := event.URL("Example Ltd", "alice"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add(int64(1_700_000_000), 3, uint64(5), 1, 1)
	f.Fuzz(func(t *testing.T, unix int64, drift int, used uint64, behind, ahead int) {
		tok := token(SHA1, 6)
		tok.Drift, tok.Used = drift%1000, used
		got, ok := tok.Match(time.Unix(unix%1e11, 0), Window{Behind: behind % 100, Ahead: ahead % 100}, func(string) bool { return rand.IntN(8) == 0 })
		if ok && got.Used <= used {
			t.Errorf("step %d accepted after %d", got.Used, used)
		}
	})
}

// A miss is a wrong code: all of the inner window, and of the outer one.
func BenchmarkMatch(b *testing.B) {
	now, w := time.Unix(1_700_000_000, 0), Window{Behind: 1, Ahead: 1, LookAhead: 5, Outer: 40}
	for name, tok := range map[string]Token{"TOTP": token(SHA1, 6), "HOTP": counted()} {
		hit, miss := typed(tok.Code(tok.Step(now))), typed("")
		b.Run(name+"/hit", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tok.Match(now, w, hit)
			}
		})
		b.Run(name+"/miss", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tok.Match(now, w, miss)
			}
		})
		b.Run(name+"/miss-outer", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tok.MatchOuter(now, w, miss)
			}
		})
	}
}
