package access

import (
	"crypto/md5"
	"crypto/subtle"

	"layeh.com/radius/rfc2865"

	"radpush/radius"
)

// A chap is a response to a challenge, MD5 over both: candidates can be compared with it
// (RFC 2865, section 5.3; RFC 1994, section 4.1).
type chap struct {
	unprintable
	identifier byte
	challenge  []byte
	digest     [md5.Size]byte
}

// newCHAP reads a CHAP-Password.
func newCHAP(r *radius.Request, password []byte) (*chap, error) {
	// RFC 2865, section 2.2: without CHAP-Challenge it is the Request Authenticator.
	challenge, ok := r.Lookup(rfc2865.CHAPChallenge_Type)
	if !ok {
		challenge = r.Authenticator[:]
	}
	if len(password) != 1+md5.Size || len(challenge) == 0 {
		return nil, badPasscode
	}
	return &chap{identifier: password[0], challenge: challenge, digest: [md5.Size]byte(password[1:])}, nil
}

// Equal implements login.Passcode.
func (c *chap) Equal(candidate string) bool {
	b := append(make([]byte, 0, 512), c.identifier)
	b = append(b, candidate...)
	b = append(b, c.challenge...)
	digest := md5.Sum(b)
	return subtle.ConstantTimeCompare(digest[:], c.digest[:]) == 1
}

// Text implements login.Passcode.
func (*chap) Text() (string, bool) { return "", false }

func (*chap) protocol() string { return "CHAP" }
