// Package otp computes and checks one-time passwords: TOTP (RFC 6238) with a window
// of steps, learned drift and the counter that guards against replay.
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

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// A Token is a TOTP secret, its parameters and what has been learned of it.
type Token struct {
	ID        string        `cbor:"1,keyasint"`
	Secret    string        `cbor:"2,keyasint"`           // base32 (RFC 4648) without padding
	Algorithm Algorithm     `cbor:"3,keyasint,omitempty"` // of the HMAC
	Digits    int           `cbor:"4,keyasint"`           // 6 or 8
	Period    time.Duration `cbor:"5,keyasint"`           // length of a step
	Device    string        `cbor:"6,keyasint,omitempty"` // the device that alone uses it; "" if a person types it
	Used      uint64        `cbor:"7,keyasint,omitempty"` // the newest step that was accepted; 0 for none (RFC 6238, section 5.2)
	For       string        `cbor:"9,keyasint,omitempty"` // what Used was accepted for, where the caller says so
	Drift     int           `cbor:"8,keyasint,omitempty"` // steps that its clock is ahead of ours (RFC 6238, section 6)
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
// 6238, section 5.1).
func New(id string, a Algorithm, digits int, period time.Duration) Token {
	secret := make([]byte, [...]int{20, 32, 64}[a%3])
	rand.Read(secret) // never fails: the runtime ends the program instead
	return Token{ID: id, Secret: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret),
		Algorithm: a, Digits: digits, Period: period}
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
	case t.Period != 30*time.Second && t.Period != time.Minute:
		return fmt.Errorf("otp: a period of %v; 30s or 60s are possible", t.Period)
	case t.Algorithm > SHA512:
		return fmt.Errorf("otp: unknown algorithm")
	}
	return nil
}

// Step returns the number of the step that a time lies in (RFC 6238, section 4.2).
func (t Token) Step(now time.Time) uint64 {
	return uint64(max(now.Unix(), 0)) / uint64(t.Period/time.Second)
}

// Code returns the code of a step (RFC 4226, section 5.3). The token must pass Check.
func (t Token) Code(step uint64) string {
	code, err := hotp.GenerateCodeCustom(t.Secret, step, hotp.ValidateOpts{
		Digits: otp.Digits(t.Digits), Algorithm: otp.Algorithm(t.Algorithm)})
	if err != nil {
		return "" // equals nothing: see Match
	}
	return code
}

// Match searches the steps from behind before to ahead after now, as the token's own
// clock tells it, nearest first, for the code that equal recognizes. It returns the
// token as it has to be stored in the transaction that accepts the code: with the step
// used up and the drift learned. A step up to the newest used one is not accepted.
func (t Token) Match(now time.Time, behind, ahead int, equal func(code string) bool) (Token, bool) {
	here := int64(t.Step(now))
	for i := 0; i <= 2*max(behind, ahead); i++ {
		d := (i + 1) / 2 // 0, -1, +1, -2, +2, …
		if i%2 == 1 {
			d = -d
		}
		step := here + int64(t.Drift+d)
		if d < -behind || d > ahead || step <= int64(t.Used) {
			continue
		}
		if code := t.Code(uint64(step)); code != "" && equal(code) {
			t.Used, t.Drift = uint64(step), int(step-here)
			return t, true
		}
	}
	return t, false
}

// URL returns the otpauth URL that authenticator apps read from a QR code. It carries
// the secret.
func (t Token) URL(issuer, account string) string {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account}
	u.RawQuery = strings.ReplaceAll(url.Values{
		"secret": {t.Secret}, "issuer": {issuer}, "algorithm": {t.Algorithm.String()},
		"digits": {strconv.Itoa(t.Digits)}, "period": {strconv.Itoa(int(t.Period / time.Second))},
	}.Encode(), "+", "%20") // some apps show a plus as it is
	return u.String()
}
