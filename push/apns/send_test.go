package apns_test

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
	"radpush/push/apns/apnstest"
	"radpush/push/standin"
)

func TestRinger_9_5_AnAddressThatIsGoneIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   string
	}{
		"removed": {func(w *world) { w.phone.Unregister() }, "410 Unregistered"},
		"expired": {func(w *world) { w.phone.Next(apnstest.Refuse(410, "ExpiredToken")) }, "410 ExpiredToken"},
		"unknown": {func(w *world) { w.device.Address.Token = strings.Repeat("ab", 32) }, "sandbox"},
		"other":   {func(w *world) { w.Topic = "com.example.other" }, "the topic is that of another app"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				c.change(w)
				_, err := w.ring(t, challenge())
				if says(t, err, c.want, w.device.Address.Token[:20]); !errors.Is(err, push.ErrGone) || len(w.phone.Posts()) > 1 {
					t.Errorf("%v after %d requests", err, len(w.phone.Posts()))
				}
			})
		})
	}
}

func TestRinger_2_16_WhatPassesIsTriedAgain(t *testing.T) {
	for name, trouble := range map[string]http.HandlerFunc{
		"too many":  apnstest.Refuse(429, "TooManyRequests"),
		"error":     apnstest.Refuse(500, "InternalServerError"),
		"overload":  apnstest.Refuse(503, "ServiceUnavailable"),
		"proxy":     standin.Body(502, "text/html", "<html>bad gateway</html>"),
		"goes away": apnstest.GoAway,
		"reset":     standin.Reset,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.phone.Next(trouble, trouble, trouble)
				took, err := w.ring(t, challenge())
				if err != nil || string(receive(t, w.phone).Payload) != rung {
					t.Fatal(err)
				}
				if took < 1750*time.Millisecond || took > 3500*time.Millisecond { // half to all of 0.5 + 1 + 2 s
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestRinger_2_16_EachTryAndAllTriesEnd(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.phone.Next(standin.Hang)
		if took, err := w.ring(t, challenge()); err != nil || took < 5*time.Second || took > 6*time.Second {
			t.Errorf("one hangs: %v after %v", err, took)
		}
		fails := apnstest.Refuse(503, "ServiceUnavailable")
		w.phone.Next(fails, fails, fails, fails)
		took, err := w.ring(t, challenge())
		if says(t, err, "503 ServiceUnavailable", w.phone.Token[:20]); took > 4*time.Second {
			t.Errorf("all fail: after %v", took)
		}
		w.phone.Next(standin.Hang, standin.Hang, standin.Hang, standin.Hang)
		took, err = w.ring(t, challenge())
		if says(t, err, "no answer within 5s; this server has to reach https://api.push.apple.com", w.phone.Token[:20]); took > 25*time.Second {
			t.Errorf("all hang: after %v", took)
		}
		c := challenge()
		c.Expires = time.Now().Add(2 * time.Second)
		w.phone.Next(standin.Hang)
		if took, err = w.ring(t, c); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
			t.Errorf("the challenge ends: %v after %v", err, took)
		}
		w.phone.Next(fails)
		before := len(w.phone.Posts())
		if err := w.Withdraw(t.Context(), w.device, c); err == nil || len(w.phone.Posts()) != before+1 {
			t.Errorf("a withdrawal is tried once: %v", err)
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
		dead.Store(false)
		if _, err := w.ring(t, challenge()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRinger_2_16_NobodyListens(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.service.Close()
		took, err := w.ring(t, challenge())
		if says(t, err, "connection refused; this server has to reach", w.phone.Token[:20]); took > 4*time.Second {
			t.Errorf("after %v", took)
		}
	})
	w := loopback(t)
	w.RootCAs = x509.NewCertPool()
	_, err := w.ring(t, challenge())
	says(t, err, "something between here and Apple may be reading along", w.phone.Token[:20])
	if len(w.phone.Posts()) != 0 {
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
		"key":         {apnstest.Refuse(403, "InvalidProviderToken"), "403 InvalidProviderToken: check the key, its ID and the team ID"},
		"environment": {apnstest.Refuse(403, "BadEnvironmentKeyInToken"), "made it for the other host"},
		"topic":       {apnstest.Refuse(400, "TopicDisallowed"), "400 TopicDisallowed: check that the topic is the app's bundle ID"},
		"renewals":    {apnstest.Refuse(429, "TooManyProviderTokenUpdates"), "another server uses a key of this team"},
		"size":        {apnstest.Refuse(413, "PayloadTooLarge"), "413 PayloadTooLarge"},
		"redirect":    {elsewhere, "307: redirects are not followed"},
		"page":        {standin.Body(404, "text/html", "<html>secret</html>"), "404"},
		"other JSON":  {standin.Body(400, "application/json", `{"reason":["secret"],"timestamp":"secret","StatusCode":200}`), "400"},
		"own words":   {standin.Body(400, "application/json", `{"reason":"secret\n\u001b[31m"}`), "400"},
		"no end":      {standin.Body(400, "application/json", `{"reason":"`+strings.Repeat("x", 1<<20)), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.phone.Next(c.answer)
				_, err := w.ring(t, challenge())
				if says(t, err, c.want, w.phone.Token[:20]); errors.Is(err, push.ErrGone) || len(w.phone.Posts()) != 1 {
					t.Errorf("%v after %d requests", err, len(w.phone.Posts()))
				}
			})
		})
	}
}

// A status that comes with a page instead of JSON is not lost.
func TestRinger_2_16_AProxysErrorKeepsItsStatus(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		page := standin.Body(502, "text/html", "<html>bad gateway</html>")
		w.phone.Next(page, page, page, page)
		_, err := w.ring(t, challenge())
		says(t, err, "apns: ring: 502", w.phone.Token[:20])
	})
}

func TestRinger_2_1_AProviderTokenLastsAndIsRenewed(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		bearers := func() (all []string) {
			for _, p := range w.phone.Posts() {
				if b := p.Header.Get("Authorization"); len(all) == 0 || all[len(all)-1] != b {
					all = append(all, b)
				}
			}
			return all
		}
		ring := func() error {
			_, err := w.ring(t, challenge())
			return err
		}
		for range 12 { // two hours
			if err := ring(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		if n := len(bearers()); n != 3 {
			t.Errorf("%d provider tokens in two hours", n)
		}
		w.phone.Next(apnstest.Refuse(403, "ExpiredProviderToken"))
		if err := ring(); err != nil {
			t.Error("it is made anew:", err)
		}
		before := len(bearers())
		expired := apnstest.Refuse(403, "ExpiredProviderToken")
		w.phone.Next(expired)
		says(t, ring(), "403 ExpiredProviderToken: check this machine's clock", w.phone.Token[:20])
		if n := len(bearers()); n != before {
			t.Errorf("%d more provider tokens in the same 20 minutes", n-before)
		}
		time.Sleep(20 * time.Minute)
		w.phone.Next(expired, expired) // once a notification
		says(t, ring(), "check this machine's clock", w.phone.Token[:20])
		if n := len(bearers()); n > before+2 { // one of them is due
			t.Errorf("%d more provider tokens", n-before)
		}
	})
}

func TestRinger_2_1_ManyFindTheProviderTokenExpired(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		if _, err := w.ring(t, challenge()); err != nil {
			t.Fatal(err)
		}
		old := w.phone.Posts()[0].Header.Get("Authorization")
		expired := func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == old {
				apnstest.Refuse(403, "ExpiredProviderToken")(w, r)
			}
		}
		var all sync.WaitGroup
		phones := make([]*apnstest.Phone, 50)
		for i := range phones {
			phone, d := w.register()
			phones[i] = phone
			phone.Next(expired)
			all.Go(func() {
				if err := w.Ring(t.Context(), d, challenge()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		bearers := map[string]bool{old: true}
		for _, phone := range phones {
			for _, p := range phone.Posts() {
				bearers[p.Header.Get("Authorization")] = true
			}
		}
		if len(bearers) != 2 {
			t.Errorf("%d provider tokens", len(bearers))
		}
	})
}

func TestRinger_2_1_OverLoopback(t *testing.T) {
	w := loopback(t)
	var all sync.WaitGroup
	for range 200 {
		phone, d := w.register()
		all.Go(func() {
			if err := w.Ring(t.Context(), d, challenge()); err != nil || string(receive(t, phone).Payload) != rung {
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
	if w.service, err = apnstest.Start(l, ""); err != nil {
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
