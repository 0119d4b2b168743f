package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// A Table is one kind of record in a Backend, encoded as CBOR (RFC 8949), under
// keys of its own: Prefix, a slash and the record's key. With a Sealer the bytes at
// rest are encrypted and bound to their key, so that nobody who can write the file
// can give one user another one's secrets.
//
// Its errors are the backend's; a record that cannot be opened or decoded is an
// error that names its key and none of its content.
type Table[T any] struct {
	Backend Backend
	Prefix  string
	Sealer  *Sealer // nil: not sealed
}

// Times keep their nanoseconds and are read back in UTC. Fields this version does
// not know are passed over.
var (
	encoding = must(cbor.EncOptions{Time: cbor.TimeRFC3339NanoUTC}.EncMode())
	decoding = must(cbor.DecOptions{}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options: found by the first test that runs
	}
	return v
}

// Get returns the record under key, or fs.ErrNotExist.
func (t Table[T]) Get(ctx context.Context, key string) (T, error) {
	name := t.name(key)
	b, err := t.Backend.Get(ctx, name)
	if err != nil {
		return *new(T), err
	}
	return t.decode(name, b)
}

// Update replaces the record under key by what fn makes of it: see
// [Backend].Update. Old is nil when there is none; nil deletes. Fn may change old
// and return it.
func (t Table[T]) Update(ctx context.Context, key string, fn func(old *T) (*T, error)) error {
	name := t.name(key)
	return t.Backend.Update(ctx, name, func(b []byte) ([]byte, error) {
		var old *T
		if b != nil {
			v, err := t.decode(name, b)
			if err != nil {
				return nil, err
			}
			old = &v
		}
		v, err := fn(old)
		if err != nil || v == nil {
			return nil, err
		}
		return t.encode(name, v)
	})
}

// All yields the records whose keys begin with prefix, in key order. A record that
// cannot be read is yielded as an error and the rest follow.
func (t Table[T]) All(ctx context.Context, prefix string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for e, err := range t.Backend.Scan(ctx, t.name(prefix)) {
			var v T
			if err == nil {
				v, err = t.decode(e.Key, e.Value)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// Watch tells of changes of the record under key: see [Backend].Watch.
func (t Table[T]) Watch(ctx context.Context, key string) <-chan struct{} {
	return t.Backend.Watch(ctx, t.name(key))
}

func (t Table[T]) name(key string) string { return t.Prefix + "/" + key }

func (t Table[T]) encode(name string, v *T) ([]byte, error) {
	b, err := encoding.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("store: encode %s: %w", t.show(name), err)
	}
	if t.Sealer == nil {
		return b, nil
	}
	return t.Sealer.Seal(name, b)
}

func (t Table[T]) decode(name string, b []byte) (v T, err error) {
	if t.Sealer != nil {
		if b, err = t.Sealer.Open(name, b); err != nil {
			return v, fmt.Errorf("store: open %s: %w", t.show(name), err)
		}
	}
	if err = decoding.Unmarshal(b, &v); err != nil {
		return *new(T), fmt.Errorf("store: decode %s: %w", t.show(name), malformed(err))
	}
	return v, nil
}

// malformed returns what is wrong with a record without its content, which errors of
// package cbor may quote.
func malformed(err error) error {
	if e, ok := errors.AsType[*cbor.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s does not go into %s %s", e.CBORType, e.GoType, e.StructFieldName)
	}
	return errors.New("not the CBOR of a record")
}

// show quotes a key for an error: it may hold what a stranger typed.
func (t Table[T]) show(name string) string {
	return t.Prefix + " " + fmt.Sprintf("%q", strings.TrimPrefix(name, t.Prefix+"/"))
}
