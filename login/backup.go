package login

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
)

// Backup codes (statement 4.3): ten, ten characters each out of the 32 that Crockford's
// base32 has, which is 50 bits behind argon2id. They are printed with a hyphen in the middle
// and read with or without it, in either case, O as 0, I and L as 1.
const (
	backupCodes    = 10
	backupLength   = 10
	backupAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

var backupReader = strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1")

// backupCode returns the form in which a code is hashed, and whether the text can be one.
func backupCode(text string) (string, bool) {
	if len(text) > 2*backupLength {
		return "", false
	}
	code := backupReader.Replace(strings.ToLower(text))
	return code, len(code) == backupLength && strings.Trim(code, backupAlphabet) == ""
}

// NewBackupCodes gives a user ten new backup codes, in place of those there were. They are
// in the result and nowhere else in clear.
func (e *Engine) NewBackupCodes(ctx context.Context, name string) (codes []string, err error) {
	plain := make([]string, backupCodes)
	for i := range plain {
		b := make([]byte, backupLength)
		rand.Read(b) // never fails: the runtime ends the program instead
		for j := range b {
			b[j] = backupAlphabet[b[j]%32]
		}
		plain[i] = string(b)
		codes = append(codes, plain[i][:backupLength/2]+"-"+plain[i][backupLength/2:])
	}
	hashes, err := e.Hasher.HashAll(ctx, plain)
	if err != nil {
		return nil, fmt.Errorf("login: hash backup codes: %w", err)
	}
	err = e.update(ctx, name, func(u *User) (*User, error) {
		u.Backup = hashes
		return u, nil
	})
	if err != nil {
		return nil, err
	}
	return codes, e.changed(ctx, name, "backup codes made")
}

// RemoveBackupCodes makes those that are left worthless.
func (e *Engine) RemoveBackupCodes(ctx context.Context, name string) error {
	err := e.update(ctx, name, func(u *User) (*User, error) {
		u.Backup = nil
		return u, nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, name, "backup codes removed")
}
