package login

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"radpush/otp"
	"radpush/push"
)

// Answer judges what a device said, where it arrives: the signature, then for an approval
// the OTP, which is used up (see approve), then whether it came first. The request that waits
// only reads the result (statements 2.6 to 2.8, 2.10). Its errors are the store's and
// push.ErrUnauthentic.
func (e *Engine) Answer(ctx context.Context, a push.Answer) (push.Result, error) {
	c, d, err := e.Push.Check(ctx, a)
	if err != nil {
		return "", err
	}
	matches := a.Number == c.Number
	if a.Decision == push.Approved && matches && c.At(a.At) == push.Open {
		result, err := e.approve(ctx, c, d, a)
		if err != nil || result != push.Accepted && result != push.OuterWindow {
			return result, err
		}
		if a.OutOfStep = result == push.OuterWindow; a.OutOfStep {
			e.outOfStep(ctx, &c, &d)
		}
	}
	result, err := e.Push.Decide(ctx, a)
	if err != nil || result != push.WrongNumber && (result != push.Accepted || a.Decision != push.DeniedNotMe) {
		return result, err
	}
	// As it was decided: the device may be repeating itself, at another time.
	if c, _, err = e.Push.Check(ctx, a); err != nil {
		return "", err
	}
	return result, e.denied(ctx, &c)
}

// approve judges what an approval needs beside the signature. A device has an OTP secret, and
// spends a code of it with each approval; a privacyIDEA Authenticator has none to send. Which
// of them it is stands in the device's record since it was enrolled, and goes with the kind
// of its key (push.Device.Validate): no answer says it.
func (e *Engine) approve(ctx context.Context, c push.Challenge, d push.Device, a push.Answer) (push.Result, error) {
	if d.Kind != push.PIPush {
		return e.spendOTP(ctx, c, d, a)
	}
	result := push.Refused
	err := e.Users.Update(ctx, c.User, func(u *User) (*User, error) {
		result = push.Refused
		if u == nil || u.Lock.Holds(a.At) {
			return nil, errKeep
		}
		result = push.Accepted
		if u.Failures == 0 && u.Lock.Since.IsZero() {
			return nil, errKeep
		}
		u.refund()
		return u, nil
	})
	if err != nil && err != errKeep {
		return "", fmt.Errorf("login: approve: %w", err)
	}
	return result, nil
}

// deviceSteps is how far, in steps, the clock of a device may be off: as far as the
// signature of its requests allows.
const deviceSteps = 4

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
		if t, ok := t.MatchOuter(a.At, e.Window, equal); ok {
			u.Tokens[i] = t // the code after it, typed, resynchronizes (statement 3.4)
			result, locks = push.OuterWindow, u.Lock.Holds(a.At)
			return u, nil
		}
		result, locks = push.WrongOTP, u.Lock.Holds(a.At)
		return u, nil
	})
	if err != nil && err != errKeep {
		return "", fmt.Errorf("login: check OTP of device: %w", err)
	}
	e.lockedOut(ctx, c.User, locks, WrongPasscode, nil)
	return result, nil
}

// outOfStep records an approval with an OTP of the outer window (statement 3.4). The device
// may repeat itself: the row is the challenge's.
func (e *Engine) outOfStep(ctx context.Context, c *push.Challenge, d *push.Device) {
	row, err := e.rowOf(ctx, c)
	if err == nil {
		row.Result, row.Reason, row.Device, row.Message = ResultFailure, OuterWindow, d.ID, sayNextCode
		_, err = e.Activity.AppendOnce(ctx, row)
	}
	if err != nil {
		e.Log.Error("login: record outer window", "user", c.User, "challenge", c.ID, "err", err)
	}
}

// rowOf returns a row about the end of a challenge. What it says of the login it has from
// the row that began it.
func (e *Engine) rowOf(ctx context.Context, c *push.Challenge) (Row, error) {
	row, err := e.Activity.Rows.Get(ctx, rowKey(c.Created, c.ID))
	if errors.Is(err, fs.ErrNotExist) { // pruned, or lost: the end counts all the same
		row = Row{User: c.User, Method: ByPush}
	} else if err != nil {
		return Row{}, fmt.Errorf("login: read challenge row: %w", err)
	}
	row.ID, row.Time, row.Shown, row.Challenge = c.ID, cmp.Or(c.Ended, time.Now()), "", c.ID
	row.Took = row.Time.Sub(c.Created)
	return row, nil
}

// denied records "it wasn't me", or a wrong number, and counts it as a wrong passcode
// (statements 2.7, 2.12, 6.2).
// It is called where the answer arrives and by each request that waited, and does its
// work once: the row is the mark. What the row says of the login it has from the
// challenge's.
func (e *Engine) denied(ctx context.Context, c *push.Challenge) error {
	row, err := e.rowOf(ctx, c)
	if err != nil {
		return err
	}
	row.Result, row.Reason, row.Device = ResultFailure, DeniedNotMe, c.Answer.Device
	if c.Outcome == push.Mismatch {
		row.Reason = WrongNumber
	}
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
	var rejection *Rejection
	if row.Reason == DeniedNotMe {
		rejection = e.rejection(ctx, c, &row)
	}
	e.lockedOut(ctx, c.User, locks, row.Reason, rejection)
	return nil
}

// rejection returns what a letter says of a denial.
func (e *Engine) rejection(ctx context.Context, c *push.Challenge, row *Row) *Rejection {
	prompt, err := c.Prompt()
	if err != nil {
		e.Log.Error("login: alert", "challenge", c.ID, "err", err)
	}
	r := &Rejection{Prompt: prompt, Client: row.Client, NAS: row.NAS, Station: row.Station, Device: row.Device, Time: c.Ended}
	if d, err := e.Devices.Device(ctx, row.Device); err == nil {
		r.Device = d.Name
	}
	return r
}

// lockedOut records that a try, which has been recorded itself, was one too many, if it was,
// and tells whom it may concern of that and of the rejection, if it was one.
func (e *Engine) lockedOut(ctx context.Context, user string, locks bool, why Reason, r *Rejection) {
	var l *Lockedout
	if locks {
		e.Log.Warn("login: account locked after too many wrong tries", "user", user)
		if err := e.changed(context.WithoutCancel(ctx), user, "account locked after too many wrong tries"); err != nil {
			e.Log.Error("login: record lock", "user", user, "err", err)
		}
		l = &Lockedout{Failures: cmp.Or(e.Lockout.Failures, 10), Reason: why, Time: time.Now()}
		if e.Lockout.For > 0 {
			l.Until = l.Time.Add(e.Lockout.For)
		}
	}
	e.alert(ctx, user, r, l)
}
