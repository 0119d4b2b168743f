package login

import (
	"context"
	"fmt"
	"time"

	"radpush/push"
)

// match is ask for a push with number matching (statement 2.12): the device is rung, and the
// login shows a number, which the user chooses on the device. The answer to the prompt
// then waits for that, or finds it done.
func (e *Engine) match(ctx context.Context, a *Attempt, trigger string) (Verdict, *Held, error) {
	id, err := e.matching(ctx, a)
	if err != nil {
		return Verdict{}, nil, err
	}
	if id != "" {
		asked, err := e.Push.Rejoin(ctx, id)
		return e.hold(ctx, a, trigger, asked, err)
	}
	c, err := e.Push.Start(ctx, e.question(a, trigger))
	if err != nil {
		return e.hold(ctx, a, trigger, nil, err)
	}
	if c.Outcome != push.Open {
		v, err := e.answered(ctx, a, trigger, &c)
		return v, nil, err
	}
	v, err := e.showNumber(ctx, a, &c)
	return v, nil, err
}

// matching returns the challenge that an attempt comes back for, "" for none.
func (e *Engine) matching(ctx context.Context, a *Attempt) (id string, err error) {
	if a.State == "" {
		return "", nil
	}
	u, err := e.User(ctx, a.User)
	if err != nil {
		return "", fmt.Errorf("login: read user: %w", err)
	}
	for _, i := range u.answers(a, e.place(a)) {
		id = u.Rounds[i].Push
	}
	return id, nil
}

// afterwards is how long after the end of a push the user may go on where the number is.
const afterwards = time.Minute

// showNumber opens a round whose answer waits for a push.
func (e *Engine) showNumber(ctx context.Context, a *Attempt, c *push.Challenge) (Verdict, error) {
	now := time.Now()
	r := Round{
		Client: e.place(a), Station: a.Station, Login: c.Login, Method: ByPush, Push: c.ID, Prompt: fmt.Sprintf(sayNumber, c.Number),
		Began: now.Unix(), Expires: c.Expires.Add(afterwards).Unix(),
	}
	r.renew()
	err := e.update(ctx, a.User, func(u *User) (*User, error) {
		u.dropRounds(a, r.Client)
		u.open(r, now)
		return u, nil
	})
	if err != nil {
		return Verdict{}, err
	}
	return e.prompt(a, r), nil
}

// shown ends the round of an attempt whose push has ended.
func (e *Engine) shown(ctx context.Context, a *Attempt) error {
	if a.State == "" || !e.Clients[a.Client].Match {
		return nil
	}
	return e.update(ctx, a.User, func(u *User) (*User, error) {
		u.dropRounds(a, e.place(a))
		return u, nil
	})
}
