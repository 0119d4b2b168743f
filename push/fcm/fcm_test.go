package fcm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/push/fcm"
	"radpush/push/fcm/fcmtest"
	"radpush/push/standin"
)

const hold = 30 * time.Second

// A world is Google's service, a Ringer that reaches it, and one phone.
type world struct {
	*fcm.Ringer
	service *fcmtest.Service
	network *standin.Pipes
	phone   *fcmtest.Phone
	device  push.Device
}

// test runs fn with a world in a bubble of virtual time.
func test(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{network: standin.NewPipes()}
		var err error
		if w.service, err = fcmtest.Start(w.network, "https://fcm.googleapis.com"); err != nil {
			t.Fatal(err)
		}
		defer w.service.Close()
		w.Ringer = ringer(t, w.service)
		w.Host, w.Dial = "", w.network.Dial
		w.phone, w.device = w.register()
		fn(t, w)
	})
}

// ringer returns a Ringer for the project of a service.
func ringer(t testing.TB, s *fcmtest.Service) *fcm.Ringer {
	t.Helper()
	credentials, err := fcm.ParseCredentials(s.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	r := &fcm.Ringer{Credentials: credentials, Host: s.Origin, RootCAs: s.RootCAs}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) register() (*fcmtest.Phone, push.Device) {
	p := w.service.Register()
	return p, push.Device{ID: "alice/" + p.Token[:8], User: "alice", Address: push.Address{Service: "fcm", Token: p.Token}}
}

// challenge returns a login of alice that has just begun.
func challenge() push.Challenge {
	return push.Challenge{
		ID: "6CZJ4WDNPBZL5ZRJLQXRT2TW3A", User: "alice", Created: time.Now(), Expires: time.Now().Add(hold),
		Shown: []byte(`{"resource":"Test VPN","organization":"Test GmbH","user":"TEST\\Alice","ip":"192.0.2.1","location":"Linz"}`),
	}
}

// ring rings the world's device and returns how long that took.
func (w *world) ring(t testing.TB, c push.Challenge) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), c.Expires)
	defer cancel()
	start := time.Now()
	err := w.Ring(ctx, w.device, c)
	return time.Since(start), err
}

// receive returns the message that waits for a phone, or a zero one when there is none.
func receive(t testing.TB, p *fcmtest.Phone) fcmtest.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	m, err := p.Receive(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return m
}

// rung reports whether a phone has got a challenge.
func rung(t testing.TB, p *fcmtest.Phone) bool {
	t.Helper()
	return receive(t, p).Data["challenge"] == challenge().ID
}

// says checks what every error has to hold: it is one line that begins with the package,
// says what is wanted, and has nothing secret in it, however deep one looks.
func (w *world) says(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if s := err.Error(); !strings.HasPrefix(s, "fcm: ") || strings.ContainsAny(s, "\n\r\x1b\x00<{") || len(s) > 500 || !strings.Contains(s, want) {
		t.Errorf("%q, want %q", s, want)
	}
	logged := new(strings.Builder)
	slog.New(slog.NewJSONHandler(logged, nil)).Error("ring", "err", err)
	said := err.Error() + fmt.Sprintf("%+v %#v", err, err) + logged.String()
	for _, secret := range []string{w.phone.Token[:20], w.phone.Token[30:50], "APA91b", "Bearer", "ya29", "eyJ", "PRIVATE", "secret", challenge().ID} {
		if strings.Contains(said, secret) {
			t.Errorf("the error has %q in it: %s", secret, said)
		}
	}
}

func TestRinger_2_1_AnAppIsRungAndWithdrawn(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		time.Sleep(hold / 3)
		if took, err := w.ring(t, c); err != nil || took > time.Second {
			t.Fatalf("%v after %v", err, took)
		}
		m := receive(t, w.phone)
		if len(m.Data) != 1 || m.Data["challenge"] != c.ID || m.Priority != "high" || m.TTL != hold*2/3 || m.CollapseKey != "" {
			t.Errorf("rung with %+v", m)
		}
		if err := w.Withdraw(t.Context(), w.device, c); err != nil {
			t.Fatal(err)
		}
		m = receive(t, w.phone)
		if len(m.Data) != 1 || m.Data["withdraw"] != c.ID || m.Priority != "normal" || m.TTL != hold*2/3 {
			t.Errorf("withdrawn with %+v", m)
		}
		if p := w.phone.Posts(); p[0].Proto != "HTTP/2.0" || len(w.network.Dialed()) != 1 || w.service.Asked() != 1 {
			t.Errorf("%s, %d connections, %d access tokens; one of each is enough", p[0].Proto, len(w.network.Dialed()), w.service.Asked())
		}
	})
}

func TestRinger_2_1_NoMessageOutlivesItsChallenge(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		for _, left := range []struct{ of, ttl time.Duration }{
			{hold, hold}, {1900 * time.Millisecond, time.Second}, {400 * time.Millisecond, time.Second},
		} {
			time.Sleep(time.Until(c.Expires) - left.of)
			if _, err := w.ring(t, c); err != nil {
				t.Fatal(err)
			}
			if m := receive(t, w.phone); m.TTL != left.ttl {
				t.Errorf("with %v left, TTL is %v, want %v", left.of, m.TTL, left.ttl)
			}
		}
		if _, err := w.ring(t, challenge()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(hold + time.Second)
		if m := receive(t, w.phone); m.Data != nil {
			t.Errorf("after the end came %+v", m)
		}
		if _, err := w.ring(t, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("rung after the end: %v", err)
		}
	})
}

// Of messages with more than four collapse keys, Google drops some.
func TestRinger_2_1_APhoneThatIsOffLineGetsAll(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		for i := range 6 {
			c := challenge()
			c.ID = fmt.Sprintf("%d%s", i, c.ID[1:])
			if _, err := w.ring(t, c); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 6 {
			if id := receive(t, w.phone).Data["challenge"]; id == "" || id[0] != byte('0'+i) {
				t.Errorf("message %d is %q", i, id)
			}
		}
	})
}

func TestRinger_9_4_GoogleLearnsNothingOfTheLogin(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		if _, err := w.ring(t, c); err != nil {
			t.Fatal(err)
		}
		if err := w.Withdraw(t.Context(), w.device, c); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.phone.Posts() {
			seen := new(bytes.Buffer)
			p.Header.Write(seen)
			seen.Write(p.Body)
			if !strings.Contains(seen.String(), c.ID) {
				t.Fatalf("it was not looked at: %q", seen)
			}
			for _, told := range []string{"Test", "VPN", "lice", "192.0.2", "Linz", "notification"} {
				if strings.Contains(seen.String(), told) {
					t.Errorf("Google is told %q: %q", told, seen)
				}
			}
		}
	})
}

func TestRinger_Check(t *testing.T) {
	err := (&fcm.Ringer{Host: "http://fcm.googleapis.com"}).Check()
	for _, want := range []string{"fcm: check: there are no credentials", "fcm: check: the host"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q, too", err, want)
		}
	}
}

func TestRinger_2_16_WithoutCredentialsNobodyIsRung(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.Credentials = fcm.Credentials{}
		_, err := w.ring(t, challenge())
		w.says(t, err, "fcm: ring: there are no credentials")
	})
}

func TestRinger_9_1_ATokenIsPrintable(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		for token, ok := range map[string]bool{
			w.phone.Token: true, strings.Repeat("a", 4096): true,
			"": false, strings.Repeat("a", 4097): false, w.phone.Token + "\n": false, "a b": false, "tökén": false, "\xff": false,
		} {
			if err := w.CheckToken(token); (err == nil) != ok {
				t.Errorf("%q: %v", token, err)
			}
			if !ok {
				w.device.Address.Token = token
				_, err := w.ring(t, challenge())
				w.says(t, err, "1 to 4096 printable ASCII characters")
			}
		}
		if len(w.network.Dialed()) != 0 {
			t.Errorf("%d connections", len(w.network.Dialed()))
		}
	})
}
