package login

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"radpush/push"
)

// NewPairing makes a serial and a credential with which one privacyIDEA Authenticator can enrol
// for a user (statement 9.1).
func (e *Engine) NewPairing(ctx context.Context, name string, valid time.Duration) (serial, credential string, err error) {
	if _, err := e.User(ctx, name); err != nil {
		return "", "", err
	}
	serial, credential, err = e.Devices.NewPairing(ctx, UserKey(name), time.Now().Add(valid))
	if err != nil {
		return "", "", err
	}
	return serial, credential, e.changed(ctx, name, "enrolment code made for a privacyIDEA Authenticator")
}

// Pair makes a privacyIDEA Authenticator a device, of the user whom its credential names. The
// credential is used up; one that is unknown, used or expired is fs.ErrNotExist. The same app
// may say the same again: see push.Broker.Pair.
func (e *Engine) Pair(ctx context.Context, serial, credential string, key []byte) (push.Pairing, error) {
	d := push.Device{Name: "privacyIDEA Authenticator", Kind: push.PIPush, Key: key}
	if err := e.Devices.CheckDevice(d); err != nil { // before the credential is used up
		return push.Pairing{}, err
	}
	p, err := e.Devices.Pair(ctx, serial, credential, key)
	if err != nil {
		return p, err
	}
	u, err := e.Users.Get(ctx, p.User)
	if err != nil {
		return p, err
	}
	d.ID, d.User = p.Device(), p.User
	switch _, err = e.Devices.AddDevice(ctx, d); {
	case errors.Is(err, fs.ErrExist): // it did not hear us
		return p, nil
	case err != nil:
		return p, err
	}
	change := DeviceChange{Device: d, Time: time.Now()}
	e.tellOfDevice(ctx, u.Name, change)
	return p, e.recordDevice(ctx, u.Name, change)
}
