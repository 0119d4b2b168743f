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
		defer over()
		bell, err := b.Bells.Bell(ctx, c.User)
		if bell != nil {
			b.running.Go(func() {
				b.untilEnded(ctx, c.ID)
				over()
			})
			err = bell.Ring(ctx, *c, page)
		}
		if err != nil && ctx.Err() == nil {
			b.log().Warn("push: ring bell", "user", c.User, "challenge", c.ID, "err", err)
			return
		}
		if bell != nil {
			<-ctx.Done()
			b.silence(ctx, bell, c)
		}
	})
}

// untilEnded returns when a challenge has ended, with ctx, or when the Broker is closed.
func (b *Broker) untilEnded(ctx context.Context, id string) {
	changed := b.Challenges.Watch(ctx, id)
	for {
		if c, err := b.look(ctx, id); err == nil && c.Outcome != Open {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-b.closing():
			return
		}
	}
}

// silence withdraws a bell, unless the challenge is open: then this server ends before it, and
// the next one takes it over.
func (b *Broker) silence(ctx context.Context, bell Bell, c *Challenge) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawWithin)
	defer cancel()
	ended, err := b.look(ctx, c.ID)
	if err == nil && ended.Outcome != Open {
		err = bell.Withdraw(ctx, *ended)
	}
	if err != nil {
		b.log().Warn("push: withdraw bell", "user", c.User, "challenge", c.ID, "err", err)
	}
}
