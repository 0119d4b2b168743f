package web_test

import (
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"time"

	"radpush/login"
	"radpush/push"
	"radpush/web"
	"radpush/web/wire"
)

// A command does the same over the socket of a server and without one.
func TestOperator(t *testing.T) {
	for name, client := range map[string]func(*testing.T, *world) *web.OperatorClient{
		"in process": func(_ *testing.T, w *world) *web.OperatorClient { return w.client() },
		"over socket": func(t *testing.T, w *world) *web.OperatorClient {
			return &web.OperatorClient{Transport: web.OverSocket(w.socket(t))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			testOperator(t, w, client(t, w))
		})
	}
}

func testOperator(t *testing.T, w *world, o *web.OperatorClient) {
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}

	// A name may hold whatever a URL may not.
	const carol = `EXAMPLE\Çarol //../ O'Neil+&=%41?#`
	u, err := o.AddUser(ctx, carol)
	ok(err)
	if u.Name != carol || u.Locked || u.Created.IsZero() || u.Tokens == nil || u.Devices == nil {
		t.Errorf("added %+v", u)
	}
	_, err = o.AddUser(ctx, "ALICE")
	is(err, fs.ErrExist)
	_, err = o.ShowUser(ctx, "nobody")
	is(err, fs.ErrNotExist)
	users, err := o.ListUsers(ctx)
	ok(err)
	if len(users) != 3 {
		t.Errorf("%d users", len(users))
	}

	ok(o.LockUser(ctx, carol))
	if u, err = o.ShowUser(ctx, carol); err != nil || !u.Locked || u.LockedUntil != nil {
		t.Errorf("locked: %+v, %v", u, err)
	}
	ok(o.UnlockUser(ctx, carol))

	made, err := o.AddToken(ctx, carol, web.TokenRequest{})
	ok(err)
	link, err := url.Parse(made.URL)
	ok(err)
	if q := link.Query(); q.Get("algorithm") != "SHA1" || q.Get("digits") != "6" || q.Get("period") != "30" || q.Get("issuer") != "Example Ltd" || len(q.Get("secret")) != 32 {
		t.Errorf("token: %s", made.URL)
	}
	imported, err := o.AddToken(ctx, carol, web.TokenRequest{ID: "old", Algorithm: "SHA512", Digits: 8, Period: 60, Secret: "gezd gnbv gy3t qojq gezd gnbv gy3t qojq"})
	ok(err)
	if !strings.Contains(imported.URL, "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") || imported.ID != "old" {
		t.Errorf("imported: %+v", imported)
	}
	for _, bad := range []web.TokenRequest{{Secret: "189"}, {Secret: "GEZDGNBV"}, {Digits: 7}, {Period: 45}, {Algorithm: "MD5"}} {
		if _, err := o.AddToken(ctx, carol, bad); err == nil {
			t.Errorf("a bad token was added: %+v", bad)
		}
	}
	_, err = o.AddToken(ctx, carol, web.TokenRequest{ID: "old"})
	is(err, fs.ErrExist)
	ok(o.RemoveToken(ctx, carol, made.ID))
	is(o.RemoveToken(ctx, carol, made.ID), fs.ErrNotExist)
	if u, err = o.ShowUser(ctx, carol); err != nil || len(u.Tokens) != 1 || u.Tokens[0].ID != "old" || u.Tokens[0].Period != 60 || u.Tokens[0].Used != nil {
		t.Errorf("tokens: %+v, %v", u.Tokens, err)
	}

	e, err := o.Enrol(ctx, carol, time.Hour)
	ok(err)
	l, err := wire.ParseEnrolLink(e.Link)
	ok(err)
	if l.Code != e.Code || l.URL != "https://radpush.example" || l.Pin != nil || time.Until(e.Expires).Round(time.Minute) != time.Hour {
		t.Errorf("enrolment: %+v", e)
	}
	if _, err = o.Enrol(ctx, carol, time.Second); err == nil {
		t.Error("a code for a second was made")
	}
	_, err = o.Enrol(ctx, "nobody", time.Hour)
	is(err, fs.ErrNotExist)
	d := w.raw(t, carol)
	devices, err := o.ListDevices(ctx, "")
	ok(err)
	if len(devices) != 1 || devices[0].Kind != "native" || devices[0].Suspended {
		t.Errorf("devices: %+v", devices)
	}
	id := devices[0].ID
	ok(o.ChangeDevice(ctx, id, web.DeviceChange{Name: new("new\u202e name"), Suspended: new(true)}))
	if devices, err = o.ListDevices(ctx, carol); err != nil || devices[0].Name != "new name" || !devices[0].Suspended {
		t.Errorf("devices: %+v, %v", devices, err)
	}
	d.send(t, "GET", wire.PathChallenges, nil).want(t, 401)
	ok(o.ChangeDevice(ctx, id, web.DeviceChange{Suspended: new(false)}))
	d.send(t, "GET", wire.PathChallenges, nil).want(t, 200)
	is(o.ChangeDevice(ctx, "nobody/x", web.DeviceChange{Suspended: new(false)}), fs.ErrNotExist)
	ok(o.RemoveDevice(ctx, id))
	is(o.RemoveDevice(ctx, id), fs.ErrNotExist)

	ok(o.RemoveUser(ctx, carol))
	is(o.RemoveUser(ctx, carol), fs.ErrNotExist)

	rows, err := o.ListActivity(ctx, login.Filter{User: carol, Limit: 3})
	ok(err)
	if len(rows) != 3 || rows[0].Reason != "user removed" || rows[0].Result != "Change" || rows[0].Time.Before(rows[2].Time) {
		t.Errorf("activity: %+v", rows)
	}
	if rows, err = o.ListActivity(ctx, login.Filter{Since: time.Now().Add(time.Hour)}); err != nil || len(rows) != 0 {
		t.Errorf("activity of the future: %+v, %v", rows, err)
	}
	if rows, err = o.ListActivity(ctx, login.Filter{Client: "vpn", Until: time.Now().Add(time.Hour)}); err != nil || len(rows) != 0 {
		t.Errorf("activity of a client that was not used: %+v, %v", rows, err)
	}
}

// A login as operators read it: what was shown, from where, how long it took.
func TestOperatorReadsAPush(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	verdict := w.login(t, "alice")
	c := d.open(t)
	d.answer(t, c, push.Approved, d.otp()).result(t, push.Accepted)
	<-verdict
	rows, err := w.client().ListActivity(t.Context(), login.Filter{Client: "vpn"})
	if err != nil || len(rows) != 2 {
		t.Fatalf("%+v, %v", rows, err)
	}
	if r := rows[0]; r.Result != "Success" || r.Method != "push" || r.Challenge != c.ID || !strings.HasPrefix(r.Device, "alice/") || r.Station != "198.51.100.7" {
		t.Errorf("success: %+v", r)
	}
	if r := rows[1]; r.Result != "Challenge" || r.Shown != c.Shown {
		t.Errorf("challenge: %+v", r)
	}
	u, err := w.client().ShowUser(t.Context(), "alice")
	if err != nil || len(u.Tokens) != 1 || u.Tokens[0].Used == nil || time.Since(*u.Tokens[0].Used).Abs() > time.Minute {
		t.Errorf("%+v, %v", u, err)
	}
}
