package web

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"radpush/push/pipush"
)

func TestAChallengeIsSignedOnce(t *testing.T) {
	var s signedChallenges
	var signed atomic.Int64
	now := time.Now()
	get := func(nonce string, now time.Time) {
		c, err := s.get(nonce, now.Add(time.Minute), now, func() (pipush.Challenge, error) {
			signed.Add(1)
			return pipush.Challenge{Nonce: nonce}, nil
		})
		if err != nil || c.Nonce != nonce {
			t.Errorf("%q, %v", c.Nonce, err)
		}
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { get("a", now) })
	}
	all.Wait()
	if signed.Load() != 1 {
		t.Errorf("signed %d times", signed.Load())
	}
	for i := range maxSigned {
		s.keep(fmt.Sprint(i), now.Add(time.Minute), now, nil)
	}
	get("b", now)
	get("b", now) // there is no room to keep it
	if len(s.byNonce) != maxSigned || signed.Load() != 3 {
		t.Errorf("%d are kept, %d signed", len(s.byNonce), signed.Load())
	}
	get("c", now.Add(time.Minute)) // all others have expired
	if len(s.byNonce) != 1 {
		t.Errorf("%d are kept", len(s.byNonce))
	}
}
