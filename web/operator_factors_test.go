package web_test

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"radpush/login"
	"radpush/web"
	"radpush/web/wire"
)

// refused wants a problem of status 422 whose sentence holds says.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	if p, ok := errors.AsType[*wire.Problem](err); !ok || p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Error(), says) {
		t.Errorf("%v, want a refusal that says %q", err, says)
	}
}

func TestOperator_4_1_AddressesOfAUser(t *testing.T) {
	w := newWorld(t)
	o, ctx := w.client(), t.Context()
	for says, c := range map[string]web.UserChange{
		"no country code":              {Phone: new("0170 1234567")},
		"alice@example.com":            {Email: new("alice at example")},
		"has no e-mail address":        {EmailCodes: new(true)},
		"cannot prefer grid":           {Prefers: new("grid")},
		"body.prefers: expected value": {Prefers: new("push")},
	} {
		_, err := o.ChangeUser(ctx, "alice", c)
		refused(t, err, says)
	}
	if _, err := o.ChangeUser(ctx, "nobody", web.UserChange{Phone: new("")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	u, err := o.ChangeUser(ctx, "alice", web.UserChange{Phone: new("+49 (0)170 123-4567"), Email: new(" Alice@EXAMPLE.com"), EmailCodes: new(true), Prefers: new("email")})
	if err != nil || u.Phone != "+491701234567" || u.Email != "Alice@example.com" || !u.EmailCodes || u.Prefers != "email" {
		t.Errorf("%+v, %v", u, err)
	}
	u, err = o.ChangeUser(ctx, "alice", web.UserChange{Phone: new(""), Prefers: new("none")})
	if err != nil || u.Phone != "" || u.Prefers != "" || !u.EmailCodes {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestOperator_3_5_4_3_PINAndBackupCodes(t *testing.T) {
	w := newWorld(t)
	o, ctx := w.client(), t.Context()
	refused(t, o.SetPIN(ctx, "alice", "1234"), "choose another")
	if err := o.SetPIN(ctx, "alice", "drei und drei"); err != nil {
		t.Fatal(err)
	}
	made, err := o.NewBackupCodes(ctx, "alice")
	if err != nil || len(made.Codes) != 10 {
		t.Fatal(made, err)
	}
	u, err := o.ShowUser(ctx, "alice")
	if err != nil || !u.PIN || u.Backup != 10 {
		t.Errorf("%+v, %v", u, err)
	}
	if err := errors.Join(o.RemovePIN(ctx, "alice"), o.RemoveBackupCodes(ctx, "alice")); err != nil {
		t.Fatal(err)
	}
	if u, err = o.ShowUser(ctx, "alice"); err != nil || u.PIN || u.Backup != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	_, err = o.NewBackupCodes(ctx, "nobody")
	for _, err := range []error{err, o.RemovePIN(ctx, "alice"), o.SetPIN(ctx, "nobody", "739a"), o.RemoveBackupCodes(ctx, "nobody")} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want fs.ErrNotExist", err)
		}
	}
	if rows, err := o.ListActivity(ctx, login.Filter{User: "alice"}); err != nil || len(rows) != 5 {
		t.Errorf("%+v, %v", rows, err)
	}
}
