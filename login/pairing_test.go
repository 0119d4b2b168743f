package login_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/push"
	"radpush/push/pipush"
	"radpush/store"
)

// appKey returns the key of an app, the same for all tests: to make one takes long.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, []byte) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return key, spki
})

// pair makes a privacyIDEA Authenticator a device of alice.
func (h *house) pair(t *testing.T) push.Device {
	t.Helper()
	h.broker.Pairings = store.Table[push.Pairing]{Backend: h.disk, Prefix: "pairing"}
	_, key := appKey()
	serial, credential, err := h.NewPairing(t.Context(), "alice", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Pair(t.Context(), serial, credential, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Pair(t.Context(), serial, credential, key); err != nil {
		t.Errorf("the same again: %v", err)
	}
	d, err := h.broker.Device(t.Context(), p.Device())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// approves is what an app says.
func approves(d push.Device, c push.Challenge) push.Answer {
	key, _ := appKey()
	said := pipush.Answer{Nonce: d.Nonce(&c), Serial: d.ID[strings.LastIndexByte(d.ID, '/')+1:]}
	sum := sha256.Sum256([]byte(said.Statement()))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return push.Answer{Challenge: c.ID, Device: d.ID, Decision: push.Approved, Signature: signature, At: time.Now()}
}

// An app has no OTP to send; whoever has one has to send it, and none can pass for an app.
func TestPush_2_6_OnlyAnAppApprovesWithoutAnOTP(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		app := h.pair(t)
		w := h.begin(t, attempt(""))
		c := p.open(t)
		time.Sleep(time.Second)
		if r, err := h.Answer(t.Context(), p.sign(c, push.Approved, "")); r != push.WrongOTP || err != nil {
			t.Errorf("a terminal without an OTP: %s, %v", r, err)
		}
		posing := p.sign(c, push.Approved, "")
		posing.Device = app.ID
		if _, err := h.Answer(t.Context(), posing); !errors.Is(err, push.ErrUnauthentic) {
			t.Errorf("a terminal that poses as the app: %v", err)
		}
		posing = approves(app, c)
		posing.Device = p.d.ID
		if _, err := h.Answer(t.Context(), posing); !errors.Is(err, push.ErrUnauthentic) {
			t.Errorf("the app as a terminal: %v", err)
		}
		if !w.waits() {
			t.Fatal("not held")
		}
		if r, err := h.Answer(t.Context(), approves(app, c)); r != push.Accepted || err != nil {
			t.Errorf("the app: %s, %v", r, err)
		}
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
		if u, err := h.User(t.Context(), "alice"); err != nil || u.Failures != 0 {
			t.Errorf("%d failures are left, %v", u.Failures, err)
		}

		code, err := h.NewEnrolment(t.Context(), "alice", "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		_, key := appKey()
		if _, _, err := h.Enrol(t.Context(), code, push.Device{Name: "x", Kind: push.PIPush, Key: key}); !errors.Is(err, push.ErrInvalid) {
			t.Errorf("an app by the code of a terminal: %v", err)
		}
	})
}

func TestPush_5_2_AnAppOfALockedUserIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		app := h.pair(t)
		w := h.begin(t, attempt(""))
		open, err := h.broker.OpenFor(t.Context(), app)
		if err != nil || len(open) != 1 {
			t.Fatalf("open: %v, %v", open, err)
		}
		if err := h.LockUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if r, err := h.Answer(t.Context(), approves(app, open[0])); r != push.Refused || err != nil {
			t.Errorf("answer: %s, %v", r, err)
		}
		if !w.waits() {
			t.Error("not held")
		}
		if u, err := h.User(t.Context(), "alice"); err != nil || !u.Lock.Holds(time.Now()) {
			t.Errorf("the lock: %+v, %v", u.Lock, err)
		}
		time.Sleep(time.Minute)
		if r, err := h.Answer(t.Context(), approves(app, open[0])); r != push.TooLate || err != nil { // statement 2.10
			t.Errorf("late answer: %s, %v", r, err)
		}
		wantVerdict(t, w.end(t), login.Reject, login.TimedOut)
	})
}

func TestPush_9_1_PairingNeedsTheUser(t *testing.T) {
	h := newHouse(t)
	h.broker.Pairings = store.Table[push.Pairing]{Backend: h.disk, Prefix: "pairing"}
	if _, _, err := h.NewPairing(t.Context(), "nobody", time.Hour); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
	serial, credential, err := h.NewPairing(t.Context(), "alice", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Pair(t.Context(), serial, credential, []byte("key")); !errors.Is(err, push.ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
	if err := h.RemoveUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddUser(t.Context(), "alice"); err != nil { // somebody else of that name
		t.Fatal(err)
	}
	_, key := appKey()
	if _, err := h.Pair(t.Context(), serial, credential, key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the credential of a user who was removed: %v", err)
	}
}
