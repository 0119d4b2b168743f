package push_test

import (
	"testing"
	"time"

	"radpush/push"
)

func TestPruneRemovesWhatEndedBefore(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		once(t, s, p, "1", push.Approved)
		once(t, s, p, "2", push.Expired)
		if _, err := s.NewEnrolment(t.Context(), push.Enrolment{User: "alice", Expires: time.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		before := time.Now()
		time.Sleep(time.Second)
		once(t, s, p, "3", push.DeniedNotMe)
		if _, err := s.NewEnrolment(t.Context(), push.Enrolment{User: "alice", Expires: time.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		done := s.ask(t.Context(), question())
		if n, err := s.Prune(t.Context(), before); n != 3 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
		if c, e := count(t, s, "challenge/"), count(t, s, "enrolment/"); c != 2 || e != 1 {
			t.Errorf("%d challenges and %d codes are left", c, e)
		}
		p.answer(t, s, push.Approved)
		<-done
		// What Recent still points to does not keep the user out.
		if n, err := s.Prune(t.Context(), time.Now().Add(1)); n != 2 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
		if r := once(t, s, p, "4", push.Approved); r.Outcome != push.Approved {
			t.Errorf("asked: %+v", r)
		}
	})
}

// An unreadable record neither stops the pruning of the others nor goes unsaid.
func TestPruneGoesOnAfterARecordItCannotRead(t *testing.T) {
	test(t, func(t *testing.T, s *server) {
		p := s.enrol(t, "alice", "")
		once(t, s, p, "1", push.Approved)
		err := s.disk.Update(t.Context(), "challenge/0", func([]byte) ([]byte, error) { return []byte("damaged"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Prune(t.Context(), time.Now().Add(1)); n != 1 || err == nil {
			t.Errorf("pruned %d, %v", n, err)
		}
	})
}
