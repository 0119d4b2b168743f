package web_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"radpush/login"
	"radpush/push"
	"radpush/web"
	"radpush/web/wire"
)

// belfry has bells of ntfy and no others.
type belfry struct {
	broken error
	rung   []string
}

func (*belfry) NewBell(kind login.BellKind, topic string) (login.Bell, error) {
	if kind != login.BellNtfy {
		return login.Bell{}, login.Refusal("no such bells here")
	}
	if topic == "" {
		topic = "made-up"
	}
	return login.Bell{Kind: kind, Topic: topic}, nil
}

func (*belfry) Subscription(b login.Bell) (web, app string) {
	return "https://ntfy.example/" + b.Topic, "ntfy://ntfy.example/" + b.Topic
}

func (f *belfry) RingNow(_ context.Context, u login.User, page bool) (string, error) {
	if _, err := f.NewBell(u.Bell.Kind, u.Bell.Topic); err != nil {
		return "", err
	}
	what := u.Name + " " + u.Bell.Topic
	if page {
		what += " page"
	}
	f.rung = append(f.rung, what)
	return "ntfy.example", f.broken
}

func TestOperator_Bell(t *testing.T) {
	w, f := newWorld(t), new(belfry)
	w.operator.Bells = f
	o, ctx := w.client(), t.Context()
	_, err := o.SetBell(ctx, "alice", web.BellRequest{Kind: "email"})
	refused(t, err, "no such bells here")
	_, err = o.SetBell(ctx, "alice", web.BellRequest{Kind: "pigeon"})
	refused(t, err, "body.kind: expected value")
	_, err = o.SetBell(ctx, "alice", web.BellRequest{Kind: "ntfy", Topic: strings.Repeat("x", 65)})
	refused(t, err, "body.topic")
	_, none := o.ShowBell(ctx, "alice")
	_, silent := o.RingBell(ctx, "alice")
	_, nobody := o.SetBell(ctx, "nobody", web.BellRequest{Kind: "ntfy"})
	for _, err := range []error{none, silent, nobody, o.RemoveBell(ctx, "alice")} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want fs.ErrNotExist", err)
		}
	}

	want := web.Bell{Kind: "ntfy", Topic: "made-up", Web: "https://ntfy.example/made-up", App: "ntfy://ntfy.example/made-up"}
	if b, err := o.SetBell(ctx, "alice", web.BellRequest{Kind: "ntfy"}); err != nil || b != want {
		t.Errorf("set: %+v, %v", b, err)
	}
	w.raw(t, "alice") // a device that asks by itself
	want.Needed = true
	if b, err := o.ShowBell(ctx, "EXAMPLE\\Alice"); err != nil || b != want {
		t.Errorf("shown: %+v, %v", b, err)
	}
	if u, err := o.ShowUser(ctx, "alice"); err != nil || u.Bell != "ntfy" {
		t.Errorf("user: %+v, %v", u, err)
	}

	if rung, err := o.RingBell(ctx, "alice"); err != nil || rung.By != "ntfy.example" || len(f.rung) != 1 || f.rung[0] != "alice made-up" {
		t.Errorf("rung: %+v, %v, %q", rung, err, f.rung)
	}
	f.broken = errors.New("ntfy: ring: 403 Forbidden: check the token")
	_, err = o.RingBell(ctx, "alice")
	if p, ok := errors.AsType[*wire.Problem](err); !ok || p.Status != http.StatusBadGateway || p.Error() != f.broken.Error() {
		t.Errorf("a bell that fails: %v", err)
	}
	if err := o.RemoveBell(ctx, "alice"); err != nil {
		t.Error(err)
	}
}

// A bell that the configuration does not allow any more is shown with why, and not rung.
func TestOperator_BellThatCannotRing(t *testing.T) {
	w, f := newWorld(t), new(belfry)
	w.operator.Bells = f
	o, ctx := w.client(), t.Context()
	if _, err := w.engine.ChangeUser(ctx, "alice", login.UserChange{Email: new("alice@example.com")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.SetBell(ctx, "alice", login.Bell{Kind: login.BellEmail}); err != nil {
		t.Fatal(err)
	}
	if b, err := o.ShowBell(ctx, "alice"); err != nil || b != (web.Bell{Kind: "email", Email: "alice@example.com", Fault: "no such bells here"}) {
		t.Errorf("%+v, %v", b, err)
	}
	_, err := o.RingBell(ctx, "alice")
	if refused(t, err, "no such bells here"); f.rung != nil {
		t.Errorf("rung: %q", f.rung)
	}
}

// A link to the authenticator page is for who has one that asks by itself.
func TestOperator_BellLeadsToThePage(t *testing.T) {
	w, f := newWorld(t), new(belfry)
	w.operator.Bells = f
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o, ctx := w.client(), t.Context()
	if _, err := w.broker.AddDevice(ctx, push.Device{User: "alice", Name: "page", Kind: "page", Key: spki(t, key)}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.SetBell(ctx, "alice", web.BellRequest{Kind: "ntfy", Topic: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.RingBell(ctx, "alice"); err != nil || len(f.rung) != 1 || f.rung[0] != "alice x page" {
		t.Errorf("%v, %q", err, f.rung)
	}
}
