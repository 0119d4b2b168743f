package push_test

import (
	"errors"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"radpush/push"
)

// invite has a device make a code.
func (s *server) invite(t *testing.T, by phone) string {
	t.Helper()
	code, err := s.NewEnrolment(t.Context(), push.Enrolment{User: by.User, Expires: time.Now().Add(time.Minute), By: by.ID})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestPush_9_1_ADeviceHasOneCode(t *testing.T) {
	s := newServer(nil)
	one, other := s.enrol(t, "alice", ""), s.enrol(t, "alice", "")
	var codes []string
	for range 30 {
		codes = append(codes, s.invite(t, one))
	}
	others := s.invite(t, other)
	if n := count(t, s, "enrolment/"); n != 2 {
		t.Errorf("%d codes are kept of 31, want one of each device", n)
	}
	for i, code := range codes {
		e, err := s.Redeem(t.Context(), code)
		if last := i == len(codes)-1; last != (err == nil) || last && (e.By != one.ID || e.User != "alice") || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("code %d: %+v, %v", i, e, err)
		}
	}
	if e, err := s.Redeem(t.Context(), others); err != nil || e.By != other.ID {
		t.Errorf("the other device's: %+v, %v", e, err)
	}
	if n := count(t, s, "enrolment/"); n != 0 {
		t.Errorf("%d codes are left", n)
	}
}

// A code dies with what makes its device one that may speak for the user.
func TestPush_9_1_ACodeGoesWithItsDevice(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *server, phone) error{
		"removed":   func(t *testing.T, s *server, p phone) error { return s.RemoveDevice(t.Context(), p.ID) },
		"suspended": func(t *testing.T, s *server, p phone) error { return s.SuspendDevice(t.Context(), p.ID, true) },
		"resumed": func(t *testing.T, s *server, p phone) error {
			return errors.Join(s.SuspendDevice(t.Context(), p.ID, true), s.SuspendDevice(t.Context(), p.ID, false))
		},
		"with the user": func(t *testing.T, s *server, p phone) error { return s.RemoveUser(t.Context(), p.User) },
		// What a crash leaves that came between the two records.
		"half removed": func(t *testing.T, s *server, p phone) error {
			dead := s.another()
			dead.disk.crashAt, dead.disk.kept = 1, true
			if err := dead.RemoveDevice(t.Context(), p.ID); !errors.Is(err, errDead) {
				return err
			}
			return nil
		},
	} {
		s := newServer(nil)
		p := s.enrol(t, "alice", "")
		code := s.invite(t, p)
		if err := end(t, s, p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, err := s.Redeem(t.Context(), code); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		if n := count(t, s, "enrolment/"); n != 0 {
			t.Errorf("%s: %d codes are left", name, n)
		}
		if name == "resumed" {
			continue
		}
		e := push.Enrolment{User: "alice", Expires: time.Now().Add(time.Minute), By: p.ID}
		if code, err := s.NewEnrolment(t.Context(), e); !errors.Is(err, fs.ErrNotExist) || code != "" || count(t, s, "enrolment/") != 0 {
			t.Errorf("%s: a new one is made: %q, %v", name, code, err)
		}
	}
}

func TestPush_9_1_ACodeOfADeviceIsRedeemedOnce(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		code := s.invite(t, p)
		var redeemed atomic.Int32
		done := make(chan bool)
		for range 20 {
			go func() {
				if _, err := s.Redeem(t.Context(), code); err == nil {
					redeemed.Add(1)
				} else if !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
				done <- true
			}()
		}
		for range 20 {
			<-done
		}
		if n := redeemed.Load(); n != 1 {
			t.Errorf("redeemed %d times", n)
		}

		late := s.invite(t, p)
		time.Sleep(time.Minute)
		if _, err := s.Redeem(t.Context(), late); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("expired: %v", err)
		}
		s.invite(t, p)
		if n := count(t, s, "enrolment/"); n != 1 {
			t.Errorf("%d codes are kept", n)
		}
	})
}

// A server that dies while a code is redeemed leaves it as good as it was, or used up, and the
// device able to make another one.
func TestPush_9_1_ACrashWhileACodeIsRedeemed(t *testing.T) {
	for at := 1; at <= 3; at++ {
		for _, kept := range []bool{false, true} {
			s := newServer(nil)
			p := s.enrol(t, "alice", "")
			code := s.invite(t, p)
			dead := s.another()
			dead.disk.crashAt, dead.disk.kept = at, kept
			_, died := dead.Redeem(t.Context(), code)
			_, err := s.Redeem(t.Context(), code)
			if good := at == 1 && !kept; (err == nil) != good || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("at update %d, kept %v: first %v, then %v", at, kept, died, err)
			}
			if _, err := s.Redeem(t.Context(), s.invite(t, p)); err != nil {
				t.Errorf("at update %d, kept %v: the next code: %v", at, kept, err)
			}
		}
	}
}

func TestPush_9_1_AReplacementHasRoomWhereThereIsNone(t *testing.T) {
	s := newServer(nil)
	p := s.enrol(t, "alice", "")
	for range 19 {
		s.enrol(t, "alice", "")
	}
	bob := s.enrol(t, "bob", "")
	d := p.Device
	for _, old := range []string{"", "alice/unknown", bob.ID} {
		if _, err := s.ReplaceDevice(t.Context(), d, old); !errors.Is(err, push.ErrInvalid) {
			t.Errorf("in place of %q: %v", old, err)
		}
	}
	if _, err := s.ReplaceDevice(t.Context(), d, p.ID); err != nil {
		t.Errorf("in place of one: %v", err)
	}
	if _, err := s.ReplaceDevice(t.Context(), d, p.ID); !errors.Is(err, push.ErrInvalid) {
		t.Errorf("in place of the same, which is still there: %v", err)
	}
}
