package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"radpush/otp"
	"radpush/push"
)

// Devices keeps the devices of users. *push.Broker is one.
type Devices interface {
	Device(ctx context.Context, id string) (push.Device, error)
	CheckDevice(d push.Device) error
	DevicesOf(ctx context.Context, user string) ([]push.Device, error)
	AddDevice(ctx context.Context, d push.Device) (push.Device, error)
	ReplaceDevice(ctx context.Context, d push.Device, old string) (push.Device, error)
	RemoveDevice(ctx context.Context, id string) error
	SuspendDevice(ctx context.Context, id string, suspended bool) error
	RenameDevice(ctx context.Context, id, name string) error
	RemoveUser(ctx context.Context, user string) error
	NewEnrolment(ctx context.Context, e push.Enrolment) (code string, err error)
	Enrolment(ctx context.Context, code string) (push.Enrolment, error)
	Redeem(ctx context.Context, code string) (push.Enrolment, error)
	NewPairing(ctx context.Context, user string, expires time.Time) (serial, credential string, err error)
	Pair(ctx context.Context, serial, credential string, key []byte) (push.Pairing, error)
}

// maxTokens bounds the record of a user, and the work that one guess can cause.
const maxTokens = 32

// AddUser makes a user. A name that differs only in case or in a Windows domain is the
// same user: fs.ErrExist.
func (e *Engine) AddUser(ctx context.Context, name string) (User, error) {
	if err := checkName(name); err != nil {
		return User{}, err
	}
	u := User{Name: name, Added: time.Now().Unix()}
	err := e.Users.Update(ctx, UserKey(name), func(old *User) (*User, error) {
		if old != nil {
			return nil, fs.ErrExist
		}
		return &u, nil
	})
	if err != nil {
		return User{}, fmt.Errorf("login: add user %q: %w", name, err)
	}
	return u, e.changed(ctx, name, "user added")
}

// checkName returns a Refusal of a name that no user can have.
func checkName(name string) error {
	switch {
	case UserKey(name) == "":
		return refuse("a user needs a name")
	case len(name) > 253: // RFC 2865, section 5.1: User-Name
		return refuse("a user name of %d octets is too long: RADIUS carries 253", len(name))
	case !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError) || strings.ContainsFunc(name, unicode.IsControl):
		return refuse("the user name is not plain text")
	}
	return nil
}

// User returns a user, or fs.ErrNotExist.
func (e *Engine) User(ctx context.Context, name string) (User, error) {
	return e.Users.Get(ctx, UserKey(name))
}

// RemoveUser removes a user with all tokens and devices. The devices go first: a crash leaves a
// user who can be removed again, and no device that the next user of this name would have. They
// go last, too, for what has enrolled meanwhile.
func (e *Engine) RemoveUser(ctx context.Context, name string) error {
	if err := e.Devices.RemoveUser(ctx, UserKey(name)); err != nil {
		return err
	}
	err := e.update(ctx, name, func(*User) (*User, error) { return nil, nil })
	if err != nil {
		return err
	}
	if err := e.Devices.RemoveUser(ctx, UserKey(name)); err != nil {
		return err
	}
	return e.changed(ctx, name, "user removed")
}

// LockUser keeps a user out until UnlockUser.
func (e *Engine) LockUser(ctx context.Context, name string) error {
	err := e.update(ctx, name, func(u *User) (*User, error) {
		u.Lock = Lock{Since: time.Now()}
		return u, nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, name, "user locked")
}

// UnlockUser ends a lock, an operator's or that of too many wrong tries.
func (e *Engine) UnlockUser(ctx context.Context, name string) error {
	err := e.update(ctx, name, func(u *User) (*User, error) {
		u.refund()
		return u, nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, name, "user unlocked")
}

// AddToken gives a user a token. One with the ID of another, or with its secret, by which
// each code would be good once more (statement 3.2), is fs.ErrExist.
func (e *Engine) AddToken(ctx context.Context, name string, t otp.Token) error {
	if err := cmp.Or(checkTokenID(t.ID), t.Check()); err != nil {
		return err
	}
	if err := e.keepToken(ctx, name, t, ""); err != nil {
		return err
	}
	return e.changed(ctx, name, "token "+t.ID+" added")
}

func (e *Engine) keepToken(ctx context.Context, name string, t otp.Token, replaces string) error {
	return e.update(ctx, name, func(u *User) (*User, error) { return u, u.keep(t, replaces) })
}

// keep adds a token to the user's. That of a device whose place a new one takes does not count.
func (u *User) keep(t otp.Token, replaces string) error {
	if slices.ContainsFunc(u.Tokens, func(old otp.Token) bool { return old.ID == t.ID || secretOf(old) == secretOf(t) }) {
		return fs.ErrExist
	}
	if u.full(replaces) {
		return refuse("user %q has %d tokens already: remove one first", u.Name, len(u.Tokens))
	}
	u.Tokens = append(u.Tokens, t)
	return nil
}

// full reports whether the user can have no more tokens.
func (u *User) full(replaces string) bool {
	limit := maxTokens
	if replaces != "" && u.tokenOf(replaces) >= 0 {
		limit++
	}
	return len(u.Tokens) >= limit
}

// RemoveToken takes a token away; fs.ErrNotExist when the user has none of that ID. A
// device's token goes with its device: a Refusal.
func (e *Engine) RemoveToken(ctx context.Context, name, id string) error {
	if err := e.dropToken(ctx, name, id); err != nil {
		return err
	}
	return e.changed(ctx, name, "token "+id+" removed")
}

func (e *Engine) dropToken(ctx context.Context, name, id string) error {
	return e.update(ctx, name, func(u *User) (*User, error) {
		i := u.token(id)
		switch {
		case i < 0:
			return nil, fs.ErrNotExist
		case u.Tokens[i].Device != "":
			return nil, refuse("token %q belongs to a device: remove the device instead", id)
		}
		u.Tokens = slices.Delete(u.Tokens, i, i+1)
		return u, nil
	})
}

// NewEnrolment makes a code with which one device can enrol for a user (statement 9.1), in place
// of another of the user's devices if there is one with the ID replaces.
func (e *Engine) NewEnrolment(ctx context.Context, name, replaces string, valid time.Duration) (code string, err error) {
	if _, err := e.User(ctx, name); err != nil {
		return "", err
	}
	code, err = e.Devices.NewEnrolment(ctx, push.Enrolment{User: UserKey(name), Expires: time.Now().Add(valid), Replaces: replaces})
	if err != nil {
		return "", err
	}
	return code, e.changed(ctx, name, "enrolment code made")
}

// Enrol makes a device, and a token that it alone uses, for the user that an enrolment
// code names. The code is used up, unless the device cannot be: push.ErrInvalid. A code that is
// unknown, used or expired is fs.ErrNotExist. The token's secret is in the result and nowhere else in clear.
//
// A device that the new one replaces is removed last. A crash before that leaves both, of which
// the user can remove one, and one during it an old one that can approve nothing. Only who did not
// hear the reply has a device less, and needs another code.
func (e *Engine) Enrol(ctx context.Context, code string, d push.Device) (push.Device, otp.Token, error) {
	var t otp.Token
	if d.Kind == push.PIPush {
		return d, t, fmt.Errorf("%w: it has no OTP secret: see Pair", push.ErrInvalid)
	}
	if err := e.Devices.CheckDevice(d); err != nil {
		return d, t, err
	}
	enrolment, err := e.Devices.Enrolment(ctx, code)
	if err != nil {
		return d, t, err
	}
	u, err := e.Users.Get(ctx, enrolment.User)
	if err != nil {
		return d, t, err
	}
	change := DeviceChange{Time: time.Now()}
	if change.By, err = e.inviter(ctx, &u, enrolment.By); err != nil {
		return d, t, err
	}
	devices, err := e.Devices.DevicesOf(ctx, enrolment.User)
	if err != nil {
		return d, t, err
	}
	var old push.Device
	others := len(devices)
	if i := find(devices, enrolment.Replaces); i >= 0 {
		old = devices[i]
		others--
	}
	if others >= push.MaxDevices || u.full(old.ID) {
		return d, t, fmt.Errorf("%w: the user has %d devices and %d tokens, which is as many as may be: let one be removed, and open the link again", push.ErrInvalid, len(devices), len(u.Tokens))
	}
	if _, err := e.Devices.Redeem(ctx, code); err != nil {
		return d, t, err
	}
	d.User, d.Created = enrolment.User, change.Time
	if d, err = e.Devices.ReplaceDevice(ctx, d, old.ID); err != nil {
		return d, t, err
	}
	t = otp.New(d.ID, otp.SHA256, 8, 30*time.Second)
	t.Device = d.ID
	if err := e.keepToken(ctx, u.Name, t, old.ID); err != nil {
		return d, t, errors.Join(err, e.Devices.RemoveDevice(ctx, d.ID))
	}
	change.Device, change.Replaced = d, old.Name
	if err := e.recordDevice(ctx, u.Name, change); err != nil {
		return d, t, err
	}
	if old.ID != "" && !e.replaced(ctx, &d, old) {
		change.Replaced = ""
	}
	e.tellOfDevice(ctx, u.Name, change)
	return d, t, nil
}

// RemoveDevice removes a device and the token that it alone used. By is the name of the user's
// device that asked for it; "": an operator did.
func (e *Engine) RemoveDevice(ctx context.Context, d push.Device, by string) error {
	if err := e.dropDevice(ctx, d); err != nil {
		return err
	}
	change := DeviceChange{Device: d, By: by, Removed: true, Time: time.Now()}
	e.tellOfDevice(ctx, d.User, change)
	return e.recordDevice(ctx, d.User, change)
}

// dropDevice removes the token first: what a crash leaves is a device that can approve nothing, and
// can be removed again.
func (e *Engine) dropDevice(ctx context.Context, d push.Device) error {
	err := e.update(ctx, d.User, func(u *User) (*User, error) {
		u.Tokens = slices.DeleteFunc(u.Tokens, func(t otp.Token) bool { return t.Device == d.ID })
		return u, nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the user went first
		return err
	}
	return e.Devices.RemoveDevice(ctx, d.ID)
}

// SuspendDevice has a device rung no more, and its answers refused, or ends that. A code of
// its token that resynchronizes is typed by hand: so the token is disabled too.
func (e *Engine) SuspendDevice(ctx context.Context, d push.Device, suspended bool) error {
	if err := e.Devices.SuspendDevice(ctx, d.ID, suspended); err != nil {
		return err
	}
	err := e.update(ctx, d.User, func(u *User) (*User, error) {
		if i := u.tokenOf(d.ID); i >= 0 {
			u.Tokens[i].Disabled = suspended
		}
		return u, nil
	})
	if err != nil {
		return err
	}
	what := "resumed"
	if suspended {
		what = "suspended"
	}
	return e.changed(ctx, d.User, "device "+d.Name+" "+what)
}

// RenameDevice gives a device another name.
func (e *Engine) RenameDevice(ctx context.Context, d push.Device, name string) error {
	if err := e.Devices.RenameDevice(ctx, d.ID, name); err != nil {
		return err
	}
	return e.changed(ctx, d.User, "device "+d.Name+" renamed "+name)
}

// update changes a user that is there.
func (e *Engine) update(ctx context.Context, name string, fn func(*User) (*User, error)) error {
	err := e.Users.Update(ctx, UserKey(name), func(u *User) (*User, error) {
		if u == nil {
			return nil, fs.ErrNotExist
		}
		return fn(u)
	})
	if err != nil {
		return fmt.Errorf("login: user %q: %w", name, err)
	}
	return nil
}

func (e *Engine) changed(ctx context.Context, user, what string) error {
	return e.Activity.Append(ctx, Row{User: user, Result: ResultChange, Reason: Reason(what)})
}
