package bolt

import (
	"context"
	"sync"
)

// watches are kept in shards, so that going through one is quick.
type watches struct {
	shards [64]watchShard
}

type watchShard struct {
	mu    sync.Mutex
	keys  map[string]*watch
	n     int // watches in keys
	sweep int // n at which those whose ctx has ended are taken out
}

// A watch is small, for there is one for each login that is held. Its ctx is not asked
// to call when it ends, which would cost more than all the rest: a watch that has ended
// is taken out when it is come across, at the latest when as many have been added as were
// alive the last time.
type watch struct {
	done <-chan struct{}
	c    chan struct{}
	next *watch // of the same key
}

func (ws *watches) shard(hash uint64) *watchShard {
	return &ws.shards[hash%uint64(len(ws.shards))]
}

func (ws *watches) add(ctx context.Context, key string, hash uint64) <-chan struct{} {
	w := &watch{done: ctx.Done(), c: make(chan struct{}, 1)}
	s := ws.shard(hash)
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

func (ws *watches) notify(key string, hash uint64) {
	s := ws.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 {
		return
	}
	if first := s.keys[key]; first != nil {
		s.keep(key, first, true)
	}
}

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
