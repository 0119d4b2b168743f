package web_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rsc.io/qr"

	"radpush/login"
	"radpush/push"
	"radpush/web"
	"radpush/web/wire"
)

// list returns the devices as a device sees them, by name.
func (d *raw) list(tb testing.TB) (byName map[string]wire.Device, selfService bool) {
	tb.Helper()
	var out wire.Devices
	d.send(tb, "GET", wire.PathDevices, nil).want(tb, 200).decode(tb, &out)
	byName = make(map[string]wire.Device)
	for _, one := range out.Devices {
		byName[one.Name] = one
	}
	return byName, out.SelfService
}

// invite has a device make a code, and returns the link.
func (d *raw) invite(tb testing.TB, replaces string) wire.EnrolLink {
	tb.Helper()
	var out wire.Invitation
	d.send(tb, "POST", wire.PathInvite, wire.InvitationRequest{Replaces: replaces}).want(tb, 200).decode(tb, &out)
	link, err := wire.ParseEnrolLink(out.Link)
	if err != nil {
		tb.Fatal(err)
	}
	return link
}

// redeem enrols another device of the same kind.
func (d *raw) redeem(tb testing.TB, code, name string) got {
	tb.Helper()
	return d.enrol(tb, wire.Enrolment{Code: code, Key: spki(tb, d.key), Name: name, Kind: "page"})
}

// A terminal adds a second one over TLS, by a link that pins the server's certificate, approves
// with it, and replaces it by a third.
func TestDevices_9_1_AnotherByTheLink(t *testing.T) {
	w := newWorld(t)
	w.listen(t)
	p := w.phone(t, "alice")
	added, err := p.Invite(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	second := enrolled(t, added.Link, "second")
	verdict := w.login(t, "alice")
	r, err := second.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if result, err := second.Approve(t.Context(), r.ID); result != push.Accepted || err != nil {
		t.Fatalf("approve: %q, %v", result, err)
	}
	if v := <-verdict; v.Outcome != login.Accept {
		t.Errorf("the login ended with %+v", v)
	}

	all, err := p.Devices(t.Context())
	if err != nil || len(all.Devices) != 2 || !all.Devices[0].This || all.Devices[1].Name != "second" || !all.SelfService {
		t.Fatalf("%+v, %v", all, err)
	}
	if added, err = p.Invite(t.Context(), all.Devices[1].ID); err != nil {
		t.Fatal(err)
	}
	enrolled(t, added.Link, "third")
	if all, err = p.Devices(t.Context()); err != nil || len(all.Devices) != 2 || all.Devices[1].Name != "third" {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := second.Open(t.Context()); err == nil {
		t.Error("the replaced device is still asked")
	}
	if err := p.Rename(t.Context(), all.Devices[1].ID, "tablet"); err != nil {
		t.Error(err)
	}
	if err := p.Remove(t.Context(), all.Devices[1].ID); err != nil {
		t.Error(err)
	}
	if all, err = p.Devices(t.Context()); err != nil || len(all.Devices) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	log := w.log.String()
	for _, want := range []string{`msg="web: enrolment code made" user=alice by=`, `msg="web: device enrolled" user=alice`, `name=third from=127.0.0.1`, `msg="web: device removed" user=alice device=`, `name=tablet by=`} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log:\n%s", want, log)
		}
	}
	if link, _ := wire.ParseEnrolLink(added.Link); strings.Contains(log, link.Code) {
		t.Error("a code is in the log")
	}
}

func TestDevices_9_3_ListedAsTheyAre(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	w.raw(t, "bob")
	d.redeem(t, d.invite(t, "").Code, "sus\u202epended").want(t, 200)
	d.redeem(t, d.invite(t, "").Code, "gone").want(t, 200)
	devices, _ := w.broker.DevicesOf(t.Context(), "alice")
	for _, one := range devices {
		switch one.Name {
		case "suspended":
			if err := w.engine.SuspendDevice(t.Context(), one, true); err != nil {
				t.Fatal(err)
			}
		case "gone":
			if err := w.broker.SetAddress(t.Context(), one.ID, push.Address{Service: "fcm", Token: "x", Gone: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, may := d.list(t)
	this := list["alice's device"]
	if len(list) != 3 || !may || !this.This || this.ID != d.id || this.Kind != "native" || this.Suspended || this.Gone || time.Since(this.Created) > time.Minute {
		t.Errorf("listed: %+v", list)
	}
	if one := list["suspended"]; one.This || !one.Suspended || one.Gone || one.Kind != "page" {
		t.Errorf("suspended: %+v", one)
	}
	if one := list["gone"]; one.This || one.Suspended || !one.Gone {
		t.Errorf("gone: %+v", one)
	}
	d.send(t, "PATCH", wire.PathDeviceOf(list["gone"].ID), wire.Rename{Name: "\u200bold\tphone "}).want(t, 204)
	d.send(t, "PATCH", wire.PathDeviceOf(list["gone"].ID), wire.Rename{Name: "\u200b"}).want(t, 422)
	d.send(t, "DELETE", wire.PathDeviceOf(list["suspended"].ID), nil).want(t, 204)
	if list, _ = d.list(t); len(list) != 2 || list["old phone"].ID == "" {
		t.Errorf("renamed and removed: %+v", list)
	}
	d.send(t, "DELETE", wire.PathDeviceOf(d.id), nil).want(t, 204)
	d.send(t, "GET", wire.PathDevices, nil).problem(t, 401, wire.NotAuthentic)
}

// What is another user's looks like what is not there, and stays as it is.
func TestDevices_9_3_AnotherUsersDevice(t *testing.T) {
	w := newWorld(t)
	alice, mallory := w.raw(t, "alice"), w.raw(t, "bob")
	for name, call := range map[string]func(id string) got{
		"rename": func(id string) got { return mallory.send(t, "PATCH", wire.PathDeviceOf(id), wire.Rename{Name: "x"}) },
		"remove": func(id string) got { return mallory.send(t, "DELETE", wire.PathDeviceOf(id), nil) },
		"replace": func(id string) got {
			return mallory.send(t, "POST", wire.PathInvite, wire.InvitationRequest{Replaces: id})
		},
	} {
		unknown := call("YWxpY2UveA")
		unknown.problem(t, 404, wire.NoDevice)
		for _, id := range []string{alice.id, "YWxpY2Uv", "_", "x=", strings.Repeat("A", 1000)} {
			if got := call(id); got.status != 404 || got.body != unknown.body {
				t.Errorf("%s %.20s: %d %s", name, id, got.status, got.body)
			}
		}
	}
	if list, _ := alice.list(t); len(list) != 1 || list["alice's device"].ID != alice.id {
		t.Errorf("alice has %+v", list)
	}
	unsigned := do(t, mallory.transport, request(t, "GET", wire.PathDevices, nil))
	unsigned.problem(t, 401, wire.NotAuthentic)
}

func TestDevices_9_1_WithoutSelfService(t *testing.T) {
	w := newWorld(t)
	w.engine.SelfService = false
	d, other := w.raw(t, "alice"), w.raw(t, "alice")
	if list, may := d.list(t); may || len(list) != 1 { // of one name
		t.Errorf("%+v, %v", list, may)
	}
	d.send(t, "POST", wire.PathInvite, wire.InvitationRequest{}).problem(t, 403, wire.NoSelfService)
	d.send(t, "DELETE", wire.PathDeviceOf(other.id), nil).problem(t, 403, wire.NoSelfService)
	d.send(t, "PATCH", wire.PathDeviceOf(other.id), wire.Rename{Name: "tablet"}).want(t, 204)
	d.send(t, "DELETE", wire.PathDevice, nil).want(t, 204)
}

// A locked account gets no new device.
func TestDevices_9_1_LockedAccount(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	code := d.invite(t, "").Code
	if err := w.engine.LockUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	d.send(t, "POST", wire.PathInvite, wire.InvitationRequest{}).problem(t, 403, wire.Locked)
	unknown := d.redeem(t, "AAAA", "x")
	if got := d.redeem(t, code, "x"); got.body != unknown.body || got.status != unknown.status {
		t.Errorf("a code of a locked account: %d %s", got.status, got.body)
	}
}

// Who holds a stolen device can fill neither the store nor the activity, nor keep the owner from
// removing it.
func TestDevices_9_1_CodesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, second := w.raw(t, "alice"), w.raw(t, "alice")
		made := 0
		for n := range 100 {
			time.Sleep(time.Second)
			by := d
			if n%2 == 0 {
				by = second // the limit is the user's
			}
			got := by.send(t, "POST", wire.PathInvite, wire.InvitationRequest{})
			switch got.status {
			case 200:
				made++
			case 429:
				if wait, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
					t.Errorf("Retry-After: %q", got.header.Get("Retry-After"))
				}
			default:
				t.Fatalf("status %d: %s", got.status, got.body)
			}
		}
		if made < 20 || made > 22 {
			t.Errorf("%d codes were made in 100 seconds", made)
		}
		kept := 0
		for _, err := range w.broker.Enrolments.All(t.Context(), "") {
			if kept++; err != nil {
				t.Error(err)
			}
		}
		if kept != 2 {
			t.Errorf("%d codes are kept, want one of each device", kept)
		}
		d.send(t, "PATCH", wire.PathDeviceOf(d.id), wire.Rename{Name: "x"}).want(t, 429)
		d.send(t, "DELETE", wire.PathDeviceOf(second.id), nil).want(t, 204)
		d.send(t, "GET", wire.PathDevices, nil).want(t, 200)
		w.raw(t, "bob").invite(t, "")
	})
}

// The same request once more makes nothing.
func TestDevices_9_2_AnInvitationIsNotReplayed(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	signed := d.sign(t, wire.NewStamp(d.id), request(t, "POST", wire.PathInvite, encode(t, wire.InvitationRequest{})))
	var out wire.Invitation
	do(t, d.transport, signed.Clone(t.Context())).want(t, 200).decode(t, &out)
	link, err := wire.ParseEnrolLink(out.Link)
	if err != nil {
		t.Fatal(err)
	}
	signed.Body = request(t, "POST", wire.PathInvite, encode(t, wire.InvitationRequest{})).Body
	do(t, d.transport, signed).problem(t, 403, wire.SignAgain)
	d.redeem(t, link.Code, "second").want(t, 200) // the first code has not been superseded
	d.redeem(t, link.Code, "third").problem(t, 404, wire.BadCode)
}

// The path of a QR code covers just its dark modules.
func TestQRIsTheLink(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	var out wire.Invitation
	d.send(t, "POST", wire.PathInvite, wire.InvitationRequest{}).want(t, 200).decode(t, &out)
	code, err := qr.Encode(out.Link, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	dark := make(map[string]bool)
	if rest := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).ReplaceAllStringFunc(out.QR.Path, func(run string) string {
		var x, y, n, back int
		fmt.Sscanf(run, "M%d %dh%dv1h-%dz", &x, &y, &n, &back)
		if n != back {
			t.Errorf("%s does not close", run)
		}
		for i := range n {
			dark[fmt.Sprint(x+i-4, y-4)] = true
		}
		return ""
	}); rest != "" || out.QR.Size != code.Size+8 {
		t.Errorf("size %d, path %s", out.QR.Size, out.QR.Path)
	}
	for y := range code.Size {
		for x := range code.Size {
			if dark[fmt.Sprint(x, y)] != code.Black(x, y) {
				t.Fatalf("module %d %d is wrong", x, y)
			}
		}
	}
}

func TestOperatorReplacesADevice(t *testing.T) {
	w := newWorld(t)
	old, bob := w.raw(t, "alice"), w.raw(t, "bob")
	o := w.client()
	for _, id := range []string{"alice/x", decode(t, bob.id)} {
		if _, err := o.NewEnrolment(t.Context(), "alice", web.EnrolmentRequest{Valid: 60, Replaces: id}); err == nil || !strings.Contains(err.Error(), `there is no device "`+id+`" of user "alice"`) {
			t.Errorf("%s: %v", id, err)
		}
	}
	e, err := o.NewEnrolment(t.Context(), "Alice", web.EnrolmentRequest{Valid: 60, Replaces: decode(t, old.id)})
	if err != nil {
		t.Fatal(err)
	}
	old.redeem(t, e.Code, "new").want(t, 200)
	if devices, err := o.ListDevices(t.Context(), "alice"); err != nil || len(devices) != 1 || devices[0].Name != "new" {
		t.Errorf("%+v, %v", devices, err)
	}
	bob.send(t, "GET", wire.PathDevices, nil).want(t, 200)
}
