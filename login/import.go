package login

import (
	"cmp"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/sync/errgroup"

	"radpush/otp"
)

// An Import is tokens that an operator brings, all at once.
type Import struct {
	Tokens      []ImportToken
	CreateUsers bool // those named that are not there
	DryRun      bool // look for faults only
}

// An ImportToken is a token and the user whom it is for; "": it goes into the stock.
type ImportToken struct {
	User  string
	Token otp.Token
}

// Imported says what an import did, or would do.
type Imported struct {
	Given   int // tokens that went to users
	Stocked int
	Known   int      // that were where they belong: an import, repeated, goes on where it stopped
	Created []string // users
}

const (
	maxImport  = 100_000 // tokens
	maxFaults  = 100     // of an import that are told
	maxTokenID = 255     // octets
	writers    = 64      // updates at once: the store commits together what has queued
)

// ImportTokens brings tokens to users and into the stock, all of them or, if there is a
// fault in any, none: that is a Refusal with a line for each fault. A secret that another
// token has, anybody's, is a fault: its codes would be good twice (statement 3.2). When
// the store fails on the way, what is written stays; the import, repeated, does the rest.
func (e *Engine) ImportTokens(ctx context.Context, in Import) (Imported, error) {
	if len(in.Tokens) > maxImport {
		return Imported{}, refuse("these are %d tokens, and %d can be imported at once", len(in.Tokens), maxImport)
	}
	e.Stock.moves.Lock()
	defer e.Stock.moves.Unlock()
	c := newCheck(in)
	if err := c.compare(ctx, e); err != nil {
		return Imported{}, fmt.Errorf("login: check import: %w", err)
	}
	if err := c.refusal(); err != nil {
		return Imported{}, err
	}
	done := Imported{Created: slices.Sorted(maps.Values(c.create)), Known: len(c.known)}
	for i, t := range in.Tokens {
		switch {
		case c.known[i]:
		case t.User == "":
			done.Stocked++
		default:
			done.Given++
		}
	}
	if in.DryRun {
		return done, nil
	}
	// Once begun it is not ended by somebody who has pressed ^C.
	if err := e.bring(context.WithoutCancel(ctx), c, done); err != nil {
		return done, fmt.Errorf("login: import stopped on the way, repeat it: %w", err)
	}
	return done, nil
}

// bring writes what has been checked.
func (e *Engine) bring(ctx context.Context, c *check, plan Imported) error {
	for _, name := range plan.Created {
		if _, err := e.AddUser(ctx, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	var group errgroup.Group
	group.SetLimit(writers)
	for i, t := range c.Tokens {
		if c.known[i] {
			continue
		}
		group.Go(func() error {
			if t.User != "" {
				return e.AddToken(ctx, t.User, t.Token)
			}
			return e.Stock.Tokens.Update(ctx, t.Token.ID, func(*StockToken) (*StockToken, error) {
				return &StockToken{Token: t.Token}, nil
			})
		})
	}
	err := group.Wait()
	if plan.Stocked > 0 { // not all of them, perhaps, but some change there was
		err = errors.Join(err, e.changed(ctx, "", fmt.Sprintf("tokens imported into the stock: %d", plan.Stocked)))
	}
	return err
}

// A check finds all that is wrong with an import, before anything of it is written.
type check struct {
	Import
	bySecret map[string]int    // indices of tokens
	byPlace  map[place]int     // the same
	known    map[int]bool      // tokens that are where they belong
	create   map[string]string // names of the users that are not there, by UserKey
	faults   []fault
}

// A place is what a token is told by: the user who has it, or "" in the stock, and its ID.
type place struct{ user, id string }

func (t ImportToken) place() place { return place{UserKey(t.User), t.Token.ID} }

func (p place) String() string {
	if p.user == "" {
		return fmt.Sprintf("token %q in the stock", p.id)
	}
	return fmt.Sprintf("token %q of user %q", p.id, p.user)
}

// A fault is what is wrong with the token of an index.
type fault struct {
	token int
	why   string
}

func (c *check) fault(token int, format string, args ...any) {
	c.faults = append(c.faults, fault{token, fmt.Sprintf(format, args...)})
}

// newCheck finds what is wrong with an import by itself.
func newCheck(in Import) *check {
	c := &check{Import: in, bySecret: make(map[string]int), byPlace: make(map[place]int),
		known: make(map[int]bool), create: make(map[string]string)}
	for i, t := range in.Tokens {
		if err := cmp.Or(checkTokenID(t.Token.ID), t.Token.Check()); err != nil {
			c.fault(i, "%s", plainly(err))
			continue
		}
		secret, at := secretOf(t.Token), t.place()
		if other, twice := c.bySecret[secret]; twice {
			c.fault(i, "its secret is that of %v", in.Tokens[other].place())
		} else if _, twice := c.byPlace[at]; twice {
			c.fault(i, "this import has it twice")
		}
		c.bySecret[secret], c.byPlace[at] = i, i
		if t.User == "" {
			continue
		}
		if err := checkName(t.User); err != nil {
			c.fault(i, "%s", plainly(err))
			continue
		}
		c.create[at.user] = t.User
	}
	return c
}

// compare finds what does not go with what is there.
func (c *check) compare(ctx context.Context, e *Engine) error {
	has := make(map[string]int) // tokens of each user
	for u, err := range e.Users.All(ctx, "") {
		if err != nil {
			return err
		}
		user := UserKey(u.Name)
		delete(c.create, user)
		has[user] = len(u.Tokens)
		for _, t := range u.Tokens {
			c.meet(place{user, t.ID}, t)
		}
	}
	for s, err := range e.Stock.Tokens.All(ctx, "") {
		if err != nil {
			return err
		}
		c.meet(place{"", s.Token.ID}, s.Token)
	}
	for i, t := range c.Tokens {
		user := UserKey(t.User)
		if t.User == "" || c.known[i] {
			continue
		}
		if has[user]++; has[user] > maxTokens {
			c.fault(i, "user %q would have more than %d tokens", t.User, maxTokens)
		} else if c.create[user] != "" && !c.CreateUsers {
			c.fault(i, "there is no user %q: add the user first, or have the import create users", t.User)
		}
	}
	return nil
}

// meet compares a token that is there with those of the import.
func (c *check) meet(at place, t otp.Token) {
	i, same := c.bySecret[secretOf(t)]
	switch {
	case same && (c.Tokens[i].place() == at || c.Tokens[i].place() == place{"", at.id}): // or given to somebody since
		if new := c.Tokens[i].Token; new.HOTP != t.HOTP || new.Algorithm != t.Algorithm || new.Digits != t.Digits || new.Period != t.Period {
			c.fault(i, "it is there already, and makes other codes: remove that one first")
			return
		}
		c.known[i] = true
	case same:
		c.fault(i, "its secret is that of %v", at)
	default:
		if i, clash := c.byPlace[at]; clash {
			c.fault(i, "there is another %v", at)
		}
	}
}

// refusal tells the faults, in the order of the tokens.
func (c *check) refusal() error {
	if len(c.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(c.faults, func(a, b fault) int { return cmp.Compare(a.token, b.token) })
	var lines []string
	for _, f := range c.faults[:min(len(c.faults), maxFaults)] {
		lines = append(lines, fmt.Sprintf("token %.64q: %s", c.Tokens[f.token].Token.ID, f.why))
	}
	if more := len(c.faults) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d faults more", more))
	}
	return Refusal(strings.Join(lines, "\n"))
}

// plainly returns what an error says to an operator.
func plainly(err error) string {
	if r, ok := errors.AsType[Refusal](err); ok {
		return string(r)
	}
	return err.Error()
}

// checkTokenID returns a Refusal of what cannot be a serial number.
func checkTokenID(id string) error {
	if id == "" || len(id) > maxTokenID || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return refuse("its ID is empty, longer than %d octets, or does not print", maxTokenID)
	}
	return nil
}

// secretOf returns what a token's codes are made with, so that two secrets that make the
// same codes are equal. HMAC fills a short key up with zeros (RFC 2104, section 2).
func secretOf(t otp.Token) string {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(t.Secret)
	if err != nil {
		return t.Secret // makes no codes: see otp.Token.Check
	}
	return strings.TrimRight(string(b), "\x00")
}
