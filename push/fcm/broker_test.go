package fcm_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/push/fcm/fcmtest"
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
		Ringers:    map[string]push.Ringer{"fcm": w.Ringer},
	}
}

// enrol adds a phone of alice.
func (w *world) enrol(t testing.TB, b *push.Broker) (*fcmtest.Phone, push.Device) {
	t.Helper()
	phone, d := w.register()
	d, err := b.AddDevice(t.Context(), native(t, d.Address.Token))
	if err != nil {
		t.Fatal(err)
	}
	return phone, d
}

// native returns a device of alice as it enrols.
func native(t testing.TB, token string) push.Device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return push.Device{User: "alice", Name: "phone", Kind: "native", Key: spki, Address: push.Address{Service: "fcm", Token: token}}
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

func TestBroker_2_1_AllPhonesAreRungAndTheOthersWithdrawn(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		b := w.broker()
		first, device := w.enrol(t, b)
		second, _ := w.enrol(t, b)
		done := ask(t, b)
		id := receive(t, first).Data["challenge"]
		if m := receive(t, second); id == "" || m.Data["challenge"] != id {
			t.Fatalf("rung with %q and %+v", id, m)
		}
		if r, err := b.Decide(t.Context(), push.Answer{Challenge: id, Device: device.ID, Decision: push.Approved}); r != push.Accepted || err != nil {
			t.Fatal(r, err)
		}
		if a := <-done; a.err != nil || a.Outcome != push.Approved {
			t.Errorf("asked: %+v", a)
		}
		b.Close()
		if m := receive(t, second); m.Data["withdraw"] != id {
			t.Errorf("withdrawn with %+v", m)
		}
		if m := receive(t, first); m.Data != nil {
			t.Errorf("the phone that answered is told %+v", m)
		}
	})
}

func TestBroker_2_16_NobodyIsReached(t *testing.T) {
	fails := fcmtest.Refuse(503, "UNAVAILABLE", "UNAVAILABLE")
	for name, trouble := range map[string]func(*world, *fcmtest.Phone){
		"removed": func(_ *world, p *fcmtest.Phone) { p.Unregister() },
		"refused": func(_ *world, p *fcmtest.Phone) {
			p.Next(fcmtest.Refuse(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"))
		},
		"out of service": func(_ *world, p *fcmtest.Phone) { p.Next(fails, fails, fails, fails) },
		"no access":      func(w *world, _ *fcmtest.Phone) { w.service.NextToken(fcmtest.RefuseToken(400, "invalid_grant")) },
		"out of reach":   func(w *world, _ *fcmtest.Phone) { w.service.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				b := w.broker()
				phone, _ := w.enrol(t, b)
				trouble(w, phone)
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
		removed, device := w.enrol(t, b)
		_, other := w.enrol(t, b)
		removed.Unregister()
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
	})
}

func TestBroker_9_1_ATokenThatCannotBeRungIsRefused(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		b := w.broker()
		if _, err := b.AddDevice(t.Context(), native(t, "two words")); !errors.Is(err, push.ErrInvalid) {
			t.Error(err)
		}
	})
}
