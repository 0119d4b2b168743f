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
	if trigger, ok := Trigger(a.Passcode); ok {
		return e.ask(ctx, &a, trigger) // with a State too (statement 1.11)
	}
	v, err = e.verify(ctx, &a)
	return v, nil, err
}

// ask starts what a trigger asks for.
func (e *Engine) ask(ctx context.Context, a *Attempt, trigger string) (v Verdict, held *Held, err error) {
	m, why, err := e.method(ctx, a, trigger, true)
	switch {
	case err != nil:
		return Verdict{}, nil, err
	case why != "":
		v, err = e.reject(ctx, a, NoMethod, why)
		return v, nil, err
	case m != ByPush:
		v, err = e.start(ctx, a, m)
		return v, nil, err
	}
	if client := e.Clients[a.Client]; client.Match && client.Challenge {
		return e.match(ctx, a, trigger)
	}
	asked, err := e.Push.Begin(ctx, e.question(a, trigger))
	return e.hold(ctx, a, trigger, asked, err)
}

// hold returns what waits for a push that has been asked, or the verdict if it has not.
func (e *Engine) hold(ctx context.Context, a *Attempt, trigger string, asked *push.Pending, err error) (Verdict, *Held, error) {
	if err != nil {
		v, err := e.unasked(ctx, a, trigger, err)
		return v, nil, err
	}
	return Verdict{}, &Held{asked, func() (Verdict, error) {
		c, err := asked.End()
		if err != nil {
			return Verdict{}, fmt.Errorf("login: push: %w", err)
		}
		return e.answered(ctx, a, trigger, &c)
	}}, nil
}

// method returns the method that a trigger asks for, or why it asks for none. Without push
// it is what the user has instead (statement 1.7).
func (e *Engine) method(ctx context.Context, a *Attempt, trigger string, push bool) (Method, Reason, error) {
	user, err := e.Users.Get(ctx, UserKey(a.User))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return NoMethod, UnknownUser, nil
	case err != nil:
		return NoMethod, "", fmt.Errorf("login: read user: %w", err)
	case user.Lock.Holds(a.Received):
		return NoMethod, Locked, nil
	}
	client := e.Clients[a.Client]
	has := Enrolled{
		SMS:     user.Phone != "" && e.SMS != nil,
		Email:   user.Email != "" && user.EmailCodes && e.Post != nil,
		Grid:    user.Grid != nil,
		Prefers: user.Prefers,
	}
	if a.State != "" && push {
		rounds := user.answers(a, e.place(a))
		if len(rounds) == 0 {
			return NoMethod, UnknownState, nil
		}
		m := user.Rounds[rounds[0]].Method
		if trigger == "" && (m == ByOTP || m == ByPush || client.allowed(has).has(m)) {
			return m, "", nil // the same again (statement 1.11)
		}
	}
	if push {
		if has.Push, err = e.Push.Available(ctx, UserKey(a.User)); err != nil {
			return NoMethod, "", fmt.Errorf("login: look for devices: %w", err)
		}
	}
	switch m := client.allowed(has).Method(trigger); {
	case m != NoMethod:
		return m, "", nil
	case has.Method(trigger) != NoMethod:
		return NoMethod, NotAllowed, nil
	}
	return NoMethod, NothingEnrolled, nil
}

// instead starts what the user has instead of a push that could not be (statements 1.7,
// 2.15, 2.16), or rejects.
func (e *Engine) instead(ctx context.Context, a *Attempt, trigger string, why Reason) (Verdict, error) {
	m, none, err := e.method(ctx, a, trigger, false)
	switch {
	case err != nil:
		return Verdict{}, err
	case none == NothingEnrolled || none == NotAllowed:
		return e.reject(ctx, a, ByPush, why)
	case none != "":
		return e.reject(ctx, a, NoMethod, none)
	}
	return e.start(ctx, a, m)
}

// place returns a digest of where an attempt comes from: the client, or its group. A round
// is bound to it.
func (e *Engine) place(a *Attempt) string {
	if group := e.Clients[a.Client].Group; group != "" {
		return digest(group)
	}
	return digest("", a.Client)
}

// same returns a digest of what makes two requests the same login (statement 2.13), and
// whether others than true retransmissions may be.
func (e *Engine) same(a *Attempt, what string) (login string, join bool) {
	client := e.Clients[a.Client]
	place := []string{client.Group}
	if client.Group == "" {
		place = []string{"", a.Client, a.NAS}
	}
	return digest(append(place, UserKey(a.User), a.Station, what)...), a.Station != "" || client.JoinAnyStation
}

// question describes the login to the user, and to the broker what makes another
// request the same login (statements 2.2, 2.13).
func (e *Engine) question(a *Attempt, trigger string) push.Question {
	client := e.Clients[a.Client]
	hold := client.Hold
	if hold == 0 {
		hold = 30 * time.Second
	}
	login, join := e.same(a, trigger)
	q := push.Question{
		User:    UserKey(a.User),
		Login:   login,
		Request: a.Request,
		Join:    join,
		Match:   client.Match && client.Challenge,
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
		if e.Place != nil {
			q.Prompt.Location = e.Place(a.From)
		}
	}
	return q
}

// unasked is the verdict when there was no push.
func (e *Engine) unasked(ctx context.Context, a *Attempt, trigger string, err error) (Verdict, error) {
	switch {
	case errors.Is(err, push.ErrElsewhere):
		return e.reject(ctx, a, ByPush, PushElsewhere)
	case errors.Is(err, push.ErrPaused):
		return e.instead(ctx, a, trigger, PushPaused)
	case errors.Is(err, push.ErrCoolingDown):
		return e.reject(ctx, a, ByPush, CoolingDown)
	case errors.Is(err, push.ErrNoDevice):
		return e.instead(ctx, a, trigger, NothingEnrolled)
	}
	return Verdict{}, fmt.Errorf("login: push: %w", err)
}

// answered is the verdict when a push has ended (statements 2.6 to 2.9, 6.2, 6.3).
func (e *Engine) answered(ctx context.Context, a *Attempt, trigger string, c *push.Challenge) (Verdict, error) {
	if err := e.shown(ctx, a); err != nil {
		return Verdict{}, err
	}
	switch c.Outcome {
	case push.Approved:
		row := Row{Method: ByPush, Reason: Approved, Challenge: c.ID, Device: c.Answer.Device}
		if c.Late {
			row.Reason = LateApproval
		} else {
			row.ID, row.Time = c.ID, c.Ended // one row, however many requests waited
		}
		return e.accept(ctx, a, row)
	case push.DeniedNotMe, push.Mismatch:
		if err := e.denied(ctx, c); err != nil {
			e.Log.Error("login: record denial", "user", a.User, "challenge", c.ID, "err", err)
		}
		if c.Outcome == push.Mismatch {
			return Verdict{Reason: WrongNumber, Message: sayMismatch, AtOnce: true}, nil
		}
		return Verdict{Reason: DeniedNotMe, Message: sayDenied, AtOnce: true}, nil
	case push.DeniedMistake:
		return Verdict{Reason: DeniedMistake, Message: sayMistake, AtOnce: true}, nil
	case push.OutOfStep:
		return e.start(ctx, a, ByOTP) // statement 3.4; the row was written where the answer arrived
	case push.Undelivered:
		return e.instead(ctx, a, trigger, Undelivered)
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
		switch {
		case a.State != "":
			v.Message = sayExpired
		case m == NoMethod:
			v.Message = sayNothing
		default:
			v.Retry = true
		}
	case NothingEnrolled:
		v.Message = sayNothing
	case NotAllowed:
		if m == NoMethod {
			v.Message = sayNothing
		} else {
			v.Retry = true
		}
	case WrongPasscode, WrongPIN, ReplayedCode, OuterWindow, UnseenPIN:
		v.Retry = true
	case NotSent:
		v.Message = sayNotSent
	case TooManySent:
		v.Message = sayTooManySent
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
