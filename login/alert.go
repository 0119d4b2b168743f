package login

import (
	"context"
	"time"

	"radpush/push"
)

// Alerts says who is told by letter (statements 5.3, 5.4, 9.3). The zero value tells nobody.
type Alerts struct {
	RejectionUser     bool     // the user, of "it wasn't me"
	RejectionOperator []string // and these addresses
	LockoutUser       bool     // the user, of a locked account
	LockoutOperator   []string
	DeviceUser        bool // the user, of a device that was enrolled or removed
}

// An AlertLetter is one letter to one person. In it is what happened: a rejection, a
// lockout, a lockout that a rejection caused, or a change of the user's devices.
type AlertLetter struct {
	To        string
	Operator  bool // the person is one; else the user
	User      string
	Rejection *Rejection
	Lockout   *Lockedout
	Device    *DeviceChange
}

// A Rejection is what the user was shown and said "it wasn't me" to.
type Rejection struct {
	push.Prompt
	Client, NAS, Station string
	Device               string // its name
	Time                 time.Time
}

// A Lockedout is a lock that too many wrong tries have caused.
type Lockedout struct {
	Failures int
	Reason   Reason // of the last of them
	Time     time.Time
	Until    time.Time // zero: until an operator unlocks
}

// alert queues the letters about a rejection, a lockout or both. The user is told of both in
// one letter (statement 5.4). What cannot be queued is logged: it never delays or changes
// a login.
func (e *Engine) alert(ctx context.Context, user string, r *Rejection, l *Lockedout) {
	if e.Post == nil || r == nil && l == nil {
		return
	}
	if r != nil {
		for _, to := range e.Alerts.RejectionOperator {
			e.queue(ctx, AlertLetter{To: to, Operator: true, User: user, Rejection: r})
		}
	}
	if l != nil {
		for _, to := range e.Alerts.LockoutOperator {
			e.queue(ctx, AlertLetter{To: to, Operator: true, User: user, Lockout: l})
		}
	}
	toUser := AlertLetter{User: user}
	if e.Alerts.LockoutUser {
		toUser.Lockout = l
	}
	if e.Alerts.RejectionUser {
		toUser.Rejection = r
	}
	if toUser.Lockout != nil || toUser.Rejection != nil {
		e.queueToUser(ctx, toUser)
	}
}

func (e *Engine) queue(ctx context.Context, l AlertLetter) {
	if err := e.Post.Queue(context.WithoutCancel(ctx), l); err != nil {
		e.Log.Error("login: queue alert", "user", l.User, "operator", l.Operator, "err", err)
	}
}

// queueToUser is queue for the user, whose address it finds.
func (e *Engine) queueToUser(ctx context.Context, l AlertLetter) {
	u, err := e.User(context.WithoutCancel(ctx), l.User)
	switch {
	case err != nil:
		e.Log.Error("login: queue alert", "user", l.User, "err", err)
	case u.Email == "":
		e.Log.Info("login: the user has no e-mail address to be alerted at", "user", l.User)
	default:
		l.To = u.Email
		e.queue(ctx, l)
	}
}
