// Package storetest is the suite that every store.Backend passes, and a backend in memory
// for tests of what stands on a store.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"radpush/store"
)

// Run tests whether a backend keeps the promises of store.Backend. Open opens the backend
// that keeps its records in the directory dir, an empty one at first. What begins a test
// of a backend is
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, dir string) store.Backend { … })
//	}
//
// and there is nothing before Run in it: to kill a process that writes, Run starts the
// test binary again with this test alone.
func Run(t *testing.T, open func(t *testing.T, dir string) store.Backend) {
	if dir := victimDir(); dir != "" {
		count(t, open(t, dir))
		return
	}
	promises(t, func(t *testing.T) store.Backend { return open(t, t.TempDir()) })
	t.Run("Reopen", func(t *testing.T) { testReopen(t, open) })
	t.Run("Kill", func(t *testing.T) { testKill(t, open) })
}

// promises tests all that can be seen without opening the backend twice.
func promises(t *testing.T, open func(t *testing.T) store.Backend) {
	for name, test := range map[string]func(t *testing.T, b store.Backend){
		"Missing":      testMissing,
		"Replace":      testReplace,
		"Delete":       testDelete,
		"EmptyValue":   testEmptyValue,
		"FnFails":      testFnFails,
		"Ownership":    testOwnership,
		"Limits":       testLimits,
		"OddKeys":      testOddKeys,
		"Contention":   testContention,
		"TakeOnce":     testTakeOnce,
		"ScanOrder":    testScanOrder,
		"ScanManyKeys": testScanManyKeys,
		"ScanChanges":  testScanChanges,
		"ScanCanceled": testScanCanceled,
		"Watch":        testWatch,
		"WatchMerges":  testWatchMerges,
		"WatchEnds":    testWatchEnds,
		"Canceled":     testCanceled,
		"Close":        testClose,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			t.Cleanup(func() { b.Close() })
			test(t, b)
		})
	}
}

var errTest = errors.New("fn failed")

func testMissing(t *testing.T, b store.Backend) {
	wantMissing(t, b, "user/alice")
	err := b.Update(t.Context(), "user/alice", func(old []byte) ([]byte, error) {
		if old != nil {
			t.Errorf("old value of a missing record: %q", old)
		}
		return nil, nil
	})
	if err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	wantMissing(t, b, "user/alice")
}

func testReplace(t *testing.T, b store.Backend) {
	for _, v := range []string{"one", "two", "two", "a longer one", "3"} {
		put(t, b, "user/alice", v)
		want(t, b, "user/alice", v)
	}
	wantMissing(t, b, "user/alic")
	wantMissing(t, b, "user/alice2")
}

func testDelete(t *testing.T, b store.Backend) {
	put(t, b, "user/alice", "1")
	put(t, b, "user/bob", "2")
	err := b.Update(t.Context(), "user/alice", func(old []byte) ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	wantMissing(t, b, "user/alice")
	want(t, b, "user/bob", "2")
	put(t, b, "user/alice", "3")
	want(t, b, "user/alice", "3")
}

func testEmptyValue(t *testing.T, b store.Backend) {
	err := b.Update(t.Context(), "user/alice", func([]byte) ([]byte, error) { return []byte{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	want(t, b, "user/alice", "")
	err = b.Update(t.Context(), "user/alice", func(old []byte) ([]byte, error) {
		if old == nil || len(old) > 0 {
			t.Errorf("old value %#v, want an empty one that is not nil", old)
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantMissing(t, b, "user/alice")
}

func testFnFails(t *testing.T, b store.Backend) {
	put(t, b, "user/alice", "1")
	for _, key := range []string{"user/alice", "user/bob"} {
		err := b.Update(t.Context(), key, func([]byte) ([]byte, error) { return []byte("2"), errTest })
		if err != errTest {
			t.Errorf("got error %v, want that of fn as it is", err)
		}
	}
	want(t, b, "user/alice", "1")
	wantMissing(t, b, "user/bob")
}

func testOwnership(t *testing.T, b store.Backend) {
	v := []byte("value")
	if err := b.Update(t.Context(), "user/alice", func([]byte) ([]byte, error) { return v, nil }); err != nil {
		t.Fatal(err)
	}
	clear(v)
	want(t, b, "user/alice", "value")
	got, err := b.Get(t.Context(), "user/alice")
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	want(t, b, "user/alice", "value")
	for e, err := range b.Scan(t.Context(), "user/") {
		if err != nil {
			t.Fatal(err)
		}
		clear(e.Value)
	}
	want(t, b, "user/alice", "value")
}

func testLimits(t *testing.T, b store.Backend) {
	long := strings.Repeat("k", 1<<10)
	large := strings.Repeat("v", 1<<20)
	put(t, b, long, large)
	want(t, b, long, large)
	put(t, b, "k", large)
	for e, err := range b.Scan(t.Context(), "k") {
		if err != nil || string(e.Value) != large {
			t.Errorf("scan yielded %d bytes, error %v", len(e.Value), err)
		}
	}
	wantMissing(t, b, long+"k")
	for key, value := range map[string]string{"": "v", long + "k": "v", "l": large + "v", "k": large + "v"} {
		if err := b.Update(t.Context(), key, func([]byte) ([]byte, error) { return []byte(value), nil }); err == nil {
			t.Errorf("stored a value of %d bytes under a key of %d", len(value), len(key))
		}
	}
	wantMissing(t, b, "l")
	want(t, b, "k", large)
}

func testOddKeys(t *testing.T, b store.Backend) {
	keys := []string{"/", "//", "\x00", "\x00\x00", "\xff", "\xff\xff", "a\x00b", "a", "a\n", "ä", "日本", "%00", "../a", " "}
	for i, k := range keys {
		put(t, b, k, strings.Repeat("v", i))
	}
	for i, k := range keys {
		want(t, b, k, strings.Repeat("v", i))
	}
	n := 0
	for e, err := range b.Scan(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if i := len(e.Value); keys[i] != e.Key {
			t.Errorf("scan yielded %q with the value of %q", e.Key, keys[i])
		}
		n++
	}
	if n != len(keys) {
		t.Errorf("scan yielded %d records, want %d", n, len(keys))
	}
}

// testCanceled does not say whether an update whose ctx has ended is made, but the answer
// must be true.
func testCanceled(t *testing.T, b store.Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Update(ctx, "user/alice", func([]byte) ([]byte, error) { return []byte("1"), nil })
	switch {
	case err == nil:
		want(t, b, "user/alice", "1")
	case errors.Is(err, context.Canceled):
		wantMissing(t, b, "user/alice")
	default:
		t.Errorf("got error %v", err)
	}
}

func testClose(t *testing.T, b store.Backend) {
	put(t, b, "user/alice", "1")
	begun, release := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	updated, closed := make(chan error), make(chan error)
	go func() {
		updated <- b.Update(t.Context(), "user/alice", func([]byte) ([]byte, error) {
			begin()
			<-release
			return []byte("2"), nil
		})
	}()
	<-begun
	go func() { closed <- b.Close() }()
	close(release)
	if err := <-updated; err != nil {
		t.Errorf("update that had begun before Close: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}

	if _, err := b.Get(t.Context(), "user/alice"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Get after Close: %v", err)
	}
	err := b.Update(t.Context(), "user/alice", func([]byte) ([]byte, error) { return []byte("3"), nil })
	if !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Update after Close: %v", err)
	}
	n := 0
	for _, err := range b.Scan(t.Context(), "user/") {
		if n++; !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Scan after Close: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("Scan after Close yielded %d times, want its error once", n)
	}
	if err := b.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Close after Close: %v", err)
	}
}

func put(t *testing.T, b store.Backend, key, value string) {
	t.Helper()
	err := b.Update(t.Context(), key, func([]byte) ([]byte, error) { return []byte(value), nil })
	if err != nil {
		t.Fatalf("put %.40q: %v", key, err)
	}
}

func want(t *testing.T, b store.Backend, key, value string) {
	t.Helper()
	got, err := b.Get(t.Context(), key)
	if err != nil || !bytes.Equal(got, []byte(value)) {
		t.Fatalf("%.40q is %.40q (%d bytes), error %v; want %.40q (%d bytes)", key, got, len(got), err, value, len(value))
	}
}

func wantMissing(t *testing.T, b store.Backend, key string) {
	t.Helper()
	if got, err := b.Get(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%.40q is %.40q, error %v; want fs.ErrNotExist", key, got, err)
	}
}
