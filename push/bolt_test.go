package push_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"radpush/push"
	"radpush/store/bolt"
)

// A whole push on a real file, many users at once, each with two parallel requests; then
// the server is started again and finds what was answered.
func TestPushOnABoltFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "db")
		db, err := bolt.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { db.Close() }()
		s := newServer(db)
		const users = 20
		var phones [users]phone
		var questions [users]push.Question
		var approved atomic.Int64
		var all sync.WaitGroup
		for i := range users {
			user := fmt.Sprint("user ", i)
			phones[i] = s.enrol(t, user, "apns")
			q := question()
			q.User, q.Login = user, user
			questions[i] = q
			for range 2 {
				all.Go(func() {
					c, err := s.Ask(t.Context(), q)
					if err != nil {
						t.Error(err)
					} else if c.Outcome == push.Approved && c.User == user {
						approved.Add(1)
					}
				})
			}
		}
		synctest.Wait()
		for _, p := range phones {
			p.answer(t, s, push.Approved)
		}
		all.Wait()
		if n := s.rings(); n != users || approved.Load() != 2*users {
			t.Errorf("%d rings and %d approvals of %d", n, approved.Load(), 2*users)
		}
		s.Close()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}

		if db, err = bolt.Open(file); err != nil {
			t.Fatal(err)
		}
		s = newServer(db)
		for _, q := range questions {
			if c, err := s.Ask(t.Context(), q); err != nil || c.Outcome != push.Approved || c.Late {
				t.Errorf("after the restart: %+v, %v", c, err)
			}
		}
		if n := s.rings(); n != 0 {
			t.Errorf("%d rings after the restart", n)
		}
		s.Close()
	})
}
