// Package bolt keeps records in one file, with bbolt: a [store.Backend] for a server
// that runs alone.
//
// bbolt commits one transaction at a time and waits for the disk twice in each, which
// makes some thousand commits a second. So an update does not commit by itself. It runs
// its function in its caller's goroutine, on the value that was last committed, and
// queues what came of it. One goroutine takes all that has queued, commits it as one
// transaction and answers everybody who waits for it: the busier the store, the more
// updates share a commit, and none is ever held back to wait for company. If another
// update of the same key came first, the function runs again inside the transaction.
//
// What Update has acknowledged is on the disk. If a commit fails, all updates in it fail
// and reading goes on; [DB.Err] tells until a commit has succeeded again.
package bolt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"radpush/store"
)

// DB is a store in one file. Make it with Open.
type DB struct {
	bolt      *bbolt.DB
	snapshots snapshots
	watches   watches
	failure   atomic.Pointer[error] // what Err returns
	commit    func(*bbolt.Tx) error // (*bbolt.Tx).Commit, but in a test

	requests sync.Pool // of *request; not shared, for a channel belongs to its synctest bubble
	queue    chan *request
	drained  chan struct{} // closed when the committer has returned

	mu     sync.RWMutex // guards closed; held for reading while an update runs and queues
	closed bool
}

var _ store.Backend = (*DB)(nil)

// The limits that store.Backend states.
const (
	maxKey   = 1 << 10
	maxValue = 1 << 20
)

// A request is an update on its way to the disk. Its caller owns it until it is in the
// queue and after done; between, the committer does.
type request struct {
	ctx context.Context
	key string
	fn  func(old []byte) ([]byte, error)

	had bool   // there was a record when fn ran
	old []byte // a copy of it, never nil; the buffer is reused
	new []byte // what fn made of it

	err      error
	panicked any           // what fn panicked with in the committer
	done     chan struct{} // receives once
}

// maxBuffer is the size above which a request's buffer is not kept for the next.
const maxBuffer = 4 << 10

// Get is described at [store.Backend].
func (d *DB) Get(ctx context.Context, key string) (value []byte, err error) {
	found := false
	err = d.snapshots.view(func(s *snapshot) error {
		v, had, err := s.get(key)
		found = had
		value = append(make([]byte, 0, len(v)), v...)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, fs.ErrNotExist
	}
	return value, nil
}

// Update is described at [store.Backend]. While the queue is full it waits until ctx
// ends. An update whose ctx ends in the queue is withdrawn if the committer has not
// taken it yet, and returns the error of ctx: then nothing has changed. Once taken its
// outcome is waited for. If the commit fails nothing of it is kept, unless the error says
// that this is not known.
func (d *DB) Update(ctx context.Context, key string, fn func(old []byte) ([]byte, error)) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("bolt: key of %d bytes, not 1 to %d", len(key), maxKey)
	}
	r, _ := d.requests.Get().(*request)
	if r == nil {
		r = &request{old: []byte{}, done: make(chan struct{}, 1)}
	}
	r.ctx, r.key, r.fn = ctx, key, fn
	queued, err := d.enqueue(r)
	if queued {
		<-r.done
		err = r.err
		if r.panicked != nil {
			panic(r.panicked)
		}
	}
	if cap(r.old) > maxBuffer {
		r.old = []byte{}
	}
	*r = request{old: r.old[:0], done: r.done}
	d.requests.Put(r)
	return err
}

// enqueue runs the update's function and queues what came of it, if anything did.
func (d *DB) enqueue(r *request) (queued bool, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return false, errClosed
	}
	if err := r.ctx.Err(); err != nil {
		return false, err
	}
	if err := d.snapshots.view(r.read); err != nil {
		return false, err
	}
	changed, err := r.run()
	if err != nil || !changed {
		return false, err
	}
	select {
	case d.queue <- r:
		return true, nil
	default:
	}
	select {
	case d.queue <- r:
		return true, nil
	case <-r.ctx.Done():
		return false, r.ctx.Err()
	}
}

// read takes the old value from a snapshot.
func (r *request) read(s *snapshot) (err error) {
	var v []byte
	v, r.had, err = s.get(r.key)
	r.old = append(r.old[:0], v...)
	return err
}

// run calls the update's function with what it has as the old value.
func (r *request) run() (changed bool, err error) {
	var old []byte
	if r.had {
		old = r.old
	}
	r.new, err = r.fn(old)
	switch {
	case err != nil:
		return false, err
	case len(r.new) > maxValue:
		return false, fmt.Errorf("bolt: value of %d bytes, more than %d", len(r.new), maxValue)
	case r.had:
		return r.new == nil || !bytes.Equal(r.new, r.old), nil
	default:
		return r.new != nil, nil
	}
}

// Watch is described at [store.Backend].
func (d *DB) Watch(ctx context.Context, key string) <-chan struct{} {
	return d.watches.add(ctx, key)
}

// WriteTo writes a copy of the store as it stands now, to be kept as a backup and opened
// like any other file. Updates go on meanwhile, but the file grows by what they replace
// until the copy is finished: a slow w is best given a file in between.
func (d *DB) WriteTo(w io.Writer) (n int64, err error) {
	err = d.bolt.View(func(tx *bbolt.Tx) error {
		n, err = tx.WriteTo(w)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("bolt: backup: %w", closedOr(err))
	}
	return n, nil
}

// Err returns why the last commit failed, or nil if it did not. After a failure the store
// tries by itself, each second, whether it can write again.
func (d *DB) Err() error {
	if err := d.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Close is described at [store.Backend]. It also waits for backups.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return errClosed
	}
	d.closed = true
	close(d.queue)
	d.mu.Unlock()
	<-d.drained
	d.snapshots.close()
	if err := d.bolt.Close(); err != nil {
		return fmt.Errorf("bolt: close: %w", err)
	}
	return nil
}

var errClosed = fmt.Errorf("bolt: store: %w", fs.ErrClosed)
