package bolt

import (
	"bytes"
	"fmt"
	"io/fs"
	"sync"

	"go.etcd.io/bbolt"
)

// Beginning a read transaction for each Get costs more than the search in it. So
// transactions that have done their reading are kept for the next reader until a commit
// makes them old. Each is used by one goroutine at a time, as bbolt asks.
//
// bbolt cannot map more of a growing file while a read transaction is open, and these
// stay open when nobody uses them. Open therefore maps far more than the file has; once
// it has grown to mapped less mapReserve, none are kept.
type snapshots struct {
	bolt   *bbolt.DB
	mapped int64

	mu      sync.Mutex
	commits uint64 // so many have made snapshots old
	closed  bool
	idle    []*snapshot
}

// A snapshot is a read transaction.
type snapshot struct {
	tx      *bbolt.Tx
	cursor  *bbolt.Cursor
	commits uint64 // so many are in it, at least
	key     []byte // a buffer for the key sought
}

// maxIdle is how many snapshots are kept. More are in use at once only where more
// goroutines than this are in the middle of a read.
const maxIdle = 16

// view calls fn with a snapshot of the last commit.
func (ss *snapshots) view(fn func(s *snapshot) error) error {
	err := guarded(func() error {
		s, err := ss.take()
		if err != nil {
			return err
		}
		defer ss.put(s)
		if s.cursor == nil { // not in take: a page that makes no sense must not leave the transaction open
			s.cursor = s.tx.Bucket(bucketName).Cursor()
		}
		return fn(s)
	})
	if err != nil {
		return fmt.Errorf("bolt: read: %w", err)
	}
	return nil
}

// get returns the value under key, valid while the snapshot is.
func (s *snapshot) get(key string) (v []byte, had bool, err error) {
	s.key = append(s.key[:0], key...)
	return seek(s.cursor, s.key)
}

// seek returns the value under key, valid until the transaction ends or changes.
func seek(c *bbolt.Cursor, key []byte) (v []byte, had bool, err error) {
	k, v := c.Seek(key)
	if !bytes.Equal(k, key) {
		return nil, false, nil
	}
	if len(v) > maxValue {
		return nil, false, damaged(fmt.Errorf("value of %d bytes", len(v)))
	}
	return v, true, nil
}

// take returns a snapshot of the last commit.
func (ss *snapshots) take() (*snapshot, error) {
	ss.mu.Lock()
	if ss.closed {
		ss.mu.Unlock()
		return nil, fs.ErrClosed
	}
	if n := len(ss.idle); n > 0 {
		s := ss.idle[n-1]
		ss.idle = ss.idle[:n-1]
		ss.mu.Unlock()
		return s, nil
	}
	commits := ss.commits
	ss.mu.Unlock()
	tx, err := ss.bolt.Begin(false)
	if err != nil {
		return nil, closedOr(err)
	}
	return &snapshot{tx: tx, commits: commits}, nil
}

// put gives a snapshot back.
func (ss *snapshots) put(s *snapshot) {
	ss.mu.Lock()
	keep := s.commits == ss.commits && !ss.closed && len(ss.idle) < maxIdle && s.tx.Size() < ss.mapped-mapReserve
	if keep {
		ss.idle = append(ss.idle, s)
	}
	ss.mu.Unlock()
	if !keep {
		s.tx.Rollback()
	}
}

// expire ends the snapshots that a commit has made old.
func (ss *snapshots) expire() {
	ss.mu.Lock()
	ss.commits++
	old := ss.idle
	ss.idle = nil
	ss.mu.Unlock()
	for _, s := range old {
		s.tx.Rollback()
	}
}

// close ends all snapshots but those in use, which end when they are given back.
func (ss *snapshots) close() {
	ss.mu.Lock()
	ss.closed = true
	ss.mu.Unlock()
	ss.expire()
}
