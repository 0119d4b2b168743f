package ntfy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/push/ntfy"
	"radpush/push/ntfy/ntfytest"
	"radpush/push/standin"
)

const (
	topic = "radpush-x5k2w7"
	token = "tk_agq2r2c5w3n8d4yjh6"
	page  = "https://radpush.example.com:8443/app/"
)

// A world is a server and who publishes there.
type world struct {
	*ntfy.Publisher
	server *ntfytest.Server
}

// test runs fn with a world in a bubble of virtual time.
func test(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := standin.NewPipes()
		server, err := ntfytest.Start(network, "https://ntfy.example.com")
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		server.Token = token
		p := &ntfy.Publisher{URL: server.Origin, Token: token, Organization: "Example Ltd", Page: page, RootCAs: server.RootCAs, Dial: network.Dial}
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		fn(t, &world{p, server})
	})
}

func challenge() push.Challenge {
	return push.Challenge{
		ID: "6CZJ4WDNPBZL5ZRJLQXRT2TW3A", User: "alice", Created: time.Now(), Expires: time.Now().Add(30 * time.Second), Number: "47",
		Shown: []byte(`{"resource":"Test VPN","organization":"Test GmbH","user":"TEST\\Alice","ip":"192.0.2.1","location":"Linz","numbers":["12","47","83"]}`),
	}
}

// ring rings and returns how long that took.
func (w *world) ring(t testing.TB, page bool) (time.Duration, error) {
	t.Helper()
	c := challenge()
	ctx, cancel := context.WithDeadline(t.Context(), c.Expires)
	defer cancel()
	start := time.Now()
	err := w.Bell(topic).Ring(ctx, c, page)
	return time.Since(start), err
}

func TestBell_9_4_WhatThePhoneShowsTellsNothingOfTheLogin(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		if _, err := w.ring(t, true); err != nil {
			t.Fatal(err)
		}
		want := []ntfytest.Message{{
			Topic: topic, Title: "Sign-in request for Example Ltd", Message: "Open your authenticator to answer it.", Priority: 4, Tags: []string{"bell"},
			Sequence: challenge().ID, Click: page, Actions: []ntfytest.Action{{Action: "view", Label: "Open the authenticator", URL: page, Clear: true}},
		}}
		if got := w.server.Shown(topic); !reflect.DeepEqual(got, want) {
			t.Errorf("shown %+v", got)
		}
		posts := w.server.Posts()
		whole := fmt.Sprint(posts[0].Header, string(posts[0].Body))
		for _, secret := range []string{"alice", "Alice", "VPN", "GmbH", "192.0.2.1", "Linz", "47"} {
			if strings.Contains(whole, secret) {
				t.Errorf("%q is told: %s", secret, whole)
			}
		}
		w.Organization = ""
		if _, err := w.ring(t, false); err != nil { // the same sequence: one message
			t.Fatal(err)
		}
		if got := w.server.Shown(topic); len(got) != 1 || got[0].Title != "Sign-in request" || got[0].Click != "" || got[0].Actions != nil {
			t.Errorf("without a page %+v", got)
		}
	})
}

func TestBell_2_1_TakenAwayWhenTheChallengeHasEnded(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprint("old server: ", old), func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.server.Old = old
				if _, err := w.ring(t, false); err != nil {
					t.Fatal(err)
				}
				if err := w.Bell(topic).Withdraw(t.Context(), challenge()); err != nil {
					t.Error(err)
				}
				if got := len(w.server.Shown(topic)); (got != 0) != old {
					t.Errorf("%d are shown", got)
				}
			})
		})
	}
}

func TestPublisher_WhoCanPublish(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.server.Token, w.server.User, w.server.Password = "", "radpush", "pa:ss"
		w.Token, w.User, w.Password = "", "radpush", "pa:ss"
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ring(t, false); err != nil {
			t.Error(err)
		}
	})
	test(t, func(t *testing.T, w *world) {
		w.server.Token, w.Token = "", ""
		if _, err := w.ring(t, false); err != nil || w.server.Posts()[0].Header.Get("Authorization") != "" {
			t.Error(err)
		}
	})
}

func TestPublisher_CheckSaysAllThatIsWrong(t *testing.T) {
	p := ntfy.Publisher{URL: "http://ntfy.example.com/x", Token: "tk two", User: "a:b", Organization: strings.Repeat("x", 201)}
	err := p.Check()
	for _, want := range []string{"the server", "want one of the two", "come together", "one word", "a colon", "more than 200 octets"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	for _, url := range []string{"", "ntfy.example.com", "https://", "https://a@ntfy.example.com", "https://ntfy.example.com/", "https://ntfy.example.com?x"} {
		if (&ntfy.Publisher{URL: url}).Check() == nil {
			t.Errorf("%q is taken for a server", url)
		}
	}
	if err := (&ntfy.Publisher{URL: "https://[2001:db8::1]:8443"}).Check(); err != nil {
		t.Error(err)
	}
}

func TestTopics(t *testing.T) {
	a, b := ntfy.NewTopic(), ntfy.NewTopic()
	if a == b || len(a) != len("radpush-")+26 || ntfy.CheckTopic(a) != nil {
		t.Errorf("%q, %q", a, b)
	}
	for _, bad := range []string{"", "a/b", "../v1/account", "a b", "ä", strings.Repeat("x", 65), "a\n"} {
		if ntfy.CheckTopic(bad) == nil {
			t.Errorf("%q is taken for a topic", bad)
		}
	}
	p := ntfy.Publisher{URL: "https://ntfy.example.com:8443"}
	if p.Web("x") != "https://ntfy.example.com:8443/x" || p.App("x") != "ntfy://ntfy.example.com:8443/x" {
		t.Errorf("%s, %s", p.Web("x"), p.App("x"))
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	p := ntfy.Publisher{Token: token, Password: token}
	text, _ := json.Marshal(p.Token)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", p.Token)
	if all := fmt.Sprintf("%v %+v %#v %s %q %x", p.Token, p.Token, p.Token, p.Token, p.Password, p.Token) + string(text) + log.String(); strings.Contains(all, "tk_") || strings.Contains(all, "746b5f") {
		t.Error(all)
	}
}
