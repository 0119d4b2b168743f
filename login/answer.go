package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"

	"radpush/otp"
	"radpush/push"
)

// Answer judges what a device said, where it arrives: the signature, then for an approval
// the OTP, which is used up, then whether it came first. The request that waits only
// reads the result (statements 2.6 to 2.8, 2.10). Its errors are the store's and
// push.ErrUnauthentic.
func (e *Engine) Answer(ctx context.Context, a push.Answer) (push.Result, error) {
	c, d, err := e.Push.Check(ctx, a)
	if err != nil {
		return "", err
	}
	if a.Decision == push.Approved && c.At(a.At) == push.Open {
		result, err := e.spendOTP(ctx, c, d, a)
		if err != nil || result != push.Accepted {
			return result, err
		}
	}
	result, err := e.Push.Decide(ctx, a)
	if err != nil || result != push.Accepted || a.Decision != push.DeniedNotMe {
		return result, err
	}
	// As it was decided: the device may be repeating itself, at another time.
	if c, _, err = e.Push.Check(ctx, a); err != nil {
		return "", err
	}
	return result, e.denied(ctx, &c)
}

// deviceSteps is how far, in steps, the clock of a device may be off: as far as the
// signature of its requests allows.
const deviceSteps = 4

// outerSteps is how far the search goes to tell a wrong clock from a wrong code.
const outerSteps = 40

// spendOTP checks the code that came with an approval against the device's own token and
// uses it up. The same code for the same challenge is good again: the device repeats
// itself when it did not hear us.
func (e *Engine) spendOTP(ctx context.Context, c push.Challenge, d push.Device, a push.Answer) (push.Result, error) {
	result, locks := push.Refused, false
	equal := func(code string) bool { return subtle.ConstantTimeCompare([]byte(code), []byte(a.OTP)) == 1 }
	err := e.Users.Update(ctx, c.User, func(u *User) (*User, error) {
		result, locks = push.Refused, false
		if u == nil || u.spend(a.At, e.Lockout) == Locked {
			return nil, errKeep
		}
		i := u.tokenOf(d.ID)
		if i < 0 {
			return nil, errKeep
		}
		t := u.Tokens[i]
		if t.For == c.ID && equal(t.Code(t.Used)) {
			result = push.Accepted
			return nil, errKeep
		}
		if t, ok := t.Match(a.At, otp.Window{Behind: deviceSteps, Ahead: deviceSteps}, equal); ok {
			t.For = c.ID
			u.Tokens[i] = t
			u.refund()
			result = push.Accepted
			return u, nil
		}
		if _, ok := t.MatchOuter(a.At, otp.Window{Outer: outerSteps}, equal); ok {
			result = push.OuterWindow
			return nil, errKeep
		}
		result, locks = push.WrongOTP, u.Lock.Holds(a.At)
		return u, nil
	})
	if err != nil && err != errKeep {
		return "", fmt.Errorf("login: check OTP of device: %w", err)
	}
	e.lockedOut(ctx, c.User, locks)
	return result, nil
}

// denied records "it wasn't me" and counts it as a wrong passcode (statements 2.7, 6.2).
// It is called where the answer arrives and by each request that waited, and does its
// work once: the row is the mark. What the row says of the login it has from the
// challenge's.
func (e *Engine) denied(ctx context.Context, c *push.Challenge) error {
	row, err := e.Activity.Rows.Get(ctx, rowKey(c.Created, c.ID))
	if errors.Is(err, fs.ErrNotExist) { // pruned, or lost: the denial counts all the same
		row = Row{User: c.User, Method: ByPush}
	} else if err != nil {
		return fmt.Errorf("login: read challenge row: %w", err)
	}
	row.ID, row.Time, row.Result, row.Reason, row.Shown = c.ID, c.Ended, ResultFailure, DeniedNotMe, ""
	row.Challenge, row.Device, row.Took = c.ID, c.Answer.Device, c.Ended.Sub(c.Created)
	first, err := e.Activity.AppendOnce(ctx, row)
	if err != nil || !first {
		return err
	}
	locks := false
	err = e.Users.Update(ctx, c.User, func(u *User) (*User, error) {
		locks = false
		if u == nil || u.spend(c.Ended, e.Lockout) == Locked {
			return nil, errKeep
		}
		locks = u.Lock.Holds(c.Ended)
		return u, nil
	})
	if err != nil && err != errKeep {
		return fmt.Errorf("login: count denial: %w", err)
	}
	e.lockedOut(ctx, c.User, locks)
	return nil
}

// lockedOut records that a try, which has been recorded itself, was one too many, if it was.
func (e *Engine) lockedOut(ctx context.Context, user string, locks bool) {
	if !locks {
		return
	}
	e.Log.Warn("login: account locked after too many wrong tries", "user", user)
	if err := e.changed(context.WithoutCancel(ctx), user, "account locked after too many wrong tries"); err != nil {
		e.Log.Error("login: record lock", "user", user, "err", err)
	}
}
