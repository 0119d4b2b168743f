package login

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"radpush/otp"
	"radpush/otp/grid"
)

// A User is everything of one user that must change together: tokens and their counters,
// open rounds, failed tries and the lock. It is one record, so that checking a code and
// using it up is one update. Its key is UserKey(Name).
type User struct {
	Name     string      `cbor:"1,keyasint"`
	Added    int64       `cbor:"2,keyasint"` // Unix time, seconds: read at every login, and a time.Time takes longer than all the rest
	Tokens   []otp.Token `cbor:"3,keyasint,omitempty"`
	Failures int         `cbor:"4,keyasint,omitempty"` // tries spent since the last success
	Lock     Lock        `cbor:"5,keyasint,omitzero"`
	Prefers  Method      `cbor:"6,keyasint,omitempty"` // where push is not available (statement 1.7)

	PIN        PIN           `cbor:"7,keyasint,omitzero"`
	Phone      string        `cbor:"8,keyasint,omitempty"`  // E.164, for codes by SMS
	Email      string        `cbor:"9,keyasint,omitempty"`  // for alerts, and for codes where EmailCodes says so
	EmailCodes bool          `cbor:"10,keyasint,omitempty"` // the user has e-mail codes
	Grid       *grid.Pattern `cbor:"11,keyasint,omitempty"`
	Backup     []string      `cbor:"12,keyasint,omitempty"` // hashes of the backup codes that are left; they share a salt
	Rounds     []Round       `cbor:"13,keyasint,omitempty"` // oldest first
	Sends      Tally         `cbor:"14,keyasint,omitzero"`  // codes sent to this user
	Bell       Bell          `cbor:"15,keyasint,omitzero"`
}

// A PIN is typed in front of every code (statement 3.5). The zero PIN is none.
type PIN struct {
	Hash   string `cbor:"1,keyasint"` // argon2id: see package password
	Octets int    `cbor:"2,keyasint"` // how much of the passcode it is
}

// A Tally counts in a window of time.
type Tally struct {
	Since int64 `cbor:"1,keyasint"` // Unix, seconds
	Count int   `cbor:"2,keyasint"`
}

// take counts one more and reports whether there was one left.
func (t *Tally) take(now time.Time, limit int, window time.Duration) bool {
	if now.Sub(time.Unix(t.Since, 0)) >= window {
		*t = Tally{Since: now.Unix()}
	}
	if t.Count >= limit {
		return false
	}
	t.Count++
	return true
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

// spend counts a try before it is checked and locks the account when it is one too many.
// It returns WrongPasscode, what the try is until refund says otherwise, or Locked.
func (u *User) spend(now time.Time, policy Lockout) Reason {
	switch {
	case u.Lock.Holds(now):
		return Locked
	case !u.Lock.Since.IsZero(): // it has run out
		u.refund()
	}
	u.Failures++
	if u.Failures >= cmp.Or(policy.Failures, 10) {
		u.Lock.Since = now
		if policy.For > 0 {
			u.Lock.Until = now.Add(policy.For)
		}
	}
	return WrongPasscode
}

// refund takes back what spend did, and the tries before it.
func (u *User) refund() { u.Failures, u.Lock = 0, Lock{} }

// tokenOf returns the index of the token that belongs to a device, or -1.
func (u *User) tokenOf(device string) int {
	return slices.IndexFunc(u.Tokens, func(t otp.Token) bool { return t.Device == device })
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
