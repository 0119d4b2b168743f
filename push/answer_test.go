package push_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"radpush/push"
)

func TestPush_2_6_AnAnswerIsSignedByAnActiveDeviceOfTheUser(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		alice, bob := s.enrol(t, "alice", ""), s.enrol(t, "bob", "")
		done := s.ask(t.Context(), question())
		c := alice.open(t, s)
		other := c
		other.Shown = []byte(strings.Replace(string(c.Shown), "Example VPN", "Example Web", 1))
		raw := func(a push.Answer) push.Answer { // as WebCrypto signs
			sum := sha256.Sum256(push.Statement(c.ID, a.Decision, a.Number, c.Shown))
			r, ss, err := ecdsa.Sign(rand.Reader, alice.key, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			a.Signature = append(r.FillBytes(make([]byte, 32)), ss.FillBytes(make([]byte, 32))...)
			return a
		}
		with := func(a push.Answer, change func(*push.Answer)) push.Answer {
			change(&a)
			return a
		}
		good := alice.sign(c, push.Approved)
		for _, x := range []struct {
			name string
			push.Answer
			err error
		}{
			{"approve", good, nil},
			{"approve, r and s", raw(good), nil},
			{"deny", alice.sign(c, push.DeniedNotMe), nil},
			{"deny by mistake", alice.sign(c, push.DeniedMistake), nil},
			{"other decision", with(good, func(a *push.Answer) { a.Decision = push.DeniedNotMe }), push.ErrUnauthentic},
			{"other content", alice.sign(other, push.Approved), push.ErrUnauthentic},
			{"other challenge", alice.sign(push.Challenge{ID: strings.Repeat("A", 26), Shown: c.Shown}, push.Approved), push.ErrUnauthentic},
			{"somebody else's", bob.sign(c, push.Approved), push.ErrUnauthentic},
			{"in the name of another", with(bob.sign(c, push.Approved), func(a *push.Answer) { a.Device = alice.ID }), push.ErrUnauthentic},
			{"no decision of a device", alice.sign(c, push.Undelivered), push.ErrUnauthentic},
			{"open", alice.sign(c, push.Open), push.ErrUnauthentic},
			{"no signature", with(good, func(a *push.Answer) { a.Signature = nil }), push.ErrUnauthentic},
			{"zeros", with(good, func(a *push.Answer) { a.Signature = make([]byte, 64) }), push.ErrUnauthentic},
			{"cut", with(good, func(a *push.Answer) { a.Signature = a.Signature[:64] }), push.ErrUnauthentic},
			{"unknown device", with(good, func(a *push.Answer) { a.Device = "alice/x" }), push.ErrUnauthentic},
			{"no device", with(good, func(a *push.Answer) { a.Device = "" }), push.ErrUnauthentic},
			{"endless device", with(good, func(a *push.Answer) { a.Device = strings.Repeat("a", 1<<20) }), push.ErrUnauthentic},
			{"no challenge", with(good, func(a *push.Answer) { a.Challenge = "" }), push.ErrUnauthentic},
			{"not text", with(good, func(a *push.Answer) { a.Challenge = "\xff" }), push.ErrUnauthentic},
		} {
			gotC, gotD, err := s.Check(t.Context(), x.Answer)
			if err != x.err {
				t.Errorf("%s: %v, want %v", x.name, err, x.err)
			}
			if ok := gotC.ID == c.ID && gotD.ID == alice.ID; ok != (x.err == nil) {
				t.Errorf("%s: %q, %q", x.name, gotC.ID, gotD.ID)
			}
		}
		if err := s.SuspendDevice(t.Context(), alice.ID, true); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Check(t.Context(), good); err != push.ErrUnauthentic {
			t.Errorf("suspended: %v", err)
		}
		if err := s.RemoveDevice(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Check(t.Context(), good); err != push.ErrUnauthentic {
			t.Errorf("removed: %v", err)
		}
		<-done
	})
}

func TestPush_2_10_OnlyTheFirstAnswerCounts(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		one, two := s.enrol(t, "alice", ""), s.enrol(t, "alice", "apns")
		done := s.ask(t.Context(), question())
		c := one.open(t, s)
		first := one.sign(c, push.Approved)
		first.OTP, first.At = "12345678", time.Time{}
		node := s.another()
		for i, x := range []struct {
			push.Answer
			want push.Result
		}{
			{first, push.Accepted},
			{first, push.Accepted},                        // the device did not hear us
			{one.sign(c, push.Approved), push.Accepted},   // and signs anew
			{one.sign(c, push.DeniedNotMe), push.Already}, // it has changed its mind
			{two.sign(c, push.Approved), push.Already},    // also true, and changes nothing
			{two.sign(c, push.DeniedMistake), push.Already},
		} {
			time.Sleep(time.Second)
			if got, err := node.Decide(t.Context(), x.Answer); got != x.want || err != nil {
				t.Errorf("%d: %v, %v; want %v", i, got, err, x.want)
			}
		}
		r := <-done
		if r.Outcome != push.Approved || r.after != time.Second || r.Answer.Device != one.ID ||
			string(r.Answer.Signature) != string(first.Signature) || r.Answer.OTP != "" || !r.Answer.At.Equal(r.Ended) {
			t.Errorf("asked: %+v, answer %+v", r, r.Answer)
		}
		kept, err := s.Challenges.Get(t.Context(), c.ID)
		if err != nil || kept.Outcome != push.Approved || !kept.Ended.Equal(r.Ended) || kept.Answer.Device != one.ID {
			t.Errorf("kept: %+v, %v", kept, err)
		}
		time.Sleep(hold)
		if got := two.say(t, s, c, push.DeniedNotMe); got != push.Already {
			t.Errorf("after the hold: %v", got)
		}
		node.Close()
		apns := node.ringers["apns"]
		if told := apns.told; len(apns.withdrawn) != 1 || told.ID != c.ID || told.Answer.OTP != "" {
			t.Errorf("withdrawn %q of %+v", apns.withdrawn, told)
		}
	})
}

func TestPush_2_10_AfterTheEndIsTooLate(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "apns")
		done := s.ask(t.Context(), question())
		c := p.open(t, s)
		ahead := p.sign(c, push.Approved)
		ahead.At = c.Expires // the clock was set back after it arrived
		if got, err := s.Decide(t.Context(), ahead); got != push.TooLate || err != nil {
			t.Errorf("arrived after the end: %v, %v", got, err)
		}
		<-done
		late := p.sign(c, push.Approved)
		late.At = c.Created
		if got, err := s.Decide(t.Context(), late); got != push.TooLate || err != nil {
			t.Errorf("decided after the end: %v, %v", got, err)
		}
		gone := p.sign(c, push.Approved)
		gone.Challenge = "pruned"
		if got, err := s.Decide(t.Context(), gone); got != push.TooLate || err != nil {
			t.Errorf("pruned: %v, %v", got, err)
		}

		s.ringers["apns"].fails = errors.New("down")
		r := <-s.ask(t.Context(), question())
		if got := p.say(t, s, r.Challenge, push.Approved); got != push.TooLate || r.Outcome != push.Undelivered {
			t.Errorf("undelivered: %v, %v", got, r.Outcome)
		}
	})
}

func TestPush_2_10_OfParallelAnswersOneIsAccepted(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		nodes := []*server{s, s.another()}
		var phones []phone
		for range 10 {
			phones = append(phones, s.enrol(t, "alice", ""))
		}
		done := s.ask(t.Context(), question())
		c := phones[0].open(t, s)
		results := make(chan push.Result, len(phones))
		for i, p := range phones {
			go func() {
				r, err := nodes[i%2].Decide(t.Context(), p.sign(c, push.Approved+push.Outcome(i%3)))
				if err != nil {
					t.Error(err)
				}
				results <- r
			}()
		}
		got := make(map[push.Result]int)
		for range phones {
			got[<-results]++
		}
		if got[push.Accepted] != 1 || got[push.Already] != len(phones)-1 {
			t.Errorf("%v", got)
		}
		<-done
		nodes[1].Close()
	})
}

// What cannot be written has not been answered.
func TestDecideThatCannotBeWritten(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		done := s.ask(t.Context(), question())
		c := p.open(t, s)
		dead := s.another()
		dead.disk.crashAt = 1
		if r, err := dead.Decide(t.Context(), p.sign(c, push.Approved)); r != "" || !errors.Is(err, errDead) {
			t.Errorf("%v, %v", r, err)
		}
		if _, err := s.Decide(context.Background(), push.Answer{Challenge: c.ID, Device: p.ID, Decision: push.Expired}); err == nil {
			t.Error("expiry was taken for an answer")
		}
		if r := <-done; r.Outcome != push.Expired {
			t.Errorf("asked: %+v", r)
		}
		dead.Close()
	})
}
