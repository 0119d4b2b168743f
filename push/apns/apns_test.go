package apns_test

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
	"radpush/push/apns"
	"radpush/push/apns/apnstest"
	"radpush/push/standin"
)

const hold = 30 * time.Second

// A world is Apple's service, a Ringer that reaches it, and one phone.
type world struct {
	*apns.Ringer
	service *apnstest.Service
	network *standin.Pipes
	phone   *apnstest.Phone
	device  push.Device
}

// test runs fn with a world in a bubble of virtual time.
func test(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{network: standin.NewPipes()}
		var err error
		if w.service, err = apnstest.Start(w.network, "https://api.push.apple.com"); err != nil {
			t.Fatal(err)
		}
		defer w.service.Close()
		w.Ringer = ringer(t, w.service)
		w.Host, w.Dial = "", w.network.Dial
		w.phone, w.device = w.register()
		fn(t, w)
	})
}

// ringer returns a Ringer for the account of a service.
func ringer(t testing.TB, s *apnstest.Service) *apns.Ringer {
	t.Helper()
	key, err := apns.ParseKey(s.Key)
	if err != nil {
		t.Fatal(err)
	}
	r := &apns.Ringer{
		Key: key, KeyID: s.KeyID, TeamID: s.TeamID, Topic: s.Topic, Organization: "Example Ltd", Host: s.Origin, RootCAs: s.RootCAs,
	}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) register() (*apnstest.Phone, push.Device) {
	p := w.service.Register()
	return p, push.Device{ID: "alice/" + p.Token[:8], User: "alice", Address: push.Address{Service: "apns", Token: p.Token}}
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

// receive returns the notification that waits for a phone, or a zero one when there is none.
func receive(t testing.TB, p *apnstest.Phone) apnstest.Notification {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	n, err := p.Receive(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return n
}

// says checks what every error has to hold: it is one line that begins with the package,
// says what is wanted, and has nothing secret in it, however deep one looks.
func says(t testing.TB, err error, want string, secrets ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if s := err.Error(); !strings.HasPrefix(s, "apns: ") || strings.ContainsAny(s, "\n\r\x1b\x00<") || len(s) > 500 || !strings.Contains(s, want) {
		t.Errorf("%q, want %q", s, want)
	}
	logged := new(strings.Builder)
	slog.New(slog.NewJSONHandler(logged, nil)).Error("ring", "err", err)
	said := err.Error() + fmt.Sprintf("%+v %#v", err, err) + logged.String()
	for _, secret := range append(secrets, "/3/device", "bearer", "secret") {
		if strings.Contains(said, secret) {
			t.Errorf("the error has %q in it: %s", secret, said)
		}
	}
}

const (
	rung      = `{"aps":{"alert":{"body":"Sign-in request for Example Ltd"},"sound":"default","mutable-content":1,"interruption-level":"time-sensitive"},"challenge":"6CZJ4WDNPBZL5ZRJLQXRT2TW3A"}`
	withdrawn = `{"aps":{"content-available":1},"withdraw":"6CZJ4WDNPBZL5ZRJLQXRT2TW3A"}`
)

func TestRinger_2_1_AnAppIsRungAndWithdrawn(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		if took, err := w.ring(t, c); err != nil || took > time.Second {
			t.Fatalf("%v after %v", err, took)
		}
		n := receive(t, w.phone)
		if string(n.Payload) != rung || n.PushType != "alert" || n.Priority != 10 || n.CollapseID != c.ID || n.Expires.Unix() != c.Expires.Unix() {
			t.Errorf("rung with %s, %+v", n.Payload, n)
		}
		if err := w.Withdraw(t.Context(), w.device, c); err != nil {
			t.Fatal(err)
		}
		n = receive(t, w.phone)
		if string(n.Payload) != withdrawn || n.PushType != "background" || n.Priority != 5 || n.CollapseID != c.ID || n.Expires.Unix() != c.Expires.Unix() {
			t.Errorf("withdrawn with %s, %+v", n.Payload, n)
		}
		if p := w.phone.Posts(); p[0].Proto != "HTTP/2.0" || len(w.network.Dialed()) != 1 {
			t.Errorf("%s, %d connections; one with HTTP/2 is enough", p[0].Proto, len(w.network.Dialed()))
		}
	})
}

func TestRinger_2_1_APhoneThatIsOffLineGetsTheNewestInTime(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		c := challenge()
		for range 2 {
			if _, err := w.ring(t, c); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Withdraw(t.Context(), w.device, c); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{withdrawn, ""} {
			if got := receive(t, w.phone).Payload; string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if _, err := w.ring(t, c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(hold)
		if n := receive(t, w.phone); n.Payload != nil { // apns-expiration: statement 2.9
			t.Errorf("after the end came %s", n.Payload)
		}
		if _, err := w.ring(t, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("rung after the end: %v", err)
		}
	})
}

func TestRinger_9_4_AppleLearnsNothingOfTheLogin(t *testing.T) {
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
			for part := range strings.SplitSeq(strings.TrimPrefix(p.Header.Get("Authorization"), "bearer "), ".") {
				if b, err := base64.RawURLEncoding.DecodeString(part); err == nil {
					seen.Write(b) // header and claims
				}
			}
			if !strings.Contains(seen.String(), `"iss":"DEF123GHIJ"`) {
				t.Fatalf("the claims were not looked at: %q", seen)
			}
			for _, told := range []string{"Test", "VPN", "lice", "192.0.2", "Linz"} {
				if strings.Contains(seen.String(), told) {
					t.Errorf("Apple is told %q: %q", told, seen)
				}
			}
		}
	})
}

func TestRinger_9_4_TheTextIsTheOperators(t *testing.T) {
	for _, c := range []struct{ text, organization, want string }{
		{"", "", "Sign-in request"},
		{"", "Example Ltd", "Sign-in request for Example Ltd"},
		{"Anmeldung bestätigen?", "Example Ltd", "Anmeldung bestätigen?"},
	} {
		test(t, func(t *testing.T, w *world) {
			w.Text, w.Organization = c.text, c.organization
			if _, err := w.ring(t, challenge()); err != nil {
				t.Fatal(err)
			}
			var got struct {
				APS struct{ Alert struct{ Body string } }
			}
			if err := json.Unmarshal(receive(t, w.phone).Payload, &got); err != nil || got.APS.Alert.Body != c.want {
				t.Errorf("%q, %v; want %q", got.APS.Alert.Body, err, c.want)
			}
		})
	}
}

func TestRinger_CheckNamesEveryFault(t *testing.T) {
	w := new(apns.Ringer)
	err := w.Check()
	for _, want := range []string{"no key", "key ID", "team ID", "topic"} { // a nil key signs nothing, and the library does not say so
		if err == nil || !strings.Contains(err.Error(), "apns: check: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q, too", err, want)
		}
	}
	s, err := apnstest.Start(standin.NewPipes(), "https://api.push.apple.com")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct {
		name   string
		change func(*apns.Ringer)
		fault  string
	}{
		{"sandbox", func(r *apns.Ringer) { r.Host = apns.Sandbox }, ""},
		{"store", func(r *apns.Ringer) { r.Host = "" }, ""},
		{"plain HTTP", func(r *apns.Ringer) { r.Host = "http://api.push.apple.com" }, "host"},
		{"path", func(r *apns.Ringer) { r.Host = "https://api.push.apple.com/3" }, "host"},
		{"user", func(r *apns.Ringer) { r.Host = "https://a@api.push.apple.com" }, "host"},
		{"key ID", func(r *apns.Ringer) { r.KeyID = "ABC123DEF" }, "key ID"},
		{"team ID", func(r *apns.Ringer) { r.TeamID = "DEF123GHI\n" }, "team ID"},
		{"topic", func(r *apns.Ringer) { r.Topic = "com.example.sign in" }, "topic"},
		{"long text", func(r *apns.Ringer) { r.Text = strings.Repeat("x", 201) }, "text"},
		{"two lines", func(r *apns.Ringer) { r.Organization = "Example\nLtd" }, "text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ringer(t, s)
			c.change(r)
			if err := r.Check(); (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v, want %q", err, c.fault)
			}
		})
	}
}

// The library puts the token into the URL as it is.
func TestRinger_9_1_ATokenIsHexadecimal(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		for token, ok := range map[string]bool{
			w.phone.Token: true, strings.ToUpper(w.phone.Token): true, strings.Repeat("ab", 100): true,
			"": false, w.phone.Token[2:]: false, w.phone.Token + "a": false, strings.Repeat("ab", 101): false,
			w.phone.Token + "\n": false, w.phone.Token[:62] + "/.": false, w.phone.Token[:62] + "zz": false, "../" + w.phone.Token: false, w.phone.Token + "?a=bc": false,
		} {
			if err := w.CheckToken(token); (err == nil) != ok {
				t.Errorf("%q: %v", token, err)
			}
			if !ok {
				w.device.Address.Token = token
				_, err := w.ring(t, challenge())
				says(t, err, "64 to 200 hexadecimal digits", w.phone.Token[:20])
			}
		}
		if n := len(w.phone.Posts()) + len(w.network.Dialed()); n != 0 {
			t.Errorf("%d requests or connections", n)
		}
	})
}
