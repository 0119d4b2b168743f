package login

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
)

// SetPIN gives a user a PIN, in place of the one before (statement 3.5). It is 4 to 32
// characters of ASCII: in what encoding others reach a RADIUS server depends on the client.
func (e *Engine) SetPIN(ctx context.Context, name, pin string) error {
	u, err := e.User(ctx, name)
	if err != nil {
		return err
	}
	if why := weakPIN(pin, u.Name); why != "" {
		return Refusal(why)
	}
	hash, err := e.Hasher.Hash(ctx, pin)
	if err != nil {
		return fmt.Errorf("login: hash PIN: %w", err)
	}
	err = e.update(ctx, name, func(u *User) (*User, error) {
		u.PIN = PIN{Hash: hash, Octets: len(pin)}
		return u, nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, name, "PIN set")
}

// RemovePIN takes the PIN away; fs.ErrNotExist when the user has none.
func (e *Engine) RemovePIN(ctx context.Context, name string) error {
	err := e.update(ctx, name, func(u *User) (*User, error) {
		if u.PIN == (PIN{}) {
			return nil, fs.ErrNotExist
		}
		u.PIN = PIN{}
		return u, nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, name, "PIN removed")
}

// obvious is what people choose and thieves try first: counting, and rows of keys.
const obvious = "01234567890 abcdefghijklmnopqrstuvwxyz qwertyuiop asdfghjkl 1qaz2wsx3edc"

// weakPIN says why a PIN is not to be had, or nothing.
func weakPIN(pin, user string) string {
	small := strings.ToLower(pin)
	backwards := []byte(small)
	slices.Reverse(backwards)
	local, _, _ := strings.Cut(UserKey(user), "@")
	switch {
	case strings.ContainsFunc(pin, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }):
		return "a PIN is letters, digits and signs of ASCII: others do not reach the server from every client as they were typed"
	case len(pin) < 4 || len(pin) > 32:
		return "a PIN has 4 to 32 characters"
	case strings.TrimSpace(pin) != pin:
		return "a PIN neither begins nor ends with a space"
	case strings.Trim(pin, pin[:1]) == "", strings.Contains(obvious, small), strings.Contains(obvious, string(backwards)):
		return "a PIN that everybody tries first, such as 0000 or 1234, is none: choose another"
	case small == UserKey(user), small == local:
		return "the user's name is no PIN: choose another"
	}
	return ""
}
