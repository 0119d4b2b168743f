package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"radpush/login"
	"radpush/push"
	"radpush/web/wire"
)

// Bells know which bells can ring here.
type Bells interface {
	// NewBell returns a bell at a topic, at one that it makes up if topic is "". What cannot
	// ring is a login.Refusal.
	NewBell(kind login.BellKind, topic string) (login.Bell, error)
	// Subscription returns how a bell's topic is subscribed to: in a browser and, by a link,
	// in the app. They are "" where there is none.
	Subscription(b login.Bell) (web, app string)
	// RingNow rings the bell of a user who has one, as push.Bell.Ring does, and returns who has
	// taken it. What cannot ring is a login.Refusal.
	RingNow(ctx context.Context, u login.User, page bool) (by string, err error)
}

// A Bell wakes a user one of whose devices asks only by itself.
type Bell struct {
	Kind   string `json:"kind" enum:"ntfy,email"`
	Topic  string `json:"topic,omitempty" doc:"Of ntfy. Whoever knows it hears the bell."`
	Web    string `json:"web,omitempty" doc:"Where a browser subscribes to the topic."`
	App    string `json:"app,omitempty" doc:"The link by which the ntfy app on Android does: show it as a QR code."`
	Email  string `json:"email,omitempty" doc:"The address that the letters go to."`
	Needed bool   `json:"needed" doc:"One of the user's devices asks only by itself. Else the bell does not ring."`
	Fault  string `json:"fault,omitempty" doc:"Why it cannot ring."`
}

// A BellRequest describes a bell.
type BellRequest struct {
	Kind  string `json:"kind" enum:"ntfy,email"`
	Topic string `json:"topic,omitempty" maxLength:"64" doc:"Of ntfy; made up if absent."`
}

// A BellRung is a bell that has been rung.
type BellRung struct {
	By string `json:"by" doc:"Who has taken it: the ntfy server, or the mail server."`
}

func (o *Operator) registerBells(api huma.API, operation func(id, method, path, summary string) huma.Operation) {
	huma.Register(api, operation("show-bell", http.MethodGet, "user/bell", "Show a user's bell"), o.showBell)
	huma.Register(api, operation("set-bell", http.MethodPut, "user/bell", "Give a user a bell, in place of the one before"), o.setBell)
	huma.Register(api, operation("remove-bell", http.MethodDelete, "user/bell", "Take the bell of a user away"), o.removeBell)
	ring := operation("ring-bell", http.MethodPost, "user/bell/ring", "Ring the bell of a user now")
	ring.Responses = problems(api, 400, 404, 422, 500, 502)
	huma.Register(api, ring, o.ringBell)
}

func (o *Operator) showBell(ctx context.Context, in *byUser) (*body[Bell], error) {
	u, err := o.withBell(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return reply(o.viewBell(ctx, u))
}

func (o *Operator) setBell(ctx context.Context, in *struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	Body BellRequest
}) (*body[Bell], error) {
	b, err := o.Bells.NewBell(login.BellKind(in.Body.Kind), in.Body.Topic)
	if err != nil {
		return nil, fault(err)
	}
	u, err := o.People.SetBell(ctx, in.User, b)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	return reply(o.viewBell(ctx, u))
}

func (o *Operator) removeBell(ctx context.Context, in *byUser) (*struct{}, error) {
	return nil, aboutBell(in.User, o.People.RemoveBell(ctx, in.User))
}

func (o *Operator) ringBell(ctx context.Context, in *byUser) (*body[BellRung], error) {
	u, err := o.withBell(ctx, in.User)
	if err != nil {
		return nil, err
	}
	devices, err := o.Devices.DevicesOf(ctx, login.UserKey(u.Name))
	if err != nil {
		return nil, fault(err)
	}
	_, page := push.Polling(devices)
	by, err := o.Bells.RingNow(ctx, u, page)
	if _, refused := errors.AsType[login.Refusal](err); err != nil && !refused {
		return nil, wire.NewProblem(http.StatusBadGateway, err.Error())
	}
	return reply(BellRung{by}, err)
}

func aboutBell(user string, err error) error { return about(fmt.Sprintf("bell of user %q", user), err) }

// withBell returns a user who has a bell.
func (o *Operator) withBell(ctx context.Context, name string) (login.User, error) {
	u, err := o.People.User(ctx, name)
	switch {
	case err != nil:
		return u, aboutUser(name, err)
	case u.Bell == (login.Bell{}):
		return u, aboutBell(name, fs.ErrNotExist)
	}
	return u, nil
}

// viewBell returns a user's bell as operators see it.
func (o *Operator) viewBell(ctx context.Context, u login.User) (Bell, error) {
	v := Bell{Kind: string(u.Bell.Kind), Topic: u.Bell.Topic}
	if u.Bell.Kind == login.BellEmail {
		v.Email = u.Email
	}
	if _, err := o.Bells.NewBell(u.Bell.Kind, u.Bell.Topic); err != nil {
		v.Fault = fault(err).Error()
	} else {
		v.Web, v.App = o.Bells.Subscription(u.Bell)
	}
	devices, err := o.Devices.DevicesOf(ctx, login.UserKey(u.Name))
	v.Needed, _ = push.Polling(devices)
	return v, err
}
