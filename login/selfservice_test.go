package login_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/push"
)

// invite has a phone make a code.
func (p *phone) invite(t *testing.T, replaces string) string {
	t.Helper()
	time.Sleep(time.Second) // rows of one moment have no order
	code, expires, err := p.h.Invite(t.Context(), p.d, replaces)
	if err != nil {
		t.Fatal(err)
	}
	if in := time.Until(expires); in != 10*time.Minute {
		t.Errorf("the code is good for %v", in)
	}
	return code
}

// added enrols a phone with a code that has to be good.
func (h *house) added(t *testing.T, code, name string) *phone {
	t.Helper()
	time.Sleep(time.Second)
	p, err := h.redeem(t, code, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantDevices wants a user to have devices of these names and no others, each with its token.
func (h *house) wantDevices(t *testing.T, user string, names ...string) {
	t.Helper()
	devices, err := h.broker.DevicesOf(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	u := h.user(t, user)
	var got []string
	for _, d := range devices {
		got = append(got, d.Name)
		if !slices.ContainsFunc(u.Tokens, func(t otp.Token) bool { return t.Device == d.ID }) {
			t.Errorf("device %q has no token", d.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) || len(u.Tokens) != len(names) {
		t.Errorf("%s has devices %q and %d tokens, want %q", user, got, len(u.Tokens), names)
	}
}

// wantLast wants the newest row of a change.
func (h *house) wantLast(t *testing.T, want string) {
	t.Helper()
	if changes := h.changes(t); changes[len(changes)-1] != want {
		t.Errorf("activity: %q, want %q at the end", changes, want)
	}
}

func TestDevices_9_1_AnotherByAnOldOne(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		second := h.added(t, p.invite(t, ""), "second")
		h.wantDevices(t, "alice", "alice's phone", "second")
		h.wantLast(t, "device second enrolled by device alice's phone")
		w := h.begin(t, attempt(""))
		second.answer(t, second.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
	})
}

// The old device goes with its token and its part of an open challenge.
func TestDevices_9_1_9_3_OneInPlaceOfAnother(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		lost := h.added(t, p.invite(t, ""), "lost")
		code := p.invite(t, lost.d.ID)
		w := h.begin(t, attempt(""))
		c := lost.open(t)
		next := h.added(t, code, "new")
		h.wantDevices(t, "alice", "alice's phone", "new")
		h.wantLast(t, "device new enrolled in place of device lost by device alice's phone")
		if _, err := h.Answer(t.Context(), lost.sign(c, push.Approved, lost.token.Code(lost.token.Step(time.Now())))); !errors.Is(err, push.ErrUnauthentic) {
			t.Errorf("the lost device answers: %v", err)
		}
		next.answer(t, next.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)

		// One that has gone meanwhile is in nobody's way, and a device can give its own place away.
		code = p.invite(t, next.d.ID)
		if err := h.RemoveDevice(t.Context(), next.d, ""); err != nil {
			t.Fatal(err)
		}
		h.added(t, code, "third")
		h.wantLast(t, "device third enrolled by device alice's phone")
		h.added(t, p.invite(t, p.d.ID), "fourth")
		h.wantDevices(t, "alice", "third", "fourth")

		devices, _ := h.broker.DevicesOf(t.Context(), "alice")
		code, err := h.NewEnrolment(t.Context(), "alice", devices[0].ID, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		h.added(t, code, "fifth")
		h.wantLast(t, "device fifth enrolled in place of device "+devices[0].Name)
		h.wantDevices(t, "alice", devices[1].Name, "fifth")
	})
}

// With as many devices, and as many tokens, as may be, one can be replaced and none added.
func TestDevices_9_1_ReplacedWhereThereIsNoRoom(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		for range 19 {
			h.enrol(t, "alice")
		}
		if _, _, err := h.Invite(t.Context(), p.d, ""); err == nil || !strings.Contains(err.Error(), "remove one, or replace one") {
			t.Errorf("the 21st: %v", err)
		}
		h.set(t, func(u *login.User) { fill(u, 12) })
		h.added(t, p.invite(t, p.d.ID), "new")
		devices, err := h.broker.DevicesOf(t.Context(), "alice")
		if u := h.user(t, "alice"); err != nil || len(devices) != 20 || len(u.Tokens) != 32 {
			t.Errorf("%d devices, %d tokens, %v", len(devices), len(u.Tokens), err)
		}
	})
}

// A code that there is no room to use is good when there is.
func TestDevices_9_1_NoRoomLeavesTheCode(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		for range 19 {
			h.enrol(t, "alice")
		}
		code, err := h.NewEnrolment(t.Context(), "alice", "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(want string) {
			t.Helper()
			if _, err := h.redeem(t, code, "new"); !errors.Is(err, push.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		refused("20 devices and 20 tokens")
		if err := h.RemoveDevice(t.Context(), p.d, ""); err != nil {
			t.Fatal(err)
		}
		h.set(t, func(u *login.User) { fill(u, 13) })
		refused("19 devices and 32 tokens")
		h.set(t, func(u *login.User) { u.Tokens = u.Tokens[:31] })
		h.added(t, code, "new")
		if _, err := h.redeem(t, code, "another"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("once more: %v", err)
		}
	})
}

// fill gives a user so many tokens more, at most 26.
func fill(u *login.User, n int) {
	for i := range n {
		other := u.Tokens[0]
		other.ID, other.Device, other.Secret = string(rune('a'+i)), "", strings.Repeat(string(rune('A'+i)), 32)
		u.Tokens = append(u.Tokens, other)
	}
}

func TestDevices_9_1_WhatEndsACodeOfADevice(t *testing.T) {
	for name, end := range map[string]func(*house, *phone) error{
		"expired":            func(*house, *phone) error { time.Sleep(10 * time.Minute); return nil },
		"account locked":     func(h *house, p *phone) error { return h.LockUser(context.Background(), "alice") },
		"device removed":     func(h *house, p *phone) error { return h.RemoveDevice(context.Background(), p.d, "") },
		"device suspended":   func(h *house, p *phone) error { return h.SuspendDevice(context.Background(), p.d, true) },
		"user removed":       func(h *house, p *phone) error { return h.RemoveUser(context.Background(), "alice") },
		"another code made":  func(h *house, p *phone) error { _, _, err := h.Invite(context.Background(), p.d, ""); return err },
		"policy has changed": func(h *house, p *phone) error { h.SelfService = false; return nil },
	} {
		withPhone(t, func(t *testing.T, h *house, p *phone) {
			code := p.invite(t, p.d.ID)
			if err := end(h, p); err != nil {
				t.Fatal(err)
			}
			before, _ := h.broker.DevicesOf(t.Context(), "alice")
			if _, err := h.redeem(t, code, "new"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
			if after, _ := h.broker.DevicesOf(t.Context(), "alice"); len(after) != len(before) {
				t.Errorf("%s: %d devices, then %d", name, len(before), len(after))
			}
		})
	}
}

func TestDevices_9_1_ACodeIsRedeemedOnceOnTwoServers(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		lost := h.added(t, p.invite(t, ""), "lost")
		code, servers := p.invite(t, lost.d.ID), []*house{h, onDisk(t, h.disk)}
		var good atomic.Int32
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := servers[i%2].redeem(t, code, "new"); err == nil {
					good.Add(1)
				} else if !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := good.Load(); n != 1 {
			t.Errorf("redeemed %d times", n)
		}
		h.wantDevices(t, "alice", "alice's phone", "new")
	})
}

// The store fails from each of the writes of a replacement on. Whichever it is, the user has a
// device that can approve, and can put in order what is left.
func TestDevices_9_1_ReplacedWhileTheStoreFails(t *testing.T) {
	for last, done := 0, false; !done; last++ {
		withPhone(t, func(t *testing.T, h *house, p *phone) {
			code := p.invite(t, p.d.ID)
			writes := h.failAfter(last)
			next, err := h.redeem(t, code, "new")
			done = err == nil && *writes == last
			h.disk.Fail = nil
			h = onDisk(t, h.disk)
			if done {
				if h.wantDevices(t, "alice", "new"); last < 6 {
					t.Errorf("only %d writes", last)
				}
				return
			}
			devices, _ := h.broker.DevicesOf(t.Context(), "alice")
			able := p
			if err == nil {
				able = next
			} else if !slices.ContainsFunc(devices, func(d push.Device) bool { return d.ID == p.d.ID }) {
				t.Errorf("failed at write %d: the old device has gone, and the new one was told %v", last+1, err)
			}
			able.h = h
			w := h.begin(t, attempt(""))
			able.answer(t, able.open(t), push.Approved)
			wantVerdict(t, w.end(t), login.Accept, login.Approved)
			for _, d := range devices {
				if d.ID != able.d.ID {
					if _, err := h.RemoveBy(t.Context(), able.d, d.ID); err != nil {
						t.Error(err)
					}
				}
			}
			h.wantDevices(t, "alice", able.d.Name)
		})
	}
}

// The store fails from each of the writes of a removal on. What is left can be removed, and no
// token stays behind without its device.
func TestDevices_9_3_RemovedWhileTheStoreFails(t *testing.T) {
	for last, done := 0, false; !done; last++ {
		withPhone(t, func(t *testing.T, h *house, p *phone) {
			lost := h.added(t, p.invite(t, ""), "lost")
			h.failAfter(last)
			_, err := h.RemoveBy(t.Context(), p.d, lost.d.ID)
			done = err == nil
			h.disk.Fail = nil
			if _, err := h.RemoveBy(t.Context(), p.d, lost.d.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			h.wantDevices(t, "alice", "alice's phone")
		})
		if last > 10 {
			t.Fatal("it never works")
		}
	}
}

// failAfter has the store take so many writes and no more, and counts what is tried.
func (h *house) failAfter(last int) (writes *int) {
	writes = new(int)
	h.disk.Fail = func(string) error {
		if *writes++; *writes > last {
			return errors.New("the disk is full")
		}
		return nil
	}
	return writes
}

// Whoever has the name of a user who was removed has none of that user's devices.
func TestDevices_9_3_AUserRemovedWhileTheStoreFails(t *testing.T) {
	for last, done := 0, false; !done; last++ {
		withPhone(t, func(t *testing.T, h *house, p *phone) {
			p.invite(t, "")
			h.failAfter(last)
			done = h.RemoveUser(t.Context(), "alice") == nil
			h.disk.Fail = nil
			if err := h.RemoveUser(t.Context(), "alice"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			if _, err := h.AddUser(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			h.wantDevices(t, "alice")
		})
		if last > 10 {
			t.Fatal("it never works")
		}
	}
}

// meanwhile are users, and what happens once before one of them is changed.
type meanwhile struct {
	login.Records[login.User]
	first *sync.Once
	do    func()
}

func (m meanwhile) Update(ctx context.Context, key string, fn func(*login.User) (*login.User, error)) error {
	m.first.Do(m.do)
	return m.Records.Update(ctx, key, fn)
}

func TestDevices_9_3_EnrolledWhileTheUserIsRemoved(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		other := onDisk(t, h.disk)
		h.Users = meanwhile{h.Users, new(sync.Once), func() { other.enrol(t, "alice") }}
		if err := h.RemoveUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		if devices, err := h.broker.DevicesOf(t.Context(), "alice"); len(devices) > 0 || err != nil {
			t.Errorf("left: %+v, %v", devices, err)
		}
	})
}

// Who holds a device of somebody else, or guesses, changes nothing.
func TestDevices_9_3_OthersAreNotThere(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		if _, err := h.AddUser(t.Context(), "alice2"); err != nil {
			t.Fatal(err)
		}
		mallory := h.enrol(t, "alice2")
		before := h.changes(t)
		for _, id := range []string{p.d.ID, "alice/", "alice/x", "alice2/x", "\xff", ""} {
			_, _, invited := h.Invite(t.Context(), mallory.d, id)
			_, removed := h.RemoveBy(t.Context(), mallory.d, id)
			for what, err := range map[string]error{"replace": invited, "remove": removed, "rename": h.RenameBy(t.Context(), mallory.d, id, "x")} {
				if !errors.Is(err, fs.ErrNotExist) && (what != "replace" || id != "") {
					t.Errorf("%s %q: %v", what, id, err)
				}
			}
		}
		devices, may, err := h.DevicesBeside(t.Context(), mallory.d)
		if err != nil || !may || len(devices) != 1 || devices[0].ID != mallory.d.ID {
			t.Errorf("listed: %+v, %v, %v", devices, may, err)
		}
		// Not by a code that names another user's device either, however that came to be.
		code, err := h.broker.NewEnrolment(t.Context(), push.Enrolment{User: "alice2", Expires: time.Now().Add(time.Hour), Replaces: p.d.ID})
		if err != nil {
			t.Fatal(err)
		}
		h.added(t, code, "new")
		h.wantDevices(t, "alice", "alice's phone")
		if after := h.changes(t); len(after) != len(before)+2 { // Invite without a device, and the code by hand
			t.Errorf("activity: %q, then %q", before, after)
		}
	})
}

func TestDevices_9_3_RenamedAndRemovedByAnOldOne(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		h.added(t, p.invite(t, ""), "second")
		time.Sleep(time.Second)
		devices, _, _ := h.DevicesBeside(t.Context(), p.d)
		other := devices[slices.IndexFunc(devices, func(d push.Device) bool { return d.ID != p.d.ID })]
		if err := h.RenameBy(t.Context(), p.d, other.ID, "tablet"); err != nil {
			t.Error(err)
		}
		if err := h.RenameBy(t.Context(), p.d, other.ID, "\x1b"); !errors.Is(err, push.ErrInvalid) {
			t.Errorf("a name that is none: %v", err)
		}
		h.wantDevices(t, "alice", "alice's phone", "tablet")
		if err := h.LockUser(t.Context(), "alice"); err != nil { // and removed all the same
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if d, err := h.RemoveBy(t.Context(), p.d, other.ID); err != nil || d.Name != "tablet" {
			t.Errorf("%+v, %v", d, err)
		}
		h.wantLast(t, "device tablet removed by device alice's phone")
		if _, _, err := h.Invite(t.Context(), p.d, ""); err != login.ErrLocked {
			t.Errorf("a code while the account is locked: %v", err)
		}
		if err := h.UnlockUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.RemoveBy(t.Context(), p.d, p.d.ID); err != nil { // the last one
			t.Error(err)
		}
		h.wantDevices(t, "alice")
	})
}

// Without self-service devices are listed, renamed, and may leave.
func TestDevices_9_1_9_3_PolicyWithoutSelfService(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		other := h.enrol(t, "alice")
		h.SelfService = false
		if devices, may, err := h.DevicesBeside(t.Context(), p.d); len(devices) != 2 || may || err != nil {
			t.Errorf("%+v, %v, %v", devices, may, err)
		}
		if err := h.RenameBy(t.Context(), p.d, other.d.ID, "tablet"); err != nil {
			t.Error(err)
		}
		if _, _, err := h.Invite(t.Context(), p.d, ""); err != login.ErrNoSelfService {
			t.Errorf("a code: %v", err)
		}
		if _, err := h.RemoveBy(t.Context(), p.d, other.d.ID); err != login.ErrNoSelfService {
			t.Errorf("removed: %v", err)
		}
		if _, err := h.RemoveBy(t.Context(), p.d, p.d.ID); err != nil {
			t.Errorf("left: %v", err)
		}
		h.wantDevices(t, "alice", "tablet")
	})
}

func TestAlerts_9_1_9_3_TheUserIsTold(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		h.set(t, func(u *login.User) { u.Email = "alice@example.com" })
		told := func(what string, want ...login.DeviceChange) {
			t.Helper()
			for i, l := range h.post.letters {
				if i >= len(want) || l.Device == nil || l.To != "alice@example.com" || l.Operator || l.User != "alice" {
					t.Fatalf("%s: letters %+v", what, h.post.letters)
				}
				got, want := *l.Device, want[i]
				if got.Device.Name != want.Device.Name || got.Kind != "a terminal" || got.Removed != want.Removed || got.Replaced != want.Replaced ||
					got.By != want.By || got.Time.IsZero() {
					t.Errorf("%s: told %+v, want %+v", what, got, want)
				}
			}
			if len(h.post.letters) != len(want) {
				t.Errorf("%s: %d letters", what, len(h.post.letters))
			}
			h.post.letters = nil
		}
		named := func(name string) push.Device { return push.Device{Name: name} }
		h.added(t, p.invite(t, ""), "quiet")
		told("not configured")
		h.Alerts.DeviceUser = true
		second := h.added(t, p.invite(t, ""), "second")
		told("by a device", login.DeviceChange{Device: named("second"), By: "alice's phone"})
		third := h.added(t, p.invite(t, second.d.ID), "third")
		told("in place of another", login.DeviceChange{Device: named("third"), By: "alice's phone", Replaced: "second"})
		h.enrol(t, "alice")
		told("by an operator", login.DeviceChange{Device: named("alice's phone")})
		if _, err := h.RemoveBy(t.Context(), p.d, third.d.ID); err != nil {
			t.Fatal(err)
		}
		told("removed by a device", login.DeviceChange{Device: named("third"), By: "alice's phone", Removed: true})
		if err := h.RemoveDevice(t.Context(), p.d, ""); err != nil {
			t.Fatal(err)
		}
		told("removed by an operator", login.DeviceChange{Device: named("alice's phone"), Removed: true})
		// A letter that cannot be queued changes nothing.
		h.post.fail = errors.New("the disk is full")
		h.enrol(t, "alice")
	})
}
