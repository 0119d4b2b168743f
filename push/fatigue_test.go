package push_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"radpush/push"
)

// once asks once from its own source, answers after a second unless it is to expire, and
// returns what became of it.
func once(t *testing.T, s *server, p phone, source string, o push.Outcome) reply {
	t.Helper()
	q := question()
	q.Login, q.Source = source, source
	done := s.ask(t.Context(), q)
	time.Sleep(time.Second)
	select {
	case r := <-done:
		return r
	default:
	}
	if o != push.Expired {
		p.answer(t, s, o)
	}
	return <-done
}

func TestPush_2_15_PushPausesAfterTooManyThatCameToNothing(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		start := time.Now()
		for i, o := range []push.Outcome{push.Expired, push.DeniedNotMe, push.DeniedMistake, push.Expired, push.DeniedNotMe} {
			if r := once(t, s, p, fmt.Sprint(i), o); r.err != nil || r.Outcome != o {
				t.Fatalf("%d: %+v", i, r)
			}
		}
		if r := once(t, s, p, "new", push.Approved); r.err != push.ErrPaused {
			t.Errorf("sixth: %+v", r)
		}
		if ok, err := s.Available(t.Context(), "alice"); !ok || err != nil {
			t.Errorf("available: %v, %v", ok, err)
		}
		time.Sleep(time.Until(start.Add(10*time.Minute - 2*time.Second)))
		if r := once(t, s, p, "new", push.Approved); r.err != push.ErrPaused {
			t.Errorf("within the window: %+v", r)
		}
		time.Sleep(time.Second)
		if r := once(t, s, p, "new", push.Approved); r.err != nil || r.Outcome != push.Approved {
			t.Errorf("after the window: %+v", r)
		}
	})
}

func TestPush_2_15_AnApprovalClearsTheCount(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		for round := range 3 {
			for i := range 4 {
				if r := once(t, s, p, fmt.Sprint(round, i), push.DeniedMistake); r.Outcome != push.DeniedMistake {
					t.Fatalf("round %d, %d: %+v", round, i, r)
				}
			}
			if r := once(t, s, p, fmt.Sprint(round), push.Approved); r.Outcome != push.Approved {
				t.Fatalf("round %d: %+v", round, r)
			}
			time.Sleep(time.Duration(round) * time.Minute) // within and after the grace
		}
	})
}

func TestPush_2_15_LimitsAreConfigured(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		s.Limits = push.Limits{Unanswered: 1, Window: time.Minute, CoolDown: time.Hour}
		p := s.enrol(t, "alice", "")
		once(t, s, p, "vpn", push.DeniedNotMe)
		time.Sleep(time.Minute - 2*time.Second)
		if r := once(t, s, p, "web", push.Approved); r.err != push.ErrPaused {
			t.Errorf("in the window: %+v", r)
		}
		if r := once(t, s, p, "web", push.Approved); r.Outcome != push.Approved {
			t.Errorf("after the window: %+v", r)
		}
		time.Sleep(time.Hour - 2*time.Minute) // far outside the window, and others came since
		if r := once(t, s, p, "vpn", push.Approved); r.err != push.ErrCoolingDown {
			t.Errorf("cool-down: %+v", r)
		}
	})
}

func TestPush_2_15_PushesThatReachNobodyDoNotCountAndAreForgotten(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		once(t, s, p, "vpn", push.DeniedNotMe)
		s.ringers["apns"].fails = errors.New("down")
		for range 150 {
			q := question()
			q.Login = "web"
			if r := <-s.ask(t.Context(), q); r.Outcome != push.Undelivered {
				t.Fatalf("asked: %+v", r)
			}
		}
		recent, err := s.Recent.Get(t.Context(), "alice")
		if n := len(recent.Challenges); n > 100 || err != nil {
			t.Errorf("%d challenges are remembered, %v", n, err)
		}
		time.Sleep(time.Minute)
		once(t, s, p, "web", push.Approved)
		recent, _ = s.Recent.Get(t.Context(), "alice")
		if n := len(recent.Challenges); n > 2 {
			t.Errorf("a minute later still %d", n)
		}
	})
}

func TestPush_2_15_AfterNotMeTheSourceCoolsDown(t *testing.T) {
	const coolDown = 5 * time.Minute
	for _, c := range []struct {
		name   string
		answer push.Outcome
		source string
		wait   time.Duration
		err    error
	}{
		{"same source", push.DeniedNotMe, "vpn 192.0.2.1", coolDown - 1, push.ErrCoolingDown},
		{"cooled down", push.DeniedNotMe, "vpn 192.0.2.1", coolDown, nil},
		{"other source", push.DeniedNotMe, "vpn 192.0.2.2", 0, nil},
		{"source unknown", push.DeniedNotMe, "", 0, nil},
		{"a mistake", push.DeniedMistake, "vpn 192.0.2.1", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			test(t, func(t *testing.T, s *server) {
				p := s.enrol(t, "alice", "apns")
				first := question()
				if c.source == "" {
					first.Source = ""
				}
				done := s.ask(t.Context(), first)
				p.answer(t, s, c.answer)
				<-done
				other := question() // does not end the cool-down
				other.Login, other.Source = "web", "web"
				done = s.ask(t.Context(), other)
				p.answer(t, s, push.Approved)
				<-done

				time.Sleep(c.wait)
				q := question()
				q.Source = c.source
				done = s.ask(t.Context(), q)
				if c.err != nil {
					if r := <-done; r.err != c.err || r.after != 0 || s.rings() != 2 {
						t.Errorf("asked: %+v, %d rings", r, s.rings())
					}
					return
				}
				p.answer(t, s, push.Approved)
				if r := <-done; r.err != nil || r.Outcome != push.Approved {
					t.Errorf("asked: %+v", r)
				}
			})
		})
	}
}

func TestPush_2_15_OneOpenChallengeAUser(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		nodes := []*server{s, s.another()}
		replies := make(chan reply, 50)
		for i := range cap(replies) {
			go func() {
				q := question()
				q.Login = fmt.Sprint("login ", i)
				c, err := nodes[i%2].Ask(t.Context(), q)
				replies <- reply{Challenge: c, err: err}
			}()
		}
		for range cap(replies) - 1 {
			if r := <-replies; r.err != push.ErrElsewhere {
				t.Fatalf("asked: %+v", r)
			}
		}
		p.answer(t, s, push.Approved)
		if r := <-replies; r.err != nil || r.Outcome != push.Approved {
			t.Errorf("asked: %+v", r)
		}
		if n := nodes[0].rings() + nodes[1].rings(); n != 1 {
			t.Errorf("%d rings", n)
		}
		if n := count(t, s, "challenge/"); n != 1 {
			t.Errorf("%d challenges are kept", n)
		}
		nodes[1].Close()
	})
}
