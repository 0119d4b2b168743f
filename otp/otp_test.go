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
	first, ok := tok.Match(now, 1, 1, typed(tok.Code(here)))
	if !ok || first.Used != here {
		t.Fatalf("first use: %v, used %d, want %d", ok, first.Used, here)
	}
	if _, ok := first.Match(now, 1, 1, typed(tok.Code(here))); ok {
		t.Error("the same code was accepted twice")
	}
	if _, ok := first.Match(now, 1, 1, typed(tok.Code(here-1))); ok {
		t.Error("an older code was accepted after a newer one")
	}
	next, ok := first.Match(now, 1, 1, typed(tok.Code(here+1)))
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
		got, ok := tok.Match(now, v.behind, v.ahead, typed(tok.Code(uint64(int64(tok.Step(now))+int64(v.off)))))
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
		if tok, ok = tok.Match(now, 1, 1, typed(tok.Code(tok.Step(now)-uint64(lost)))); !ok {
			t.Fatalf("lost the token when it was %d steps behind", lost)
		}
	}
}

func TestMatchNearTheEpoch(t *testing.T) {
	tok := token(SHA1, 6)
	tok.Drift = -3
	if _, ok := tok.Match(time.Unix(0, 0), 5, 5, func(string) bool { return false }); ok {
		t.Error("matched nothing")
	}
	if step := tok.Step(time.Unix(-90, 0)); step != 0 {
		t.Errorf("a clock before 1970 gives step %d", step)
	}
}

// A secret that cannot be decoded yields no code, and no code must equal an empty passcode.
func TestABrokenSecretMatchesNothing(t *testing.T) {
	tok := Token{Secret: "not base32!", Digits: 6, Period: 30 * time.Second}
	if _, ok := tok.Match(time.Now(), 1, 1, typed("")); ok {
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
}

func FuzzMatch(f *testing.F) {
	f.Add(int64(1_700_000_000), 3, uint64(5), 1, 1)
	f.Fuzz(func(t *testing.T, unix int64, drift int, used uint64, behind, ahead int) {
		tok := token(SHA1, 6)
		tok.Drift, tok.Used = drift%1000, used
		got, ok := tok.Match(time.Unix(unix%1e11, 0), behind%100, ahead%100, func(string) bool { return rand.IntN(8) == 0 })
		if ok && got.Used <= used {
			t.Errorf("step %d accepted after %d", got.Used, used)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	tok, now := token(SHA1, 6), time.Unix(1_700_000_000, 0)
	b.Run("hit", func(b *testing.B) {
		code := typed(tok.Code(tok.Step(now)))
		b.ReportAllocs()
		for b.Loop() {
			tok.Match(now, 1, 1, code)
		}
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tok.Match(now, 1, 1, typed(""))
		}
	})
}
