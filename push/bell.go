package push

import "context"

// Bells find the bell of a user: what wakes the user when one of the devices asks only by
// itself, which a terminal does, a page without Web Push and a privacyIDEA Authenticator.
type Bells interface {
	// Bell returns the user's bell, or nil if the user has none. An error says why it
	// cannot ring.
	Bell(ctx context.Context, user string) (Bell, error)
}

// A Bell wakes a person, and that is all: it learns that there is a sign-in and nothing of it
// (statement 9.4), and what it sends approves nothing.
type Bell interface {
	// Ring wakes the person. Page says that a link to the authenticator page leads to one of
	// the devices. Ctx ends with the challenge, and nothing is sent after that.
	Ring(ctx context.Context, c Challenge, page bool) error
	// Withdraw takes away what Ring has sent, when the challenge has ended. Best effort.
	Withdraw(ctx context.Context, c Challenge) error
}

// Polling reports whether one of the devices, of those that are active, asks only by itself,
// and whether the authenticator page is one that does.
func Polling(devices []Device) (polls, page bool) {
	for _, d := range devices {
		if d.Active() && d.Address.Service == "" {
			polls, page = true, page || d.Kind == "page"
		}
	}
	return polls, page
}

// wake rings the user's bell if one of the devices needs it, and withdraws it when the
// challenge has ended. It returns at once. A bell that fails is logged and changes nothing:
// whether a challenge is undelivered is for the devices to say (statement 2.16).
func (b *Broker) wake(ctx context.Context, c *Challenge, devices []Device) {
	polls, page := Polling(devices)
	if b.Bells == nil || !polls {
		return
	}
	ctx, over := context.WithDeadline(context.WithoutCancel(ctx), c.Expires)
	b.running.Go(func() {
		bell, err := b.Bells.Bell(ctx, c.User)
		if bell != nil {
			heard := make(chan bool, 1)
			if !b.attend(ctx, over, c.ID, bell, heard) {
				return
			}
			err = bell.Ring(ctx, *c, page)
			heard <- err == nil || ctx.Err() != nil // cut short, it may have been
		}
		if err != nil && ctx.Err() == nil {
			b.log().Warn("push: ring bell", "user", c.User, "challenge", c.ID, "err", err)
		}
		if bell == nil || err != nil {
			over()
		}
	})
}

// attend has a goroutine wait for the end of the challenge, call over and, if the bell was heard,
// withdraw it. It needs no deep stack, as who rings does: a challenge may be open for long. If it
// has ended already, attend calls over itself and returns false.
func (b *Broker) attend(ctx context.Context, over context.CancelFunc, id string, bell Bell, heard <-chan bool) bool {
	changed := b.Challenges.Watch(ctx, id)
	if b.ended(ctx, id) {
		over()
		return false
	}
	b.running.Go(func() {
		b.untilEnded(ctx, id, changed)
		over()
		if <-heard {
			b.silence(ctx, bell, id)
		}
	})
	return true
}

// untilEnded returns when a challenge that is watched has ended, with ctx, or when the Broker is
// closed.
func (b *Broker) untilEnded(ctx context.Context, id string, changed <-chan struct{}) {
	for {
		select {
		case <-changed:
			if b.ended(ctx, id) {
				return
			}
		case <-ctx.Done():
			return
		case <-b.closing():
			return
		}
	}
}

func (b *Broker) ended(ctx context.Context, id string) bool {
	c, err := b.look(ctx, id)
	return err == nil && c.Outcome != Open
}

// silence withdraws a bell, unless the challenge is open: then this server ends before it, and
// the next one takes it over.
func (b *Broker) silence(ctx context.Context, bell Bell, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawWithin)
	defer cancel()
	c, err := b.look(ctx, id)
	if err == nil && c.Outcome != Open {
		err = bell.Withdraw(ctx, *c)
	}
	if err != nil {
		b.log().Warn("push: withdraw bell", "challenge", id, "err", err)
	}
}
