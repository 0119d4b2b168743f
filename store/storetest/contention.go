package storetest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"radpush/store"
)

// increment adds one to a record that holds a number.
func increment(old []byte) ([]byte, error) {
	if old == nil {
		return []byte("1"), nil
	}
	n, err := strconv.Atoi(string(old))
	return strconv.AppendInt(nil, int64(n)+1, 10), err
}

// testContention loses no increment, each goroutine reads what it has written, and
// neighbours are left alone.
func testContention(t *testing.T, b store.Backend) {
	const goroutines, rounds = 64, 20
	var wg sync.WaitGroup
	for g := range goroutines {
		own := "count/" + strconv.Itoa(g)
		wg.Go(func() {
			for i := range rounds {
				if err := b.Update(t.Context(), "count", increment); err != nil {
					t.Error(err)
				}
				if err := b.Update(t.Context(), own, increment); err != nil {
					t.Error(err)
				}
				if v, err := b.Get(t.Context(), own); err != nil || string(v) != strconv.Itoa(i+1) {
					t.Errorf("%s is %q after update %d, error %v", own, v, i+1, err)
				}
			}
		})
	}
	wg.Wait()
	want(t, b, "count", strconv.Itoa(goroutines*rounds))
	for g := range goroutines {
		want(t, b, "count/"+strconv.Itoa(g), strconv.Itoa(rounds))
	}
}

// testTakeOnce lets one of many take a record: a code is used up once.
func testTakeOnce(t *testing.T, b store.Backend) {
	const goroutines, rounds = 50, 10
	errGone := errors.New("gone")
	for range rounds {
		put(t, b, "code", "123456")
		var took atomic.Int32
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				err := b.Update(t.Context(), "code", func(old []byte) ([]byte, error) {
					if old == nil {
						return nil, errGone
					}
					return nil, nil
				})
				switch err {
				case nil:
					took.Add(1)
				case errGone:
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := took.Load(); n != 1 {
			t.Fatalf("%d took it", n)
		}
		wantMissing(t, b, "code")
	}
}
