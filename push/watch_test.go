package push_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
)

func TestWatchTellsOfEveryBeginningAndEnd(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		bob := s.enrol(t, "bob", "")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		again := s.another().Watch(ctx, "alice")
		quiet := func(why string) {
			t.Helper()
			synctest.Wait()
			select {
			case <-again:
				t.Errorf("%s: signalled", why)
			default:
			}
		}
		quiet("at first")
		done := s.ask(t.Context(), question())
		<-again
		c := p.open(t, s)
		quiet("while it is open")
		other := question()
		other.User = "bob"
		bobs := s.ask(t.Context(), other)
		bob.answer(t, s, push.Approved)
		<-bobs
		quiet("somebody else's")
		atOnce := func(again <-chan struct{}) {
			t.Helper()
			start := time.Now()
			<-again
			if took := time.Since(start); took != 0 {
				t.Errorf("end signalled after %v", took)
			}
		}
		p.say(t, s, c, push.Approved)
		atOnce(again)
		<-done
		quiet("when it has ended")

		next := question()
		next.Login = "web"
		done = s.ask(t.Context(), next)
		<-again
		started := time.Now()
		<-again // by the clock
		if took := time.Since(started); took != hold {
			t.Errorf("end signalled after %v", took)
		}
		<-done
		if open, err := s.OpenFor(t.Context(), p.Device); open != nil || err != nil {
			t.Errorf("open: %+v, %v", open, err)
		}

		// A watch that begins while one is open tells of its end.
		next.Expires, next.Request = time.Now().Add(hold), "third"
		done = s.ask(t.Context(), next)
		late := s.Watch(ctx, "alice")
		p.answer(t, s, push.DeniedMistake)
		atOnce(late)
		<-done
	})
}

func TestOpenForASuspendedDevice(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		s.ask(t.Context(), question())
		d := p.Device
		d.Suspended = true
		if open, err := s.OpenFor(t.Context(), d); open != nil || err != nil {
			t.Errorf("open: %+v, %v", open, err)
		}
		time.Sleep(hold)
	})
}

func TestParallelAskCheckDecideAndWatchOnOneBroker(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		var all sync.WaitGroup
		for i := range 20 {
			user := string(rune('a' + i))
			p := s.enrol(t, user, "apns")
			s.enrol(t, user, "fcm")
			all.Go(func() {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				again := s.Watch(ctx, user)
				if open, err := s.OpenFor(ctx, p.Device); len(open) == 0 && err == nil {
					<-again
				}
				p.answer(t, s, push.Approved)
			})
			all.Go(func() {
				q := question()
				q.User = user
				if c, err := s.Ask(t.Context(), q); err != nil || c.User != user || c.Outcome != push.Approved {
					t.Errorf("%s: %+v, %v", user, c, err)
				}
			})
		}
		all.Wait()
	})
}
