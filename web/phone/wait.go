package phone

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"radpush/web/wire"
)

// How long Wait pauses after a failure: twice as long after each, and half of it by
// chance, so that the devices of a server that was away do not come back all at once.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
)

// Wait returns the next request that it has not returned before, oldest first. It polls,
// reconnects, and goes on until there is one, ctx ends, or nothing will get better by
// itself: the device is not known or the clock is off. One Wait runs at a time: of two, each
// would end the other's poll.
func (p *Phone) Wait(ctx context.Context) (Request, error) {
	pause := firstPause
	for {
		r, ok, err := p.poll(ctx)
		switch {
		case ok:
			return r, nil
		case ctx.Err() != nil:
			return Request{}, context.Cause(ctx)
		case err == nil:
			pause = firstPause
			continue
		case errors.Is(err, ErrNotKnown), isClock(err):
			return Request{}, err
		}
		if err := sleep(ctx, pause/2+rand.N(pause/2)); err != nil {
			return Request{}, err
		}
		pause = min(2*pause, maxPause)
	}
}

func isClock(err error) bool {
	_, ok := errors.AsType[*ClockError](err)
	return ok
}

// poll asks once for a change of the open challenges, and returns the first that Wait has
// not returned.
func (p *Phone) poll(ctx context.Context) (Request, bool, error) {
	p.mu.Lock()
	etag := p.etag
	p.mu.Unlock()
	open, resp, err := p.list(ctx, etag, wire.MaxWait)
	if err != nil {
		return Request{}, false, err
	}
	if resp.StatusCode == http.StatusNotModified {
		if resp.Header.Get("Preference-Applied") == "" { // too busy to let us wait
			err = sleep(ctx, maxPause/10)
		}
		return Request{}, false, err
	}
	now := resp.Header.Get("ETag")
	next := p.next(open, now)
	if next.ID == "" && now == etag { // a proxy takes it away, or changes it
		err = sleep(ctx, maxPause/10)
	}
	return next, next.ID != "", err
}

// next returns the first of the open challenges that Wait has not returned.
func (p *Phone) next(open []Request, etag string) (next Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.waited
	p.waited = make(map[string]bool)
	p.etag = etag
	for _, r := range open {
		switch {
		case known[r.ID]:
		case next.ID == "":
			next = r
		default:
			p.etag = "" // there is another one: do not wait for a change
			continue
		}
		p.waited[r.ID] = true
	}
	return next
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
