package wire

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Scheme is the name of the authentication scheme (RFC 9110, section 11.1).
const Scheme = "Radpush-ES256"

// Skew is how far the time of a request may be off, either way.
const Skew = 2 * time.Minute

// A Stamp tells one request of a device from every other.
type Stamp struct {
	Device string // as enrolment returned it
	Time   int64  // of signing, milliseconds since 1970
	Nonce  string // good once
}

// NewStamp returns a stamp for a request that is made now.
func NewStamp(device string) Stamp {
	return Stamp{Device: device, Time: time.Now().UnixMilli(), Nonce: rand.Text()}
}

// Message returns the text that the signature of a request covers: see the package
// comment. Target is path and query.
func (s Stamp) Message(method, target string, body []byte) []byte {
	sum := sha256.Sum256(body)
	return fmt.Appendf(nil, "radpush request v1\n%s\n%s\n%s\n%s\n%d\n%s",
		method, target, base64.RawURLEncoding.EncodeToString(sum[:]), s.Device, s.Time, s.Nonce)
}

// Authorization returns the value of the header.
func (s Stamp) Authorization(signature []byte) string {
	return fmt.Sprintf("%s %s.%d.%s.%s", Scheme, s.Device, s.Time, s.Nonce, base64.RawURLEncoding.EncodeToString(signature))
}

// credentials are one Authorization header, with bounds on what a stranger makes us keep.
var credentials = regexp.MustCompile(`^(?i:Radpush-ES256) ([A-Za-z0-9_-]{1,700})\.([1-9][0-9]{0,14})\.([A-Za-z0-9_-]{16,64})\.([A-Za-z0-9_-]{86})$`)

// ParseAuthorization takes the value of the header apart; false when it has another form.
func ParseAuthorization(header string) (s Stamp, signature []byte, ok bool) {
	m := credentials.FindStringSubmatch(header)
	if m == nil {
		return s, nil, false
	}
	signature, err := base64.RawURLEncoding.DecodeString(m[4])
	if err != nil {
		return s, nil, false
	}
	s.Device, s.Nonce = m[1], m[3]
	s.Time, err = strconv.ParseInt(m[2], 10, 64)
	return s, signature, err == nil
}

// Sign returns the ES256 signature of a message: r and s (RFC 7518, section 3.4).
func Sign(key *ecdsa.PrivateKey, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return nil, err
	}
	b := make([]byte, 64)
	r.FillBytes(b[:32])
	s.FillBytes(b[32:])
	return b, nil
}
