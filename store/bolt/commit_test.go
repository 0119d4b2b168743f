package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

func openTest(t *testing.T) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func value(v string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return []byte(v), nil }
}

func get(t *testing.T, db *DB, key string) string {
	t.Helper()
	v, err := db.Get(t.Context(), key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return string(v)
}

// stale runs an update that another one of the same key gets ahead of, so that again, its
// second run, is in the committer.
func stale(t *testing.T, db *DB, key string, again func(old []byte) ([]byte, error)) error {
	runs := 0
	return db.Update(t.Context(), key, func(old []byte) ([]byte, error) {
		if runs++; runs > 1 {
			return again(old)
		}
		done := make(chan error)
		go func() { done <- db.Update(t.Context(), key, value("first")) }()
		if err := <-done; err != nil {
			t.Error(err)
		}
		return []byte("stale"), nil
	})
}

func TestFnRunsAgainOnTheFreshValue(t *testing.T) {
	db := openTest(t)
	for _, tc := range []struct {
		name  string
		again func(old []byte) ([]byte, error)
		want  string
		err   error
	}{
		{"put", func(old []byte) ([]byte, error) { return append([]byte("second after "), old...), nil }, "second after first", nil},
		{"delete", func(old []byte) ([]byte, error) { return nil, nil }, "", nil},
		{"keep", func(old []byte) ([]byte, error) { return old, nil }, "first", nil},
		{"fail", func(old []byte) ([]byte, error) { return []byte("x"), fs.ErrInvalid }, "first", fs.ErrInvalid},
	} {
		if err := stale(t, db, tc.name, tc.again); err != tc.err {
			t.Errorf("%s: error %v, want %v", tc.name, err, tc.err)
		}
		if got := get(t, db, tc.name); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
	if err := stale(t, db, "large", value(strings.Repeat("v", maxValue+1))); err == nil {
		t.Error("a second run stored more than a value may have")
	}
}

func TestPanicOfFnReachesItsCaller(t *testing.T) {
	db := openTest(t)
	for name, update := range map[string]func(fn func([]byte) ([]byte, error)) error{
		"first run":  func(fn func([]byte) ([]byte, error)) error { return db.Update(t.Context(), "k", fn) },
		"second run": func(fn func([]byte) ([]byte, error)) error { return stale(t, db, "k", fn) },
	} {
		func() {
			defer func() {
				if p := recover(); p != "ouch" {
					t.Errorf("%s: panic %v", name, p)
				}
			}()
			update(func([]byte) ([]byte, error) { panic("ouch") })
		}()
		if err := db.Update(t.Context(), "k", value(name)); err != nil || get(t, db, "k") != name {
			t.Errorf("%s: update after it: %v", name, err)
		}
	}
}

// hold keeps the committer busy until release is called.
func hold(t *testing.T, db *DB) (release func()) {
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- stale(t, db, "hold", func([]byte) ([]byte, error) {
			close(held)
			<-free
			return []byte("held"), nil
		})
	}()
	<-held
	return func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func queued(db *DB, n int) {
	for len(db.queue) < n {
		runtime.Gosched()
	}
}

func TestUpdateIsWithdrawnWhileItQueues(t *testing.T) {
	db := openTest(t)
	release := hold(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- db.Update(ctx, "k", value("v")) }()
	queued(db, 1)
	cancel()
	release()
	if err := <-done; !errors.Is(err, context.Canceled) || get(t, db, "k") != "" {
		t.Errorf("error %v, value %q", err, get(t, db, "k"))
	}
}

func TestUpdateWaitsForRoomInTheQueue(t *testing.T) {
	db := openTest(t)
	release := hold(t, db)
	var wg sync.WaitGroup
	for i := range maxQueue {
		wg.Go(func() {
			if err := db.Update(t.Context(), fmt.Sprint(i), value("v")); err != nil {
				t.Error(err)
			}
		})
	}
	queued(db, maxQueue)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Update(ctx, "gave up", value("v")); !errors.Is(err, context.Canceled) {
		t.Errorf("update without room: %v", err)
	}
	wg.Go(func() {
		if err := db.Update(t.Context(), "waited", value("v")); err != nil {
			t.Error(err)
		}
	})
	release()
	wg.Wait()
	for key, want := range map[string]string{"0": "v", fmt.Sprint(maxQueue - 1): "v", "waited": "v", "gave up": ""} {
		if got := get(t, db, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

var errDisk = errors.New("disk on fire")

// A commit that fails fails for everybody in it, whatever fn has said, and is undone; the
// store finds out by itself when the disk is well again.
func TestFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t)
		if err := db.Update(t.Context(), "code", value("123456")); err != nil {
			t.Fatal(err)
		}
		var good atomic.Int32 // so many commits succeed
		good.Store(1000)
		commit := db.commit
		db.commit = func(tx *bbolt.Tx) error {
			if good.Add(-1) >= 0 {
				return commit(tx)
			}
			tx.Rollback()
			return errDisk
		}
		release := hold(t, db)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				err := db.Update(t.Context(), "code", func(old []byte) ([]byte, error) {
					if old == nil {
						return nil, fs.ErrInvalid // used up: not true when the commit fails
					}
					return nil, nil
				})
				if !errors.Is(err, errDisk) {
					t.Errorf("error %v", err)
				}
			})
		}
		queued(db, 10)
		good.Store(1) // that of hold
		release()
		wg.Wait()
		if got := get(t, db, "code"); got != "123456" {
			t.Errorf("value %q after a failed commit", got)
		}
		time.Sleep(10 * retryEvery)
		if err := db.Err(); !errors.Is(err, errDisk) {
			t.Errorf("Err while commits fail: %v", err)
		}
		good.Store(1000)
		time.Sleep(2 * retryEvery)
		if err := db.Err(); err != nil {
			t.Errorf("Err after the disk is well: %v", err)
		}
		if err := db.Update(t.Context(), "code", value("")); err != nil {
			t.Error(err)
		}
		for e, err := range db.Scan(t.Context(), "") {
			if e.Key != "code" && e.Key != "hold" || err != nil {
				t.Errorf("the trial left %q, error %v", e.Key, err)
			}
		}
	})
}

// A commit that is in force but not known to be on the disk is the last.
func TestUnconfirmedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t)
		commit, n := db.commit, 0
		db.commit = func(tx *bbolt.Tx) error {
			n++
			return errors.Join(commit(tx), errDisk)
		}
		for i := range 3 {
			if err := db.Update(t.Context(), "k", value(fmt.Sprint(i))); !errors.Is(err, errDisk) {
				t.Errorf("error %v", err)
			}
			time.Sleep(10 * retryEvery)
		}
		if n != 1 {
			t.Errorf("%d commits, want no more after the first", n)
		}
		if err := db.Err(); !errors.Is(err, errDisk) {
			t.Errorf("Err: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}
