package phone

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"radpush/web/wire"
)

// What a device may do with the others of its user (statements 9.1 and 9.3). Another device is
// named by its ID in the list.

// Devices lists the user's devices, this one among them.
func (p *Phone) Devices(ctx context.Context) (wire.Devices, error) {
	var out wire.Devices
	_, err := p.send(ctx, call{method: http.MethodGet, path: wire.PathDevices, out: &out})
	return out, err
}

// Rename gives a device another name.
func (p *Phone) Rename(ctx context.Context, id, name string) error {
	_, err := p.send(ctx, call{method: http.MethodPatch, path: wire.PathDeviceOf(id), in: wire.Rename{Name: name}})
	return err
}

// Remove removes a device. For this one, Leave is the same.
func (p *Phone) Remove(ctx context.Context, id string) error {
	_, err := p.send(ctx, call{method: http.MethodDelete, path: wire.PathDeviceOf(id)})
	return err
}

// Invite makes a code with which another device can enrol, in place of one if replaces is not "".
func (p *Phone) Invite(ctx context.Context, replaces string) (wire.Invitation, error) {
	var out wire.Invitation
	_, err := p.send(ctx, call{method: http.MethodPost, path: wire.PathInvite, in: wire.InvitationRequest{Replaces: replaces}, out: &out})
	return out, err
}

// lookPause is how long WaitForDevice pauses between two looks.
const lookPause = 2 * time.Second

// WaitForDevice returns the first device that has enrolled since a list was read. Like Wait it goes
// on until there is one, ctx ends, or nothing will get better by itself. It is ErrNotKnown too when
// the new device has taken the place of this one.
func (p *Phone) WaitForDevice(ctx context.Context, before wire.Devices) (wire.Device, error) {
	for {
		now, err := p.Devices(ctx)
		if errors.Is(err, ErrNotKnown) || isClock(err) {
			return wire.Device{}, err
		}
		for _, d := range now.Devices {
			if !slices.ContainsFunc(before.Devices, func(old wire.Device) bool { return old.ID == d.ID }) {
				return d, nil
			}
		}
		if err := sleep(ctx, lookPause); err != nil {
			return wire.Device{}, err
		}
	}
}
