package login

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"radpush/otp"
)

// A Refusal says why what an operator asks for is not done. It is a sentence that an operator
// reads, with what to do instead.
type Refusal string

func (r Refusal) Error() string { return "login: " + string(r) }

func refuse(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

// A UserChange changes what a user can be reached by. What is nil stays.
type UserChange struct {
	Phone      *string // E.164; "": none
	Email      *string // one bare address; "": none
	EmailCodes *bool
	Prefers    *Method // BySMS, ByEmail, ByGrid or NoMethod
}

// ChangeUser changes a user and returns the user as changed. Who has no address has no
// codes by it (statement 4.1): asking for them is a Refusal, and taking the address away
// ends them, with the rounds whose codes went there, and a bell by e-mail.
func (e *Engine) ChangeUser(ctx context.Context, name string, c UserChange) (User, error) {
	var (
		after User
		what  []string
	)
	err := e.update(ctx, name, func(u *User) (_ *User, err error) {
		if what, err = c.apply(u); err != nil {
			return nil, err
		}
		after = *u
		return u, nil
	})
	if err != nil || len(what) == 0 {
		return after, err
	}
	return after, e.changed(ctx, name, strings.Join(what, ", "))
}

// apply returns what has changed, for the activity.
func (c UserChange) apply(u *User) (what []string, err error) {
	address := func(field *string, to *string, name string, m Method) {
		if to == nil || *to == *field {
			return
		}
		verb := " set"
		if *to == "" {
			verb = " removed"
		}
		*field, what = *to, append(what, name+verb)
		u.dropRoundsOf(m)
	}
	address(&u.Phone, c.Phone, "phone number", BySMS)
	address(&u.Email, c.Email, "e-mail address", ByEmail)

	codes := u.EmailCodes
	if c.EmailCodes != nil {
		codes = *c.EmailCodes
		if codes && u.Email == "" {
			return nil, refuse("user %q has no e-mail address that codes could go to: set one too", u.Name)
		}
	}
	if codes = codes && u.Email != ""; codes != u.EmailCodes {
		u.EmailCodes, what = codes, append(what, "e-mail codes "+onOff(codes))
		u.dropRoundsOf(ByEmail)
	}
	if u.Bell.Kind == BellEmail && u.Email == "" {
		u.Bell, what = Bell{}, append(what, "bell removed")
	}
	prefers := u.Prefers
	if c.Prefers != nil {
		prefers = *c.Prefers
		if prefers != NoMethod && !u.has(prefers) {
			return nil, refuse("user %q cannot prefer %s without having it: set it up first", u.Name, prefers)
		}
	}
	if !u.has(prefers) {
		prefers = NoMethod
	}
	if prefers != u.Prefers {
		u.Prefers, what = prefers, append(what, "prefers "+string(prefers))
		if prefers == NoMethod {
			what[len(what)-1] = "prefers no method"
		}
	}
	return what, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// has reports whether the user has a method that can stand in for push.
func (u *User) has(m Method) bool {
	return m == BySMS && u.Phone != "" || m == ByEmail && u.EmailCodes || m == ByGrid && u.Grid != nil
}

// dropRoundsOf ends the rounds of a method: a code that went to an old number lets nobody in.
func (u *User) dropRoundsOf(m Method) {
	u.Rounds = slices.DeleteFunc(u.Rounds, func(r Round) bool { return r.Method == m })
}

// DisableToken has the codes of a user's token accepted no more, or ends that. A device's
// token goes with its device: a Refusal.
func (e *Engine) DisableToken(ctx context.Context, name, id string, disabled bool) error {
	err := e.changeToken(ctx, name, id, func(t *otp.Token) error {
		if t.Device != "" {
			return refuse("token %q belongs to a device: suspend the device instead", id)
		}
		t.Disabled = disabled
		return nil
	})
	if err != nil {
		return err
	}
	what := "enabled"
	if disabled {
		what = "disabled"
	}
	return e.changed(ctx, name, "token "+id+" "+what)
}

// How far off a token may be that an operator resynchronizes. Two codes of six digits agree
// by chance at one step in 10^12.
const (
	resyncCounters = 1000           // of HOTP, ahead
	resyncTime     = 24 * time.Hour // of TOTP, to both sides
)

// ResyncToken resynchronizes a token by two consecutive codes, and uses them up (statement
// 3.4). Codes that are not are a Refusal. Failures that were counted stay: it is no login.
func (e *Engine) ResyncToken(ctx context.Context, name, id, first, second string) error {
	err := e.changeToken(ctx, name, id, func(t *otp.Token) error {
		next, ok := resync(*t, time.Now(), first, second)
		if !ok {
			return refuse("these are not two consecutive codes of token %q: type one, wait for the next, type that, and then try both at once", id)
		}
		*t = next
		return nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, name, "token "+id+" resynchronized")
}

func resync(t otp.Token, now time.Time, first, second string) (otp.Token, bool) {
	is := func(typed string) func(string) bool {
		return func(code string) bool { return subtle.ConstantTimeCompare([]byte(typed), []byte(code)) == 1 }
	}
	here := t.Step(now)
	from, to := here, here+resyncCounters
	if !t.HOTP {
		steps := uint64(resyncTime / t.Period)
		from, to = max(here-min(steps, here), t.Used+1), here+steps
	}
	for step := from; step <= to; step++ {
		if !is(first)(t.Code(step)) {
			continue
		}
		t.Next, t.NextBy = step+1, now.Unix()
		if next, ok := t.Resync(now, is(second)); ok {
			return next, true
		}
	}
	return t, false
}

// changeToken changes a token that a user has; fs.ErrNotExist when the user has none of that
// ID.
func (e *Engine) changeToken(ctx context.Context, name, id string, fn func(*otp.Token) error) error {
	return e.update(ctx, name, func(u *User) (*User, error) {
		i := u.token(id)
		if i < 0 {
			return nil, fs.ErrNotExist
		}
		if err := fn(&u.Tokens[i]); err != nil {
			return nil, err
		}
		return u, nil
	})
}

// token returns the index of the token with an ID, or -1.
func (u *User) token(id string) int {
	return slices.IndexFunc(u.Tokens, func(t otp.Token) bool { return t.ID == id })
}
