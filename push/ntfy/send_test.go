package ntfy_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"radpush/push/ntfy"
	"radpush/push/ntfy/ntfytest"
	"radpush/push/standin"
)

// says wants an error that says what to do, and nothing that is secret.
func says(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
		return
	}
	for _, secret := range []string{topic, token, "secret words"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q is in %v", secret, err)
		}
	}
}

func TestBell_2_16_WhatPassesIsTriedAgain(t *testing.T) {
	for name, trouble := range map[string]http.HandlerFunc{
		"too many": ntfytest.Refuse(42901),
		"error":    ntfytest.Refuse(50001),
		"proxy":    standin.Body(502, "text/html", "<html>secret words</html>"),
		"reset":    standin.Reset,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.server.Next(trouble, trouble, trouble)
				took, err := w.ring(t, false)
				if err != nil || len(w.server.Shown(topic)) != 1 {
					t.Fatal(err)
				}
				if took < 1750*time.Millisecond || took > 3500*time.Millisecond { // half to all of 0.5 + 1 + 2 s
					t.Errorf("it took %v", took)
				}
			})
		})
	}
	t.Run("Retry-After", func(t *testing.T) {
		test(t, func(t *testing.T, w *world) {
			w.server.Next(ntfytest.Refuse(42901, "Retry-After", "7"))
			if took, err := w.ring(t, false); err != nil || took < 7250*time.Millisecond || took > 7500*time.Millisecond {
				t.Errorf("%v after %v", err, took)
			}
			w.server.Next(ntfytest.Refuse(42901, "Retry-After", "40")) // after the hold
			took, err := w.ring(t, false)
			if says(t, err, "429 Too Many Requests (ntfy's error 42901): the server limits"); took != 0 {
				t.Errorf("after %v", took)
			}
		})
	})
}

func TestBell_WhatDoesNotPassIsToldWithWhatToDo(t *testing.T) {
	for want, trouble := range map[string]func(*world){
		"401 Unauthorized (ntfy's error 40101): check the token":                   func(w *world) { w.Token = "tk_other" },
		"403 Forbidden (ntfy's error 40301): this account, or anybody":             func(w *world) { w.Token = "" },
		"400 Bad Request (ntfy's error 40010): the server does not take the topic": func(w *world) { w.server.Next(ntfytest.Refuse(40010)) },
		"413 Request Entity Too Large (ntfy's error 41303): shorten the name":      func(w *world) { w.server.Next(ntfytest.Refuse(41303)) },
		"404 Not Found: check that the URL is that of an ntfy server":              func(w *world) { w.server.Next(standin.Body(404, "text/html", "secret words")) },
		"200 OK: the answer is not ntfy's: check that the URL":                     func(w *world) { w.server.Next(standin.Body(200, "text/html", "<html>log in, secret words</html>")) },
		"200 OK: the answer is not ntfy's: check that":                             func(w *world) { w.server.Next(standin.Body(200, "application/json", `{"error":"secret words"}`)) },
		"302 Found: redirects are not followed: let the URL be where this one leads": func(w *world) {
			w.server.Next(http.RedirectHandler("https://secret.example/", http.StatusFound).ServeHTTP)
		},
		"418 I'm a teapot: the server does not take the message": func(w *world) { w.server.Next(standin.Body(418, "text/plain", "secret words")) },
	} {
		t.Run(want, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				trouble(w)
				took, err := w.ring(t, true)
				if says(t, err, want); took != 0 || len(w.server.Posts()) > 1 || len(w.server.Shown(topic)) > 0 {
					t.Errorf("%d requests in %v", len(w.server.Posts()), took)
				}
			})
		})
	}
	test(t, func(t *testing.T, w *world) {
		says(t, w.Bell("../v1/account").Ring(t.Context(), challenge(), false), "no server can have such a topic")
		if len(w.server.Posts()) > 0 {
			t.Error("it was asked for")
		}
	})
}

func TestBell_2_16_EachTryAndAllTriesEnd(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.server.Next(standin.Hang)
		if took, err := w.ring(t, false); err != nil || took < 5*time.Second || took > 6*time.Second {
			t.Errorf("one hangs: %v after %v", err, took)
		}
		w.server.Next(standin.Hang, standin.Hang, standin.Hang, standin.Hang)
		took, err := w.ring(t, false)
		if says(t, err, "no answer within 5s; this server has to reach https://ntfy.example.com"); took > 24*time.Second {
			t.Errorf("all hang: after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		w.server.Next(standin.Hang)
		start := time.Now()
		if err := w.Bell(topic).Ring(ctx, challenge(), false); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("the challenge ends: %v after %v", err, time.Since(start))
		}
		before := len(w.server.Posts())
		w.server.Next(ntfytest.Refuse(50001))
		says(t, w.Bell(topic).Withdraw(t.Context(), challenge()), "500 Internal Server Error (ntfy's error 50001)")
		if n := len(w.server.Posts()) - before; n != 1 {
			t.Errorf("a withdrawal is tried %d times", n)
		}
		w.server.Close()
		_, err = w.ring(t, false)
		says(t, err, "connection refused; this server has to reach")
	})
}

// What is longer than any of ntfy's answers is not read to its end.
func TestBell_AnswersAreBounded(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.server.Next(standin.Body(200, "application/json", `{"event":"message","title":"`+strings.Repeat("x", 1<<20)+`"}`))
		_, err := w.ring(t, false)
		says(t, err, "the answer is not ntfy's")
	})
}

// Once over a real connection, with the protocol that both ends choose.
func TestBellOverTheNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ntfytest.Start(l, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := &ntfy.Publisher{URL: s.Origin, RootCAs: s.RootCAs}
	if err := p.Bell(topic).Ring(t.Context(), challenge(), false); err != nil || len(s.Shown(topic)) != 1 {
		t.Errorf("%v, shown %+v", err, s.Shown(topic))
	}
	if err := p.Bell(topic).Withdraw(t.Context(), challenge()); err != nil || len(s.Shown(topic)) != 0 {
		t.Errorf("%v, shown %+v", err, s.Shown(topic))
	}
	stranger := &ntfy.Publisher{URL: s.Origin}
	says(t, stranger.Bell(topic).Ring(t.Context(), challenge(), false), "unknown authority\"; if it is the server's own authority, name it in a file")
}
