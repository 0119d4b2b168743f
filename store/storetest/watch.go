package storetest

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"radpush/store"
)

// testWatch needs a signal for each change that follows what is in the store already.
func testWatch(t *testing.T, b store.Backend) {
	put(t, b, "challenge", "0")
	one := b.Watch(t.Context(), "challenge")
	two := b.Watch(t.Context(), "challenge")
	for i := range 20 {
		go func() {
			err := b.Update(t.Context(), "challenge", increment)
			if err != nil {
				t.Error(err)
			}
		}()
		for _, c := range []<-chan struct{}{one, two} {
			for get(t, b, "challenge") != strconv.Itoa(i+1) {
				<-c
			}
		}
	}
	for _, v := range [][]byte{nil, []byte("again")} { // deleted, and made again
		go b.Update(t.Context(), "challenge", func([]byte) ([]byte, error) { return v, nil })
		for get(t, b, "challenge") != string(v) {
			<-one
		}
	}
}

// get returns the value under key, "" if there is none.
func get(t *testing.T, b store.Backend, key string) string {
	v, _ := b.Get(t.Context(), key)
	return string(v)
}

// testWatchMerges changes a record often while nobody receives: no update waits for that,
// and the last change is not lost.
func testWatchMerges(t *testing.T, b store.Backend) {
	c := b.Watch(t.Context(), "challenge")
	for range 100 {
		if err := b.Update(t.Context(), "challenge", increment); err != nil {
			t.Fatal(err)
		}
	}
	<-c
	for {
		select {
		case <-c:
			continue
		default:
		}
		break
	}
	if err := b.Update(t.Context(), "challenge", increment); err != nil {
		t.Fatal(err)
	}
	<-c
}

// testWatchEnds leaves nothing running when the contexts have ended, and no channel
// closed: that would wake a loop for ever.
func testWatchEnds(t *testing.T, b store.Backend) {
	put(t, b, "challenge", "0")
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	var ended []<-chan struct{}
	for range 500 {
		ended = append(ended, b.Watch(ctx, "challenge"))
	}
	alive := b.Watch(t.Context(), "challenge")
	cancel()
	put(t, b, "challenge", "1")
	<-alive
	for _, c := range ended {
		for range 3 { // a signal more is allowed, a closed channel is not
			select {
			case _, ok := <-c:
				if !ok {
					t.Fatal("the channel of a watch that has ended is closed")
				}
			default:
			}
		}
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+1; { // one may serve alive
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}
