package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"radpush/login"
	"radpush/push"
	"radpush/web/wire"
)

// People are the users and what they log in with. *login.Engine is one.
type People interface {
	AddUser(ctx context.Context, name string) (login.User, error)
	User(ctx context.Context, name string) (login.User, error)
	RemoveUser(ctx context.Context, name string) error
	LockUser(ctx context.Context, name string) error
	UnlockUser(ctx context.Context, name string) error
	ChangeUser(ctx context.Context, name string, c login.UserChange) (login.User, error)
	SetPIN(ctx context.Context, user, pin string) error
	RemovePIN(ctx context.Context, user string) error
	NewBackupCodes(ctx context.Context, user string) (codes []string, err error)
	RemoveBackupCodes(ctx context.Context, user string) error
	SetBell(ctx context.Context, user string, b login.Bell) (login.User, error)
	RemoveBell(ctx context.Context, user string) error
	Tokens
	Grids
	NewEnrolment(ctx context.Context, user, replaces string, valid time.Duration) (code string, err error)
	NewPairing(ctx context.Context, user string, valid time.Duration) (serial, credential string, err error)
	RemoveDevice(ctx context.Context, d push.Device, by string) error
	SuspendDevice(ctx context.Context, d push.Device, suspended bool) error
	RenameDevice(ctx context.Context, d push.Device, name string) error
}

// Users lists the users; login's table of users is one.
type Users interface {
	All(ctx context.Context, prefix string) iter.Seq2[login.User, error]
}

// Devices are the devices of users. *push.Broker is one.
type Devices interface {
	Device(ctx context.Context, id string) (push.Device, error)
	DevicesOf(ctx context.Context, user string) ([]push.Device, error)
}

// Journal reads the activity. *login.Journal is one.
type Journal interface {
	List(ctx context.Context, f login.Filter) iter.Seq2[login.Row, error]
}

// An Operator is the API behind the commands. Who may use it is for its transport to
// decide: Serve's is a unix socket. Its fields are set before first use and not changed
// after.
type Operator struct {
	People       People
	Users        Users
	Devices      Devices
	Journal      Journal
	Bells        Bells
	Organization string // names the tokens in an authenticator app; "radpush" if empty
	URL          string // where devices reach the server, for enrolment links
	Pin          []byte // of the server's certificate if it is of its own making
	DevicePIN    bool   // apps that are not ours are told to ask for a PIN or a biometric (statement 2.11)
	Log          *slog.Logger

	// Invite mails a user the link of an enrolment; nil: there is no mail server.
	Invite func(ctx context.Context, u login.User, e Enrolment) error
}

// operatorPrefix is what the paths of the operator API begin with. Users and devices are
// named in the query, where a name may hold anything.
const operatorPrefix = "/operator/v1/"

// huma passes over embedded structs that are not exported: these stand alone.
type byUser struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
}
type byDevice struct {
	ID string `query:"id" required:"true" minLength:"1" maxLength:"1024"`
}
type body[T any] struct{ Body T }

// Handler returns the API, open to whoever can call it.
func (o *Operator) Handler() http.Handler {
	mux := http.NewServeMux()
	api := humago.New(mux, apiConfig("radpush operator API", "What radpush's commands speak, on a unix socket."))
	operation := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: method, Path: operatorPrefix + path, Summary: summary,
			RejectUnknownQueryParameters: true,
			Responses:                    problems(api, 400, 404, 409, 422, 500),
		}
	}
	huma.Register(api, operation("list-users", http.MethodGet, "users", "List the users"), o.listUsers)
	huma.Register(api, operation("show-user", http.MethodGet, "user", "Show a user"), o.showUser)
	huma.Register(api, operation("add-user", http.MethodPost, "user", "Add a user"), o.addUser)
	huma.Register(api, operation("remove-user", http.MethodDelete, "user", "Remove a user with all tokens and devices"), o.removeUser)
	huma.Register(api, operation("lock-user", http.MethodPost, "user/lock", "Keep a user out"), o.lockUser)
	huma.Register(api, operation("unlock-user", http.MethodPost, "user/unlock", "Let a user in again"), o.unlockUser)
	huma.Register(api, operation("change-user", http.MethodPatch, "user", "Change what a user can be reached by"), o.changeUser)
	huma.Register(api, operation("set-pin", http.MethodPut, "user/pin", "Give a user a PIN"), o.setPIN)
	huma.Register(api, operation("remove-pin", http.MethodDelete, "user/pin", "Take the PIN of a user away"), o.removePIN)
	huma.Register(api, operation("new-backup-codes", http.MethodPost, "user/backup", "Make backup codes, in place of those before"), o.newBackupCodes)
	huma.Register(api, operation("remove-backup-codes", http.MethodDelete, "user/backup", "Make all backup codes of a user worthless"), o.removeBackupCodes)
	huma.Register(api, operation("enrol", http.MethodPost, "user/enrolment", "Make an enrolment code"), o.enrol)
	o.registerBells(api, operation)
	o.registerTokens(api, operation)
	o.registerGrids(api, operation)
	huma.Register(api, operation("list-devices", http.MethodGet, "devices", "List the devices of one user or all"), o.listDevices)
	huma.Register(api, operation("change-device", http.MethodPatch, "device", "Rename, suspend or resume a device"), o.changeDevice)
	huma.Register(api, operation("remove-device", http.MethodDelete, "device", "Remove a device"), o.removeDevice)
	huma.Register(api, operation("list-activity", http.MethodGet, "activity", "List the activity, newest first"), o.listActivity)
	mux.HandleFunc("GET "+operatorPrefix+"openapi.json", serve("application/openapi+json", document(api)))
	mux.HandleFunc("/", notFound)
	return mux
}

// fault tells an operator what went wrong, all of it.
func fault(err error) error {
	status := http.StatusInternalServerError
	refusal, refused := errors.AsType[login.Refusal](err)
	switch {
	case refused:
		return wire.NewProblem(http.StatusUnprocessableEntity, string(refusal))
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		status = http.StatusNotFound
	case errors.Is(err, fs.ErrExist):
		status = http.StatusConflict
	case errors.Is(err, push.ErrInvalid):
		status = http.StatusUnprocessableEntity
	}
	return wire.NewProblem(status, err.Error())
}

// about is fault for what may be missing, or there already: it names it.
func about(what string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wire.NewProblem(http.StatusNotFound, "there is no "+what)
	case errors.Is(err, fs.ErrExist):
		return wire.NewProblem(http.StatusConflict, what+" is there already")
	}
	return fault(err)
}

func aboutUser(name string, err error) error { return about(fmt.Sprintf("user %q", name), err) }

func aboutDevice(id string, err error) error { return about(fmt.Sprintf("device %q", id), err) }

func reply[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, fault(err)
	}
	return &body[T]{v}, nil
}

func (o *Operator) listUsers(ctx context.Context, _ *struct{}) (*body[[]User], error) {
	users := []User{}
	for u, err := range o.Users.All(ctx, "") {
		var v User
		if err == nil {
			v, err = o.view(ctx, u)
		}
		if err != nil {
			return nil, fault(err)
		}
		users = append(users, v)
	}
	return reply(users, nil)
}

func (o *Operator) showUser(ctx context.Context, in *byUser) (*body[User], error) {
	u, err := o.People.User(ctx, in.User)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	return reply(o.view(ctx, u))
}

func (o *Operator) addUser(ctx context.Context, in *byUser) (*body[User], error) {
	u, err := o.People.AddUser(ctx, in.User)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	return reply(o.view(ctx, u))
}

func (o *Operator) removeUser(ctx context.Context, in *byUser) (*struct{}, error) {
	return nil, aboutUser(in.User, o.People.RemoveUser(ctx, in.User))
}

func (o *Operator) lockUser(ctx context.Context, in *byUser) (*struct{}, error) {
	return nil, aboutUser(in.User, o.People.LockUser(ctx, in.User))
}

func (o *Operator) unlockUser(ctx context.Context, in *byUser) (*struct{}, error) {
	return nil, aboutUser(in.User, o.People.UnlockUser(ctx, in.User))
}

func (o *Operator) enrol(ctx context.Context, in *struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	Body EnrolmentRequest
}) (*body[Enrolment], error) {
	u, err := o.People.User(ctx, in.User)
	switch {
	case err != nil:
		return nil, aboutUser(in.User, err)
	case in.Body.App == appPrivacyIDEA:
		return o.pair(ctx, in.User, in.Body)
	case in.Body.Replaces != "":
		d, err := o.Devices.Device(ctx, in.Body.Replaces)
		if err == nil && d.User != login.UserKey(u.Name) {
			err = fs.ErrNotExist
		}
		if err != nil {
			return nil, about(fmt.Sprintf("device %q of user %q", in.Body.Replaces, u.Name), err)
		}
	}
	switch {
	case in.Body.Mail && o.Invite == nil:
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, "there is no mail server: the configuration's email.host names one")
	case in.Body.Mail && u.Email == "":
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, fmt.Sprintf("user %q has no e-mail address: radpush user set gives one", u.Name))
	}
	valid := time.Duration(in.Body.Valid) * time.Second
	expires := time.Now().Add(valid)
	code, err := o.People.NewEnrolment(ctx, in.User, in.Body.Replaces, valid)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	link := wire.EnrolLink{URL: o.URL, Code: code, Pin: o.Pin}
	e := Enrolment{Code: code, Link: link.String(), Expires: expires}
	if in.Body.Mail {
		if err := o.Invite(ctx, u, e); err != nil {
			return nil, fault(err)
		}
		e.Mailed = u.Email
	}
	return reply(e, nil)
}

func (o *Operator) listDevices(ctx context.Context, in *struct {
	User string `query:"user" maxLength:"253" doc:"All users if absent."`
}) (*body[[]Device], error) {
	devices := []Device{}
	if in.User != "" {
		u, err := o.showUser(ctx, &byUser{in.User})
		if err != nil {
			return nil, err
		}
		return reply(append(devices, u.Body.Devices...), nil)
	}
	users, err := o.listUsers(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, u := range users.Body {
		devices = append(devices, u.Devices...)
	}
	return reply(devices, nil)
}

func (o *Operator) changeDevice(ctx context.Context, in *struct {
	ID   string `query:"id" required:"true" minLength:"1" maxLength:"1024"`
	Body DeviceChange
}) (*struct{}, error) {
	d, err := o.Devices.Device(ctx, in.ID)
	if err == nil && in.Body.Name != nil {
		err = o.People.RenameDevice(ctx, d, plainName(*in.Body.Name))
	}
	if err == nil && in.Body.Suspended != nil {
		err = o.People.SuspendDevice(ctx, d, *in.Body.Suspended)
	}
	return nil, aboutDevice(in.ID, err)
}

func (o *Operator) removeDevice(ctx context.Context, in *byDevice) (*struct{}, error) {
	d, err := o.Devices.Device(ctx, in.ID)
	if err != nil {
		return nil, aboutDevice(in.ID, err)
	}
	return nil, aboutDevice(in.ID, o.People.RemoveDevice(ctx, d, ""))
}

func (o *Operator) listActivity(ctx context.Context, in *struct {
	User   string    `query:"user" maxLength:"253"`
	Client string    `query:"client" maxLength:"253"`
	Since  time.Time `query:"since" doc:"From then on."`
	Until  time.Time `query:"until" doc:"Before then."`
	Limit  int       `query:"limit" default:"100" minimum:"1" maximum:"100000" doc:"At most so many rows."`
}) (*body[[]Activity], error) {
	rows := []Activity{}
	f := login.Filter{User: in.User, Client: in.Client, Since: in.Since, Until: in.Until, Limit: in.Limit}
	for r, err := range o.Journal.List(ctx, f) {
		if err != nil {
			return nil, fault(err)
		}
		rows = append(rows, viewRow(r))
	}
	return reply(rows, nil)
}
