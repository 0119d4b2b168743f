package access

import (
	"crypto/md5"
	"crypto/subtle"
	"fmt"
	"strings"
)

// A pap is a passcode that the server can read (RFC 2865, section 5.2).
type pap struct {
	unprintable
	text string
}

// newPAP decrypts a User-Password.
//
// NULs are cut from the end only. With a wrong secret the password is random octets, and
// cut at the first NUL every 128th of them would be a trigger that rings somebody.
func newPAP(hidden, secret []byte, authenticator [16]byte) (pap, error) {
	if len(hidden)%16 != 0 || len(hidden) > 128 {
		return pap{}, fmt.Errorf("access: User-Password of %d octets", len(hidden))
	}
	text := make([]byte, 0, 128)
	block := append(make([]byte, 0, 128), secret...)
	previous := authenticator[:]
	for ; len(hidden) > 0; hidden = hidden[16:] {
		pad := md5.Sum(append(block, previous...))
		for i, p := range pad {
			text = append(text, hidden[i]^p)
		}
		previous = hidden[:16]
	}
	return pap{text: strings.TrimRight(string(text), "\x00")}, nil
}

// Equal implements login.Passcode.
func (p pap) Equal(candidate string) bool {
	return subtle.ConstantTimeCompare([]byte(p.text), []byte(candidate)) == 1
}

// Text implements login.Passcode.
func (p pap) Text() (string, bool) { return p.text, true }

func (pap) protocol() string { return "PAP" }
