package webpush_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/push/webpush/webpushtest"
	"radpush/store"
	"radpush/store/storetest"
)

// broker returns a Broker that rings by the world's Ringer.
func (w *world) broker() *push.Broker {
	disk := new(storetest.Memory)
	return &push.Broker{
		Devices:    store.Table[push.Device]{Backend: disk, Prefix: "device"},
		Challenges: store.Table[push.Challenge]{Backend: disk, Prefix: "challenge"},
		Recent:     store.Table[push.Recent]{Backend: disk, Prefix: "recent"},
		Enrolments: store.Table[push.Enrolment]{Backend: disk, Prefix: "enrolment"},
		Ringers:    map[string]push.Ringer{"webpush": w.Ringer},
	}
}

// enrol adds a browser of alice.
func (w *world) enrol(t testing.TB, b *push.Broker) (*webpushtest.Subscription, push.Device) {
	t.Helper()
	browser, d := w.subscribe(t)
	d, err := b.AddDevice(t.Context(), page(t, d.Address.Token))
	if err != nil {
		t.Fatal(err)
	}
	return browser, d
}

// page returns a device of alice as it enrols.
func page(t testing.TB, token string) push.Device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return push.Device{User: "alice", Name: "phone", Kind: "page", Key: spki, Address: push.Address{Service: "webpush", Token: token}}
}

// An asked question is a login that waits.
type asked struct {
	push.Challenge
	err  error
	took time.Duration
}

func ask(t testing.TB, b *push.Broker) <-chan asked {
	t.Helper()
	done, start := make(chan asked, 1), time.Now()
	go func() {
		c, err := b.Ask(t.Context(), push.Question{User: "alice", Login: "vpn alice", Request: rand.Text(),
			Prompt: push.Prompt{Resource: "Example VPN", User: "alice", Started: start}, Expires: start.Add(hold)})
		done <- asked{c, err, time.Since(start)}
	}()
	synctest.Wait()
	return done
}

func TestBroker_2_1_AllBrowsersAreRungAndTheOthersWithdrawn(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		b := w.broker()
		first, device := w.enrol(t, b)
		second, _ := w.enrol(t, b)
		done := ask(t, b)
		id := ""
		for _, browser := range []*webpushtest.Subscription{first, second} {
			text := string(receive(t, browser).Text)
			if rest, ok := strings.CutPrefix(text, `{"challenge":"`); ok && (id == "" || rest == id+`"}`) {
				id = strings.TrimSuffix(rest, `"}`)
				continue
			}
			t.Fatalf("rung with %q", text)
		}
		if r, err := b.Decide(t.Context(), push.Answer{Challenge: id, Device: device.ID, Decision: push.Approved}); r != push.Accepted || err != nil {
			t.Fatal(r, err)
		}
		if a := <-done; a.err != nil || a.Outcome != push.Approved {
			t.Errorf("asked: %+v", a)
		}
		b.Close()
		if got := string(receive(t, second).Text); got != `{"withdraw":"`+id+`"}` {
			t.Errorf("withdrawn with %q", got)
		}
		if m := receive(t, first); m.Text != nil {
			t.Errorf("the browser that answered is told %s", m.Text)
		}
	})
}

func TestBroker_2_16_NobodyIsReached(t *testing.T) {
	fails := webpushtest.Status(503)
	for name, answers := range map[string][]func(*world, *webpushtest.Subscription){
		"gone":              {func(_ *world, b *webpushtest.Subscription) { b.Unsubscribe() }},
		"refused":           {func(_ *world, b *webpushtest.Subscription) { b.Next(webpushtest.Status(403)) }},
		"a service that is": {func(_ *world, b *webpushtest.Subscription) { b.Next(fails, fails, fails, fails) }},
		"not any more":      {func(w *world, _ *webpushtest.Subscription) { w.service.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				b := w.broker()
				browser, _ := w.enrol(t, b)
				for _, fn := range answers {
					fn(w, browser)
				}
				if a := <-ask(t, b); a.err != nil || a.Outcome != push.Undelivered || a.took > 4*time.Second {
					t.Errorf("asked: %v, %v after %v", a.Outcome, a.err, a.took)
				}
				b.Close()
			})
		})
	}
}

func TestBroker_9_5_AnAddressThatIsGoneIsMarked(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		b := w.broker()
		gone, device := w.enrol(t, b)
		_, other := w.enrol(t, b)
		gone.Unsubscribe()
		done := ask(t, b)
		for id, want := range map[string]bool{device.ID: true, other.ID: false} {
			if d, err := b.Device(t.Context(), id); err != nil || d.Address.Gone != want {
				t.Errorf("%s is marked: %v, %v", id, d.Address.Gone, err)
			}
		}
		if a := <-done; a.Outcome != push.Expired { // the other one was rung
			t.Errorf("asked: %v, %v", a.Outcome, a.err)
		}
		b.Close()
		// The page has subscribed anew.
		_, again := w.subscribe(t)
		if err := b.SetAddress(t.Context(), device.ID, again.Address); err != nil {
			t.Fatal(err)
		}
		if d, err := b.Device(t.Context(), device.ID); err != nil || !d.Active() {
			t.Errorf("then: %+v, %v", d.Address, err)
		}
	})
}

func TestBroker_9_1_ASubscriptionThatCannotBeRungIsRefused(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		b := w.broker()
		_, d := w.enrol(t, b)
		for token, want := range map[string]string{
			"null": "push: invalid device: webpush: check subscription: it is not the JSON of a PushSubscription",
			subscription("https://127.0.0.1/", p256dh, auth):           `its endpoint is at "127.0.0.1", which is no push service that this server knows`,
			subscription("https://fcm.googleapis.com/x", "x", auth):    "its p256dh is not a point of P-256",
			subscription("https://fcm.googleapis.com:22/", "x", "x"):   "only 443 is called",
			subscription("http://fcm.googleapis.com/", p256dh, auth):   "not an https URL",
			subscription("https://fcm.googleapis.com/x", p256dh, "AA"): "its auth is not 16 octets",
		} {
			_, err := b.AddDevice(t.Context(), page(t, token))
			for _, err := range []error{err, b.SetAddress(t.Context(), d.ID, push.Address{Service: "webpush", Token: token})} {
				if !errors.Is(err, push.ErrInvalid) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", token, err)
				}
			}
		}
		devices, err := b.DevicesOf(t.Context(), "alice")
		if err != nil || len(devices) != 1 || !reflect.DeepEqual(devices[0].Address, d.Address) {
			t.Errorf("devices: %+v, %v", devices, err)
		}
	})
}
