package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"radpush/store"
)

func scan(t *testing.T, b store.Backend, prefix string) (keys []string) {
	t.Helper()
	for e, err := range b.Scan(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, e.Key)
	}
	return keys
}

func testScanOrder(t *testing.T, b store.Backend) {
	all := []string{"a", "a/", "a/1", "a/10", "a/2", "a/\xff", "a0", "b"}
	for _, i := range []int{3, 0, 7, 5, 1, 6, 2, 4} {
		put(t, b, all[i], "value of "+all[i])
	}
	for _, tc := range []struct {
		prefix string
		want   []string
	}{
		{"", all},
		{"a/", all[1:6]},
		{"a/1", all[2:4]},
		{"a", all[:7]},
		{"c", nil},
		{"a/\xff\xff", nil},
	} {
		if got := scan(t, b, tc.prefix); !slices.Equal(got, tc.want) {
			t.Errorf("prefix %q: got %q, want %q", tc.prefix, got, tc.want)
		}
	}
	for e, err := range b.Scan(t.Context(), "") {
		if err != nil || string(e.Value) != "value of "+e.Key {
			t.Errorf("%q is %q, error %v", e.Key, e.Value, err)
		}
		break // a loop may end early
	}
}

// testScanManyKeys goes beyond what a backend reads ahead.
func testScanManyKeys(t *testing.T, b store.Backend) {
	want := fill(t, b, 2000)
	if got := scan(t, b, "row/"); !slices.Equal(got, want) {
		t.Errorf("got %d keys, want %d", len(got), len(want))
	}
}

// testScanChanges updates the store in the loop's body: a record that stands still comes
// once, whatever happens around it.
func testScanChanges(t *testing.T, b store.Backend) {
	all := fill(t, b, 1000)
	var got []string
	for e, err := range b.Scan(t.Context(), "row/") {
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > 0 && e.Key <= got[len(got)-1] {
			t.Fatalf("%q after %q", e.Key, got[len(got)-1])
		}
		if !strings.HasSuffix(e.Key, "+") {
			got = append(got, e.Key)
		}
		if len(got)%10 != 0 {
			continue
		}
		err := b.Update(t.Context(), e.Key, func([]byte) ([]byte, error) { return nil, nil }) // behind
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, e.Key+"+", "") // ahead
		put(t, b, "row", "")     // elsewhere
	}
	if !slices.Equal(got, all) {
		t.Errorf("got %d keys, want %d", len(got), len(all))
	}
}

func testScanCanceled(t *testing.T, b store.Backend) {
	fill(t, b, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range b.Scan(ctx, "row/") {
		cancel()
		n, last = n+1, err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("scan ended after %d records with error %v", n, last)
	}
}

// fill puts n records and returns their keys in order.
func fill(t *testing.T, b store.Backend, n int) (keys []string) {
	t.Helper()
	const goroutines = 50
	for i := range n {
		keys = append(keys, fmt.Sprintf("row/%08d", i))
	}
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < n; i += goroutines {
				err := b.Update(t.Context(), keys[i], func([]byte) ([]byte, error) { return []byte(strconv.Itoa(i)), nil })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return keys
}
