// Package store keeps radpush's records: users, devices, challenges, activity.
//
// A [Backend] is a map from keys to bytes with five methods, small enough that an
// embedded file (package store/bolt) and a cluster's key-value store both fit it.
// A [Table] gives one kind of record a Go type, a key prefix and, where the record
// holds secrets, a [Sealer].
//
// The one promise everything rests on: an Update is atomic and durable for its one
// key. There are no transactions over several keys; what has to change together is
// kept in one record. A record that is not there is fs.ErrNotExist, everywhere.
package store

import (
	"context"
	"iter"
)

// Entry is a key and its value, as Scan yields them.
type Entry struct {
	Key   string
	Value []byte
}

// Backend is a durable map from keys to values. Keys are UTF-8 text of 1 to 1,024
// bytes; values are opaque and at most 1 MiB. All methods may be called at once from
// any number of goroutines. The suite in package store/storetest says what is
// expected of one in full.
type Backend interface {
	// Get returns the value under key, or fs.ErrNotExist. The caller owns the bytes.
	Get(ctx context.Context, key string) ([]byte, error)

	// Update replaces the value under key by what fn makes of it and returns when
	// the change is durable. Old is nil when there is no record and must not be
	// changed or kept; a nil result deletes. Fn may run more than once, each time
	// with a fresh old, on any goroutine, and must not call the backend. If fn
	// fails, nothing changes and Update returns its error as it is. If fn returns
	// bytes equal to old, nothing is written.
	Update(ctx context.Context, key string, fn func(old []byte) ([]byte, error)) error

	// Scan yields the records whose keys begin with prefix, in the order of their
	// bytes, each key once. It holds nothing open while the loop's body runs, and
	// reads ahead: a record that is changed meanwhile may come as it was. The caller
	// owns the bytes. An error ends the sequence.
	Scan(ctx context.Context, prefix string) iter.Seq2[Entry, error]

	// Watch returns a channel that receives after each change of key made after
	// Watch returned: "look again". Signals may be merged and may be spurious; none
	// is lost. The watch ends with ctx, without closing the channel.
	Watch(ctx context.Context, key string) <-chan struct{}

	// Close waits for updates that have begun, then releases the store. Calls
	// after it return fs.ErrClosed.
	Close() error
}
