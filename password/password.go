// Package password hashes what people remember, such as PINs and passwords, and what they
// keep on paper, such as backup codes.
//
// The hash is argon2id (RFC 9106). It is slow on purpose: who has stolen the store pays for
// every guess what a login pays, some tens of milliseconds and 19 MiB. Which is also a way
// to bring a server down with nothing but logins. So a [Hasher] computes few hashes at
// once, lets a bounded number of callers wait, and turns the rest away at once.
//
// A PIN of four digits falls to ten thousand guesses however slow each of them is. What
// protects it at the door is the limit on tries; the hash buys the time to change it after a
// theft.
//
// What is kept is a text in the PHC string format. It names its own parameters, so they can
// be raised one day and the hashes of before stay good:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
//
// Texts are octets: who wants "é" to be the same however a keyboard composes it normalizes
// before (RFC 8265, section 4.2).
package password

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// A Hasher makes and verifies hashes, a few at once. The zero value is ready for use; the
// fields are not changed after the first call.
type Hasher struct {
	AtOnce int // computations at once, each with a core and 19 MiB, twice that with garbage; 0: 2
	Queue  int // callers that may wait for their turn; 0: 64, negative: none

	once    sync.Once
	turns   chan struct{} // holds an element for each computation that runs
	waiting atomic.Int64
}

// ErrBusy is returned at once when Queue callers wait already.
var ErrBusy = errors.New("password: too many hashes are waiting")

// Hash returns the hash of a text, with a salt of its own.
func (h *Hasher) Hash(ctx context.Context, text string) (string, error) {
	hashes, err := h.HashAll(ctx, []string{text})
	if err != nil {
		return "", err
	}
	return hashes[0], nil
}

// HashAll returns the hashes of texts, in their order, all with one new salt: so that
// [Hasher.Find] tries a text against all of them for the price of one. That is the price of
// a guess for a thief too, so it is for texts that a machine has drawn, such as backup
// codes, and equal texts show as equal hashes.
func (h *Hasher) HashAll(ctx context.Context, texts []string) ([]string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	r := standard
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails: the runtime ends the program instead
	r.salt = string(salt)
	hashes := make([]string, len(texts))
	for i, text := range texts {
		if err := ended(ctx); err != nil {
			return nil, err
		}
		hashes[i] = r.format(r.sum(text))
	}
	return hashes, nil
}

// Verify reports whether a hash is that of a text. The empty hash, of a user who is not
// there or has none, costs as much as any other and is never right. Any other text that is
// not a hash is an error.
func (h *Hasher) Verify(ctx context.Context, hash, text string) (bool, error) {
	var hashes []string
	if hash != "" {
		hashes = []string{hash}
	}
	i, err := h.Find(ctx, hashes, text)
	return i == 0, err
}

// Find returns the index of the first of the hashes that is that of a text, or -1. It
// computes once for all hashes that share salt and parameters, and once if there are none:
// how long it takes does not tell whether a user has any.
func (h *Hasher) Find(ctx context.Context, hashes []string, text string) (int, error) {
	recipes, sums := make([]recipe, len(hashes)), make([][]byte, len(hashes))
	for i, s := range hashes {
		var err error
		if recipes[i], sums[i], err = parse(s); err != nil {
			return -1, err
		}
	}
	if len(hashes) == 0 {
		recipes, sums = []recipe{standard}, [][]byte{nil} // nil equals no sum
	}
	done, err := h.turn(ctx)
	if err != nil {
		return -1, err
	}
	defer done()
	found := -1
	computed := make(map[recipe][]byte)
	for i, r := range recipes {
		if computed[r] == nil {
			if err := ended(ctx); err != nil {
				return -1, err
			}
			computed[r] = r.sum(text)
		}
		if subtle.ConstantTimeCompare(computed[r], sums[i]) == 1 && found < 0 {
			found = i
		}
	}
	return found, nil
}

// turn waits until the caller may compute; done ends that. Who waits longest is next.
func (h *Hasher) turn(ctx context.Context) (done func(), err error) {
	h.once.Do(func() { h.turns = make(chan struct{}, max(1, cmp.Or(h.AtOnce, 2))) })
	done = func() { <-h.turns }
	select {
	case h.turns <- struct{}{}:
		return done, nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > int64(cmp.Or(h.Queue, 64)) {
		return nil, ErrBusy
	}
	select {
	case h.turns <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// ended returns the error of a caller who wants no hash any more, or nil.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("password: wait for a hash: %w", context.Cause(ctx))
}
