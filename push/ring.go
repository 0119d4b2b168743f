package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// withdrawWithin bounds the withdrawal from devices that need not answer any more.
const withdrawWithin = 5 * time.Second

// ring wakes the devices side by side, and the user's bell beside them, and returns at once.
// When the last device has turned out to be out of reach, the challenge is undelivered
// (statement 2.16), unless one has asked this server for it meanwhile. Stop ends the rings, but
// for the bell's, which otherwise end when the challenge expires; it is nil if there are none.
// When all have ended nothing is kept of them: the login may wait for long.
func (b *Broker) ring(ctx context.Context, c *Challenge, devices []Device) (stop context.CancelFunc) {
	b.wake(ctx, c, devices)
	rung := slices.DeleteFunc(slices.Clone(devices), func(d Device) bool { return d.Address.Service == "" }) // which asks for itself
	if len(rung) == 0 {
		return nil
	}
	ctx, stop = context.WithDeadline(ctx, c.Expires)
	reach, left := new(atomic.Int64), new(atomic.Int64) // devices that may have been reached, and rings
	reach.Store(int64(len(devices)))
	left.Store(int64(len(rung)))
	b.reach.Store(c.ID, reach)
	for _, d := range rung {
		b.running.Go(func() {
			err := b.ringOne(ctx, c, d)
			if err != nil && ctx.Err() == nil {
				b.log().Warn("push: ring device", "device", d.ID, "service", d.Address.Service, "challenge", c.ID, "err", err)
				if reach.Add(-1) == 0 {
					b.undelivered(ctx, c.ID)
				}
			}
			if left.Add(-1) == 0 {
				b.reach.Delete(c.ID)
				stop()
			}
		})
	}
	return stop
}

func (b *Broker) ringOne(ctx context.Context, c *Challenge, d Device) error {
	r := b.Ringers[d.Address.Service]
	if r == nil {
		return errors.New("push: no such push service is configured")
	}
	err := r.Ring(ctx, d, *c)
	if errors.Is(err, ErrGone) {
		err = errors.Join(err, b.gone(ctx, d))
	}
	return err
}

// gone marks the address of a device, unless it has another one by now (statement 9.5).
func (b *Broker) gone(ctx context.Context, rung Device) error {
	err := b.Devices.Update(context.WithoutCancel(ctx), rung.ID, func(d *Device) (*Device, error) {
		if d == nil || d.Address.Service != rung.Address.Service || d.Address.Token != rung.Address.Token {
			return nil, errKeep
		}
		d.Address.Gone = true
		return d, nil
	})
	if unlessKept(err) != nil {
		return fmt.Errorf("push: mark address gone: %w", err)
	}
	return nil
}

func (b *Broker) undelivered(ctx context.Context, id string) {
	err := b.Challenges.Update(context.WithoutCancel(ctx), id, func(c *Challenge) (*Challenge, error) {
		now := time.Now()
		if c == nil || c.At(now) != Open {
			return nil, errKeep
		}
		c.Outcome, c.Ended = Undelivered, now
		return c, nil
	})
	if unlessKept(err) != nil {
		b.log().Error("push: end undelivered challenge", "challenge", id, "err", err)
	}
}

// withdraw tells the other devices that one has answered. It returns at once; neither
// the login nor the device that answered waits for a push service.
func (b *Broker) withdraw(ctx context.Context, c Challenge) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawWithin)
	b.running.Go(func() {
		defer cancel()
		devices, err := b.active(ctx, c.User)
		if err != nil {
			b.log().Warn("push: withdraw challenge", "challenge", c.ID, "err", err)
		}
		var all sync.WaitGroup
		for _, d := range devices {
			r := b.Ringers[d.Address.Service]
			if r == nil || d.ID == c.Answer.Device {
				continue
			}
			all.Go(func() {
				if err := r.Withdraw(ctx, d, c); err != nil {
					b.log().Warn("push: withdraw challenge", "device", d.ID, "challenge", c.ID, "err", err)
				}
			})
		}
		all.Wait()
	})
}
