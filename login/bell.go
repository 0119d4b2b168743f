package login

import (
	"context"
	"io/fs"
	"log/slog"
)

// A Bell wakes the user when a device that asks only by itself has something to answer. It is
// rung by push.Broker. The zero Bell is none. It prints and logs without its topic.
type Bell struct {
	Kind  BellKind `cbor:"1,keyasint"`
	Topic string   `cbor:"2,keyasint,omitempty"` // of BellNtfy: whoever knows it hears the bell
}

func (b Bell) String() string       { return string(b.Kind) }
func (b Bell) LogValue() slog.Value { return slog.StringValue(b.String()) }

// A BellKind is what a bell is heard by.
type BellKind string

const (
	BellNtfy  BellKind = "ntfy"
	BellEmail BellKind = "email" // at the user's address
)

// SetBell gives a user a bell, in place of the one before, and returns the user as changed. A
// bell by e-mail needs an address: else it is a Refusal.
func (e *Engine) SetBell(ctx context.Context, name string, b Bell) (User, error) {
	var after User
	err := e.update(ctx, name, func(u *User) (*User, error) {
		if b.Kind == BellEmail && u.Email == "" {
			return nil, refuse("user %q has no e-mail address that a bell could go to: radpush user set gives one", u.Name)
		}
		u.Bell = b
		after = *u
		return u, nil
	})
	if err != nil {
		return User{}, err
	}
	return after, e.changed(ctx, name, "bell by "+string(b.Kind)+" set")
}

// RemoveBell takes the bell away; fs.ErrNotExist when the user has none.
func (e *Engine) RemoveBell(ctx context.Context, name string) error {
	err := e.update(ctx, name, func(u *User) (*User, error) {
		if u.Bell == (Bell{}) {
			return nil, fs.ErrNotExist
		}
		u.Bell = Bell{}
		return u, nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, name, "bell removed")
}
