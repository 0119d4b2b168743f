package push_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"radpush/push"
)

func TestPush_9_1_ACodeEnrolsOneDevice(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		code, err := s.NewEnrolment(t.Context(), push.Enrolment{User: "alice", Expires: time.Now().Add(time.Hour)})
		if err != nil || len(code) < 26 { // of 32 letters: 130 bits
			t.Fatalf("code %q, %v", code, err)
		}
		for e, err := range s.disk.Scan(t.Context(), "") {
			if err != nil || strings.Contains(e.Key+string(e.Value), code) {
				t.Errorf("the store holds the code: %q, %v", e.Key, err)
			}
		}
		nodes := []*server{s, s.another()}
		users := make(chan string, 50)
		for i := range cap(users) {
			go func() {
				e, err := nodes[i%2].Redeem(t.Context(), " "+strings.ToLower(code)+"\n") // as it may be typed
				user := e.User
				if (err == nil) != (user == "alice") || err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("redeem: %q, %v", user, err)
				}
				users <- user
			}()
		}
		redeemed := 0
		for range cap(users) {
			if <-users != "" {
				redeemed++
			}
		}
		if redeemed != 1 {
			t.Errorf("redeemed %d times", redeemed)
		}
		if _, err := s.Redeem(t.Context(), code); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("used: %v", err)
		}
	})
}

func TestPush_9_1_ACodeExpires(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		code, err := s.NewEnrolment(t.Context(), push.Enrolment{User: "alice", Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if e, err := s.Redeem(t.Context(), code); e.User != "" || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("redeem: %+v, %v", e, err)
		}
		if n := count(t, s, ""); n != 0 {
			t.Errorf("%d records are left", n)
		}
		for _, unknown := range []string{"", "x", strings.Repeat("A", 1<<20)} {
			if _, err := s.Redeem(t.Context(), unknown); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("unknown: %v", err)
			}
		}
	})
}

func TestPush_9_1_ACodeThatCouldNotBeTakenIsNotRedeemed(t *testing.T) {
	s := newServer(nil)
	code, err := s.NewEnrolment(t.Context(), push.Enrolment{User: "alice", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	dead := s.another()
	dead.disk.crashAt = 1
	if e, err := dead.Redeem(t.Context(), code); e.User != "" || !errors.Is(err, errDead) {
		t.Errorf("redeem: %+v, %v", e, err)
	}
	if e, err := s.Redeem(t.Context(), code); e.User != "alice" || err != nil {
		t.Errorf("then: %+v, %v", e, err)
	}
}

func TestPush_9_1_WhatADeviceMustBe(t *testing.T) {
	s := newServer(nil)
	_, spki := newKey(t)
	good := push.Device{User: "alice", Name: "alice's phone 📱", Kind: "page", Key: spki}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	foreign, _ := x509.MarshalPKIXPublicKey(p384.Public())
	ed, _, _ := ed25519.GenerateKey(nil)
	edwards, _ := x509.MarshalPKIXPublicKey(ed)
	for _, c := range []struct {
		name   string
		change func(*push.Device)
		ok     bool
	}{
		{"good", func(*push.Device) {}, true},
		{"with an address", func(d *push.Device) { d.Address = push.Address{Service: "apns", Token: "f00d"} }, true},
		{"no name", func(d *push.Device) { d.Name = " " }, false},
		{"long name", func(d *push.Device) { d.Name = strings.Repeat("x", 65) }, false},
		{"name with an escape", func(d *push.Device) { d.Name = "\x1b[2J" }, false},
		{"name not UTF-8", func(d *push.Device) { d.Name = "\xff" }, false},
		{"no kind", func(d *push.Device) { d.Kind = "" }, false},
		{"long kind", func(d *push.Device) { d.Kind = strings.Repeat("x", 65) }, false},
		{"no key", func(d *push.Device) { d.Key = nil }, false},
		{"cut key", func(d *push.Device) { d.Key = spki[:len(spki)-1] }, false},
		{"P-384", func(d *push.Device) { d.Key = foreign }, false},
		{"Ed25519", func(d *push.Device) { d.Key = edwards }, false},
		{"not on the curve", func(d *push.Device) { d.Key = append(spki[:len(spki)-1:len(spki)-1], ^spki[len(spki)-1]) }, false},
		{"service without token", func(d *push.Device) { d.Address.Service = "apns" }, false},
		{"endless token", func(d *push.Device) {
			d.Address = push.Address{Service: "apns", Token: strings.Repeat("x", 5000)}
		}, false},
		{"with a sealing key", func(d *push.Device) {
			d.Address = push.Address{Service: "apns", Token: "f00d", SealingKey: spki}
		}, true},
		{"sealing key of P-384", func(d *push.Device) {
			d.Address = push.Address{Service: "apns", Token: "f00d", SealingKey: foreign}
		}, false},
		{"empty sealing key", func(d *push.Device) {
			d.Address = push.Address{Service: "apns", Token: "f00d", SealingKey: []byte{}}
		}, false},
		{"sealing key of a browser", func(d *push.Device) {
			d.Address = push.Address{Service: "webpush", Token: "f00d", SealingKey: spki}
		}, false},
		{"sealing key of a terminal", func(d *push.Device) { d.Address.SealingKey = spki }, false},
		{"no user", func(d *push.Device) { d.User = "" }, false},
		{"user not UTF-8", func(d *push.Device) { d.User = "\xff" }, false},
		{"address not UTF-8", func(d *push.Device) { d.Address = push.Address{Service: "apns", Token: "\xff"} }, false},
		{"endless user", func(d *push.Device) { d.User = strings.Repeat("x", 2000) }, false},
	} {
		d := good
		c.change(&d)
		got, err := s.AddDevice(t.Context(), d)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, push.ErrInvalid) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.ok && (!strings.HasPrefix(got.ID, "alice/") || got.Created.IsZero()) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if n := count(t, s, "device/"); n != 3 {
		t.Errorf("%d devices are kept", n)
	}
}

func TestPush_9_1_AUserHasAtMostTwentyDevices(t *testing.T) {
	s := newServer(nil)
	p := s.enrol(t, "alice", "")
	for range 19 {
		s.enrol(t, "alice", "")
	}
	d := p.Device
	if _, err := s.AddDevice(t.Context(), d); !errors.Is(err, push.ErrInvalid) {
		t.Errorf("the 21st: %v", err)
	}
	s.enrol(t, "alice2", "")
	if err := s.RemoveDevice(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddDevice(t.Context(), d); err != nil {
		t.Errorf("in place of another: %v", err)
	}
}

func TestPush_9_3_NameListSuspendRemove(t *testing.T) {
	s := newServer(nil)
	// Names that are the beginning of one another, or look like a key.
	users := []string{"a", "a/b", "a/", "ab", "a%2Fb", "ä \x00", ".."}
	phones := make(map[string]phone)
	for _, u := range users {
		phones[u] = s.enrol(t, u, "apns")
		s.enrol(t, u, "")
	}
	for _, u := range users {
		list, err := s.DevicesOf(t.Context(), u)
		if err != nil || len(list) != 2 || list[0].User != u || list[1].User != u {
			t.Errorf("%q has %+v, %v", u, list, err)
		}
	}
	a := phones["a"]
	if err := s.RenameDevice(t.Context(), a.ID, "new name"); err != nil {
		t.Error(err)
	}
	if err := s.RenameDevice(t.Context(), a.ID, "\n"); !errors.Is(err, push.ErrInvalid) {
		t.Errorf("rename: %v", err)
	}
	if err := s.SetAddress(t.Context(), a.ID, push.Address{Service: "pigeon", Token: "x"}); !errors.Is(err, push.ErrInvalid) {
		t.Errorf("a service that is not configured: %v", err)
	}
	if err := s.SetAddress(t.Context(), a.ID, push.Address{Service: "apns"}); !errors.Is(err, push.ErrInvalid) {
		t.Errorf("set address: %v", err)
	}
	for _, suspended := range []bool{true, false} {
		if err := s.SuspendDevice(t.Context(), a.ID, suspended); err != nil {
			t.Error(err)
		}
		d, err := s.Device(t.Context(), a.ID)
		if err != nil || d.Suspended != suspended || d.Active() == suspended || d.Name != "new name" || !reflect.DeepEqual(d.Address, a.Address) {
			t.Errorf("suspended %v: %+v, %v", suspended, d, err)
		}
	}
	for _, id := range []string{a.ID, a.ID, "", "\xff", strings.Repeat("x", 2000)} {
		if err := s.RemoveDevice(t.Context(), id); id != a.ID && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("remove %.10q: %v", id, err)
		}
		if _, err := s.Device(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("device %.10q: %v", id, err)
		}
	}
	for name, err := range map[string]error{
		"rename":  s.RenameDevice(t.Context(), a.ID, "x"),
		"suspend": s.SuspendDevice(t.Context(), a.ID, true),
		"address": s.SetAddress(t.Context(), a.ID, push.Address{}),
		"remove":  s.RemoveDevice(t.Context(), a.ID),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s a removed device: %v", name, err)
		}
	}
}

func TestPush_9_3_RemovingADeviceEndsItsPart(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		lost, other := s.enrol(t, "alice", "apns"), s.enrol(t, "alice", "apns")
		done := s.ask(t.Context(), question())
		c := lost.open(t, s)
		if err := s.RemoveDevice(t.Context(), lost.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Check(t.Context(), lost.sign(c, push.Approved)); err != push.ErrUnauthentic {
			t.Errorf("removed device answers: %v", err)
		}
		other.answer(t, s, push.Approved)
		if r := <-done; r.Outcome != push.Approved || r.Answer.Device != other.ID {
			t.Errorf("asked: %+v", r)
		}
	})
}

func TestRemoveUserLeavesNothingThatLetsIn(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		s.enrol(t, "alice", "")
		bob := s.enrol(t, "bob", "")
		var codes []string
		for _, u := range []string{"alice", "alice", "bob"} {
			code, err := s.NewEnrolment(t.Context(), push.Enrolment{User: u, Expires: time.Now().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		done := s.ask(t.Context(), question())
		c := p.open(t, s)
		if err := s.RemoveUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Check(t.Context(), p.sign(c, push.Approved)); err != push.ErrUnauthentic {
			t.Errorf("answer: %v", err)
		}
		if r := <-done; r.Outcome != push.Expired {
			t.Errorf("asked: %+v", r)
		}
		for i, want := range []error{fs.ErrNotExist, fs.ErrNotExist, nil} {
			if _, err := s.Redeem(t.Context(), codes[i]); !errors.Is(err, want) {
				t.Errorf("code %d: %v", i, err)
			}
		}
		if _, err := s.Device(t.Context(), bob.ID); err != nil {
			t.Errorf("bob: %v", err)
		}
		if n := count(t, s, "recent/") + count(t, s, "device/alice/"); n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}
