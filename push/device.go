package push

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"radpush/push/pipush"
)

// MaxDevices is how many devices a user may have.
const MaxDevices = 20

const (
	maxName  = 64   // octets
	maxToken = 4096 // octets; a Web Push subscription is the longest, some 400
	maxID    = 900  // octets; a store takes keys of 1,024 with their prefix
)

// Active reports whether the device is rung when its user logs in.
func (d *Device) Active() bool { return !d.Suspended && !d.Address.Gone }

// Verify reports whether signature is the device's over message: ECDSA with SHA-256
// (ES256), as ASN.1 or, as WebCrypto makes it, as r and s in 64 octets. It is never that of
// a PIPush: what such a device signs cannot be taken for anything else.
func (d *Device) Verify(message, signature []byte) bool {
	key, err := parseKey(d.Key)
	if err != nil {
		return false
	}
	sum := sha256.Sum256(message)
	if len(signature) == 64 {
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		if ecdsa.Verify(key, sum[:], r, s) {
			return true
		}
	}
	return ecdsa.VerifyASN1(key, sum[:], signature)
}

func parseKey(spki []byte) (*ecdsa.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("not a P-256 key")
	}
	return ec, nil
}

// Validate says why a device cannot be added: an error that wraps ErrInvalid. ID and
// User are not looked at.
func (d *Device) Validate() error {
	if err := validName(d.Name); err != nil {
		return err
	}
	if err := validAddress(d.Address); err != nil {
		return err
	}
	if d.Kind == "" || len(d.Kind) > maxName || !utf8.ValidString(d.Kind) {
		return fmt.Errorf("%w: it needs a kind", ErrInvalid)
	}
	_, err := parseKey(d.Key)
	if d.Kind == PIPush {
		err = pipush.CheckKey(d.Key)
	}
	if err != nil {
		return fmt.Errorf("%w: key: %w", ErrInvalid, err)
	}
	return nil
}

func validName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("%w: it needs a name", ErrInvalid)
	case len(name) > maxName:
		return fmt.Errorf("%w: its name has more than %d octets", ErrInvalid, maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: its name is not plain text", ErrInvalid)
	}
	return nil
}

func validAddress(a Address) error {
	if len(a.Service) > maxName || len(a.Token) > maxToken || !utf8.ValidString(a.Service+a.Token) {
		return fmt.Errorf("%w: its address is too long or not text", ErrInvalid)
	}
	if (a.Service == "") != (a.Token == "") {
		return fmt.Errorf("%w: an address has a service and a token, or neither", ErrInvalid)
	}
	if a.SealingKey == nil {
		return nil
	}
	if a.Service != "apns" && a.Service != "fcm" {
		return fmt.Errorf("%w: only an app that is rung by apns or fcm has a sealing key", ErrInvalid)
	}
	if _, err := parseKey(a.SealingKey); err != nil {
		return fmt.Errorf("%w: its sealing key is not a public key of P-256 as DER SubjectPublicKeyInfo", ErrInvalid)
	}
	return nil
}

// ringable returns an error unless the push service of an address is configured and can make
// something of its token: a device that nobody can ring would end each of its user's logins
// at once. A Ringer looks at tokens if it has the method CheckToken, which asks nobody.
func (b *Broker) ringable(a Address) error {
	if a.Service == "" {
		return nil
	}
	r := b.Ringers[a.Service]
	if r == nil {
		return fmt.Errorf("%w: this server has no push service %q", ErrInvalid, a.Service)
	}
	if checker, ok := r.(interface{ CheckToken(token string) error }); ok {
		if err := checker.CheckToken(a.Token); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return nil
}

// CheckDevice says why AddDevice would not take a device: what Validate says, or that its
// push service cannot ring it.
func (b *Broker) CheckDevice(d Device) error {
	if err := d.Validate(); err != nil {
		return err
	}
	return b.ringable(d.Address)
}

// AddDevice adds a device to d.User and returns it with its ID, which is made up unless d is a
// Pairing's. One that is there already is fs.ErrExist. A user has MaxDevices at most;
// parallel calls may pass that by a few. Its own errors wrap ErrInvalid.
func (b *Broker) AddDevice(ctx context.Context, d Device) (Device, error) {
	return b.ReplaceDevice(ctx, d, "")
}

// ReplaceDevice is AddDevice for a device that takes the place of another one, which its caller
// removes next and which does not count.
func (b *Broker) ReplaceDevice(ctx context.Context, d Device, old string) (Device, error) {
	if err := b.CheckDevice(d); err != nil {
		return d, err
	}
	if d.Kind != PIPush {
		d.ID = devicesOf(d.User) + rand.Text()
	}
	if d.User == "" || len(d.ID) > maxID || !utf8.ValidString(d.User) || !strings.HasPrefix(d.ID, devicesOf(d.User)) {
		return d, fmt.Errorf("%w: no user has such a key", ErrInvalid)
	}
	have, err := b.DevicesOf(ctx, d.User)
	if err != nil {
		return d, err
	}
	if slices.ContainsFunc(have, func(one Device) bool { return one.ID == d.ID }) {
		return d, fmt.Errorf("push: add device: %w", fs.ErrExist)
	}
	have = slices.DeleteFunc(have, func(one Device) bool { return one.ID == old })
	if len(have) >= MaxDevices {
		return d, fmt.Errorf("%w: the user has %d already", ErrInvalid, len(have))
	}
	if d.Created.IsZero() {
		d.Created = time.Now()
	}
	err = b.Devices.Update(ctx, d.ID, func(old *Device) (*Device, error) {
		if old != nil {
			return nil, fs.ErrExist
		}
		return &d, nil
	})
	if err != nil {
		return d, fmt.Errorf("push: add device: %w", err)
	}
	return d, nil
}

// devicesOf returns what the IDs of a user's devices begin with. No user's prefix is the
// beginning of another's: a slash in a name is escaped.
func devicesOf(user string) string { return url.PathEscape(user) + "/" }

// Device returns a device, or fs.ErrNotExist. Any text may be asked for.
func (b *Broker) Device(ctx context.Context, id string) (Device, error) {
	d, err := get(ctx, b.Devices, id)
	if err != nil {
		return d, fmt.Errorf("push: read device: %w", err)
	}
	return d, nil
}

// get reads a record whose key a stranger chose. A key that no record can have is
// fs.ErrNotExist too.
func get[T any](ctx context.Context, records Records[T], key string) (T, error) {
	if !plausible(key) {
		return *new(T), fs.ErrNotExist
	}
	return records.Get(ctx, key)
}

func plausible(key string) bool {
	return key != "" && len(key) <= maxID && utf8.ValidString(key)
}

// DevicesOf returns all devices of a user, in the order of their IDs.
func (b *Broker) DevicesOf(ctx context.Context, user string) ([]Device, error) {
	var devices []Device
	for d, err := range b.Devices.All(ctx, devicesOf(user)) {
		if err != nil {
			return nil, fmt.Errorf("push: list devices: %w", err)
		}
		devices = append(devices, d)
	}
	return devices, nil
}

// active returns the devices to ring.
func (b *Broker) active(ctx context.Context, user string) ([]Device, error) {
	devices, err := b.DevicesOf(ctx, user)
	n := 0
	for _, d := range devices {
		if d.Active() {
			devices[n] = d
			n++
		}
	}
	return devices[:n], err
}

// SuspendDevice keeps a device from answering, or lets it again; a code that it has made is
// good no more. Like the other changes of a device it is fs.ErrNotExist if there is none.
func (b *Broker) SuspendDevice(ctx context.Context, id string, suspended bool) error {
	return b.change(ctx, id, func(d *Device) *Device {
		d.Suspended, d.Invites = suspended, ""
		return d
	})
}

// RenameDevice gives a device another name. A name that cannot be is ErrInvalid.
func (b *Broker) RenameDevice(ctx context.Context, id, name string) error {
	if err := validName(name); err != nil {
		return err
	}
	return b.change(ctx, id, func(d *Device) *Device {
		d.Name = name
		return d
	})
}

// SetAddress says where the device is reached from now on.
func (b *Broker) SetAddress(ctx context.Context, id string, a Address) error {
	err := validAddress(a)
	if err == nil {
		err = b.ringable(a)
	}
	if err != nil {
		return err
	}
	return b.change(ctx, id, func(d *Device) *Device {
		d.Address = a
		return d
	})
}

// RemoveDevice removes a device. It cannot answer open challenges any more; the other
// devices can (statement 9.3). Its pairing goes first: what a crash leaves behind is a device
// without one, which can do nothing.
func (b *Broker) RemoveDevice(ctx context.Context, id string) error {
	if err := b.unpair(ctx, id); err != nil {
		return fmt.Errorf("push: remove device: %w", err)
	}
	return b.change(ctx, id, func(*Device) *Device { return nil })
}

// change replaces a device by what fn makes of it, unless that is not there; nil removes it. The
// code that the device has made goes with its last mention.
func (b *Broker) change(ctx context.Context, id string, fn func(*Device) *Device) error {
	if !plausible(id) {
		return fmt.Errorf("push: change device: %w", fs.ErrNotExist)
	}
	var code string
	err := b.Devices.Update(ctx, id, func(d *Device) (*Device, error) {
		if d == nil {
			return nil, fs.ErrNotExist
		}
		code = d.Invites
		next := fn(d)
		if next != nil && next.Invites == code {
			code = ""
		}
		return next, nil
	})
	if err != nil {
		return fmt.Errorf("push: change device: %w", err)
	}
	if code != "" {
		if err := remove(ctx, b.Enrolments, code); err != nil { // it is good no more, but in the way
			b.log().Error("push: remove enrolment", "device", id, "err", err)
		}
	}
	return nil
}

// RemoveUser removes all that is kept of a user: codes that are not redeemed, pairings,
// devices, and the list of recent challenges. The challenges themselves stay until Prune.
func (b *Broker) RemoveUser(ctx context.Context, user string) error {
	for e, err := range b.Enrolments.All(ctx, "") {
		if err == nil && e.User == user {
			err = remove(ctx, b.Enrolments, e.ID)
		}
		if err != nil {
			return fmt.Errorf("push: remove user's enrolments: %w", err)
		}
	}
	for p, err := range b.pairings(ctx) {
		if err == nil && p.User == user {
			err = remove(ctx, b.Pairings, p.Serial)
		}
		if err != nil {
			return fmt.Errorf("push: remove user's pairings: %w", err)
		}
	}
	devices, err := b.DevicesOf(ctx, user)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if err := remove(ctx, b.Devices, d.ID); err != nil {
			return fmt.Errorf("push: remove user's device: %w", err)
		}
	}
	if err := remove(ctx, b.Recent, user); err != nil {
		return fmt.Errorf("push: remove user's recent challenges: %w", err)
	}
	return nil
}

func remove[T any](ctx context.Context, records Records[T], key string) error {
	return records.Update(ctx, key, func(*T) (*T, error) { return nil, nil })
}
