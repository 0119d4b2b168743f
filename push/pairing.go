package push

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"radpush/push/pipush"
)

// PIPush is the kind of a device that is a privacyIDEA Authenticator: see package pipush. It
// alone has an RSA key, and approves by its signature alone.
const PIPush = "pipush"

// A Pairing is the other half of a device of kind PIPush: what the server needs to be known by
// the app, and what lets the app enrol before there is a device. A login never reads it. Its
// record's key is the serial.
type Pairing struct {
	Serial     string
	User       string // key of the user's record
	Credential []byte // SHA-256 of what the app shows to enrol
	Expires    time.Time
	Server     pipush.ServerKey
	App        []byte // SHA-256 of the key that has used the credential up; nil: none has
}

// Device returns the ID of the device that a pairing is for.
func (p *Pairing) Device() string { return devicesOf(p.User) + p.Serial }

// serial returns what the app calls a device of kind PIPush.
func (d *Device) serial() string { return d.ID[strings.LastIndexByte(d.ID, '/')+1:] }

// Nonce returns the nonce of a challenge for a device of kind PIPush.
func (d *Device) Nonce(c *Challenge) string { return pipush.Nonce(c.ID, d.serial(), c.Shown) }

// signed reports whether an answer is signed by the device, over the challenge and all that
// was shown.
func (d *Device) signed(c *Challenge, a *Answer) bool {
	if d.Kind != PIPush {
		return d.Verify(Statement(c.ID, a.Decision, a.Number, c.Shown), a.Signature)
	}
	said := pipush.Answer{Nonce: d.Nonce(c), Serial: d.serial(), Decline: a.Decision != Approved, Presence: a.Number}
	if a.Decision == DeniedNotMe && pipush.Verify(d.Key, said.Statement(), a.Signature) {
		return true // by an app that knows no reasons
	}
	switch a.Decision {
	case DeniedNotMe:
		said.Reason = pipush.UnknownTrigger
	case DeniedMistake:
		said.Reason = pipush.Cancelled
	}
	return pipush.Verify(d.Key, said.Statement(), a.Signature)
}

// pairings yields all pairings.
func (b *Broker) pairings(ctx context.Context) iter.Seq2[Pairing, error] {
	if b.Pairings == nil {
		return func(func(Pairing, error) bool) {}
	}
	return b.Pairings.All(ctx, "")
}

// NewPairing makes a serial, and a credential with which one app can enrol for a user until
// expires: 26 letters and digits, 130 bits (statement 9.1). It makes a key, which takes some
// tenths of a second, so that a stranger who sends enrolments cannot have keys made.
func (b *Broker) NewPairing(ctx context.Context, user string, expires time.Time) (serial, credential string, err error) {
	if b.Pairings == nil {
		return "", "", fmt.Errorf("%w: this server has no privacyIDEA Authenticators", ErrInvalid)
	}
	server, err := pipush.NewServerKey()
	if err != nil {
		return "", "", err
	}
	credential = rand.Text()
	sum := sha256.Sum256([]byte(credential))
	p := Pairing{Serial: pipush.NewSerial(), User: user, Credential: sum[:], Expires: expires, Server: server}
	err = b.Pairings.Update(ctx, p.Serial, func(*Pairing) (*Pairing, error) { return &p, nil })
	if err != nil {
		return "", "", fmt.Errorf("push: new pairing: %w", err)
	}
	return p.Serial, credential, nil
}

// Pair uses a credential up for the public key of an app. As long as it would have been good,
// the same key may use it again: the app did not hear us, or could not be added. A serial or
// a credential that is unknown, used by another key or expired is fs.ErrNotExist.
func (b *Broker) Pair(ctx context.Context, serial, credential string, key []byte) (Pairing, error) {
	if b.Pairings == nil || !plausible(serial) {
		return Pairing{}, fmt.Errorf("push: pair: %w", fs.ErrNotExist)
	}
	var paired Pairing
	shown, app := sha256.Sum256([]byte(credential)), sha256.Sum256(key)
	err := b.Pairings.Update(ctx, serial, func(p *Pairing) (*Pairing, error) {
		if p == nil || subtle.ConstantTimeCompare(p.Credential, shown[:]) == 0 || !time.Now().Before(p.Expires) ||
			p.App != nil && subtle.ConstantTimeCompare(p.App, app[:]) == 0 {
			return nil, fs.ErrNotExist
		}
		repeats := p.App != nil
		p.App = app[:]
		if paired = *p; repeats {
			return nil, errKeep
		}
		return p, nil
	})
	if unlessKept(err) != nil {
		return Pairing{}, fmt.Errorf("push: pair: %w", err)
	}
	return paired, nil
}

// Pairing returns the pairing of a serial, or fs.ErrNotExist. Any text may be asked for.
func (b *Broker) Pairing(ctx context.Context, serial string) (Pairing, error) {
	if b.Pairings == nil {
		return Pairing{}, fs.ErrNotExist
	}
	p, err := get(ctx, b.Pairings, serial)
	if err != nil {
		return Pairing{}, fmt.Errorf("push: read pairing: %w", err)
	}
	return p, nil
}

// unpair removes the pairing of a device, if it has one.
func (b *Broker) unpair(ctx context.Context, device string) error {
	d := Device{ID: device}
	p, err := b.Pairing(ctx, d.serial())
	if errors.Is(err, fs.ErrNotExist) || err == nil && p.Device() != device {
		return nil
	}
	if err == nil {
		err = remove(ctx, b.Pairings, p.Serial)
	}
	return err
}

// pruned reports whether a pairing serves nobody any more: it expired before a time without
// having become a device, or the device has gone.
func (b *Broker) pruned(ctx context.Context, p *Pairing, before time.Time) (bool, error) {
	if !p.Expires.Before(before) || p.App == nil {
		return p.Expires.Before(before), nil
	}
	_, err := b.Devices.Get(ctx, p.Device())
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}
