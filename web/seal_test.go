package web_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"radpush/login"
	"radpush/push"
	"radpush/push/apns"
	"radpush/push/apns/apnstest"
	"radpush/push/fcm"
	"radpush/push/fcm/fcmtest"
	"radpush/web"
	"radpush/web/phone"
	"radpush/web/wire"
)

// apps returns a sealing key of an app, and its public half as the API takes it.
func apps(tb testing.TB, curve ecdh.Curve) (*ecdh.PrivateKey, []byte) {
	tb.Helper()
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.PublicKey())
	if err != nil {
		tb.Fatal(err)
	}
	return key, der
}

// An app is a native one, on a phone that a push service reaches.
type app struct {
	*phone.Phone
	key     *ecdh.PrivateKey
	receive func(ctx context.Context) (challenge, sealed string) // the next notification
}

// apps rings by stand-ins of APNs and FCM, over TLS, and enrols an app for each by the API.
func (w *world) apps(t *testing.T, seal func(push.Device, push.Challenge) ([]byte, error)) map[string]app {
	t.Helper()
	w.listen(t)
	listener := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	apple, err := apnstest.Start(listener(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { apple.Close() })
	google, err := fcmtest.Start(listener(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { google.Close() })
	key, err := apns.ParseKey(apple.Key)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := fcm.ParseCredentials(google.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	w.broker.Ringers = map[string]push.Ringer{
		"apns": &apns.Ringer{Key: key, KeyID: apple.KeyID, TeamID: apple.TeamID, Topic: apple.Topic, Host: apple.Origin, RootCAs: apple.RootCAs, Seal: seal},
		"fcm":  &fcm.Ringer{Credentials: credentials, Host: google.Origin, RootCAs: google.RootCAs, Seal: seal},
	}
	iphone, android := apple.Register(), google.Register()
	return map[string]app{
		"apns": w.native(t, "apns", iphone.Token, func(ctx context.Context) (string, string) {
			n, err := iphone.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var payload struct{ Challenge, Sealed string }
			if err := json.Unmarshal(n.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			return payload.Challenge, payload.Sealed
		}),
		"fcm": w.native(t, "fcm", android.Token, func(ctx context.Context) (string, string) {
			m, err := android.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return m.Data["challenge"], m.Data["sealed"]
		}),
	}
}

func (w *world) native(t *testing.T, service, token string, receive func(context.Context) (string, string)) app {
	t.Helper()
	key, public := apps(t, ecdh.P256())
	e, err := w.client().Enrol(t.Context(), "alice", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, err := phone.EnrolAs(t.Context(), e.Link, wire.Enrolment{Name: service, Kind: "native",
		Address: &wire.Address{Service: service, Token: token, SealingKey: public}})
	if err != nil {
		t.Fatal(err)
	}
	return app{p, key, receive}
}

// What a push service carries, the app opens, shows, and answers without asking for it.
func TestSeal_9_4_AnAppAnswersWhatItWasSent(t *testing.T) {
	for _, answers := range []string{"apns", "fcm"} {
		t.Run(answers, func(t *testing.T) {
			w := newWorld(t)
			apps := w.apps(t, web.Seal)
			verdict := w.login(t, "alice")
			var id string
			for service, a := range apps {
				var text string
				id, text = a.receive(t.Context())
				sealed, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				for other, b := range apps {
					if _, err := b.Unseal(b.key, sealed); (err == nil) != (other == service) {
						t.Errorf("what %s got, %s opens: %v", service, other, err)
					}
				}
				r, err := a.Unseal(a.key, sealed)
				if err != nil || r.ID != id || r.Prompt.User != "alice" || r.Prompt.Resource != "Example VPN" {
					t.Fatalf("%s: %+v, %v", service, r, err)
				}
				if service == answers {
					continue // it asks for nothing
				}
				open, err := a.Open(t.Context())
				if err != nil || len(open) != 1 || open[0].Shown != r.Shown || !open[0].Expires.Equal(r.Expires) {
					t.Errorf("%s: sealed is %+v, listed %+v, %v", service, r, open, err)
				}
			}
			if result, err := apps[answers].Approve(t.Context(), id); result != push.Accepted || err != nil {
				t.Errorf("approve: %q, %v", result, err)
			}
			if v := <-verdict; v.Outcome != login.Accept {
				t.Errorf("the login ended with %+v", v)
			}
		})
	}
}

// Unless the operator asks for content, notifications carry none, nor do they if it is too long.
// The app asks the server then.
func TestSeal_9_4_WithoutContentTheAppAsks(t *testing.T) {
	for name, c := range map[string]struct {
		seal     func(push.Device, push.Challenge) ([]byte, error)
		resource string
	}{
		"not asked for": {nil, "Example VPN"},
		"too long":      {web.Seal, strings.Repeat("Example VPN ", 250)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.engine.Clients["vpn"] = login.Client{Name: "vpn", Resource: c.resource}
			apps := w.apps(t, c.seal)
			w.login(t, "alice")
			for service, a := range apps {
				id, sealed := a.receive(t.Context())
				open, err := a.Open(t.Context())
				if sealed != "" || err != nil || len(open) != 1 || open[0].ID != id || open[0].Prompt.Resource != c.resource {
					t.Errorf("%s: %q with %.50q, listed %+v, %v", service, id, sealed, open, err)
				}
			}
		})
	}
}

func TestSeal_9_4_WithoutAKeyNothingIsSealed(t *testing.T) {
	for _, key := range [][]byte{nil, []byte("no key")} {
		b, err := web.Seal(push.Device{ID: "alice/x", Address: push.Address{Service: "apns", Token: "x", SealingKey: key}},
			push.Challenge{ID: "x", Shown: []byte(strings.Repeat("x", 100))})
		if b != nil || (err == nil) != (key == nil) {
			t.Errorf("with key %q: %x, %v", key, b, err)
		}
	}
}
