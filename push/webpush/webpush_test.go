package webpush_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/push/standin"
	"radpush/push/webpush"
	"radpush/push/webpush/webpushtest"
)

const hold = 30 * time.Second

// A world is a push service, a Ringer that reaches it, and one device.
type world struct {
	*webpush.Ringer
	service *webpushtest.Service
	network *standin.Pipes
	browser *webpushtest.Subscription
	device  push.Device
}

// test runs fn with a world in a bubble of virtual time.
func test(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{network: standin.NewPipes()}
		var err error
		if w.service, err = webpushtest.Start(w.network, "https://fcm.googleapis.com"); err != nil {
			t.Fatal(err)
		}
		defer w.service.Close()
		w.Ringer = &webpush.Ringer{Keys: newKeys(t), Subject: "ops@example.com", RootCAs: w.service.RootCAs, Dial: w.network.Dial}
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
		w.browser, w.device = w.subscribe(t)
		fn(t, w)
	})
}

func newKeys(t testing.TB) webpush.Keys {
	t.Helper()
	keys, err := webpush.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// subscribe returns a browser and the device that it is.
func (w *world) subscribe(t testing.TB) (*webpushtest.Subscription, push.Device) {
	t.Helper()
	b, err := w.service.Subscribe(w.Keys.Public())
	if err != nil {
		t.Fatal(err)
	}
	return b, push.Device{ID: "alice/" + b.Endpoint[len(b.Endpoint)-8:], User: "alice", Address: push.Address{Service: "webpush", Token: b.Token()}}
}

// challenge returns a login of alice that has just begun.
func challenge() push.Challenge {
	return push.Challenge{
		ID: "6CZJ4WDNPBZL5ZRJLQXRT2TW3A", User: "alice", Created: time.Now(), Expires: time.Now().Add(hold),
		Shown: []byte(`{"resource":"Example VPN","organization":"Example Ltd","user":"EXAMPLE\\Alice","ip":"192.0.2.1","location":"Linz"}`),
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

// receive returns the message that waits for a browser, or "" when there is none.
func receive(t testing.TB, b *webpushtest.Subscription) webpushtest.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	m, err := b.Receive(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return m
}

// says checks what every error has to hold: it is one line that begins with the package,
// says what is wanted, and has nothing secret in it, however deep one looks.
func says(t testing.TB, err error, want string, b *webpushtest.Subscription) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if s := err.Error(); !strings.HasPrefix(s, "webpush: ") || strings.ContainsAny(s, "\n\r\x1b\x00") || len(s) > 500 || !strings.Contains(s, want) {
		t.Errorf("%q, want %q", s, want)
	}
	var token struct {
		Endpoint string
		Keys     struct{ P256dh, Auth string }
	}
	if err := json.Unmarshal([]byte(b.Token()), &token); err != nil {
		t.Fatal(err)
	}
	logged := new(strings.Builder)
	slog.New(slog.NewJSONHandler(logged, nil)).Error("ring", "err", err)
	said := err.Error() + fmt.Sprintf("%+v %#v", err, err) + logged.String()
	for _, secret := range []string{"/push", token.Endpoint[len(token.Endpoint)-26:], token.Keys.P256dh, token.Keys.Auth, "secret"} {
		if strings.Contains(said, secret) {
			t.Errorf("the error has %q in it: %s", secret, said)
		}
	}
}

func TestRinger_2_1_ABrowserIsRungAndWithdrawn(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		time.Sleep(hold / 3)
		if took, err := w.ring(t, c); err != nil || took > time.Second {
			t.Fatalf("%v after %v", err, took)
		}
		rung := receive(t, w.browser)
		if string(rung.Text) != `{"challenge":"`+c.ID+`"}` || rung.Urgency != "high" || rung.TTL != hold*2/3 {
			t.Errorf("rung with %s, %+v", rung.Text, rung)
		}
		if err := w.Withdraw(t.Context(), w.device, c); err != nil {
			t.Fatal(err)
		}
		withdrawn := receive(t, w.browser)
		if string(withdrawn.Text) != `{"withdraw":"`+c.ID+`"}` || withdrawn.Urgency != "normal" || withdrawn.Topic != rung.Topic {
			t.Errorf("withdrawn with %s, %+v; the topic was %q", withdrawn.Text, withdrawn, rung.Topic)
		}
		if p := w.browser.Posts(); p[0].Proto != "HTTP/2.0" || len(w.network.Dialed()) != 1 {
			t.Errorf("%s, connections to %q; one with HTTP/2 is enough", p[0].Proto, w.network.Dialed())
		}
	})
}

func TestRinger_2_1_ABrowserThatIsOffLineGetsTheNewest(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		first, second := challenge(), challenge()
		second.ID = "OTHER" + second.ID[5:]
		for _, c := range []push.Challenge{first, first, second} {
			if _, err := w.ring(t, c); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Withdraw(t.Context(), w.device, first); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`{"challenge":"` + second.ID + `"}`, `{"withdraw":"` + first.ID + `"}`, ""} {
			if got := receive(t, w.browser).Text; string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
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
			if m := receive(t, w.browser); m.TTL != left.ttl {
				t.Errorf("with %v left, TTL is %v, want %v", left.of, m.TTL, left.ttl)
			}
		}
		if _, err := w.ring(t, challenge()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(hold + time.Second)
		if m := receive(t, w.browser); m.Text != nil {
			t.Errorf("after the end came %s", m.Text)
		}
		if _, err := w.ring(t, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("rung after the end: %v", err)
		}
	})
}

func TestRinger_9_4_ThePushServiceLearnsNothingOfTheLogin(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		if _, err := w.ring(t, c); err != nil {
			t.Fatal(err)
		}
		if err := w.Withdraw(t.Context(), w.device, c); err != nil {
			t.Fatal(err)
		}
		posts := w.browser.Posts()
		for _, p := range posts {
			seen := new(bytes.Buffer)
			p.Header.Write(seen)
			seen.Write(p.Body)
			for part := range strings.FieldsFuncSeq(p.Header.Get("Authorization"), func(r rune) bool { return r == '.' || r == '=' || r == ',' }) {
				if b, err := base64.RawURLEncoding.DecodeString(part); err == nil {
					seen.Write(b) // the claims
				}
			}
			if !strings.Contains(seen.String(), `"mailto:ops@example.com"`) {
				t.Fatalf("the claims were not looked at: %q", seen)
			}
			for _, told := range []string{c.ID, c.ID[:10], "Example", "xample VPN", "lice", "192.0.2", "Linz", "challenge", "withdraw"} {
				if strings.Contains(seen.String(), told) {
					t.Errorf("the push service is told %q: %q", told, seen)
				}
			}
		}
		if len(posts[0].Body) != 256 || len(posts[1].Body) != 256 {
			t.Errorf("the bodies have %d and %d octets", len(posts[0].Body), len(posts[1].Body))
		}
		if m := receive(t, w.browser); len(m.Topic) != 32 {
			t.Errorf("topic %q", m.Topic)
		}
	})
}

// The library puts mailto: before what is not an https URL.
func TestRinger_TheSubjectIsNamedOnce(t *testing.T) {
	for subject, want := range map[string]string{
		"ops@example.com":              "mailto:ops@example.com",
		"https://radpush.example.com/": "https://radpush.example.com/",
	} {
		test(t, func(t *testing.T, w *world) {
			w.Subject = subject
			if err := w.Check(); err != nil {
				t.Fatal(err)
			}
			if _, err := w.ring(t, challenge()); err != nil {
				t.Fatal(err)
			}
			token := strings.Split(w.browser.Posts()[0].Header.Get("Authorization"), ".")
			claims, err := base64.RawURLEncoding.DecodeString(token[1])
			if err != nil || !strings.Contains(string(claims), `"sub":"`+want+`"`) {
				t.Errorf("claims %s, %v; want %s", claims, err, want)
			}
		})
	}
}

func TestRinger_CheckNamesEveryFault(t *testing.T) {
	good := func() *webpush.Ringer { return &webpush.Ringer{Keys: newKeys(t), Subject: "ops@example.com"} }
	for _, subject := range []string{"ops@mail.example.com", "https://example.com", "https://example.com:8443/contact"} {
		r := good()
		r.Subject = subject
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, subject := range []string{"", "mailto:ops@example.com", "ops", "Ops <ops@example.com>", " ops@example.com", "http://example.com",
		"ops@localhost", "ops@vpn.local", "ops@radpush.invalid", "ops@mail.TEST", "https://localhost/", "https://"} {
		r := good()
		r.Subject = subject
		if err := r.Check(); err == nil {
			t.Errorf("the subject %q is let through", subject)
		}
	}
	for host, ok := range map[string]bool{"push.example.com": true, ".push.example.com": true, ".Example.com": true, "127.0.0.1": true,
		"": false, ".": false, ".com": false, "*.example.com": false, "https://example.com": false, "example.com:443": false, "example.com/": false,
		"example.com.": false, "exämple.com": false} {
		r := good()
		r.Hosts = []string{"push.example.org", host}
		if err := r.Check(); (err == nil) != ok {
			t.Errorf("host %q: %v", host, err)
		}
	}
	err := (&webpush.Ringer{Hosts: []string{"*"}}).Check()
	for _, want := range []string{"no keys", "subject", `"*"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q, too", err, want)
		}
	}
}
