package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"rsc.io/qr"

	"radpush/login"
	"radpush/push"
	"radpush/web/wire"
)

// What a device may do with the others of its user (statements 9.1 and 9.3).

// registerDevices adds the calls. Operation describes one, with the statuses of its errors.
func (a *deviceAPI) registerDevices(api huma.API, operation func(id, method, path, summary string, statuses ...int) huma.Operation) {
	huma.Register(api, operation("devices", http.MethodGet, wire.PathDevices,
		"List the devices of the user"), a.listDevices)
	huma.Register(api, operation("rename-device", http.MethodPatch, wire.PathDeviceOf("{id}"),
		"Give one of the user's devices another name", 400, 404, 415, 422), a.renameDevice)
	huma.Register(api, operation("remove-device", http.MethodDelete, wire.PathDeviceOf("{id}"),
		"Remove one of the user's devices; it cannot answer any more", 404, 422), a.removeDevice)
	huma.Register(api, operation("invite", http.MethodPost, wire.PathInvite,
		"Make a code with which another device of the user can enrol", 400, 404, 415, 422), a.invite)
}

func (a *deviceAPI) listDevices(ctx context.Context, _ *struct{}) (*body[wire.Devices], error) {
	asking := signer(ctx)
	devices, may, err := a.Engine.DevicesBeside(ctx, asking)
	if err != nil {
		return nil, a.broken(err)
	}
	slices.SortFunc(devices, func(x, y push.Device) int { return x.Created.Compare(y.Created) })
	out := wire.Devices{Devices: []wire.Device{}, SelfService: may}
	for _, d := range devices {
		out.Devices = append(out.Devices, wire.Device{ID: encodeID(d.ID), Name: d.Name, Kind: d.Kind, Created: d.Created,
			This: d.ID == asking.ID, Suspended: d.Suspended, Gone: d.Address.Gone})
	}
	return &body[wire.Devices]{out}, nil
}

func (a *deviceAPI) renameDevice(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"1400" doc:"The device, as the list names it."`
	Body wire.Rename
}) (*struct{}, error) {
	return nil, a.counted(ctx, in.ID, func(ctx context.Context, by push.Device, id string) error {
		return a.Engine.RenameBy(ctx, by, id, plainName(in.Body.Name))
	})
}

func (a *deviceAPI) removeDevice(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"1400" doc:"The device, as the list names it."`
}) (*struct{}, error) {
	return nil, a.change(ctx, in.ID, func(ctx context.Context, by push.Device, id string) error {
		d, err := a.Engine.RemoveBy(ctx, by, id)
		if err == nil {
			a.Log.Info("web: device removed", "user", d.User, "device", d.ID, "name", d.Name, "by", by.ID, "from", from(ctx))
		}
		return err
	})
}

func (a *deviceAPI) invite(ctx context.Context, in *body[wire.InvitationRequest]) (out *body[wire.Invitation], err error) {
	err = a.counted(ctx, in.Body.Replaces, func(ctx context.Context, by push.Device, replaces string) error {
		code, expires, err := a.Engine.Invite(ctx, by, replaces)
		if err != nil {
			return err
		}
		a.Log.Info("web: enrolment code made", "user", by.User, "by", by.ID, "replaces", replaces, "from", from(ctx))
		link := wire.EnrolLink{URL: a.URL, Code: code, Pin: a.Pin}.String()
		picture, err := drawQR(link)
		out = &body[wire.Invitation]{wire.Invitation{Link: link, Expires: expires, QR: picture}}
		return err
	})
	return out, err
}

// counted is change for what can be done without end: whoever has stolen a device can fill neither
// the store nor the activity. To remove one is not counted, and nobody can keep the owner from it.
func (a *deviceAPI) counted(ctx context.Context, encoded string, work func(ctx context.Context, by push.Device, id string) error) error {
	if wait := a.changes.take(signer(ctx).User, time.Now()); wait > 0 {
		retry := http.Header{"Retry-After": {strconv.Itoa(int(wait/time.Second) + 1)}}
		return huma.ErrorWithHeaders(wire.NewProblem(http.StatusTooManyRequests, sayTooMany), retry)
	}
	return a.change(ctx, encoded, work)
}

// change runs what changes the devices of the user of the device that asks; encoded is the other
// device, or "".
func (a *deviceAPI) change(ctx context.Context, encoded string, work func(ctx context.Context, by push.Device, id string) error) error {
	by := signer(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	id, err := decodeID(encoded)
	if err == nil {
		err = work(ctx, by, id)
	}
	refusal, refused := errors.AsType[login.Refusal](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return problem(http.StatusNotFound, wire.NoDevice, sayNoDevice)
	case errors.Is(err, login.ErrNoSelfService):
		return problem(http.StatusForbidden, wire.NoSelfService, sayNoSelf)
	case errors.Is(err, login.ErrLocked):
		return problem(http.StatusForbidden, wire.Locked, sayLocked)
	case errors.Is(err, push.ErrInvalid):
		return wire.NewProblem(http.StatusUnprocessableEntity, err.Error())
	case refused:
		return wire.NewProblem(http.StatusUnprocessableEntity, string(refusal))
	}
	return a.broken(err)
}

// drawQR returns a QR code whose dark modules are one path, each run of a row a rectangle.
func drawQR(text string) (wire.QR, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return wire.QR{}, fmt.Errorf("web: QR code: %w", err)
	}
	const quiet = 4 // modules of light margin (ISO/IEC 18004, section 9.1)
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) { // nothing outside is
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return wire.QR{Size: code.Size + 2*quiet, Path: path.String()}, nil
}
