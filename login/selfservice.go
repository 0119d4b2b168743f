package login

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"radpush/push"
)

// What a user's device may do with the others of the same user (statements 9.1 and 9.3). By is
// that device, which has signed what it asks for; another user's device is fs.ErrNotExist, as
// one that is not there.

// Errors that a device is told apart.
var (
	// ErrNoSelfService: only operators add, replace and remove devices.
	ErrNoSelfService = errors.New("login: devices may not change one another")
	// ErrLocked: the user's account is locked.
	ErrLocked = errors.New("login: the account is locked")
)

// invitationTime is how long a code that a device has made is good.
const invitationTime = 10 * time.Minute

// A DeviceChange is a device that was enrolled for a user, or removed.
type DeviceChange struct {
	Device   push.Device
	Kind     string // in words, of a letter
	Removed  bool
	Replaced string // name of the device whose place it has taken; "": none
	By       string // name of the device that asked for it; "": an operator did
	Time     time.Time
}

func (e *Engine) recordDevice(ctx context.Context, user string, c DeviceChange) error {
	what := "device " + c.Device.Name + " enrolled"
	if c.Removed {
		what = "device " + c.Device.Name + " removed"
	}
	if c.Replaced != "" {
		what += " in place of device " + c.Replaced
	}
	if c.By != "" {
		what += " by device " + c.By
	}
	return e.changed(ctx, user, what)
}

// tellOfDevice tells the user by letter. That never delays or changes anything.
func (e *Engine) tellOfDevice(ctx context.Context, user string, c DeviceChange) {
	if e.Post != nil && e.Alerts.DeviceUser {
		c.Kind = sayKind[c.Device.Kind]
		e.queueToUser(ctx, AlertLetter{User: user, Device: &c})
	}
}

// DevicesBeside returns the devices of the same user, by itself among them, and whether by may add,
// replace and remove others.
func (e *Engine) DevicesBeside(ctx context.Context, by push.Device) (devices []push.Device, may bool, err error) {
	devices, err = e.Devices.DevicesOf(ctx, by.User)
	return devices, e.SelfService, err
}

// Invite makes a code with which another device of the same user can enrol, in place of the one
// with the ID replaces if it is not "". A device has one such code at a time, which goes with the
// device; that of a locked account lets nobody enrol.
func (e *Engine) Invite(ctx context.Context, by push.Device, replaces string) (code string, expires time.Time, err error) {
	if !e.SelfService {
		return "", expires, ErrNoSelfService
	}
	u, err := e.Users.Get(ctx, by.User)
	if err != nil {
		return "", expires, err
	}
	if u.Lock.Holds(time.Now()) {
		return "", expires, ErrLocked
	}
	devices, err := e.Devices.DevicesOf(ctx, by.User)
	switch {
	case err != nil:
		return "", expires, err
	case replaces != "" && find(devices, replaces) < 0:
		return "", expires, fs.ErrNotExist
	case replaces == "" && len(devices) >= push.MaxDevices:
		return "", expires, refuse("there are %d devices, which is as many as may be: remove one, or replace one", len(devices))
	}
	expires = time.Now().Add(invitationTime)
	code, err = e.Devices.NewEnrolment(ctx, push.Enrolment{User: by.User, Expires: expires, By: by.ID, Replaces: replaces})
	if err != nil {
		return "", expires, err
	}
	return code, expires, e.changed(ctx, u.Name, "enrolment code made by device "+by.Name)
}

// inviter returns the name of the device that has made a code, "" if an operator has. A code of
// a device is fs.ErrNotExist where no device could make one now.
func (e *Engine) inviter(ctx context.Context, u *User, id string) (name string, err error) {
	if id == "" {
		return "", nil
	}
	if !e.SelfService || u.Lock.Holds(time.Now()) {
		return "", fs.ErrNotExist
	}
	d, err := e.Devices.Device(ctx, id)
	return d.Name, err
}

// replaced removes the device whose place another one has taken, and reports whether it has gone.
// An error is logged: the new device is good, and has to hear so.
func (e *Engine) replaced(ctx context.Context, by *push.Device, old push.Device) bool {
	err := e.dropDevice(ctx, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Log.Error("login: remove replaced device", "user", old.User, "device", old.ID, "by", by.ID, "err", err)
		return false
	}
	return true
}

// RenameBy gives a device of the same user another name.
func (e *Engine) RenameBy(ctx context.Context, by push.Device, id, name string) error {
	d, err := e.userDevice(ctx, by.User, id)
	if err != nil {
		return err
	}
	return e.RenameDevice(ctx, d, name)
}

// RemoveBy removes a device of the same user and returns it as it was. It works while the account
// is locked too: who has lost a phone need not wait, and it lets nobody in.
func (e *Engine) RemoveBy(ctx context.Context, by push.Device, id string) (push.Device, error) {
	d, err := e.userDevice(ctx, by.User, id)
	switch {
	case err != nil:
		return d, err
	case d.ID != by.ID && !e.SelfService:
		return d, ErrNoSelfService
	}
	return d, e.RemoveDevice(ctx, d, by.Name)
}

// userDevice returns a device if it is the user's.
func (e *Engine) userDevice(ctx context.Context, user, id string) (push.Device, error) {
	devices, err := e.Devices.DevicesOf(ctx, user)
	if err != nil {
		return push.Device{}, err
	}
	i := find(devices, id)
	if i < 0 {
		return push.Device{}, fs.ErrNotExist
	}
	return devices[i], nil
}

func find(devices []push.Device, id string) int {
	return slices.IndexFunc(devices, func(d push.Device) bool { return d.ID == id })
}
