package web

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"radpush/web/wire"
)

// nonces remembers which nonces were used, as long as a request that carries one could
// be accepted (statement 9.2). They are sorted into the minutes that they were signed
// in, so that a minute is forgotten at once when it has fallen out of the window.
//
// They are kept in memory. What was signed before floor is refused, so that neither a
// restart nor a clock that is set back makes an old request good again; a device whose
// clock is slow has to wait, after a restart, for as long as it is slow.
type nonces struct {
	max int // kept at once

	mu    sync.Mutex
	floor int64                           // milliseconds since 1970
	used  map[int64]map[[16]byte]struct{} // by minute since 1970
	size  int
}

// maxNonces lets 4,000 requests a second through, in some 50 MB.
const maxNonces = 1 << 20

var (
	errSeen  = errors.New("web: nonce used before")
	errEarly = errors.New("web: nobody remembers which nonces were used then")
	errFull  = errors.New("web: too many requests of devices")
)

func newNonces(now time.Time) *nonces {
	return &nonces{max: maxNonces, floor: now.UnixMilli(), used: make(map[int64]map[[16]byte]struct{})}
}

// use marks a nonce as used. The stamp's time is within wire.Skew of now, and its
// signature has been verified: only devices can fill the memory.
func (n *nonces) use(s wire.Stamp, now time.Time) error {
	sum := sha256.Sum256([]byte(s.Device + "." + s.Nonce))
	key, minute := [16]byte(sum[:16]), s.Time/time.Minute.Milliseconds()

	n.mu.Lock()
	defer n.mu.Unlock()
	for m, used := range n.used {
		if end := (m + 1) * time.Minute.Milliseconds(); end < now.Add(-wire.Skew).UnixMilli() {
			n.floor = max(n.floor, end)
			n.size -= len(used)
			delete(n.used, m)
		}
	}
	if s.Time < n.floor {
		return errEarly
	}
	if _, seen := n.used[minute][key]; seen {
		return errSeen
	}
	if n.size >= n.max {
		return errFull
	}
	if n.used[minute] == nil {
		n.used[minute] = make(map[[16]byte]struct{})
	}
	n.used[minute][key] = struct{}{}
	n.size++
	return nil
}
