package push_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// pairs lets a server have privacyIDEA Authenticators.
func (s *server) pairs() *server {
	s.Pairings = store.Table[push.Pairing]{Backend: s.disk, Prefix: "pairing"}
	return s
}

// pair makes a device of kind PIPush.
func (s *server) pair(t *testing.T, user string) push.Device {
	t.Helper()
	_, spki := appKey()
	serial, credential, err := s.NewPairing(t.Context(), user, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Pair(t.Context(), serial, credential, spki)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.AddDevice(t.Context(), push.Device{ID: p.Device(), User: user, Name: "app", Kind: push.PIPush, Key: spki})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func says(a pipush.Answer) []byte {
	key, _ := appKey()
	sum := sha256.Sum256([]byte(a.Statement()))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return signature
}

func TestPush_9_1_ACredentialPairsOneKey(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		s.pairs()
		serial, credential, err := s.NewPairing(t.Context(), "alice", time.Now().Add(time.Hour))
		if err != nil || len(credential) < 26 {
			t.Fatalf("%q %q, %v", serial, credential, err)
		}
		for e, err := range s.disk.Scan(t.Context(), "") {
			if err != nil || strings.Contains(e.Key+string(e.Value), credential) {
				t.Errorf("the store holds the credential: %q, %v", e.Key, err)
			}
		}
		for _, wrong := range [][2]string{{serial, ""}, {serial, "x"}, {"", credential}, {serial + "x", credential}, {strings.Repeat("A", 1<<16), "x"}} {
			if _, err := s.Pair(t.Context(), wrong[0], wrong[1], []byte("key")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%.20q: %v", wrong, err)
			}
		}
		nodes := []*server{s, s.another().pairs()}
		won := make(chan string, 50)
		for i := range cap(won) {
			go func() {
				key := fmt.Sprintf("key %d", i)
				p, err := nodes[i%2].Pair(t.Context(), serial, credential, []byte(key))
				if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && p.User != "alice" {
					t.Errorf("pair: %+v, %v", p, err)
				}
				if err != nil {
					key = ""
				}
				won <- key
			}()
		}
		var winners []string
		for range cap(won) {
			if key := <-won; key != "" {
				winners = append(winners, key)
			}
		}
		if len(winners) != 1 {
			t.Fatalf("paired with %q", winners)
		}
		if _, err := s.Pair(t.Context(), serial, credential, []byte(winners[0])); err != nil {
			t.Errorf("the same key again: %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := s.Pair(t.Context(), serial, credential, []byte(winners[0])); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("expired: %v", err)
		}
	})
}

// What an app signs for one question, one decision and one token is good for no other.
func TestPush_2_6_WhatAnAppSigns(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		s.pairs()
		d, other := s.pair(t, "alice"), s.pair(t, "alice")
		done := s.ask(t.Context(), question())
		open, err := s.OpenFor(t.Context(), d)
		if err != nil || len(open) != 1 {
			t.Fatalf("open: %v, %v", open, err)
		}
		c := open[0]
		serial := d.ID[strings.LastIndexByte(d.ID, '/')+1:]
		good := pipush.Answer{Nonce: d.Nonce(&c), Serial: serial}
		no, bare := good, good
		no.Decline, no.Reason = true, pipush.Cancelled
		bare.Decline = true
		foreign := good
		foreign.Nonce = other.Nonce(&c)
		numbered := good
		numbered.Presence = "47"
		notMe := bare
		notMe.Reason = pipush.UnknownTrigger
		for _, row := range []struct {
			what     string
			decision push.Outcome
			said     pipush.Answer
			ok       bool
		}{
			{"approval", push.Approved, good, true},
			{"mistake", push.DeniedMistake, no, true},
			{"bare denial", push.DeniedNotMe, bare, true},
			{"not me", push.DeniedNotMe, notMe, true},
			{"denial as approval", push.Approved, no, false},
			{"bare denial as approval", push.Approved, bare, false},
			{"bare denial as mistake", push.DeniedMistake, bare, false},
			{"mistake as not me", push.DeniedNotMe, no, false},
			{"approval as denial", push.DeniedNotMe, good, false},
			{"nonce of another token", push.Approved, foreign, false},
			{"with a number that is not said", push.Approved, numbered, false},
		} {
			_, _, err := s.Check(t.Context(), push.Answer{Challenge: c.ID, Device: d.ID, Decision: row.decision, Signature: says(row.said)})
			if (err == nil) != row.ok || err != nil && !errors.Is(err, push.ErrUnauthentic) {
				t.Errorf("%s: %v", row.what, err)
			}
		}
		// Another question that shows the same.
		if _, err := s.Decide(t.Context(), push.Answer{Challenge: c.ID, Device: d.ID, Decision: push.Approved}); err != nil {
			t.Fatal(err)
		}
		<-done
		q := question()
		q.Login, q.Source = "another", "another"
		done = s.ask(t.Context(), q)
		if open, err = s.OpenFor(t.Context(), d); err != nil || len(open) != 1 || open[0].ID == c.ID {
			t.Fatalf("open: %v, %v", open, err)
		}
		if _, _, err := s.Check(t.Context(), push.Answer{Challenge: open[0].ID, Device: d.ID, Decision: push.Approved, Signature: says(good)}); !errors.Is(err, push.ErrUnauthentic) {
			t.Errorf("an approval of another question: %v", err)
		}
		if err := s.SuspendDevice(t.Context(), d.ID, true); err != nil {
			t.Fatal(err)
		}
		good.Nonce = d.Nonce(&open[0])
		if _, _, err := s.Check(t.Context(), push.Answer{Challenge: open[0].ID, Device: d.ID, Decision: push.Approved, Signature: says(good)}); !errors.Is(err, push.ErrUnauthentic) {
			t.Errorf("a suspended device: %v", err)
		}
		<-done
	})
}

// The kind says what key a device has, and with it what it has to send: neither is the device's
// to choose.
func TestPush_2_6_OnlyAnAppHasItsKindOfKey(t *testing.T) {
	s := newServer(nil).pairs()
	_, ec := newKey(t)
	_, rsa := appKey()
	for _, d := range []push.Device{
		{ID: "alice/x", User: "alice", Name: "x", Kind: push.PIPush, Key: ec},
		{User: "alice", Name: "x", Kind: push.PIPush, Key: rsa},               // whose pairing?
		{ID: "bob/x", User: "alice", Name: "x", Kind: push.PIPush, Key: rsa},  // not hers
		{ID: "alice/x", User: "alice", Name: "x", Kind: "terminal", Key: rsa}, // with an OTP, and no key of ours
	} {
		if _, err := s.AddDevice(t.Context(), d); !errors.Is(err, push.ErrInvalid) {
			t.Errorf("%+v: %v", d, err)
		}
	}
	d := s.pair(t, "alice")
	if _, err := s.AddDevice(t.Context(), d); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same device again: %v", err)
	}
	if d.Verify([]byte("x"), says(pipush.Answer{})) {
		t.Error("an RSA signature is one over a request")
	}
}

func TestPush_9_3_APairingGoesWithItsDevice(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		s.pairs()
		pairings := func() int { return count(t, s, "pairing/") }
		d := s.pair(t, "alice")
		kept := s.pair(t, "alice")
		s.pair(t, "bob")
		if _, _, err := s.NewPairing(t.Context(), "bob", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveDevice(t.Context(), d.ID); err != nil || pairings() != 3 {
			t.Errorf("%d pairings are left, %v", pairings(), err)
		}
		if err := s.RemoveUser(t.Context(), "bob"); err != nil || pairings() != 1 {
			t.Errorf("%d pairings are left, %v", pairings(), err)
		}
		// A device that is in use is not pruned, however old its credential.
		abandoned, credential, err := s.NewPairing(t.Context(), "alice", time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Pair(t.Context(), abandoned, credential, []byte("key")); err != nil { // and then a crash
			t.Fatal(err)
		}
		if _, _, err := s.NewPairing(t.Context(), "alice", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		if n, err := s.Prune(t.Context(), time.Now()); n != 2 || err != nil || pairings() != 1 {
			t.Errorf("pruned %d, %v; %d are left", n, err, pairings())
		}
		if _, err := s.Pairing(t.Context(), kept.ID[strings.LastIndexByte(kept.ID, '/')+1:]); err != nil {
			t.Errorf("the one in use: %v", err)
		}
	})
}

// A user's name may hold what ends a name elsewhere.
func TestPush_9_1_PairingsOfAwkwardNames(t *testing.T) {
	s := newServer(nil).pairs()
	var ids []string
	for _, user := range []string{"alice", "alice/bob", "ali%2Fce", "é ? #"} {
		d := s.pair(t, user)
		devices, err := s.DevicesOf(t.Context(), user)
		if err != nil || len(devices) != 1 || slices.Contains(ids, d.ID) {
			t.Errorf("%q: %v, %v", user, devices, err)
		}
		ids = append(ids, d.ID)
		if err := s.RemoveDevice(t.Context(), d.ID); err != nil {
			t.Errorf("%q: %v", user, err)
		}
	}
	if n := count(t, s, "pairing/"); n != 0 {
		t.Errorf("%d pairings are left", n)
	}
}
