package push

import (
	"context"
	"sync/atomic"
	"time"
)

// OpenFor returns the open challenges that a device may answer now: it has them then, whatever
// becomes of its ring.
func (b *Broker) OpenFor(ctx context.Context, d Device) ([]Challenge, error) {
	if d.Suspended {
		return nil, nil
	}
	c, err := b.open(ctx, d.User)
	if c == nil || err != nil {
		return nil, err
	}
	if reach, ok := b.reach.Load(c.ID); ok {
		reach.(*atomic.Int64).Add(1)
	}
	return []Challenge{*c}, nil
}

// open returns the user's one open challenge, or nil.
func (b *Broker) open(ctx context.Context, user string) (*Challenge, error) {
	p, err := b.recall(ctx, user)
	if err != nil || len(p.challenges) == 0 || p.challenges[0].Outcome != Open {
		return nil, err
	}
	return p.challenges[0], nil
}

// Watch returns a channel that receives after a challenge of the user has begun or ended,
// by the clock too: call OpenFor again. It is in force when Watch returns. Signals may be
// merged and may be spurious; none is lost. It ends with ctx, without closing the channel.
func (b *Broker) Watch(ctx context.Context, user string) <-chan struct{} {
	again := make(chan struct{}, 1)
	begun := b.Recent.Watch(ctx, user)
	ended, over, stop := b.watchOpen(ctx, user)
	b.running.Go(func() {
		for {
			select {
			case <-begun:
			case <-ended:
			case <-over.Done():
			}
			stop()
			if ctx.Err() != nil {
				return
			}
			// Watch anew, then signal: what ended in between is seen by whoever looks.
			ended, over, stop = b.watchOpen(ctx, user)
			select {
			case again <- struct{}{}:
			default:
			}
		}
	})
	return again
}

// watchOpen watches the user's open challenge: its record, and a context that is over
// when its time is.
func (b *Broker) watchOpen(ctx context.Context, user string) (<-chan struct{}, context.Context, context.CancelFunc) {
	c, err := b.open(ctx, user)
	if err != nil {
		over, stop := context.WithTimeout(ctx, time.Second) // whoever looks then is told, or it is well again
		return nil, over, stop
	}
	if c == nil {
		over, stop := context.WithCancel(ctx)
		return nil, over, stop
	}
	over, stop := context.WithDeadline(ctx, c.Expires)
	return b.Challenges.Watch(over, c.ID), over, stop
}
