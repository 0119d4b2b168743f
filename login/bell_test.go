package login_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
)

func TestBell_SetAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx := t.Context()
		byTopic, byMail := login.Bell{Kind: login.BellNtfy, Topic: "radpush-x5k2w7"}, login.Bell{Kind: login.BellEmail}
		set := func(b login.Bell) {
			t.Helper()
			time.Sleep(time.Second)
			returned, err := h.SetBell(ctx, `EXAMPLE\ALICE`, b)
			if err != nil {
				t.Fatal(err)
			}
			if u, err := h.User(ctx, "alice"); err != nil || u.Bell != b || returned.Bell != b {
				t.Errorf("%+v, %v", u.Bell, err)
			}
		}
		set(byTopic)
		_, err := h.SetBell(ctx, "alice", byMail)
		refused(t, err, "no e-mail address")
		if u, _ := h.User(ctx, "alice"); u.Bell != byTopic {
			t.Errorf("what was refused has changed it: %+v", u.Bell)
		}
		for _, address := range []string{"alice@example.com", ""} { // with the address the bell goes
			time.Sleep(time.Second)
			if address == "" {
				set(byMail)
				time.Sleep(time.Second)
			}
			u, err := h.ChangeUser(ctx, "alice", login.UserChange{Email: &address})
			if err != nil || (u.Bell == login.Bell{}) != (address == "") {
				t.Errorf("%q: %+v, %v", address, u.Bell, err)
			}
		}
		set(byTopic)
		time.Sleep(time.Second)
		if err := h.RemoveBell(ctx, "alice"); err != nil {
			t.Error(err)
		}
		if err := h.RemoveBell(ctx, "alice"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there is none: %v", err)
		}
		if _, err := h.SetBell(ctx, "bob", byTopic); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("nobody has one: %v", err)
		}
		want := []string{"user added", "bell by ntfy set", "e-mail address set", "bell by email set",
			"e-mail address removed, bell removed", "bell by ntfy set", "bell removed"}
		if got := h.changes(t); !slices.Equal(got, want) {
			t.Errorf("activity: %q", got)
		}
	})
}

func TestBellDoesNotPrintItsTopic(t *testing.T) {
	u := login.User{Name: "alice", Bell: login.Bell{Kind: login.BellNtfy, Topic: "radpush-x5k2w7"}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "bell", u.Bell)
	if all := fmt.Sprintf("%v %+v %s", u, u, u.Bell) + log.String(); strings.Contains(all, "x5k2w7") || !strings.Contains(all, "ntfy") {
		t.Error(all)
	}
}
