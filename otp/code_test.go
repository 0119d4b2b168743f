package otp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// The codes are those that github.com/pquerna/otp makes.
func TestOTP_3_1_CodesAreThoseOfAnotherImplementation(t *testing.T) {
	for range 500 {
		tok := New("x", Algorithm(rand.IntN(3)), 6+2*rand.IntN(2), 30*time.Second)
		step := rand.Uint64() >> rand.IntN(64)
		want, err := hotp.GenerateCodeCustom(tok.Secret, step, hotp.ValidateOpts{
			Digits: otp.Digits(tok.Digits), Algorithm: otp.Algorithm(tok.Algorithm)})
		if got := tok.Code(step); got != want || err != nil {
			t.Errorf("%v, %d digits, step %d: %s, want %s (%v)", tok.Algorithm, tok.Digits, step, got, want, err)
		}
	}
}
