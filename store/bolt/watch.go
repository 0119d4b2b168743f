package bolt

import (
	"context"
	"hash/maphash"
	"sync"
)

// watches are kept in shards, so that going through one is quick.
type watches struct {
	seed   maphash.Seed
	shards [64]watchShard
}

type watchShard struct {
	mu    sync.Mutex
	keys  map[string]*watch
	n     int // watches in keys, or more
	sweep int // n at which all are gone through
}

// A watch is small, for there is one for each login that is held. It is not told when its
// ctx ends (context.AfterFunc takes more memory than all the rest). One that has ended is
// taken out when its key changes, and all such when as many watches have been added as
// were alive the last time.
type watch struct {
	done <-chan struct{}
	c    chan struct{}
	next *watch // of the same key
}

func (ws *watches) shard(key string) *watchShard {
	return &ws.shards[maphash.String(ws.seed, key)%uint64(len(ws.shards))]
}

// add returns the channel of a new watch.
func (ws *watches) add(ctx context.Context, key string) <-chan struct{} {
	w := &watch{done: ctx.Done(), c: make(chan struct{}, 1)}
	s := ws.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= s.sweep {
		s.n = 0
		for k, first := range s.keys {
			s.n += s.keep(k, first, false)
		}
		s.sweep = 2*s.n + 16
	}
	if s.keys == nil {
		s.keys = make(map[string]*watch)
	}
	w.next = s.keys[key]
	s.keys[key] = w
	s.n++
	return w.c
}

// notify signals to the watches of a key that has changed.
func (ws *watches) notify(key string) {
	s := ws.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.keys[key]; first != nil {
		s.keep(key, first, true)
	}
}

// keep takes out the watches of a key whose ctx has ended, signals to the others if asked
// to, and returns how many there are.
func (s *watchShard) keep(key string, first *watch, signal bool) (n int) {
	var alive *watch
	for w := first; w != nil; {
		next := w.next
		select {
		case <-w.done:
		default:
			w.next, alive = alive, w
			n++
			if signal {
				select {
				case w.c <- struct{}{}:
				default:
				}
			}
		}
		w = next
	}
	if alive == nil {
		delete(s.keys, key)
	} else {
		s.keys[key] = alive
	}
	return n
}
