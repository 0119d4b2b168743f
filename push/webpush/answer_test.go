package webpush_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/push/standin"
	"radpush/push/webpush/webpushtest"
)

func TestRinger_2_16_AServiceThatFailsForAMomentIsTriedAgain(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	inTen := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(10*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	}
	for name, c := range map[string]struct {
		answers  []http.HandlerFunc
		min, max time.Duration // until the message is taken
	}{
		"500":             {[]http.HandlerFunc{webpushtest.Status(500)}, 250 * time.Millisecond, 500 * time.Millisecond},
		"HTML 502":        {[]http.HandlerFunc{webpushtest.HTML(502, "<h1>Bad Gateway</h1>")}, 250 * time.Millisecond, 500 * time.Millisecond},
		"three times":     {[]http.HandlerFunc{webpushtest.Status(500), abort, webpushtest.Status(503)}, 1750 * time.Millisecond, 3500 * time.Millisecond},
		"no answer":       {[]http.HandlerFunc{standin.Hang}, 5250 * time.Millisecond, 5500 * time.Millisecond},
		"429 for 7 s":     {[]http.HandlerFunc{webpushtest.Status(429, "Retry-After", "7")}, 7250 * time.Millisecond, 7500 * time.Millisecond},
		"429 for a while": {[]http.HandlerFunc{webpushtest.Status(429, "Retry-After", "soon")}, 250 * time.Millisecond, 500 * time.Millisecond},
		"406 of Windows":  {[]http.HandlerFunc{webpushtest.Status(406)}, 250 * time.Millisecond, 500 * time.Millisecond},
		"503 until then":  {[]http.HandlerFunc{inTen}, 10 * time.Second, 10500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.browser.Next(c.answers...)
				took, err := w.ring(t, challenge())
				if err != nil || took < c.min || took > c.max {
					t.Errorf("%v after %v, want %v to %v", err, took, c.min, c.max)
				}
				if n := len(w.browser.Posts()); n != len(c.answers)+1 {
					t.Errorf("%d requests", n)
				}
				if m := receive(t, w.browser); m.Text == nil || m.TTL > hold-took || m.TTL < hold-took-time.Second {
					t.Errorf("got %s with a TTL of %v", m.Text, m.TTL)
				}
			})
		})
	}
}

// Nobody waits for a service that will not be asked again.
func TestRinger_2_16_GivingUp(t *testing.T) {
	fails := webpushtest.Status(500)
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		posts   int
		max     time.Duration
		want    string
	}{
		"four times":         {[]http.HandlerFunc{fails, fails, fails, fails}, 4, 3500 * time.Millisecond, "webpush: ring: fcm.googleapis.com: 500 Internal Server Error"},
		"longer than is":     {[]http.HandlerFunc{webpushtest.Status(429, "Retry-After", "30")}, 1, time.Millisecond, "429 Too Many Requests"},
		"for ever":           {[]http.HandlerFunc{webpushtest.Status(429, "Retry-After", "2147483647")}, 1, time.Millisecond, "429 Too Many Requests"},
		"400":                {[]http.HandlerFunc{webpushtest.Status(400)}, 1, time.Millisecond, "400 Bad Request: check the subject, this machine's clock and the keys"},
		"401":                {[]http.HandlerFunc{webpushtest.Status(401)}, 1, time.Millisecond, "401 Unauthorized: check that the subject is a real address"},
		"403":                {[]http.HandlerFunc{webpushtest.Status(403)}, 1, time.Millisecond, "403 Forbidden: check that the subject is a real address, that this machine's clock is right"},
		"413":                {[]http.HandlerFunc{webpushtest.Status(413)}, 1, time.Millisecond, "413 Request Entity Too Large: no push service refuses 256 octets"},
		"what nobody says":   {[]http.HandlerFunc{webpushtest.Status(499)}, 1, time.Millisecond, "fcm.googleapis.com: 499"},
		"words of a service": {[]http.HandlerFunc{webpushtest.HTML(400, "secret\n")}, 1, time.Millisecond, "400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				w.browser.Next(c.answers...)
				took, err := w.ring(t, challenge())
				says(t, err, c.want, w.browser)
				if n := len(w.browser.Posts()); n != c.posts || took > c.max || errors.Is(err, push.ErrGone) {
					t.Errorf("%d requests, %v after %v", n, err, took)
				}
			})
		})
	}
}

func TestRinger_2_16_NoTryOutlivesTheChallenge(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		c.Expires = time.Now().Add(8 * time.Second)
		w.browser.Next(standin.Hang, standin.Hang)
		if took, err := w.ring(t, c); !errors.Is(err, context.DeadlineExceeded) || took != 8*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		// Somebody has answered while a try waits, or between two.
		for _, first := range []http.HandlerFunc{standin.Hang, webpushtest.Status(503, "Retry-After", "20")} {
			w.browser.Next(first)
			ctx, cancel := context.WithCancel(t.Context())
			start := time.Now()
			time.AfterFunc(time.Second, cancel)
			if err := w.Ring(ctx, w.device, challenge()); err == nil || time.Since(start) != time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
	})
}

func TestRinger_Withdraw_TriesOnce(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.browser.Next(webpushtest.Status(503))
		says(t, w.Withdraw(t.Context(), w.device, challenge()), "webpush: withdraw: fcm.googleapis.com: 503 Service Unavailable", w.browser)
		if n := len(w.browser.Posts()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestRinger_9_5_AnAddressThatIsGone(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		for _, status := range []int{404, 410} {
			w.browser.Next(webpushtest.Status(status))
			took, err := w.ring(t, challenge())
			if !errors.Is(err, push.ErrGone) || took != 0 {
				t.Errorf("%d: %v after %v", status, err, took)
			}
			says(t, err, "fcm.googleapis.com: "+strconv.Itoa(status), w.browser)
		}
		w.browser.Unsubscribe()
		if err := w.Withdraw(t.Context(), w.device, challenge()); !errors.Is(err, push.ErrGone) {
			t.Errorf("withdrawn: %v", err)
		}
	})
}

// The push service knows devices by the key that they subscribed with.
func TestRinger_OtherKeysThanTheDeviceSubscribedWith(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.Keys = newKeys(t)
		_, err := w.ring(t, challenge())
		says(t, err, "403 Forbidden: check that the subject is a real address, that this machine's clock is right, and that the keys are those that the device subscribed with", w.browser)
	})
}

func TestRinger_AServiceThatCannotBeReached(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.service.Close()
		_, err := w.ring(t, challenge())
		says(t, err, "fcm.googleapis.com: dial tcp: connection refused; this server has to reach port 443 there, without a proxy", w.browser)
		if n := len(w.network.Dialed()); n != 4 {
			t.Errorf("dialled %d times", n)
		}
	})
}

// A freezer lets connections die without a sign, as firewalls do: what is written goes
// nowhere, and nothing comes.
type freezer struct {
	net.Conn
	frozen *atomic.Bool
}

func (f freezer) Write(b []byte) (int, error) {
	if f.frozen.Load() {
		return len(b), nil
	}
	return f.Conn.Write(b)
}

func TestRinger_2_16_AConnectionThatHasDiedIsReplaced(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		var frozen []*atomic.Bool
		w.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := w.network.Dial(ctx, network, address)
			frozen = append(frozen, new(atomic.Bool))
			return freezer{conn, frozen[len(frozen)-1]}, err
		}
		if _, err := w.ring(t, challenge()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		frozen[0].Store(true)
		took, err := w.ring(t, challenge())
		if err != nil || took > hold/2 || len(frozen) != 2 {
			t.Errorf("%v after %v and %d connections", err, took, len(frozen))
		}
	})
}

// What hangs does not stand in the way of what comes after it.
func TestRinger_2_16_AServiceThatComesBack(t *testing.T) {
	silent := func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go io.Copy(io.Discard, there)
		return here, nil
	}
	blocked := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){"TLS hangs": silent, "TCP hangs": blocked} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				var back atomic.Bool
				w.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					if back.Load() {
						return w.network.Dial(ctx, network, address)
					}
					return dial(ctx, network, address)
				}
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						took, err := w.ring(t, challenge())
						says(t, err, "no answer within 5s", w.browser)
						if took > 4*5*time.Second+3500*time.Millisecond {
							t.Errorf("took %v", took)
						}
					})
				}
				all.Wait()
				back.Store(true)
				if took, err := w.ring(t, challenge()); err != nil || took > 6*time.Second {
					t.Errorf("then: %v after %v", err, took)
				}
				time.Sleep(2 * hold) // what hangs comes to its end
			})
		})
	}
}

// An answer's body is not waited for, and its header has bounds.
func TestRinger_AnAnswerWithoutEnd(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.browser.Next(func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(201)
			for r.Context().Err() == nil {
				io.WriteString(rw, strings.Repeat("secret", 1000))
			}
		})
		if took, err := w.ring(t, challenge()); err != nil || took != 0 {
			t.Errorf("%v after %v", err, took)
		}
		long := webpushtest.Status(201, "X-Long", strings.Repeat("secret", 1<<16))
		w.browser.Next(long, long, long, long)
		_, err := w.ring(t, challenge())
		says(t, err, "fcm.googleapis.com: the connection broke", w.browser)
	})
}

// What does not speak HTTP is not quoted.
func TestRinger_AnAnswerThatIsNone(t *testing.T) {
	known := httptest.NewTLSServer(nil) // for its certificate, which is example.com's
	known.Close()
	config := &tls.Config{Certificates: known.TLS.Certificates, SessionTicketsDisabled: true}
	for _, answer := range []string{"secret\r\n\r\n", "HTTP/1.1 secret\r\n\r\n", "HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "HTTP/1.1 secret"} {
		test(t, func(t *testing.T, w *world) {
			w.Hosts, w.RootCAs = []string{"example.com"}, x509.NewCertPool()
			w.RootCAs.AddCert(known.Certificate())
			w.Dial = func(context.Context, string, string) (net.Conn, error) {
				here, there := net.Pipe()
				go func() {
					defer there.Close()
					conn := tls.Server(there, config)
					if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
						io.Copy(io.Discard, r.Body)
						io.WriteString(conn, answer)
					}
				}()
				return here, nil
			}
			w.device.Address.Token = strings.Replace(w.device.Address.Token, "fcm.googleapis.com", "example.com", 1)
			_, err := w.ring(t, challenge())
			says(t, err, "example.com: the connection broke", w.browser)
		})
	}
}
