package bolt

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"radpush/store"
)

const (
	firstChunk = 16 // many loops end soon
	maxChunk   = 256
	chunkSize  = 1 << 20 // bytes of values, about
)

// Scan is described at [store.Backend]. It reads ahead by up to 256 records.
func (d *DB) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		from := prefix
		for n := firstChunk; ; n = min(2*n, maxChunk) {
			entries, more, err := d.chunk(ctx, prefix, from, n)
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(store.Entry{}, err)
			}
			if err != nil || !more {
				return
			}
			from = entries[len(entries)-1].Key + "\x00" // the next key there can be
		}
	}
}

// chunk returns up to n records that begin with prefix, the first of them at from or
// after it, and reports whether there may be more.
func (d *DB) chunk(ctx context.Context, prefix, from string, n int) (entries []store.Entry, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	err = d.snapshots.view(func(s *snapshot) error {
		k, v := s.cursor.Seek([]byte(from))
		for size := 0; len(entries) < n && size < chunkSize; k, v = s.cursor.Next() {
			switch {
			case k == nil, !bytes.HasPrefix(k, []byte(prefix)):
				return nil
			case len(v) > maxValue:
				return damaged(fmt.Errorf("value of %d bytes", len(v)))
			}
			entries = append(entries, store.Entry{Key: string(k), Value: bytes.Clone(v)})
			size += len(v)
		}
		more = true
		return nil
	})
	return entries, more, err
}
