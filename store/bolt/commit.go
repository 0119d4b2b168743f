package bolt

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

const (
	maxQueue = 8192     // updates that wait to be committed; and as many in one commit
	maxBatch = 32 << 20 // bytes of values in one commit, about

	// The activity record grows at one end, where full pages are best. Users' records
	// change in place and seldom in size: the room that is left is for them.
	fillPercent = 0.9

	retryEvery = time.Second
)

// A writer is the committing goroutine.
type writer struct {
	db     *DB
	batch  []*request
	broken error // if set nothing is written any more
}

// serve commits what is queued until the queue is closed and empty.
func (w *writer) serve() {
	defer close(w.db.drained)
	for w.take() {
		w.answer(w.commit())
	}
}

// take fills the batch with what has queued, waiting for the first of it. It reports
// false when the queue is closed and empty.
func (w *writer) take() bool {
	runtime.Gosched() // those who have been answered may be ready to update again
	w.batch = w.batch[:0]
	r, ok := w.first()
	for size := 0; ok; {
		w.batch = append(w.batch, r)
		size += len(r.new)
		if len(w.batch) == maxQueue || size >= maxBatch {
			break
		}
		select {
		case r, ok = <-w.db.queue:
		default:
			ok = false
		}
	}
	return len(w.batch) > 0
}

// first waits for an update. While the last commit has failed it also tries by itself
// whether the disk can be written again: perhaps nobody updates until it can.
func (w *writer) first() (r *request, ok bool) {
	for w.db.Err() != nil && w.broken == nil {
		select {
		case r, ok = <-w.db.queue:
			return r, ok
		case <-time.After(retryEvery):
			w.try()
		}
	}
	r, ok = <-w.db.queue
	return r, ok
}

// commit makes one transaction of the batch. It goes in the order of the keys, for
// neighbours share pages, and a row that is put before others moves none of its own
// batch.
func (w *writer) commit() error {
	slices.SortFunc(w.batch, func(a, b *request) int { return strings.Compare(a.key, b.key) })
	return w.write(func(tx *bbolt.Tx) (changed bool) {
		b := tx.Bucket(bucketName)
		b.FillPercent = fillPercent
		c := b.Cursor()
		var key []byte
		for _, r := range w.batch {
			if r.err = r.ctx.Err(); r.err != nil {
				continue // withdrawn
			}
			key = append(key[:0], r.key...)
			var change bool
			change, r.err = r.renew(c, key)
			switch {
			case r.err != nil || !change:
				continue
			case r.new == nil:
				r.err = b.Delete(key)
			default:
				r.err = b.Put(key, r.new)
			}
			changed = changed || r.err == nil
		}
		return changed
	})
}

// renew runs the update's function again if the record is not the one it ran on, and
// reports whether the record is to change.
func (r *request) renew(c *bbolt.Cursor, key []byte) (changed bool, err error) {
	v, had, err := seek(c, key)
	if err != nil {
		return false, err
	}
	if had == r.had && string(v) == string(r.old) {
		return true, nil
	}
	r.had, r.old = had, append(r.old[:0], v...)
	defer func() { r.panicked = recover() }()
	return r.run()
}

// write runs fn in a transaction and commits it if fn reports a change.
//
// A transaction writes to pages that are not in use, waits for the disk, and then puts
// itself in force by writing one page, the meta page, and waits again. Where anything
// before the meta page fails, nothing has happened and the next transaction may well
// succeed. When the last wait fails the transaction is in force as far as one can see,
// but it is not known to be on the disk, and a later one would overwrite the pages
// of the state that the disk may still fall back to. So that was the last: a server that
// can be believed has to be started anew on a disk that can.
func (w *writer) write(fn func(tx *bbolt.Tx) (changed bool)) error {
	if w.broken != nil {
		return w.broken
	}
	tx, err := w.db.bolt.Begin(true)
	if err != nil {
		return w.failed(err)
	}
	defer func() {
		if tx.DB() != nil { // there was nothing to commit, or bbolt panicked
			tx.Rollback()
		}
	}()
	id, changed := tx.ID(), false
	err = guarded(func() error {
		if changed = fn(tx); !changed {
			return nil
		}
		return w.db.commit(tx)
	})
	switch {
	case err != nil && tx.DB() != nil:
		err = w.failed(err)
		w.broken = err
	case err != nil && w.inForce(id):
		err = w.failed(fmt.Errorf("%w: the disk may or may not have kept it, nothing more is written until the store is opened anew", err))
		w.broken = err
	case err != nil:
		err = w.failed(err)
	case changed && w.db.failure.Load() != nil:
		w.db.failure.Store(nil)
	}
	return err
}

// failed makes the error known to Err.
func (w *writer) failed(err error) error {
	err = fmt.Errorf("bolt: commit: %w", err)
	w.db.failure.Store(&err)
	return err
}

// inForce reports whether readers see the transaction.
func (w *writer) inForce(id int) (yes bool) {
	err := w.db.bolt.View(func(tx *bbolt.Tx) error {
		yes = tx.ID() >= id
		return nil
	})
	return yes || err != nil
}

// try writes and removes a value as large as any, so that the disk has to have room.
func (w *writer) try() {
	err := w.write(func(tx *bbolt.Tx) bool {
		b, err := tx.CreateBucketIfNotExists(trialName)
		return err == nil && b.Put(trialName, make([]byte, maxValue)) == nil
	})
	if err == nil {
		w.write(func(tx *bbolt.Tx) bool { return tx.DeleteBucket(trialName) == nil })
	}
}

// answer shows the commit to readers and tells everybody in the batch. If it failed it
// failed for all: what fn said of a record that another update had changed holds no
// longer.
func (w *writer) answer(err error) {
	w.db.snapshots.expire()
	for _, r := range w.batch {
		if err != nil {
			r.err = err
		}
		w.db.watches.notify(r.key)
	}
	for _, r := range w.batch {
		r.done <- struct{}{}
	}
}
