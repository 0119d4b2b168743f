package login

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"time"

	"radpush/otp"
)

// verify checks a passcode and uses it up, in one update: the try is spent, and given back
// if the passcode is right (statements 1.10, 3.2 to 3.5, 4.1 to 4.4, 5.1).
func (e *Engine) verify(ctx context.Context, a *Attempt) (Verdict, error) {
	j := judge{engine: e, attempt: a, client: e.place(a)}
	for {
		err := e.Users.Update(ctx, UserKey(a.User), j.judge)
		if err != nil && err != errKeep {
			return Verdict{}, fmt.Errorf("login: check code: %w", err)
		}
		if j.needs == nil {
			break
		}
		if err := j.needs(ctx); err != nil {
			return Verdict{}, fmt.Errorf("login: check code: %w", err)
		}
	}
	if j.reason.accepts() {
		return e.accept(ctx, a, Row{Method: j.method, Reason: j.reason})
	}
	v, err := e.reject(ctx, a, j.method, j.reason)
	e.lockedOut(ctx, UserKey(a.User), j.locks, j.reason, nil)
	switch {
	case err != nil || j.locks:
	case j.reason == OuterWindow:
		return e.start(ctx, a, ByOTP) // statement 3.4
	case j.goesOn.State != "":
		e.keepPicture(ctx, j.picture)
		v = e.prompt(a, j.goesOn)
		v.Reason, v.Message, v.AtOnce = j.reason, join(sayWrong, v.Message), false
	}
	return v, err
}

// accepts reports whether a reason is one to let the user in for.
func (r Reason) accepts() bool { return r == CodeAccepted || r == Resynchronized }

// A judge finds out what a passcode is. Its method judge may run several times. Hashing a
// PIN or a backup code takes too long for a transaction: then it says what it needs, and
// is run again when that has been found out.
type judge struct {
	engine  *Engine
	attempt *Attempt
	client  string // see Round.Client

	reason  Reason
	method  Method
	locks   bool  // this try locks the account
	goesOn  Round // which the user may answer once more
	picture Picture
	needs   func(context.Context) error

	pin      string // the hash that the PIN has been compared with
	pinRight bool
	backup   []string // the hashes that the code has been compared with
	used     int      // the one that it is, or -1
}

// judge is the function of the update.
func (j *judge) judge(u *User) (*User, error) {
	j.reason, j.method, j.locks, j.needs = UnknownUser, ByOTP, false, nil
	j.goesOn, j.picture = Round{}, Picture{}
	if u == nil {
		return nil, errKeep
	}
	if j.reason = u.spend(j.attempt.Received, j.engine.Lockout); j.reason == Locked {
		return nil, errKeep
	}
	rounds := u.answers(j.attempt, j.client)
	if j.attempt.State != "" && len(rounds) == 0 {
		j.reason, j.method = UnknownState, NoMethod // statement 4.4. No guess has been made: no try is spent
		return nil, errKeep
	}
	before := j.match(u, rounds)
	switch {
	case before || j.needs != nil:
		return nil, errKeep
	case j.reason.accepts():
		u.refund()
		u.expire(j.attempt.Received)
		return u, nil
	}
	j.locks = u.Lock.Holds(j.attempt.Received)
	j.missed(u, rounds)
	return u, nil
}

// resent is how long after its code was accepted a packet is taken for one that the NAS
// sends again. Later, who sends it is playing it back.
const resent = time.Minute

// match looks what the passcode is. It reports whether this very packet has been accepted
// before, by a server that did not come to answer it: the record is to be left as it is.
func (j *judge) match(u *User, rounds []int) (before bool) {
	p := j.withoutPIN(u)
	if p == nil {
		return false
	}
	allows := j.engine.Clients[j.attempt.Client].allows
	for _, i := range rounds {
		if r := u.Rounds[i]; r.Code != "" && allows(r.Method) && p.Equal(r.Code) {
			j.reason, j.method = CodeAccepted, r.Method
			u.drop(i)
			return false
		}
	}
	if allows(ByOTP) {
		if before = j.matchToken(u, p); j.reason != WrongPasscode {
			return before
		}
	}
	if allows(ByBackup) {
		j.matchBackup(u, p)
	} else if !allows(ByOTP) && len(rounds) == 0 { // it was compared with nothing
		j.reason = NotAllowed
	}
	return false
}

// withoutPIN returns the passcode without the PIN in front; nil if that is not right, or
// not known yet (statement 3.5).
func (j *judge) withoutPIN(u *User) Passcode {
	if u.PIN.Hash == "" {
		return j.attempt.Passcode
	}
	text, ok := j.attempt.Passcode.Text()
	switch {
	case !ok:
		j.reason = UnseenPIN
	case len(text) <= u.PIN.Octets:
		j.reason = WrongPIN
	case j.pin != u.PIN.Hash:
		hash, pin := u.PIN.Hash, text[:u.PIN.Octets]
		j.needs = func(ctx context.Context) (err error) {
			j.pinRight, err = j.engine.Hasher.Verify(ctx, hash, pin)
			j.pin = hash
			return err
		}
	case j.pinRight:
		return plain(text[u.PIN.Octets:])
	default:
		j.reason = WrongPIN
	}
	return nil
}

// matchToken compares a passcode with the codes of the user's tokens. See match for before.
func (j *judge) matchToken(u *User, p Passcode) (before bool) {
	now := j.attempt.Received
	text, readable := p.Text()
	skip := func(t *otp.Token) bool { return t.Disabled || readable && len(text) != t.Digits }
	for i := range u.Tokens {
		t := &u.Tokens[i]
		if skip(t) {
			continue
		}
		// Of a device, which answers pushes, nobody types codes but to resynchronize it.
		if next, ok := t.Resync(now, p.Equal); ok {
			j.reason, *t = Resynchronized, next
		} else if t.Device != "" {
			continue
		} else if next, ok := t.Match(now, j.engine.Window, p.Equal); ok {
			j.reason, *t = CodeAccepted, next
		} else if t.Replayed(p.Equal) {
			if t.For != "" && t.For == j.attempt.Request && now.Sub(time.Unix(t.At, 0)) < resent {
				j.reason = CodeAccepted
				return true
			}
			j.reason = ReplayedCode
		}
		if j.reason.accepts() {
			t.For = j.attempt.Request
			u.dropRounds(j.attempt, j.client)
			return false
		}
	}
	for i := range u.Tokens {
		t := &u.Tokens[i]
		if j.reason == WrongPasscode && t.Device == "" && !skip(t) {
			if next, ok := t.MatchOuter(now, j.engine.Window, p.Equal); ok {
				j.reason, *t = OuterWindow, next
			}
		}
	}
	return false
}

// matchBackup compares a passcode with the user's backup codes (statement 4.3). They are
// kept as hashes, so only a passcode that can be read can be one.
func (j *judge) matchBackup(u *User, p Passcode) {
	text, _ := p.Text()
	code, ok := backupCode(text)
	switch {
	case !ok || len(u.Backup) == 0:
	case !slices.Equal(j.backup, u.Backup):
		hashes := slices.Clone(u.Backup)
		j.needs = func(ctx context.Context) (err error) {
			j.used, err = j.engine.Hasher.Find(ctx, hashes, code)
			j.backup = hashes
			return err
		}
	case j.used >= 0:
		j.reason, j.method = CodeAccepted, ByBackup
		u.Backup = slices.Delete(u.Backup, j.used, j.used+1)
		u.dropRounds(j.attempt, j.client)
	}
}

// missed counts a wrong answer to the rounds, and lets the one with the State go on until
// it has had enough of them.
func (j *judge) missed(u *User, rounds []int) {
	for _, i := range rounds {
		r := &u.Rounds[i]
		r.Tries++
		if j.attempt.State == "" {
			continue
		}
		if j.method = r.Method; r.Tries >= roundTries || j.locks {
			continue
		}
		if r.Method == ByGrid && u.Grid != nil {
			j.picture = j.engine.deal(r, u)
		}
		r.renew()
		j.goesOn = *r
	}
	u.Rounds = slices.DeleteFunc(u.Rounds, func(r Round) bool { return r.Tries >= roundTries })
}

// dropRounds ends the round with the State of an attempt that was accepted by something else.
func (u *User) dropRounds(a *Attempt, client string) {
	if a.State != "" {
		for _, i := range u.answers(a, client) {
			u.drop(i)
		}
	}
}

// plain is a passcode that can be read, the rest of another one.
type plain string

func (p plain) Equal(candidate string) bool {
	return subtle.ConstantTimeCompare([]byte(p), []byte(candidate)) == 1
}
func (p plain) Text() (string, bool) { return string(p), true }
