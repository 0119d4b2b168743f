// Package otp computes and checks one-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238),
// with an inner window in which a code is accepted, an outer one in which two consecutive
// codes resynchronize the token, learned drift and the counter that guards against replay.
//
// It is pure: time is an argument, state is a value that the caller keeps and stores.
// It never sees what the user typed, only a function that says whether a candidate is
// it: so the same search serves PAP, CHAP and MS-CHAPv2.
package otp

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Token is a secret that makes codes, its parameters and what has been learned of it.
// What a code is made from is a step of time for TOTP and a counter for HOTP; here both
// are steps.
type Token struct {
	ID        string        `cbor:"1,keyasint"`           // its serial number
	Secret    string        `cbor:"2,keyasint"`           // base32 (RFC 4648) without padding
	Algorithm Algorithm     `cbor:"3,keyasint,omitempty"` // of the HMAC
	Digits    int           `cbor:"4,keyasint"`           // 6 or 8
	Period    time.Duration `cbor:"5,keyasint,omitempty"` // length of a step of TOTP
	HOTP      bool          `cbor:"10,keyasint,omitempty"`
	Device    string        `cbor:"6,keyasint,omitempty"` // the device that alone uses it; "" if a person types it
	Disabled  bool          `cbor:"11,keyasint,omitempty"`

	// Used guards against replay. TOTP: the newest step that was accepted, 0 for none (RFC
	// 6238, section 5.2). HOTP: the next counter that is good (RFC 4226, section 7.2).
	Used  uint64 `cbor:"7,keyasint,omitempty"`
	For   string `cbor:"9,keyasint,omitempty"`  // what the code was accepted for, where the caller says so
	At    int64  `cbor:"14,keyasint,omitempty"` // when a code was last accepted; Unix, seconds
	Drift int    `cbor:"8,keyasint,omitempty"`  // steps that its clock is ahead of ours (RFC 6238, section 6)

	// Next is the step whose code, typed by NextBy (Unix, seconds), resynchronizes the token: a
	// code in the outer window came before it. 0 for none.
	Next   uint64 `cbor:"12,keyasint,omitempty"`
	NextBy int64  `cbor:"13,keyasint,omitempty"`
}

// A Window is how far a code may be from the expected one, in steps.
type Window struct {
	Behind, Ahead int // the inner window of TOTP, around now
	LookAhead     int // the inner window of HOTP (RFC 4226, section 7.4)
	Outer         int // the outer window: TOTP to both sides, HOTP ahead
}

// An Algorithm is the hash of a token's HMAC.
type Algorithm uint8

const (
	SHA1 Algorithm = iota // the zero value, as every authenticator app assumes
	SHA256
	SHA512
)

var algorithms = [...]string{SHA1: "SHA1", SHA256: "SHA256", SHA512: "SHA512"}

func (a Algorithm) String() string { return algorithms[int(a)%len(algorithms)] }

// ParseAlgorithm returns the algorithm that String names so.
func ParseAlgorithm(name string) (Algorithm, bool) {
	i := slices.Index(algorithms[:], name)
	return Algorithm(max(i, 0)), i >= 0
}

// New returns a token with a random secret: 160 bits, or the length of the hash (RFC
// 6238, section 5.1). It is TOTP, or HOTP if there is no period.
func New(id string, a Algorithm, digits int, period time.Duration) Token {
	secret := make([]byte, [...]int{20, 32, 64}[a%3])
	rand.Read(secret) // never fails: the runtime ends the program instead
	return Token{ID: id, Secret: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret),
		Algorithm: a, Digits: digits, Period: period, HOTP: period == 0}
}

// Check returns an error that says what is wrong with the token's parameters: for a
// secret that a person or a file brought.
func (t Token) Check() error {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(t.Secret)
	switch {
	case err != nil:
		return fmt.Errorf("otp: the secret is not base32")
	case len(secret) < 16: // RFC 4226, section 4, R6
		return fmt.Errorf("otp: the secret has %d bits; at least 128 are needed, 160 are better", 8*len(secret))
	case t.Digits != 6 && t.Digits != 8:
		return fmt.Errorf("otp: %d digits; 6 or 8 are possible", t.Digits)
	case t.HOTP && t.Period != 0:
		return fmt.Errorf("otp: HOTP has no period")
	case t.Used > maxStep:
		return fmt.Errorf("otp: the counter is beyond reason")
	case !t.HOTP && t.Period != 30*time.Second && t.Period != time.Minute:
		return fmt.Errorf("otp: a period of %v; 30s or 60s are possible", t.Period)
	case t.Algorithm > SHA512:
		return fmt.Errorf("otp: unknown algorithm")
	}
	return nil
}

// maxStep leaves room for the arithmetic of windows.
const maxStep = 1 << 53

// Step returns the step that is expected: the one that a time lies in by our clock (RFC
// 6238, section 4.2), or the next counter.
func (t Token) Step(now time.Time) uint64 {
	if t.HOTP {
		return t.Used
	}
	return uint64(max(now.Unix(), 0)) / uint64(t.Period/time.Second)
}

// Code returns the code of a step (RFC 4226, section 5.3). The token must pass Check.
func (t Token) Code(step uint64) string { return t.generator().code(step) }

// Match searches the inner window for the code that equal recognizes. It returns the token
// as it has to be stored in the transaction that accepts the code: with the step used up
// and the drift learned.
func (t Token) Match(now time.Time, w Window, equal func(code string) bool) (Token, bool) {
	behind, ahead := w.Behind, w.Ahead
	if t.HOTP {
		behind, ahead = 0, w.LookAhead
	}
	step, ok := t.search(now, behind, ahead, equal)
	if ok {
		t.use(now, step)
	}
	return t, ok
}

// MatchOuter is Match for the outer window. The token it returns is to be stored too, but
// the code is not accepted: together with the next one, within five minutes, it
// resynchronizes the token.
func (t Token) MatchOuter(now time.Time, w Window, equal func(code string) bool) (Token, bool) {
	behind := w.Outer
	if t.HOTP {
		behind = 0
	}
	step, ok := t.search(now, behind, w.Outer, equal)
	if ok {
		t.Next, t.NextBy = step+1, now.Add(5*time.Minute).Unix()
	}
	return t, ok
}

// Resync accepts the code after one that MatchOuter found. It returns the token as Match
// does.
func (t Token) Resync(now time.Time, equal func(code string) bool) (Token, bool) {
	ok := t.Next != 0 && now.Unix() <= t.NextBy && t.generator().is(t.Next, equal)
	if ok {
		t.use(now, t.Next)
	}
	return t, ok
}

// Replayed reports whether equal recognizes the code that was accepted last.
func (t Token) Replayed(equal func(code string) bool) bool {
	last := t.Used
	if t.HOTP {
		last-- // of 0 too: no counter comes so far
	}
	return t.Used != 0 && t.generator().is(last, equal)
}

// use marks a step as used up.
func (t *Token) use(now time.Time, step uint64) {
	if t.HOTP {
		t.Used = step + 1
	} else {
		t.Used, t.Drift = step, int(int64(step)-int64(t.Step(now)))
	}
	t.At, t.Next, t.NextBy = now.Unix(), 0, 0
}

// search tries the steps from behind before to ahead after the expected one, as the token's
// own clock tells it, nearest first; none that was used up, or that is before one.
func (t Token) search(now time.Time, behind, ahead int, equal func(code string) bool) (step uint64, ok bool) {
	here, first := int64(t.Step(now))+int64(t.Drift), int64(t.Used)+1
	if t.HOTP {
		first--
	}
	g := t.generator()
	for i := 0; i <= 2*max(behind, ahead); i++ {
		d := (i + 1) / 2 // 0, -1, +1, -2, +2, …
		if i%2 == 1 {
			d = -d
		}
		step := here + int64(d)
		if d < -behind || d > ahead || step < first {
			continue
		}
		if g.is(uint64(step), equal) {
			return uint64(step), true
		}
	}
	return 0, false
}

// URL returns the otpauth URL that authenticator apps read from a QR code. It carries
// the secret.
func (t Token) URL(issuer, account string) string {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account}
	q := url.Values{
		"secret": {t.Secret}, "issuer": {issuer}, "algorithm": {t.Algorithm.String()}, "digits": {strconv.Itoa(t.Digits)},
	}
	if t.HOTP {
		u.Host = "hotp"
		q.Set("counter", strconv.FormatUint(t.Used, 10))
	} else {
		q.Set("period", strconv.Itoa(int(t.Period/time.Second)))
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // some apps show a plus as it is
	return u.String()
}

// Random returns a code of so many digits that no token makes: one to send.
func Random(digits int) string {
	code := make([]byte, 0, 8)
	for b := [1]byte{}; len(code) < digits; {
		if rand.Read(b[:]); b[0] < 250 { // a multiple of ten: no digit is likelier than another
			code = append(code, '0'+b[0]%10)
		}
	}
	return string(code)
}
