package login

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"radpush/push"
)

// Login decides an attempt. It returns when there is a verdict: at once for a code, after
// the user's tap or the end of the hold for a push. An error, ctx's too, means that
// nobody knows: the caller sends nothing (statement 5.5).
func (e *Engine) Login(ctx context.Context, a Attempt) (Verdict, error) {
	v, held, err := e.Begin(ctx, a)
	if held == nil {
		return v, err
	}
	held.Wait()
	return held.Verdict()
}

// A Held is an attempt that waits for the user: call Wait, then Verdict. Wait needs next to
// no stack, so that a hundred thousand goroutines can be in it.
type Held struct {
	*push.Pending
	Verdict func() (Verdict, error)
}

// Begin is the part of Login before the wait. If the user is asked it returns Held, else
// the verdict.
func (e *Engine) Begin(ctx context.Context, a Attempt) (v Verdict, held *Held, err error) {
	// Rows and prompts are text. By NAS and station logins are told apart: what is no text,
	// a MAC of six octets for one, must not become like another.
	a.User = strings.ToValidUTF8(a.User, "\uFFFD")
	for _, s := range []*string{&a.NAS, &a.Station} {
		if !utf8.ValidString(*s) {
			*s = fmt.Sprintf("%#x", *s)
		}
	}
	if a.State != "" {
		// No challenge is open under any State: unknown or expired (statement 4.4).
		v, err = e.reject(ctx, &a, NoMethod, UnknownState)
	} else if trigger, ok := Trigger(a.Passcode); ok {
		return e.ask(ctx, &a, trigger)
	} else {
		v, err = e.verify(ctx, &a)
	}
	return v, nil, err
}

// verify checks a code against the user's tokens and uses it up, in one update: the try
// is spent, and given back if the code is right (statements 1.10, 3.2, 3.3, 5.1).
func (e *Engine) verify(ctx context.Context, a *Attempt) (Verdict, error) {
	reason, locks := UnknownUser, false
	err := e.Users.Update(ctx, UserKey(a.User), func(u *User) (*User, error) {
		locks = false
		if u == nil {
			reason = UnknownUser
			return nil, errKeep
		}
		if reason = u.spend(a.Received, e.Lockout); reason == Locked {
			return nil, errKeep
		}
		for i, t := range u.Tokens {
			if t.Device != "" {
				continue // it answers pushes; nobody types its codes
			}
			if t, ok := t.Match(a.Received, e.Window, a.Passcode.Equal); ok {
				u.Tokens[i] = t
				u.refund()
				reason = CodeAccepted
				return u, nil
			}
			if t.Used != 0 && a.Passcode.Equal(t.Code(t.Used)) {
				reason = ReplayedCode
			}
		}
		locks = u.Lock.Holds(a.Received)
		return u, nil
	})
	switch {
	case err != nil && err != errKeep:
		return Verdict{}, fmt.Errorf("login: check code: %w", err)
	case reason != CodeAccepted:
		v, err := e.reject(ctx, a, ByOTP, reason)
		e.lockedOut(ctx, a.User, locks)
		return v, err
	}
	return e.accept(ctx, a, Row{Method: ByOTP, Reason: reason})
}

// ask starts what a trigger asks for.
func (e *Engine) ask(ctx context.Context, a *Attempt, trigger string) (v Verdict, held *Held, err error) {
	why, err := e.cannotPush(ctx, a, trigger)
	if err != nil {
		return Verdict{}, nil, err
	}
	if why != "" {
		v, err = e.reject(ctx, a, NoMethod, why)
		return v, nil, err
	}
	asked, err := e.Push.Begin(ctx, e.question(a, trigger))
	if err != nil {
		v, err = e.unasked(ctx, a, err)
		return v, nil, err
	}
	return Verdict{}, &Held{asked, func() (Verdict, error) {
		c, err := asked.End()
		if err != nil {
			return Verdict{}, fmt.Errorf("login: push: %w", err)
		}
		return e.answered(ctx, a, &c)
	}}, nil
}

// cannotPush returns why a trigger does not ask for a push, "" if it does.
func (e *Engine) cannotPush(ctx context.Context, a *Attempt, trigger string) (Reason, error) {
	user, err := e.Users.Get(ctx, UserKey(a.User))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return UnknownUser, nil
	case err != nil:
		return "", fmt.Errorf("login: read user: %w", err)
	case user.Lock.Holds(a.Received):
		return Locked, nil
	}
	have := Enrolled{Prefers: user.Prefers}
	if !e.Clients[a.Client].NoPush {
		if have.Push, err = e.Push.Available(ctx, UserKey(a.User)); err != nil {
			return "", fmt.Errorf("login: look for devices: %w", err)
		}
	}
	if have.Method(trigger) != ByPush {
		return NothingEnrolled, nil
	}
	return "", nil
}

// question describes the login to the user, and to the broker what makes another
// request the same login (statements 2.2, 2.13).
func (e *Engine) question(a *Attempt, trigger string) push.Question {
	client := e.Clients[a.Client]
	hold := client.Hold
	if hold == 0 {
		hold = 30 * time.Second
	}
	place := []string{client.Group}
	if client.Group == "" {
		place = []string{"", a.Client, a.NAS}
	}
	q := push.Question{
		User:    UserKey(a.User),
		Login:   digest(append(place, UserKey(a.User), a.Station, trigger)...),
		Request: a.Request,
		Join:    a.Station != "" || client.JoinAnyStation,
		Expires: a.Received.Add(hold),
		Prompt: push.Prompt{
			Resource: client.Resource, Organization: e.Organization, User: a.User, Started: a.Received,
		},
		Asked: func(ctx context.Context, c push.Challenge) error {
			row := a.row(Row{ID: c.ID, Time: c.Created, Method: ByPush, Result: ResultChallenge, Challenge: c.ID, Shown: string(c.Shown)})
			return e.Activity.Append(ctx, row)
		},
	}
	if a.Station != "" {
		q.Source = digest(a.Client, a.Station)
	}
	if q.Prompt.Resource == "" {
		q.Prompt.Resource = a.Client
	}
	if a.From.IsValid() {
		q.Prompt.IP = a.From.String()
	}
	return q
}

// unasked is the verdict when there was no push.
func (e *Engine) unasked(ctx context.Context, a *Attempt, err error) (Verdict, error) {
	switch {
	case errors.Is(err, push.ErrElsewhere):
		return e.reject(ctx, a, ByPush, PushElsewhere)
	case errors.Is(err, push.ErrPaused):
		return e.reject(ctx, a, ByPush, PushPaused)
	case errors.Is(err, push.ErrCoolingDown):
		return e.reject(ctx, a, ByPush, CoolingDown)
	case errors.Is(err, push.ErrNoDevice):
		return e.reject(ctx, a, ByPush, NothingEnrolled)
	}
	return Verdict{}, fmt.Errorf("login: push: %w", err)
}

// answered is the verdict when a push has ended (statements 2.6 to 2.9, 6.2, 6.3).
func (e *Engine) answered(ctx context.Context, a *Attempt, c *push.Challenge) (Verdict, error) {
	switch c.Outcome {
	case push.Approved:
		row := Row{Method: ByPush, Reason: Approved, Challenge: c.ID, Device: c.Answer.Device}
		if c.Late {
			row.Reason = LateApproval
		} else {
			row.ID, row.Time = c.ID, c.Ended // one row, however many requests waited
		}
		return e.accept(ctx, a, row)
	case push.DeniedNotMe:
		if err := e.denied(ctx, c); err != nil {
			e.Log.Error("login: record denial", "user", a.User, "challenge", c.ID, "err", err)
		}
		return Verdict{Reason: DeniedNotMe, Message: sayDenied, AtOnce: true}, nil
	case push.DeniedMistake:
		return Verdict{Reason: DeniedMistake, Message: sayMistake, AtOnce: true}, nil
	case push.Undelivered:
		return e.reject(ctx, a, ByPush, Undelivered)
	}
	return Verdict{Reason: TimedOut, Message: sayTimedOut, AtOnce: true}, nil
}

// accept writes the row, and only then accepts (statement 5.6).
func (e *Engine) accept(ctx context.Context, a *Attempt, row Row) (Verdict, error) {
	row.Result = ResultSuccess
	if _, err := e.Activity.AppendOnce(ctx, a.row(row)); err != nil {
		return Verdict{}, fmt.Errorf("login: record success: %w", err)
	}
	return Verdict{Outcome: Accept, Reason: row.Reason}, nil
}

// reject writes the row and rejects. A row that cannot be written is logged: the
// rejection stands.
func (e *Engine) reject(ctx context.Context, a *Attempt, m Method, why Reason) (Verdict, error) {
	ctx = context.WithoutCancel(ctx) // the row is written even if the NAS has lost interest
	v := Verdict{Reason: why, Message: sayFailed}
	switch why {
	case Locked:
		v.Message = sayLocked
	case UnknownUser: // as a known user would read it: see messages.go
		if m == NoMethod {
			v.Message = sayNothing
		} else {
			v.Retry = true
		}
	case NothingEnrolled:
		v.Message = sayNothing
	case WrongPasscode, ReplayedCode:
		v.Retry = true
	case PushElsewhere:
		v.Message = sayElsewhere
	case PushPaused:
		v.Message = sayPaused
	case Undelivered:
		v.Message = sayNoDevice
	case UnknownState:
		v.Message = sayExpired
	case CoolingDown:
		v.Message = sayDenied
	}
	err := e.Activity.Append(ctx, a.row(Row{Method: m, Result: ResultFailure, Reason: why, Message: v.Message}))
	if err != nil {
		e.Log.Error("login: record rejection", "user", a.User, "client", a.Client, "reason", why, "err", err)
	}
	return v, nil
}

// row fills in what every row of an attempt says.
func (a *Attempt) row(r Row) Row {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	if r.Result != ResultChallenge {
		r.Took = time.Since(a.Received)
	}
	r.User, r.Client, r.NAS, r.Station, r.From, r.Protocol = a.User, a.Client, a.NAS, a.Station, a.From, a.Protocol
	return r
}

// digest returns 128 bits of a hash over the parts, in which no part can reach into the
// next.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		h.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
