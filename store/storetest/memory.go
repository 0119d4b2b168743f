package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"radpush/store"
)

// Memory is a Backend in memory: for tests of what stands on a store, in virtual time
// too. Fail, when set, is asked before each update of a key and stands for a disk that
// does not write.
type Memory struct {
	Fail func(key string) error

	mu      sync.Mutex
	closed  bool
	values  map[string][]byte
	watches map[string]map[chan struct{}]bool
}

var _ store.Backend = (*Memory)(nil)

func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	switch {
	case m.closed:
		return nil, fs.ErrClosed
	case !ok:
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(v), nil
}

func (m *Memory) Update(ctx context.Context, key string, fn func(old []byte) ([]byte, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fs.ErrClosed
	}
	old, had := m.values[key]
	v, err := fn(old)
	if err != nil {
		return err
	}
	if key == "" || len(key) > 1<<10 || len(v) > 1<<20 {
		return fmt.Errorf("storetest: key of %d bytes, value of %d", len(key), len(v))
	}
	if m.Fail != nil {
		if err := m.Fail(key); err != nil {
			return err
		}
	}
	switch {
	case v == nil && !had, had && v != nil && bytes.Equal(v, old):
		return nil
	case v == nil:
		delete(m.values, key)
	case m.values == nil:
		m.values = map[string][]byte{key: bytes.Clone(v)}
	default:
		m.values[key] = bytes.Clone(v)
	}
	for c := range m.watches[key] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	return nil
}

func (m *Memory) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		m.mu.Lock()
		keys, closed := slices.Sorted(maps.Keys(m.values)), m.closed
		m.mu.Unlock()
		if closed {
			yield(store.Entry{}, fs.ErrClosed)
			return
		}
		for _, k := range keys {
			if !strings.HasPrefix(k, prefix) {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(store.Entry{}, err)
				return
			}
			v, err := m.Get(ctx, k)
			if err == nil && !yield(store.Entry{Key: k, Value: v}, nil) {
				return
			}
		}
	}
}

func (m *Memory) Watch(ctx context.Context, key string) <-chan struct{} {
	c := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watches == nil {
		m.watches = make(map[string]map[chan struct{}]bool)
	}
	if m.watches[key] == nil {
		m.watches[key] = make(map[chan struct{}]bool)
	}
	m.watches[key][c] = true
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if delete(m.watches[key], c); len(m.watches[key]) == 0 {
			delete(m.watches, key)
		}
	})
	return c
}

func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fs.ErrClosed
	}
	m.closed = true
	return nil
}
