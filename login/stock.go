package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sync"

	"radpush/otp"
)

// A Stock keeps the tokens that no user has: those that came in a file, or back from a user.
//
// A token moves between the stock and a user's record, and no transaction holds both. So
// the stock's record is claimed first, for one user; then the user's is written, and then
// the claim goes. Where a server dies in between, the token is good for that user or for
// nobody, and the same move, repeated, finishes what was begun.
type Stock struct {
	Tokens Records[StockToken] // by the token's ID

	// moves lets one operator at a time bring or move tokens: no other can give away a
	// secret that has just been looked for. No login waits for it.
	moves sync.Mutex
}

// A StockToken is a token in the stock. Its key is Token.ID.
type StockToken struct {
	Token otp.Token `cbor:"1,keyasint"`
	User  string    `cbor:"2,keyasint,omitempty"` // UserKey of the one whom a move that has not finished claims it for
}

// Stocked yields the tokens of the stock.
func (e *Engine) Stocked(ctx context.Context) iter.Seq2[StockToken, error] {
	return e.Stock.Tokens.All(ctx, "")
}

// AssignToken gives a user a token of the stock. It keeps what it has used up. If the token
// or the user is not there, that is fs.ErrNotExist; if the user has another one of this ID,
// fs.ErrExist.
func (e *Engine) AssignToken(ctx context.Context, id, name string) error {
	e.Stock.moves.Lock()
	defer e.Stock.moves.Unlock()
	token, err := e.claim(ctx, id, UserKey(name))
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // no half of a move because somebody has pressed ^C
	err = e.update(ctx, name, func(u *User) (*User, error) {
		if i := u.token(id); i >= 0 && u.Tokens[i].Secret == token.Secret { // from a move that did not finish
			u.Tokens[i].Disabled = false
			return u, nil
		}
		return u, u.keep(token, "")
	})
	if _, refused := errors.AsType[Refusal](err); refused || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, e.release(ctx, id, UserKey(name))) // nothing was written
	}
	if err != nil {
		return err
	}
	if err := e.changed(ctx, name, "token "+id+" assigned"); err != nil {
		return err
	}
	return e.dropStocked(ctx, id)
}

// claim claims a token of the stock for a user.
func (e *Engine) claim(ctx context.Context, id, user string) (t otp.Token, err error) {
	err = e.Stock.Tokens.Update(ctx, id, func(s *StockToken) (*StockToken, error) {
		switch {
		case s == nil:
			return nil, fs.ErrNotExist
		case s.User != "" && s.User != user:
			return nil, refuse("a move of token %q to or from %q has not finished: assign it to %[2]q again, or unassign it", id, s.User)
		}
		s.User, t = user, s.Token
		return s, nil
	})
	if err != nil {
		return t, fmt.Errorf("login: claim token of the stock: %w", err)
	}
	return t, nil
}

// release makes a token that is claimed for a user one that anybody can be given.
func (e *Engine) release(ctx context.Context, id, user string) error {
	err := e.Stock.Tokens.Update(ctx, id, func(s *StockToken) (*StockToken, error) {
		if s == nil || s.User != user {
			return nil, fs.ErrNotExist
		}
		s.User = ""
		return s, nil
	})
	if err != nil {
		return fmt.Errorf("login: release token of the stock: %w", err)
	}
	return nil
}

// UnassignToken takes a token from a user, back to the stock; fs.ErrNotExist when the user
// has none of that ID.
func (e *Engine) UnassignToken(ctx context.Context, name, id string) error {
	e.Stock.moves.Lock()
	defer e.Stock.moves.Unlock()
	ctx = context.WithoutCancel(ctx)

	user := UserKey(name)
	claimed, err := e.Stock.Tokens.Get(ctx, id)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("login: look into the stock: %w", err)
	case err == nil && claimed.User != user:
		u, err := e.Users.Get(ctx, user)
		if err == nil && u.token(id) < 0 {
			err = fs.ErrNotExist
		}
		if err != nil {
			return fmt.Errorf("login: look at tokens: %w", err)
		}
		return refuse("the stock has another token %q", id)
	}

	// Disabled first: what goes to the stock then has used up all that the user has.
	var token otp.Token
	err = e.changeToken(ctx, name, id, func(t *otp.Token) error {
		switch {
		case t.Device != "":
			return refuse("token %q belongs to a device: remove the device instead", id)
		case claimed.User != "" && claimed.Token.Secret != t.Secret: // it only has the same ID
			return fs.ErrNotExist
		}
		t.Disabled = true
		token = *t
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist): // as a move leaves it that did not finish
	case err != nil:
		return err
	default:
		token.Disabled, token.For, token.Next, token.NextBy = false, "", 0, 0
		err = e.Stock.Tokens.Update(ctx, id, func(*StockToken) (*StockToken, error) {
			return &StockToken{Token: token, User: user}, nil
		})
		if err != nil {
			return fmt.Errorf("login: claim place in the stock: %w", err)
		}
		if err := e.dropToken(ctx, name, id); err != nil {
			return err
		}
	}
	if err := e.release(ctx, id, user); err != nil {
		return err
	}
	return e.changed(ctx, name, "token "+id+" unassigned")
}

// RemoveStocked removes a token from the stock for good.
func (e *Engine) RemoveStocked(ctx context.Context, id string) error {
	e.Stock.moves.Lock()
	defer e.Stock.moves.Unlock()
	if _, err := e.claim(ctx, id, ""); err != nil {
		return err
	}
	if err := e.dropStocked(ctx, id); err != nil {
		return err
	}
	return e.changed(ctx, "", "token "+id+" removed from the stock")
}

func (e *Engine) dropStocked(ctx context.Context, id string) error {
	err := e.Stock.Tokens.Update(ctx, id, func(*StockToken) (*StockToken, error) { return nil, nil })
	if err != nil {
		return fmt.Errorf("login: remove token of the stock: %w", err)
	}
	return nil
}
