package radius

import (
	"context"
	"runtime"
	"sync"
)

// A job is a request that has passed the checks.
type job struct {
	ctx      context.Context
	exchange *exchange
	request  *Request
}

// maxIdle is how many goroutines wait for the next job; those on top of it end.
const maxIdle = 1024

// A pool runs jobs, each in a goroutine of its own. A new goroutine begins with a small
// stack that grows, step by step, into the depth of the handler and of the system call
// that sends the reply. For a request that is answered at once this costs as much as all
// the checks, so goroutines that are done wait a while for another job. The last to
// become idle is the first to get one: its stack is the one most likely in the cache.
type pool struct {
	run func(job)

	mu     sync.Mutex
	idle   []chan job
	closed bool
}

// start has a job run.
func (p *pool) start(j job) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		go p.work(j)
		return
	}
	next := p.idle[last]
	p.idle = p.idle[:last]
	p.mu.Unlock()
	next <- j // has room for one
}

// work runs a job, and then others for which the pool picks this goroutine.
func (p *pool) work(j job) {
	var next chan job // made late: most of 100,000 goroutines that hold never need it
	for {
		p.run(j)
		if next == nil {
			next = make(chan job, 1)
		}
		if !p.rest(next) {
			return
		}
		j = job{} // keep nothing of it while idle
		var ok bool
		if j, ok = idle(next); !ok {
			return
		}
	}
}

// idle waits for a job. The room on its stack, which nothing uses, keeps the garbage
// collector from halving the stack of a goroutine that waits here: it halves those of
// which less than a quarter is in use, and the next job would have to grow it again.
//
//go:noinline
func idle(next <-chan job) (j job, ok bool) {
	var room [4 << 10]byte
	j, ok = <-next
	runtime.KeepAlive(&room)
	return j, ok
}

// rest makes a goroutine idle, unless there are enough.
func (p *pool) rest(next chan job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, next)
	return true
}

// close ends the idle goroutines; the others end when they have run their jobs.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, next := range p.idle {
		close(next)
	}
	p.idle = nil
}
