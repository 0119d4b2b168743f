package login

import (
	"context"
	"time"

	"radpush/push"
)

// Alerts says who is told by letter (statements 5.3, 5.4). The zero value tells nobody.
type Alerts struct {
	RejectionUser     bool     // the user, of "it wasn't me"
	RejectionOperator []string // and these addresses
	LockoutUser       bool     // the user, of a locked account
	LockoutOperator   []string
}

// An AlertLetter is one letter to one person. In it is what happened: a rejection, a
// lockout, or a lockout that a rejection caused.
type AlertLetter struct {
	To        string
	Operator  bool // the person is one; else the user
	User      string
	Rejection *Rejection
	Lockout   *Lockedout
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
	ctx = context.WithoutCancel(ctx)
	queue := func(letter AlertLetter) {
		if err := e.Post.Queue(ctx, letter); err != nil {
			e.Log.Error("login: queue alert", "user", user, "operator", letter.Operator, "err", err)
		}
	}
	if r != nil {
		for _, to := range e.Alerts.RejectionOperator {
			queue(AlertLetter{To: to, Operator: true, User: user, Rejection: r})
		}
	}
	if l != nil {
		for _, to := range e.Alerts.LockoutOperator {
			queue(AlertLetter{To: to, Operator: true, User: user, Lockout: l})
		}
	}
	toUser := AlertLetter{User: user}
	if e.Alerts.LockoutUser {
		toUser.Lockout = l
	}
	if e.Alerts.RejectionUser {
		toUser.Rejection = r
	}
	if toUser.Lockout == nil && toUser.Rejection == nil {
		return
	}
	u, err := e.User(ctx, user)
	switch {
	case err != nil:
		e.Log.Error("login: queue alert", "user", user, "err", err)
	case u.Email == "":
		e.Log.Info("login: the user has no e-mail address to be alerted at", "user", user)
	default:
		toUser.To = u.Email
		queue(toUser)
	}
}
