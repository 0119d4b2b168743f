package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
)

func TestPush_2_1_AllDevicesAreRungAndTheFirstAnswerWins(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		one, two := s.enrol(t, "alice", "apns"), s.enrol(t, "alice", "fcm")
		s.enrol(t, "alice", "") // a page that is open
		off := s.enrol(t, "alice", "apns")
		if err := s.SuspendDevice(t.Context(), off.ID, true); err != nil {
			t.Fatal(err)
		}
		s.enrol(t, "alicea", "apns")
		s.ringers["fcm"].takes = 2 * time.Second // and nobody waits for it
		s.ringers["apns"].takes = time.Second
		done := s.ask(t.Context(), question())
		for name, id := range map[string]string{"apns": one.ID, "fcm": two.ID} {
			if got := s.ringers[name].rung; !slices.Equal(got, []string{id}) {
				t.Errorf("%s rang %q, want %q", name, got, id)
			}
		}
		time.Sleep(5 * time.Second)
		c := two.answer(t, s, push.Approved)
		if r := <-done; r.err != nil || r.Outcome != push.Approved || r.Answer.Device != two.ID || r.after != 5*time.Second {
			t.Errorf("asked: %+v", r)
		}
		if r := one.say(t, s, c, push.DeniedNotMe); r != push.Already {
			t.Errorf("second device is told %q", r)
		}
		s.Close()
		if got := s.ringers["apns"].withdrawn; !slices.Equal(got, []string{one.ID}) {
			t.Errorf("apns withdrew %q, want %q", got, one.ID)
		}
		if got := s.ringers["fcm"].withdrawn; got != nil {
			t.Errorf("withdrawn from the device that answered: %q", got)
		}
	})
}

func TestPush_2_1_AWithdrawalThatHangsKeepsNobodyWaiting(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		one := s.enrol(t, "alice", "apns")
		s.enrol(t, "alice", "fcm")
		done := s.ask(t.Context(), question())
		s.ringers["fcm"].takes = time.Hour
		start := time.Now()
		one.answer(t, s, push.DeniedMistake)
		<-done
		if took := time.Since(start); took != 0 {
			t.Errorf("answer and login took %v", took)
		}
		s.Close()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestPush_2_4_WhatWasShownIsStoredAndShownUnchanged(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		q := question()
		done := s.ask(t.Context(), q)
		c := p.open(t, s)
		want, _ := json.Marshal(q.Prompt)
		if string(c.Shown) != string(want) {
			t.Errorf("shown %s, want %s", c.Shown, want)
		}
		got, err := c.Prompt()
		if err != nil || got.User != `EXAMPLE\Alice` || got.Organization != "Example <Ltd>" || !got.Started.Equal(q.Prompt.Started) {
			t.Errorf("prompt: %+v, %v", got, err)
		}
		time.Sleep(time.Second)
		again := p.answer(t, s.another(), push.Approved)
		if string(again.Shown) != string(c.Shown) {
			t.Errorf("then shown %s", again.Shown)
		}
		if r := <-done; string(r.Shown) != string(c.Shown) {
			t.Errorf("kept as %s", r.Shown)
		}
	})
}

func TestPush_2_5_TheRequestIsHeldUntilAnAnswerOrItsTimeHasPassed(t *testing.T) {
	for _, o := range []push.Outcome{push.Approved, push.DeniedNotMe, push.DeniedMistake} {
		t.Run(o.String(), func(t *testing.T) {
			test(t, func(t *testing.T, s *server) {
				p := s.enrol(t, "alice", "apns")
				done := s.ask(t.Context(), question())
				time.Sleep(hold - 1)
				c := p.answer(t, s, o)
				r := <-done
				if r.err != nil || r.Outcome != o || r.ID != c.ID || r.after != hold-1 || !r.Ended.Equal(time.Now()) || r.Late {
					t.Errorf("asked: %+v", r)
				}
			})
		})
	}
	t.Run("expired", func(t *testing.T) {
		test(t, func(t *testing.T, s *server) {
			p := s.enrol(t, "alice", "apns")
			q := question()
			done := s.ask(t.Context(), q)
			c := p.open(t, s)
			r := <-done
			if r.err != nil || r.Outcome != push.Expired || r.after != hold || !r.Ended.Equal(q.Expires) {
				t.Errorf("asked: %+v", r)
			}
			if open, _ := s.OpenFor(t.Context(), p.Device); open != nil {
				t.Errorf("still open: %+v", open)
			}
			if r := p.say(t, s, c, push.Approved); r != push.TooLate {
				t.Errorf("then answered: %v", r)
			}
		})
	})
	t.Run("too late to ask", func(t *testing.T) {
		test(t, func(t *testing.T, s *server) {
			s.enrol(t, "alice", "apns")
			q := question()
			q.Expires = time.Now()
			if r := <-s.ask(t.Context(), q); r.err != nil || r.Outcome != push.Expired || s.rings() != 0 {
				t.Errorf("asked: %+v, %d rings", r, s.rings())
			}
		})
	})
}

func TestPush_2_13_OneLoginIsOnePush(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		nodes := []*server{s, s.another()}
		var all []<-chan reply
		var asked atomic.Int64
		for i := range 50 {
			done := make(chan reply, 1)
			all = append(all, done)
			go func() {
				q := question()
				q.Request += strconv.Itoa(i)
				q.Asked = func(context.Context, push.Challenge) error {
					asked.Add(1)
					return nil
				}
				c, err := nodes[i%2].Ask(t.Context(), q)
				done <- reply{Challenge: c, err: err}
			}()
		}
		synctest.Wait()
		if n := nodes[0].rings() + nodes[1].rings(); n != 1 {
			t.Errorf("%d rings", n)
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("%d challenges were told of", n)
		}
		if kept := count(t, s, "challenge/"); kept != 1 {
			t.Errorf("%d challenges are kept", kept)
		}
		c := p.answer(t, s, push.Approved)
		for _, done := range all {
			if r := <-done; r.err != nil || r.Outcome != push.Approved || r.ID != c.ID || r.Late {
				t.Fatalf("asked: %+v", r)
			}
		}
		nodes[1].Close()
	})
}

func count(t *testing.T, s *server, prefix string) (n int) {
	t.Helper()
	for _, err := range s.disk.Scan(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestPush_2_13_WhatJoins(t *testing.T) {
	first := question()
	for _, c := range []struct {
		name   string
		first  func(*push.Question)
		second func(*push.Question)
		err    error
	}{
		{"new identifier", nil, func(q *push.Question) {}, nil},
		{"retransmission", nil, func(q *push.Question) { q.Request, q.Join = first.Request, false }, nil},
		{"retransmission, no station", func(q *push.Question) { q.Join = false },
			func(q *push.Question) { q.Request, q.Join = first.Request, false }, nil},
		{"other station", nil, func(q *push.Question) { q.Login = "vpn alice 192.0.2.2" }, push.ErrElsewhere},
		{"no station", nil, func(q *push.Question) { q.Join = false }, push.ErrElsewhere},
		{"first without station", func(q *push.Question) { q.Join = false }, func(*push.Question) {}, push.ErrElsewhere},
		{"digests unknown", func(q *push.Question) { q.Join, q.Request = false, "" },
			func(q *push.Question) { q.Join, q.Request = false, "" }, push.ErrElsewhere},
	} {
		t.Run(c.name, func(t *testing.T) {
			test(t, func(t *testing.T, s *server) {
				p := s.enrol(t, "alice", "apns")
				one, two := question(), question()
				one.Request = first.Request
				if c.first != nil {
					c.first(&one)
				}
				c.second(&two)
				a := s.ask(t.Context(), one)
				time.Sleep(time.Second)
				two.Expires = time.Now().Add(hold)
				b := s.ask(t.Context(), two)
				if c.err != nil {
					if r := <-b; !errors.Is(r.err, c.err) || r.after != 0 {
						t.Errorf("second: %+v", r)
					}
				}
				p.answer(t, s, push.Approved)
				if r := <-a; r.err != nil || r.Outcome != push.Approved {
					t.Errorf("first: %+v", r)
				}
				if c.err == nil {
					if r := <-b; r.err != nil || r.Outcome != push.Approved {
						t.Errorf("second: %+v", r)
					}
				}
				if s.rings() != 1 {
					t.Errorf("%d rings", s.rings())
				}
			})
		})
	}
}

func TestPush_2_13_AFloodOfRetriesDoesNotTakeEveryPlace(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		for range 2 { // places are given back
			first := s.ask(t.Context(), question())
			var held []<-chan reply
			for range 1000 {
				done := s.ask(t.Context(), question())
				select {
				case r := <-done:
					if r.err != push.ErrElsewhere {
						t.Fatalf("turned away: %+v", r)
					}
				default:
					held = append(held, done)
				}
			}
			if len(held) != 64 {
				t.Errorf("%d of 1000 wait", len(held))
			}
			p.answer(t, s, push.Approved)
			for _, done := range append(held, first) {
				if r := <-done; r.err != nil || r.Outcome != push.Approved {
					t.Fatalf("asked: %+v", r)
				}
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestPush_2_13_WhoJoinsWaitsNoLongerThanTheChallenge(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		s.enrol(t, "alice", "apns")
		one := s.ask(t.Context(), question())
		time.Sleep(10 * time.Second)
		short := question()
		short.Expires = time.Now().Add(5 * time.Second)
		two, three := s.ask(t.Context(), question()), s.ask(t.Context(), short)
		for i, c := range []struct {
			done  <-chan reply
			after time.Duration
		}{{three, 5 * time.Second}, {two, 20 * time.Second}, {one, hold}} {
			if r := <-c.done; r.err != nil || r.Outcome != push.Expired || r.after != c.after {
				t.Errorf("%d: %+v", i, r)
			}
		}
	})
}

// approveLate makes a login that its NAS gives up, and approves it.
func approveLate(t *testing.T, s *server, p phone, q push.Question) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := s.ask(ctx, q)
	time.Sleep(10 * time.Second)
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Fatalf("asked: %+v", r)
	}
	time.Sleep(time.Second)
	p.answer(t, s, push.Approved)
}

func TestPush_2_14_ALateApprovalIsAcceptedOnce(t *testing.T) {
	const grace = 30 * time.Second
	plain := func(*push.Question) {}
	for _, c := range []struct {
		name   string
		first  func(*push.Question)
		second func(*push.Question)
		wait   time.Duration
		late   bool
	}{
		{"same login", plain, plain, grace - 1, true},
		{"after the grace", plain, plain, grace, false},
		{"other login", plain, func(q *push.Question) { q.Login = "vpn alice 192.0.2.2" }, 0, false},
		{"does not join", plain, func(q *push.Question) { q.Join = false }, 0, false},
		{"first did not join", func(q *push.Question) { q.Join = false }, plain, 0, false},
		{"without station", func(q *push.Question) { q.Source = "" }, func(q *push.Question) { q.Source = "" }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			test(t, func(t *testing.T, s *server) {
				p := s.enrol(t, "alice", "apns")
				one := question()
				c.first(&one)
				approveLate(t, s, p, one)
				time.Sleep(c.wait)
				two := question()
				c.second(&two)
				done := s.ask(t.Context(), two)
				if c.late {
					if r := <-done; r.err != nil || r.Outcome != push.Approved || !r.Late || r.after != 0 || s.rings() != 1 {
						t.Errorf("late: %+v, %d rings", r, s.rings())
					}
					done = s.ask(t.Context(), question()) // not once more
				}
				if s.rings() != 2 {
					t.Errorf("%d rings", s.rings())
				}
				if r := <-done; r.err != nil || r.Outcome != push.Expired {
					t.Errorf("new: %+v", r)
				}
			})
		})
	}
}

func TestPush_2_14_OfFiftyParallelRequestsOneIsLate(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		approveLate(t, s, p, question())
		nodes := []*server{s, s.another()}
		replies := make(chan reply, 50)
		for i := range cap(replies) {
			go func() {
				c, err := nodes[i%2].Ask(t.Context(), question())
				replies <- reply{Challenge: c, err: err}
			}()
		}
		synctest.Wait()
		if len(replies) != 1 {
			t.Fatalf("%d got the approval", len(replies))
		}
		if r := <-replies; r.err != nil || r.Outcome != push.Approved || !r.Late {
			t.Errorf("late: %+v", r)
		}
		p.answer(t, s, push.DeniedNotMe) // the others are a login of their own
		for range cap(replies) - 1 {
			if r := <-replies; r.err != nil || r.Outcome != push.DeniedNotMe || r.Late {
				t.Fatalf("new: %+v", r)
			}
		}
		if n := nodes[0].rings() + nodes[1].rings(); n != 2 {
			t.Errorf("%d rings", n)
		}
		nodes[1].Close()
	})
}

func TestPush_2_14_AClockThatIsSetBackMakesNoOldApprovalGood(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		first := question()
		approveLate(t, s, p, first)
		recent, err := s.Recent.Get(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		// As it looks an hour back.
		err = s.Challenges.Update(t.Context(), recent.Challenges[0].ID, func(c *push.Challenge) (*push.Challenge, error) {
			c.Ended = c.Ended.Add(time.Hour)
			return c, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		again := question()
		again.Request = first.Request
		s.ask(t.Context(), again)
		if s.rings() != 2 {
			t.Errorf("%d rings", s.rings())
		}
	})
}

func TestPush_2_14_AnOlderApprovalIsNotUsed(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		approveLate(t, s, p, question())
		other := question()
		other.Login, other.Source = "web alice 192.0.2.9", "web 192.0.2.9"
		done := s.ask(t.Context(), other)
		p.answer(t, s, push.DeniedMistake)
		<-done
		s.ask(t.Context(), question())
		if s.rings() != 3 {
			t.Errorf("%d rings", s.rings())
		}
		time.Sleep(hold)
	})
}

func TestPush_2_16_APushThatReachesNobodyEndsAtOnce(t *testing.T) {
	down := errors.New("service is down")
	for _, c := range []struct {
		name       string
		services   []string
		apns, fcm  error
		want       push.Outcome
		after      time.Duration
		reachAfter bool // a device is still active afterwards
	}{
		{"all down", []string{"apns", "fcm", "fcm"}, down, down, push.Undelivered, 2 * time.Second, true},
		{"one reached", []string{"apns", "fcm"}, down, nil, push.Expired, hold, true},
		{"one asks for itself", []string{"apns", ""}, down, nil, push.Expired, hold, true},
		{"asks for itself", []string{""}, nil, nil, push.Expired, hold, true},
		{"gone", []string{"apns"}, fmt.Errorf("410: %w", push.ErrGone), nil, push.Undelivered, time.Second, false},
		{"a service that is configured no more", []string{"bell"}, nil, nil, push.Undelivered, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			test(t, func(t *testing.T, s *server) {
				*s.ringers["apns"] = ringer{takes: time.Second, fails: c.apns}
				*s.ringers["fcm"] = ringer{takes: 2 * time.Second, fails: c.fcm}
				s.Ringers["bell"] = &ringer{}
				for _, service := range c.services {
					s.enrol(t, "alice", service)
				}
				delete(s.Ringers, "bell")
				one, two := s.ask(t.Context(), question()), s.ask(t.Context(), question())
				for _, done := range []<-chan reply{one, two} {
					if r := <-done; r.err != nil || r.Outcome != c.want || r.after != c.after {
						t.Errorf("asked: %+v, want %v after %v", r, c.want, c.after)
					}
				}
				if ok, err := s.Available(t.Context(), "alice"); ok != c.reachAfter || err != nil {
					t.Errorf("available: %v, %v", ok, err)
				}
			})
		})
	}
}

// A device that asks by itself has been reached, though its push service has not.
func TestPush_2_16_ADeviceThatAsksMeanwhileIsReached(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		*s.ringers["apns"] = ringer{takes: time.Second, fails: errors.New("service is down")}
		phone := s.enrol(t, "alice", "apns")
		done := s.ask(t.Context(), question())
		synctest.Wait()
		c := phone.open(t, s)
		time.Sleep(2 * time.Second)
		if got := phone.say(t, s, c, push.Approved); got != push.Accepted {
			t.Errorf("answered: %v", got)
		}
		if r := <-done; r.err != nil || r.Outcome != push.Approved {
			t.Errorf("asked: %+v", r)
		}
	})
}

// A login may wait for long, and a hundred thousand at once.
func TestPush_2_5_NothingIsKeptOfARingThatHasEnded(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		fails error
		waits time.Duration // until the user answers
	}{
		"reached":                       {takes: time.Second, waits: 2 * time.Second},
		"out of reach":                  {takes: time.Second, fails: errors.New("service is down"), waits: 2 * time.Second},
		"under way when the login ends": {takes: time.Hour},
	} {
		test(t, func(t *testing.T, s *server) {
			s.ringers["apns"].takes, s.ringers["apns"].fails = c.takes, c.fails
			s.enrol(t, "alice", "apns")
			p := s.enrol(t, "alice", "")
			done := s.ask(t.Context(), question())
			if n := s.Ringing(); n != 1 {
				t.Errorf("%s: %d challenges are rung for", name, n)
			}
			time.Sleep(c.waits)
			if n := s.Ringing(); c.waits > 0 && n != 0 {
				t.Errorf("%s: %d are kept while the login waits", name, n)
			}
			p.answer(t, s, push.Approved)
			<-done
			synctest.Wait()
			if n := s.Ringing(); n != 0 {
				t.Errorf("%s: %d are kept", name, n)
			}
		})
	}
}

func TestPush_2_16_ARingDoesNotOutliveItsChallenge(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		s.enrol(t, "alice", "apns")
		s.ringers["apns"].takes = time.Hour
		if r := <-s.ask(t.Context(), question()); r.Outcome != push.Expired {
			t.Errorf("asked: %+v", r)
		}
		start := time.Now()
		s.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("the ring went on for %v", took)
		}
	})
}

func TestPush_9_5_AnAddressThatIsGoneIsMarked(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		gone, moved := s.enrol(t, "alice", "apns"), s.enrol(t, "alice", "apns")
		s.enrol(t, "alice", "") // keeps the challenge open
		sealing := push.Address{Service: "apns", Token: "f00d", SealingKey: gone.Key}
		if err := s.SetAddress(t.Context(), gone.ID, sealing); err != nil {
			t.Fatal(err)
		}
		*s.ringers["apns"] = ringer{takes: time.Second, fails: push.ErrGone}
		done := s.ask(t.Context(), question())
		to := push.Address{Service: "fcm", Token: "new"}
		if err := s.SetAddress(t.Context(), moved.ID, to); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if d, err := s.Device(t.Context(), gone.ID); err != nil || !d.Address.Gone || d.Active() {
			t.Errorf("gone: %+v, %v", d, err)
		}
		if d, err := s.Device(t.Context(), moved.ID); err != nil || !reflect.DeepEqual(d.Address, to) {
			t.Errorf("moved meanwhile: %+v, %v", d, err)
		}
		// Its key is good: it may answer when it asks for itself.
		c := gone.answer(t, s, push.Approved)
		if r := <-done; r.Outcome != push.Approved || r.ID != c.ID {
			t.Errorf("asked: %+v", r)
		}
		s.Close()
		if err := s.SetAddress(t.Context(), gone.ID, push.Address{Service: "apns", Token: "again"}); err != nil {
			t.Fatal(err)
		}
		if d, _ := s.Device(t.Context(), gone.ID); !d.Active() {
			t.Errorf("with a new address: %+v", d)
		}
	})
}

func TestPush_2_17_ARestartedServerIsRejoined(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer push.Outcome // while the server is down; Open for none
		want   push.Outcome
	}{
		{"answered meanwhile", push.Approved, push.Approved},
		{"denied meanwhile", push.DeniedNotMe, push.DeniedNotMe},
		{"answered later", push.Open, push.DeniedMistake},
	} {
		for _, join := range []bool{true, false} {
			t.Run(fmt.Sprint(c.name, ", join ", join), func(t *testing.T) {
				test(t, func(t *testing.T, s *server) {
					p := s.enrol(t, "alice", "apns")
					q := question()
					q.Join = join
					ctx, stop := context.WithCancel(t.Context())
					done := s.ask(ctx, q)
					time.Sleep(3 * time.Second)
					stop()
					if r := <-done; !errors.Is(r.err, context.Canceled) {
						t.Errorf("stopped: %+v", r)
					}
					if c.answer != push.Open {
						p.answer(t, s, c.answer)
					}
					s.Close()

					time.Sleep(4 * time.Second)
					next := s.another()
					q.Expires = time.Now().Add(hold)
					again := next.ask(t.Context(), q)
					if c.answer == push.Open {
						time.Sleep(time.Second)
						p.answer(t, next, c.want)
					}
					r := <-again
					if r.err != nil || r.Outcome != c.want || r.Late || r.Reused {
						t.Errorf("rejoined: %+v", r)
					}
					if next.rings() != 0 {
						t.Errorf("%d rings", next.rings())
					}
					// The outcome is the same once more, until the grace is over.
					if r := <-next.ask(t.Context(), q); r.err != nil || r.Outcome != c.want || r.Late {
						t.Errorf("again: %+v", r)
					}
					next.Close()
				})
			})
		}
	}
}

func TestPush_2_17_ARetransmissionGetsItsOutcomeForTheGraceOnly(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		q := question()
		q.Join = false
		done := s.ask(t.Context(), q)
		c := p.answer(t, s, push.Approved)
		<-done
		time.Sleep(10 * time.Second)
		once(t, s, p, "web", push.DeniedMistake) // another login since
		q.Expires = time.Now().Add(hold)
		if r := <-s.ask(t.Context(), q); r.err != nil || r.ID != c.ID || r.Outcome != push.Approved {
			t.Errorf("within the grace: %+v", r)
		}
		time.Sleep(19 * time.Second)
		q.Expires = time.Now().Add(hold)
		done = s.ask(t.Context(), q)
		p.answer(t, s, push.Approved)
		if r := <-done; r.err != nil || r.ID == c.ID || r.Outcome != push.Approved {
			t.Errorf("after the grace: %+v", r)
		}
	})
}

func TestPush_2_17_AStopWhileDevicesAreRungLeavesTheChallengeOpen(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		s.ringers["apns"].takes = time.Minute
		ctx, stop := context.WithCancel(t.Context())
		done := s.ask(ctx, question())
		stop()
		<-done
		s.Close()
		p.answer(t, s, push.Approved)
	})
}

// A server that dies at any of its updates leaves nothing that keeps the user out: what
// it leaves is no challenge at all, or one that the same login rejoins.
func TestPush_2_17_ACrashAtAnyUpdateKeepsNobodyOut(t *testing.T) {
	const updates = 2 // the challenge, then Recent
	for at := 1; at <= updates; at++ {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("update %d, kept %v", at, kept), func(t *testing.T) {
				test(t, func(t *testing.T, s *server) {
					p := s.enrol(t, "alice", "apns")
					s.disk.updates, s.disk.crashAt, s.disk.kept = 0, at, kept
					q := question()
					if r := <-s.ask(t.Context(), q); !errors.Is(r.err, errDead) || s.rings() != 0 {
						t.Errorf("crashed: %+v, %d rings", r, s.rings())
					}
					claimed := at == updates && kept
					next := s.another()
					other := question()
					other.Login = "web alice"
					if claimed {
						if r := <-next.ask(t.Context(), other); !errors.Is(r.err, push.ErrElsewhere) {
							t.Errorf("other: %+v", r)
						}
					}
					done := next.ask(t.Context(), q)
					p.answer(t, next, push.Approved)
					if r := <-done; r.err != nil || r.Outcome != push.Approved {
						t.Errorf("retransmitted: %+v", r)
					}
					if want := map[bool]int{true: 0, false: 1}[claimed]; next.rings() != want {
						t.Errorf("%d rings, want %d", next.rings(), want)
					}
					time.Sleep(hold + 1)
					if n, err := next.Prune(t.Context(), time.Now()); err != nil || count(t, next, "challenge/") != 0 {
						t.Errorf("pruned %d, %v", n, err)
					}
					next.Close()
				})
			})
		}
	}
}

// The store fails at one update and is well again, as a full disk is: the challenge that
// was being made is gone.
func TestPush_2_17_ARecordWithoutItsOtherHalfIsNone(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		done := s.ask(t.Context(), question())
		c := p.open(t, s)
		err := s.Challenges.Update(t.Context(), c.ID, func(*push.Challenge) (*push.Challenge, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		if r := <-done; r.err == nil {
			t.Errorf("asked: %+v", r) // whose question is not there gets neither yes nor no
		}
		other := question()
		other.Login = "web alice"
		s.ask(t.Context(), other)
		p.answer(t, s, push.Approved)
	})
}

// It is called again for the datagram that began the challenge: the server that made that
// may have died before (statements 2.17, 6.1).
func TestAskedIsCalledBeforeTheRing(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		var asked []string
		q := question()
		q.Asked = func(_ context.Context, c push.Challenge) error {
			if len(asked) == 0 && s.rings() != 0 {
				t.Error("rung before")
			}
			asked = append(asked, c.ID)
			return nil
		}
		one, two := s.ask(t.Context(), q), s.ask(t.Context(), q)
		c := p.answer(t, s, push.Approved)
		<-one
		<-two
		if !slices.Equal(asked, []string{c.ID, c.ID}) {
			t.Errorf("asked %q, want %q twice", asked, c.ID)
		}
	})
}

func TestAskedThatFailsTakesTheChallengeBack(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		broken := errors.New("no row")
		q := question()
		release := make(chan struct{})
		q.Asked = func(context.Context, push.Challenge) error {
			<-release
			return broken
		}
		one := s.ask(t.Context(), q)
		joined := s.ask(t.Context(), question())
		close(release)
		if r := <-one; r.err != broken {
			t.Errorf("asked: %+v", r)
		}
		if r := <-joined; r.err == nil {
			t.Errorf("joined: %+v", r)
		}
		if n := s.rings() + count(t, s, "challenge/"); n != 0 {
			t.Errorf("%d rings and records", n)
		}
		q.Asked = nil
		done := s.ask(t.Context(), q)
		p.answer(t, s, push.Approved)
		if r := <-done; r.Outcome != push.Approved {
			t.Errorf("then: %+v", r)
		}
	})
}

// The user who looked by himself has answered; that is kept as the proof of it.
func TestAskedThatFailsKeepsAnAnswer(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		q := question()
		q.Asked = func(context.Context, push.Challenge) error {
			p.answer(t, s, push.DeniedNotMe)
			return errDead
		}
		if r := <-s.ask(t.Context(), q); r.err != errDead {
			t.Errorf("asked: %+v", r)
		}
		if n := count(t, s, "challenge/"); n != 1 {
			t.Errorf("%d challenges are kept", n)
		}
	})
}

// An answerer is a push service that is slow to fail: the user has answered before.
type answerer struct{ answer func(push.Challenge) }

func (r answerer) Ring(_ context.Context, _ push.Device, c push.Challenge) error {
	r.answer(c)
	return errDead
}

func (answerer) Withdraw(context.Context, push.Device, push.Challenge) error { return nil }

func TestPush_2_16_ARingThatFailsAfterTheAnswerChangesNothing(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		var p phone
		s.Ringers["slow"] = answerer{func(c push.Challenge) { p.say(t, s, c, push.Approved) }}
		p = s.enrol(t, "alice", "slow")
		for range 20 {
			r := <-s.ask(t.Context(), question())
			s.Close()
			if c, err := s.Challenges.Get(t.Context(), r.ID); err != nil || c.Outcome != push.Approved {
				t.Fatalf("kept: %+v, %v", c, err)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestAskAndAvailableWithoutADevice(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		for range 2 {
			if ok, err := s.Available(t.Context(), "alice"); ok || err != nil {
				t.Errorf("available: %v, %v", ok, err)
			}
			if r := <-s.ask(t.Context(), question()); r.err != push.ErrNoDevice {
				t.Errorf("asked: %+v", r)
			}
			if err := s.SuspendDevice(t.Context(), s.enrol(t, "alice", "apns").ID, true); err != nil {
				t.Fatal(err)
			}
		}
	})
}
