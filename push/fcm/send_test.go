package fcm_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"radpush/push"
	"radpush/push/fcm/fcmtest"
	"radpush/push/standin"
)

func TestRinger_9_5_AnAddressThatIsGoneIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   string
	}{
		"removed": {func(w *world) { w.phone.Unregister() }, "404 UNREGISTERED"},
		"unknown": {func(w *world) { w.device.Address.Token = "x" }, "400 INVALID_ARGUMENT: no registration token"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				c.change(w)
				_, err := w.ring(t, challenge())
				if w.says(t, err, c.want); !errors.Is(err, push.ErrGone) || len(w.phone.Posts()) > 1 {
					t.Errorf("%v after %d requests", err, len(w.phone.Posts()))
				}
			})
		})
	}
}

var (
	unavailable = fcmtest.Refuse(503, "UNAVAILABLE", "UNAVAILABLE")
	tooMany     = fcmtest.Refuse(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Retry-After", "1")
)

func TestRinger_2_16_WhatPassesIsTriedAgain(t *testing.T) {
	for name, trouble := range map[string]http.HandlerFunc{
		"error":    fcmtest.Refuse(500, "INTERNAL", "INTERNAL"),
		"overload": unavailable,
		"proxy":    standin.Body(502, "text/html", "<html>bad gateway</html>"),
		"reset":    standin.Reset,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				for _, next := range []func(...http.HandlerFunc){w.phone.Next, w.service.NextToken} {
					w.service.Revoke()
					before := len(w.phone.Posts()) + w.service.Asked()
					next(trouble, trouble, trouble)
					took, err := w.ring(t, challenge())
					if err != nil || !rung(t, w.phone) {
						t.Fatal(err)
					}
					if took < 1750*time.Millisecond || took > 5*time.Second { // half to all of 0.5 + 1 + 2 s
						t.Errorf("it took %v", took)
					}
					if n := len(w.phone.Posts()) + w.service.Asked() - before; n > 6 { // the library alone would make 20
						t.Errorf("%d requests", n)
					}
					time.Sleep(time.Hour) // the access token expires
				}
			})
		})
	}
}

func TestRinger_2_16_GoogleSaysHowLongToWait(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.phone.Next(tooMany)
		if took, err := w.ring(t, challenge()); err != nil || took < 1250*time.Millisecond || took > 1500*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		w.phone.Next(fcmtest.Refuse(503, "UNAVAILABLE", "UNAVAILABLE", "Retry-After", "3"))
		if took, err := w.ring(t, challenge()); err != nil || took < 3*time.Second || took > 4*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		for _, header := range [][]string{nil, {"Retry-After", "31"}, {"Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}} {
			w.phone.Next(fcmtest.Refuse(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", header...)) // without, it is a minute
			took, err := w.ring(t, challenge())
			if w.says(t, err, "429 Too Many Requests"); took > time.Second {
				t.Errorf("with %q after %v; the hold is over before that", header, took)
			}
		}
	})
}

func TestRinger_2_16_EachTryAndAllTriesEnd(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		for _, next := range []func(...http.HandlerFunc){w.service.NextToken, w.phone.Next} {
			next(standin.Hang)
			if took, err := w.ring(t, challenge()); err != nil || took < 5*time.Second || took > 6*time.Second {
				t.Errorf("one hangs: %v after %v", err, took)
			}
		}
		w.phone.Next(unavailable, unavailable, unavailable, unavailable)
		took, err := w.ring(t, challenge())
		if w.says(t, err, "503 Service Unavailable"); took > 4*time.Second {
			t.Errorf("all fail: after %v", took)
		}
		w.phone.Next(standin.Hang, standin.Hang, standin.Hang, standin.Hang)
		took, err = w.ring(t, challenge())
		if w.says(t, err, "no answer within 5s; this server has to reach https://fcm.googleapis.com and https://fcm.googleapis.com/token"); took > 25*time.Second {
			t.Errorf("all hang: after %v", took)
		}
		c := challenge()
		c.Expires = time.Now().Add(2 * time.Second)
		w.phone.Next(standin.Hang)
		if took, err = w.ring(t, c); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
			t.Errorf("the challenge ends: %v after %v", err, took)
		}
		w.phone.Next(unavailable)
		before := len(w.phone.Posts())
		if err := w.Withdraw(t.Context(), w.device, c); err == nil || len(w.phone.Posts()) != before+1 {
			t.Errorf("a withdrawal is tried once: %v", err)
		}
	})
}

// Google's library gets access tokens without a context and under a mutex.
func TestRinger_2_16_NobodyWaitsForTheAccessTokenOfOthers(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		hang := make([]http.HandlerFunc, 100)
		for i := range hang {
			hang[i] = standin.Hang
		}
		w.service.NextToken(hang...)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				c := challenge()
				c.Expires = time.Now().Add(4 * time.Second)
				if took, err := w.ring(t, c); !errors.Is(err, context.DeadlineExceeded) || took > 4*time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		}
		all.Wait()
	})
}

func TestRinger_2_1_AnAccessTokenLastsAndIsRenewed(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		for range 12 { // two hours
			if _, err := w.ring(t, challenge()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		if n := w.service.Asked(); n != 2 {
			t.Errorf("%d access tokens in two hours", n)
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := w.ring(t, challenge()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := w.service.Asked(); n != 3 {
			t.Errorf("%d access tokens for 50 rings at once", n-2)
		}
		w.service.Revoke()
		if took, err := w.ring(t, challenge()); err != nil || took > time.Second {
			t.Errorf("revoked: %v after %v", err, took)
		}
	})
}

// A mute connection has lost its other end, and nobody has said so.
type mute struct {
	net.Conn
	now *atomic.Bool
}

func (c mute) Write(b []byte) (int, error) {
	if c.now.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func TestRinger_2_16_ADeadConnectionIsLeft(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		dead := new(atomic.Bool)
		w.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := w.network.Dial(ctx, network, address)
			if len(w.network.Dialed()) > 1 {
				return c, err
			}
			return mute{c, dead}, err
		}
		if _, err := w.ring(t, challenge()); err != nil {
			t.Fatal(err)
		}
		dead.Store(true)
		if took, err := w.ring(t, challenge()); err != nil || took > 17*time.Second || len(w.network.Dialed()) != 2 {
			t.Errorf("%v after %v, %d connections", err, took, len(w.network.Dialed()))
		}
	})
}

func TestRinger_2_16_NobodyListens(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.service.Close()
		took, err := w.ring(t, challenge())
		if w.says(t, err, "connection refused; this server has to reach"); took > 4*time.Second {
			t.Errorf("after %v", took)
		}
	})
	w := loopback(t)
	w.RootCAs = x509.NewCertPool()
	_, err := w.ring(t, challenge())
	w.says(t, err, "something between here and Google may be reading along")
	if len(w.phone.Posts())+w.service.Asked() != 0 {
		t.Error("it was told nevertheless")
	}
}

// elsewhere sends what knows no better to the same place again.
func elsewhere(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
}

func TestRinger_2_16_ARefusalSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"sender":      {fcmtest.Refuse(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), `403 SENDER_ID_MISMATCH: the app is of another Firebase project than "example-signin"`},
		"third party": {fcmtest.Refuse(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), "401 THIRD_PARTY_AUTH_ERROR: the device is Apple's or a browser"},
		"permission":  {fcmtest.Refuse(403, "PERMISSION_DENIED", ""), "check that the Firebase Cloud Messaging API is enabled"},
		"project":     {fcmtest.Refuse(404, "NOT_FOUND", ""), `404 Not Found: check that project "example-signin" exists`},
		"message": {standin.Body(400, "application/json", `{"error":{"status":"INVALID_ARGUMENT","message":"secret","details":[
			{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"INVALID_ARGUMENT"},
			{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.android.ttl","description":"secret"}]}]}}`), "400 Bad Request"},
		"redirect":       {elsewhere, "307 Temporary Redirect: redirects are not followed"},
		"redirect, JSON": {standin.Body(302, "application/json", `{"name":"secret"}`), "302 Found: redirects are not followed"},
		"page":           {standin.Body(418, "text/html", "<html>secret</html>"), "418"},
		"no JSON":        {standin.Body(200, "text/html", "<html>secret</html>"), "not one of FCM"},
		"no end":         {standin.Body(400, "application/json", strings.Repeat(" ", 1<<20)+"{}"), "400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.phone.Next(c.answer)
				_, err := w.ring(t, challenge())
				if w.says(t, err, c.want); errors.Is(err, push.ErrGone) || len(w.phone.Posts()) != 1 {
					t.Errorf("%v after %d requests", err, len(w.phone.Posts()))
				}
			})
		})
	}
}

func TestRinger_2_16_ARefusalOfTheOAuthServerSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"key":      {fcmtest.RefuseToken(400, "invalid_grant"), "the OAuth server: 400 invalid_grant: check that the service account and its key still exist"},
		"page":     {standin.Body(403, "text/html", "<html>secret</html>"), "the OAuth server: 403 Forbidden"},
		"redirect": {elsewhere, "the OAuth server: 307 Temporary Redirect"},
		"no JSON":  {standin.Body(200, "text/html", "<html>secret</html>"), "the OAuth server answered something else than a token"},
		"no token": {standin.Body(200, "application/json", `{"expires_in":3600}`), "the OAuth server answered something else than a token"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.service.NextToken(c.answer)
				_, err := w.ring(t, challenge())
				if w.says(t, err, c.want); w.service.Asked() != 1 || len(w.phone.Posts()) != 0 {
					t.Errorf("%d access tokens asked for, %d messages", w.service.Asked(), len(w.phone.Posts()))
				}
			})
		})
	}
}

func TestRinger_2_1_OverLoopback(t *testing.T) {
	w := loopback(t)
	var all sync.WaitGroup
	for range 200 {
		phone, d := w.register()
		all.Go(func() {
			if err := w.Ring(t.Context(), d, challenge()); err != nil || !rung(t, phone) {
				t.Errorf("rung: %v", err)
			}
		})
	}
	all.Wait()
}

// loopback returns a world over TCP and in real time.
func loopback(t testing.TB) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := new(world)
	if w.service, err = fcmtest.Start(l, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.service.Close() })
	w.Ringer = ringer(t, w.service)
	w.phone, w.device = w.register()
	return w
}

// BenchmarkRingOverLoopback is one ring with TLS and HTTP/2 to a stand-in on this machine,
// which does its half of the work.
func BenchmarkRingOverLoopback(b *testing.B) {
	w := loopback(b)
	c := challenge()
	c.Expires = time.Now().Add(time.Hour)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := w.Ring(b.Context(), w.device, c); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
