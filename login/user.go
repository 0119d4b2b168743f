package login

import (
	"strings"
	"time"

	"radpush/otp"
)

// A User is everything of one user that must change together: tokens, their counters,
// failed tries and the lock. It is one record, so that checking a code and using it up
// is one update. Its key is UserKey(Name).
type User struct {
	Name     string      `cbor:"1,keyasint"`
	Created  time.Time   `cbor:"2,keyasint"`
	Tokens   []otp.Token `cbor:"3,keyasint,omitempty"`
	Failures int         `cbor:"4,keyasint,omitempty"` // tries spent since the last success
	Lock     Lock        `cbor:"5,keyasint,omitzero"`
	Prefers  Method      `cbor:"6,keyasint,omitempty"` // where push is not available (statement 1.7)
}

// A Lock keeps a user out. The zero Lock does not.
type Lock struct {
	Since time.Time `cbor:"1,keyasint,omitzero"`
	Until time.Time `cbor:"2,keyasint,omitzero"` // zero: until an operator unlocks
}

// Holds reports whether the lock keeps the user out at a time.
func (l Lock) Holds(now time.Time) bool {
	return !l.Since.IsZero() && (l.Until.IsZero() || now.Before(l.Until))
}

// Lockout is the policy of statement 5.2.
type Lockout struct {
	Failures int           // wrong tries before the lock; 10 if zero
	For      time.Duration // how long; until an operator unlocks if zero
}

// UserKey returns the key of a user's record: the name without a Windows domain in
// front, in lower case.
func UserKey(name string) string {
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		name = name[i+1:]
	}
	return strings.ToLower(name)
}
