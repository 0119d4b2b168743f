package push_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
)

// belfry are the bells of a server: each user who is not in without has one, and what they do
// is noted.
type belfry struct {
	without string
	broken  error         // of each bell
	takes   time.Duration // to ring

	mu  sync.Mutex
	did []string // "ring alice", "ring alice page", "withdraw alice"
	cut int      // rings that ended with their context
}

func (f *belfry) Bell(_ context.Context, user string) (push.Bell, error) {
	switch {
	case user == f.without:
		return nil, nil
	case f.broken != nil && f.takes == 0:
		return nil, f.broken
	}
	return f, nil
}

func (f *belfry) Ring(ctx context.Context, c push.Challenge, page bool) error {
	what := "ring " + c.User
	if page {
		what += " page"
	}
	f.note(what)
	select {
	case <-time.After(f.takes):
		return f.broken
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		f.cut++
		return ctx.Err()
	}
}

func (f *belfry) Withdraw(_ context.Context, c push.Challenge) error {
	f.note("withdraw " + c.User)
	return nil
}

func (f *belfry) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, what)
}

// wantDid compares what the bells did, when nothing is under way.
func (f *belfry) wantDid(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.did, want) {
		t.Errorf("the bells did %q, want %q", f.did, want)
	}
}

// testBells is test with bells.
func testBells(t *testing.T, fn func(t *testing.T, s *server, f *belfry)) {
	t.Helper()
	test(t, func(t *testing.T, s *server) {
		f := new(belfry)
		s.Bells = f
		fn(t, s, f)
	})
}

func TestBell_2_13_OnceForAChallengeAndSilentWhenItHasEnded(t *testing.T) {
	testBells(t, func(t *testing.T, s *server, f *belfry) {
		p := s.enrol(t, "alice", "")
		q := question()
		first := s.ask(t.Context(), q)
		f.wantDid(t, "ring alice")
		time.Sleep(3 * time.Second)
		again := s.ask(t.Context(), q) // a retransmission, to this server and to one that was started again
		other := s.another()
		other.Bells = f
		third := other.ask(t.Context(), q)
		time.Sleep(3 * time.Second)
		f.wantDid(t, "ring alice")
		p.answer(t, s, push.Approved)
		for _, done := range []<-chan reply{first, again, third} {
			if r := <-done; r.Outcome != push.Approved {
				t.Errorf("asked: %+v", r)
			}
		}
		f.wantDid(t, "ring alice", "withdraw alice")
		other.Close()
	})
}

func TestBell_2_9_SilentWhenNobodyAnswered(t *testing.T) {
	testBells(t, func(t *testing.T, s *server, f *belfry) {
		s.enrol(t, "alice", "")
		if r := <-s.ask(t.Context(), question()); r.Outcome != push.Expired || r.after != hold {
			t.Errorf("asked: %+v", r)
		}
		f.wantDid(t, "ring alice", "withdraw alice")
	})
}

// A login that was given up leaves its challenge open, for the same login tried once more.
func TestBell_2_14_HeardUntilTheChallengeEnds(t *testing.T) {
	testBells(t, func(t *testing.T, s *server, f *belfry) {
		p := s.enrol(t, "alice", "")
		ctx, cancel := context.WithCancel(t.Context())
		done := s.ask(ctx, question())
		cancel()
		if r := <-done; !errors.Is(r.err, context.Canceled) {
			t.Errorf("asked: %+v", r)
		}
		f.wantDid(t, "ring alice")
		time.Sleep(10 * time.Second)
		p.answer(t, s, push.Approved)
		f.wantDid(t, "ring alice", "withdraw alice")
	})
}

// A prompt with a number leaves the login to come back: the challenge is open meanwhile.
func TestBell_2_12_RingsForAChallengeThatIsOnlyStarted(t *testing.T) {
	testBells(t, func(t *testing.T, s *server, f *belfry) {
		p := s.enrol(t, "alice", "")
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := s.Start(ctx, question()); err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(20 * time.Second)
		f.wantDid(t, "ring alice")
		p.answer(t, s, push.DeniedNotMe)
		f.wantDid(t, "ring alice", "withdraw alice")
	})
}

func TestBell_2_1_OnlyWhereADeviceAsksByItself(t *testing.T) {
	page := func(t *testing.T, s *server) phone {
		p := s.enrol(t, "alice", "")
		err := s.Devices.Update(t.Context(), p.ID, func(d *push.Device) (*push.Device, error) {
			d.Kind = "page"
			return d, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		devices func(t *testing.T, s *server)
		rings   string
	}{
		"rung by a push service": {func(t *testing.T, s *server) { s.enrol(t, "alice", "apns") }, ""},
		"one of two":             {func(t *testing.T, s *server) { s.enrol(t, "alice", "apns"); s.enrol(t, "alice", "") }, "ring alice"},
		"a page":                 {func(t *testing.T, s *server) { s.enrol(t, "alice", ""); page(t, s) }, "ring alice page"},
		"a page that is suspended": {func(t *testing.T, s *server) {
			s.enrol(t, "alice", "")
			if err := s.SuspendDevice(t.Context(), page(t, s).ID, true); err != nil {
				t.Fatal(err)
			}
		}, "ring alice"},
	} {
		t.Run(name, func(t *testing.T) {
			testBells(t, func(t *testing.T, s *server, f *belfry) {
				c.devices(t, s)
				done := s.ask(t.Context(), question())
				var want []string
				if c.rings != "" {
					want = []string{c.rings}
				}
				f.wantDid(t, want...)
				<-done
			})
		})
	}
	t.Run("no bell", func(t *testing.T) {
		testBells(t, func(t *testing.T, s *server, f *belfry) {
			s.enrol(t, "alice", "")
			f.without = "alice"
			if r := <-s.ask(t.Context(), question()); r.Outcome != push.Expired {
				t.Errorf("asked: %+v", r)
			}
			f.wantDid(t)
		})
	})
}

func TestPollingLooksAtActiveDevices(t *testing.T) {
	off := []push.Device{{Kind: "page", Suspended: true}, {Kind: "page", Address: push.Address{Service: "webpush", Gone: true}}}
	if polls, page := push.Polling(off); polls || page {
		t.Error("none of them is asked")
	}
}

// A bell is beside the devices: it neither delays a login, nor ends it, nor saves it.
func TestBell_2_16_AFailingBellChangesNothing(t *testing.T) {
	for name, takes := range map[string]time.Duration{"cannot ring": 0, "fails": time.Second} {
		t.Run(name, func(t *testing.T) {
			testBells(t, func(t *testing.T, s *server, f *belfry) {
				var log strings.Builder
				s.Log = slog.New(slog.NewTextHandler(&log, nil))
				p := s.enrol(t, "alice", "")
				f.broken, f.takes = errors.New("out of order"), takes
				done := s.ask(t.Context(), question())
				time.Sleep(10 * time.Second)
				p.answer(t, s, push.Approved)
				if r := <-done; r.Outcome != push.Approved || r.after != 10*time.Second {
					t.Errorf("asked: %+v", r)
				}
				synctest.Wait()
				if n := strings.Count(log.String(), "out of order"); n != 1 || slices.Contains(f.did, "withdraw alice") {
					t.Errorf("%d times in the log, did %q:\n%s", n, f.did, &log)
				}
			})
		})
	}
	t.Run("2.16: a device that is out of reach and no other", func(t *testing.T) {
		testBells(t, func(t *testing.T, s *server, f *belfry) {
			s.enrol(t, "alice", "apns")
			s.ringers["apns"].fails = errors.New("out of order")
			if r := <-s.ask(t.Context(), question()); r.Outcome != push.Undelivered {
				t.Errorf("asked: %+v", r)
			}
			f.wantDid(t)
		})
	})
}

func TestBell_2_10_NothingIsSentAfterTheEnd(t *testing.T) {
	testBells(t, func(t *testing.T, s *server, f *belfry) {
		p := s.enrol(t, "alice", "")
		f.takes = time.Hour // it tries and tries
		done := s.ask(t.Context(), question())
		time.Sleep(5 * time.Second)
		p.answer(t, s, push.Approved)
		if r := <-done; r.Outcome != push.Approved {
			t.Errorf("asked: %+v", r)
		}
		f.wantDid(t, "ring alice", "withdraw alice") // what may have been sent before
		if f.cut != 1 {
			t.Error("it goes on trying")
		}
	})
}

// A login may wait for long, and a hundred thousand at once. Who waits to withdraw a bell that has
// rung is one goroutine with a small stack.
func TestBell_2_5_WhatOneCostsWhileTheLoginWaits(t *testing.T) {
	testBells(t, func(t *testing.T, s *server, f *belfry) {
		const held = 500
		_, before := memory()
		for i := range held {
			q := question()
			q.User = fmt.Sprint("user", i)
			s.enrol(t, q.User, "")
			if _, err := s.Start(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if _, after := memory(); len(f.did) != held || after > before+6000*held {
			t.Errorf("%d bells, %d octets of stack each", len(f.did), (int(after)-int(before))/held)
		}
	})
}

// A server that ends leaves the bell to be heard: the next one takes the challenge over.
func TestBell_2_17_AServerThatEndsDoesNotWait(t *testing.T) {
	testBells(t, func(t *testing.T, s *server, f *belfry) {
		s.enrol(t, "alice", "")
		if _, err := s.Start(t.Context(), question()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		s.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
		f.wantDid(t, "ring alice")
	})
}
