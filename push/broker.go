package push

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Available reports whether the user has a device that a push can reach. A user whose
// pushes are paused has; Ask says so.
func (b *Broker) Available(ctx context.Context, user string) (bool, error) {
	devices, err := b.active(ctx, user)
	return len(devices) > 0, err
}

// Ask finds or makes the user's challenge and waits until it has ended: answered,
// undeliverable, or its time is up. Outcome of what it returns is never Open. An error of
// ctx means that nobody waits any more; the challenge stays open, so that the same login
// can rejoin it (statement 2.17).
//
// A request waits on a challenge that is there if it is the datagram that began it, or,
// where both may join, the same login. It then waits until its own Expires or the
// challenge's, whichever is first. With another challenge open it is ErrElsewhere. The
// datagram that began a challenge gets its outcome again for Limits.Grace, and one later
// request of the same login gets an approval (Challenge.Late). Of requests that join, 64
// wait on one challenge; for more it is ErrElsewhere.
//
// Otherwise a challenge is made, unless it is ErrCoolingDown, ErrPaused or ErrNoDevice,
// and every active device is rung.
func (b *Broker) Ask(ctx context.Context, q Question) (Challenge, error) {
	p, err := b.Begin(ctx, q)
	if err != nil {
		return Challenge{}, err
	}
	p.Wait()
	return p.End()
}

// A Pending is a question that has been asked. A hundred thousand may wait at once, so the
// wait is apart from everything that needs a deep stack: call Wait, best in a goroutine
// of its own, then End.
type Pending struct {
	broker  *Broker
	id      string
	ctx     context.Context
	timer   *time.Timer        // fires when the hold is over
	over    bool               // it has fired; the clock is not asked, which may be set back
	joined  bool               // counted in broker.joined
	changed <-chan struct{}    // the challenge's record
	unring  context.CancelFunc // ends the rings; nil if nobody is rung
	ended   *Challenge         // nil while it is not known to have ended
}

// Begin is the part of Ask before the wait. Ctx ends when the login does: the watch of the
// record lasts as long.
func (b *Broker) Begin(ctx context.Context, q Question) (*Pending, error) {
	c, devices, err := b.begin(ctx, &q)
	if err != nil {
		return nil, err
	}
	if c.Outcome != Open {
		return &Pending{ended: c}, nil
	}
	p := &Pending{broker: b, id: c.ID, ctx: ctx, joined: devices == nil && c.Request != q.Request}
	if p.joined && !b.joined.enter(c.ID) {
		return nil, ErrElsewhere
	}
	p.timer = time.NewTimer(time.Until(earlier(q.Expires, c.Expires)))
	p.changed = b.Challenges.Watch(ctx, c.ID)
	p.unring = b.ring(ctx, c, devices)
	return p, p.look() // it may have ended before the watch was in force
}

// Start is Ask without the wait, for a login that asks the user for something meanwhile and
// comes back by Rejoin. The devices are rung until the challenge expires. Its outcome may
// be another than Open: see Ask.
func (b *Broker) Start(ctx context.Context, q Question) (Challenge, error) {
	c, devices, err := b.begin(ctx, &q)
	if err != nil {
		return Challenge{}, err
	}
	b.ring(context.WithoutCancel(ctx), c, devices)
	return *c, nil
}

// Rejoin waits for the end of a challenge that Start has made, as Begin does. One that is
// not there is fs.ErrNotExist.
func (b *Broker) Rejoin(ctx context.Context, id string) (*Pending, error) {
	c, err := b.look(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case c.Outcome != Open:
		return &Pending{ended: c}, nil
	case !b.joined.enter(id):
		return nil, ErrElsewhere
	}
	p := &Pending{broker: b, id: id, ctx: ctx, joined: true, timer: time.NewTimer(time.Until(c.Expires))}
	p.changed = b.Challenges.Watch(ctx, id)
	return p, p.look()
}

// Wait returns when the challenge may have ended, and at the latest with ctx.
func (p *Pending) Wait() {
	if p.ended != nil {
		return
	}
	select {
	case <-p.changed:
	case <-p.timer.C:
		p.over = true
	case <-p.ctx.Done():
	}
}

// End returns the challenge as it ended. It is to be called once.
func (p *Pending) End() (Challenge, error) {
	for p.ended == nil {
		if err := p.look(); err != nil {
			return Challenge{}, err
		}
		p.Wait()
	}
	return *p.ended, nil
}

// look finds out whether the challenge has ended or the hold is over. With an error, ctx's
// too, the wait is over as well.
func (p *Pending) look() error {
	c, err := p.broker.look(context.WithoutCancel(p.ctx), p.id) // what is in the store at the end counts
	switch {
	case err != nil:
	case c.Outcome != Open:
		p.ended = c
	case p.ctx.Err() != nil:
		err = fmt.Errorf("push: wait for answer: %w", p.ctx.Err())
	case p.over:
		c.Outcome, c.Ended = Expired, time.Now()
		p.ended = c
	default:
		return nil
	}
	p.timer.Stop()
	if p.unring != nil {
		p.unring()
	}
	if p.joined {
		p.broker.joined.leave(p.id)
	}
	return err
}

// begin returns the challenge that answers the question, its outcome as of now, and, if
// it made one, the devices to ring.
func (b *Broker) begin(ctx context.Context, q *Question) (*Challenge, []Device, error) {
	for {
		past, err := b.recall(ctx, q.User)
		if err != nil {
			return nil, nil, err
		}
		c, err := b.find(ctx, past, q)
		if c != nil && c.Request == q.Request && q.Request != "" && err == nil && q.Asked != nil {
			err = q.Asked(ctx, *c) // the server that made it may have died before
		}
		if c != nil || err != nil {
			return c, nil, err
		}
		devices, err := b.active(ctx, q.User)
		switch {
		case err != nil:
			return nil, nil, err
		case len(devices) == 0:
			return nil, nil, ErrNoDevice
		}
		if c, err = b.make(ctx, past, q); c != nil || err != nil {
			return c, devices, err
		}
		// Somebody else was first: look what they made.
	}
}

// A past is what the user's newest challenges were at one moment.
type past struct {
	last       string       // ID of the newest Ref, "" for none
	challenges []*Challenge // newest first, without those whose record is not there
}

// recall reads the past of a user. A Ref without a record is what a crash or Prune left
// behind and counts as none.
func (b *Broker) recall(ctx context.Context, user string) (past, error) {
	recent, err := b.Recent.Get(ctx, user)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return past{}, fmt.Errorf("push: read recent challenges: %w", err)
	}
	p := past{last: recent.last()}
	for _, ref := range slices.Backward(recent.Challenges) {
		c, err := b.look(ctx, ref.ID)
		switch {
		case err == nil:
			p.challenges = append(p.challenges, c)
		case !errors.Is(err, fs.ErrNotExist):
			return past{}, err
		}
	}
	return p, nil
}

func (r *Recent) last() string {
	if r == nil || len(r.Challenges) == 0 {
		return ""
	}
	return r.Challenges[len(r.Challenges)-1].ID
}

// look reads a challenge with its outcome as of now. Inlined, it would keep room for two
// whole challenges on the stack of each goroutine that waits.
//
//go:noinline
func (b *Broker) look(ctx context.Context, id string) (*Challenge, error) {
	c, err := b.Challenges.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("push: read challenge: %w", err)
	}
	c.settle(time.Now())
	return &c, nil
}

// find returns the challenge that answers q without another push, or nil when a new one
// may be made.
func (b *Broker) find(ctx context.Context, p past, q *Question) (*Challenge, error) {
	now, limits := time.Now(), b.Limits.orDefault()
	if !now.Before(q.Expires) {
		return &Challenge{User: q.User, Expires: q.Expires, Outcome: Expired, Ended: q.Expires}, nil
	}
	for _, c := range p.challenges {
		if c.Request == q.Request && q.Request != "" && (c.Outcome == Open || limits.fresh(c, now)) {
			return c, nil // a retransmission: statements 2.13 and 2.17
		}
	}
	if len(p.challenges) > 0 {
		newest := p.challenges[0]
		same := newest.Login == q.Login && newest.Join && q.Join
		switch {
		case newest.Outcome == Open && same:
			return newest, nil
		case newest.Outcome == Open:
			return nil, ErrElsewhere
		case limits.coolingDown(p.challenges, q.Source, now):
			return nil, ErrCoolingDown
		case same && q.Source != "" && !q.Match && newest.Outcome == Approved && limits.fresh(newest, now):
			if late, err := b.reuse(ctx, newest); late != nil || err != nil {
				return late, err
			}
		}
	}
	if limits.paused(p.challenges, now) {
		return nil, ErrPaused
	}
	return nil, nil
}

// reuse takes an approval for a late request: statement 2.14. It returns nil to all but
// the first.
func (b *Broker) reuse(ctx context.Context, c *Challenge) (*Challenge, error) {
	err := b.Challenges.Update(ctx, c.ID, func(c *Challenge) (*Challenge, error) {
		if c == nil || c.Reused {
			return nil, errKeep
		}
		c.Reused = true
		return c, nil
	})
	switch {
	case err == errKeep:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("push: use late approval: %w", err)
	}
	c.Reused, c.Late = true, true
	return c, nil
}

// make makes a challenge, or returns nil if the past is not the newest any more.
//
// The challenge is written before Recent points to it: a crash in between leaves a record
// that nobody finds, which Prune removes, and never a user who waits for nothing.
func (b *Broker) make(ctx context.Context, p past, q *Question) (*Challenge, error) {
	number := ""
	if q.Match {
		number, q.Prompt.Numbers = numbers()
	}
	shown, err := json.Marshal(q.Prompt)
	if err != nil {
		return nil, fmt.Errorf("push: write prompt: %w", err)
	}
	c := &Challenge{
		ID: rand.Text(), User: q.User, Login: q.Login, Source: q.Source, Request: q.Request, Join: q.Join, Number: number,
		Created: time.Now(), Expires: q.Expires, Shown: shown,
	}
	err = b.Challenges.Update(ctx, c.ID, func(*Challenge) (*Challenge, error) { return c, nil })
	if err != nil {
		return nil, fmt.Errorf("push: write challenge: %w", err)
	}
	won, err := b.claim(ctx, p, c)
	if won && q.Asked != nil {
		err = q.Asked(ctx, *c)
	}
	if err == nil && won {
		return c, nil
	}
	b.takeBack(ctx, c.ID)
	return nil, err
}

// claim makes c the user's newest challenge, unless another one has become it.
func (b *Broker) claim(ctx context.Context, p past, c *Challenge) (bool, error) {
	refs := append(b.Limits.orDefault().matter(p.challenges, c.Created), Ref{c.ID, c.Created})
	err := b.Recent.Update(ctx, c.User, func(r *Recent) (*Recent, error) {
		if r.last() != p.last {
			return nil, errKeep
		}
		return &Recent{Challenges: refs}, nil
	})
	switch {
	case err == errKeep:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("push: open challenge: %w", err)
	}
	return true, nil
}

// takeBack removes a challenge that rang nobody, so that the next request finds none.
func (b *Broker) takeBack(ctx context.Context, id string) {
	err := b.Challenges.Update(context.WithoutCancel(ctx), id, func(c *Challenge) (*Challenge, error) {
		if c != nil && c.Outcome != Open {
			return nil, errKeep // a device looked by itself and has answered: that is kept
		}
		return nil, nil
	})
	if unlessKept(err) != nil {
		b.log().Error("push: take back challenge", "challenge", id, "err", err)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
