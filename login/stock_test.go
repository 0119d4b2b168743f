package login_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp"
)

// stocked returns what is in the stock: the tokens' IDs, with whom they are claimed for.
func (h *house) stocked(t *testing.T) (ids []string) {
	t.Helper()
	for s, err := range h.Stock.Tokens.All(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		id := s.Token.ID
		if s.User != "" {
			id += " for " + s.User
		}
		ids = append(ids, id)
	}
	return ids
}

// holders returns the users whom a token's codes let in.
func (h *house) holders(t *testing.T, tok otp.Token) (names []string) {
	t.Helper()
	for u, err := range h.Users.All(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		for _, have := range u.Tokens {
			if have.Secret == tok.Secret && !have.Disabled {
				names = append(names, u.Name)
			}
		}
	}
	return names
}

// withFob has alice, bob and a token in the stock, in virtual time.
func withFob(t *testing.T, f func(t *testing.T, h *house, fob otp.Token)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.AddUser(t.Context(), "bob")
		fob := otp.New("A-0001", otp.SHA1, 6, 0)
		fob.Used = 3
		if _, err := h.ImportTokens(t.Context(), login.Import{Tokens: []login.ImportToken{{Token: fob}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		f(t, h, fob)
	})
}

func TestStock_3_2_ATokenGoesAroundWithItsCounter(t *testing.T) {
	withFob(t, func(t *testing.T, h *house, fob otp.Token) {
		ctx := t.Context()
		do := func(err error) {
			t.Helper()
			time.Sleep(time.Second)
			if err != nil {
				t.Fatal(err)
			}
		}
		try := func(user string, counter uint64) login.Verdict {
			a := at(fob.Code(counter), "")
			a.User = user
			return h.login(t, a)
		}
		wantVerdict(t, try("alice", 3), login.Reject, login.WrongPasscode)
		do(h.AssignToken(ctx, "A-0001", "alice"))
		wantVerdict(t, try("alice", 5), login.Accept, login.CodeAccepted)
		if err := h.AssignToken(ctx, "A-0001", "bob"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a token that alice has: %v", err)
		}
		do(h.UnassignToken(ctx, "alice", "A-0001"))
		wantVerdict(t, try("alice", 6), login.Reject, login.WrongPasscode)
		do(h.AssignToken(ctx, "A-0001", "bob"))
		wantVerdict(t, try("bob", 5), login.Reject, login.ReplayedCode)
		wantVerdict(t, try("bob", 6), login.Accept, login.CodeAccepted)
		if got := strings.Join(h.changes(t)[3:], ", "); got != "token A-0001 assigned, token A-0001 unassigned, token A-0001 assigned" {
			t.Errorf("activity: %s", got)
		}

		do(h.UnassignToken(ctx, "bob", "A-0001"))
		for _, name := range []string{"bob", "nobody"} { // it is in the stock already
			if err := h.UnassignToken(ctx, name, "A-0001"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a token that %s has not: %v", name, err)
			}
		}
		do(h.RemoveStocked(ctx, "A-0001"))
		for _, err := range []error{h.RemoveStocked(ctx, "A-0001"), h.UnassignToken(ctx, "bob", "A-0001"), h.AssignToken(ctx, "A-0001", "bob"),
			h.AssignToken(ctx, "A-0001", "nobody"), h.UnassignToken(ctx, "nobody", "A-0001")} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v, want fs.ErrNotExist", err)
			}
		}
	})
}

// A server dies at each of the writes of a move. Whatever the operator then does, the token
// lets in one user at most; and when it succeeds, the token is in one place.
func TestStock_3_2_NoSecretOfTwoUsersAfterACrash(t *testing.T) {
	assign := func(t *testing.T, h *house) error { return h.AssignToken(t.Context(), "A-0001", "alice") }
	unassign := func(t *testing.T, h *house) error { return h.UnassignToken(t.Context(), "alice", "A-0001") }
	toBob := func(t *testing.T, h *house) error { return h.AssignToken(t.Context(), "A-0001", "bob") }
	type move = func(*testing.T, *house) error
	for name, c := range map[string]struct{ dies, then move }{
		"assign, repeated": {assign, assign}, "assign, taken back": {assign, unassign}, "assign, then to bob": {assign, toBob},
		"unassign, repeated": {unassign, unassign}, "unassign, taken back": {unassign, assign}, "unassign, then to bob": {unassign, toBob},
	} {
		finished := 0
		for last, done := 0, false; !done; last++ {
			withFob(t, func(t *testing.T, h *house, fob otp.Token) {
				if strings.HasPrefix(name, "un") {
					if err := assign(t, h); err != nil {
						t.Fatal(err)
					}
				}
				writes := 0
				h.disk.Fail = func(string) error {
					if writes++; writes > last {
						return errors.New("the server died")
					}
					return nil
				}
				done = c.dies(t, h) == nil
				h.disk.Fail = nil
				if done {
					if last < 4 {
						t.Errorf("%s: only %d writes", name, last)
					}
					return
				}
				h = onDisk(t, h.disk)
				err := c.then(t, h)
				holders, stocked := h.holders(t, fob), h.stocked(t)
				if len(holders) > 1 || err != nil && slices.Contains(holders, "bob") {
					t.Errorf("%s, died at write %d: lets in %q (%v)", name, last+1, holders, err)
				}
				if err == nil {
					if finished++; len(holders)+len(stocked) != 1 || len(stocked) == 1 && stocked[0] != "A-0001" {
						t.Errorf("%s, died at write %d: lets in %q, in the stock %q", name, last+1, holders, stocked)
					}
				}
			})
		}
		if finished == 0 {
			t.Errorf("%s: nothing helped", name)
		}
	}
}

// A move that was begun for one user is not finished for another.
func TestStock_3_2_AClaimIsKept(t *testing.T) {
	withFob(t, func(t *testing.T, h *house, fob otp.Token) {
		half := func() {
			t.Helper()
			h.disk.Fail = func(key string) error {
				if key == "user/alice" {
					return errors.New("the disk is full")
				}
				return nil
			}
			if err := h.AssignToken(t.Context(), "A-0001", "alice"); err == nil {
				t.Fatal("assigned")
			}
			h.disk.Fail = nil
			if got := h.stocked(t); !slices.Equal(got, []string{"A-0001 for alice"}) {
				t.Fatal(got)
			}
		}
		half()
		refused(t, h.AssignToken(t.Context(), "A-0001", "bob"), `assign it to "alice" again, or unassign it`)
		refused(t, h.RemoveStocked(t.Context(), "A-0001"), "unassign")
		// A token of hers that only has the same ID stays.
		if err := h.AddToken(t.Context(), "alice", otp.New("A-0001", otp.SHA1, 6, 0)); err != nil {
			t.Fatal(err)
		}
		if err := h.UnassignToken(t.Context(), "alice", "A-0001"); err != nil {
			t.Fatal(err)
		}
		if s, err := h.Stock.Tokens.Get(t.Context(), "A-0001"); err != nil || s.User != "" || s.Token.Secret != fob.Secret || len(mustUser(t, h, "alice").Tokens) != 1 {
			t.Errorf("in the stock: %+v, %v", s, err)
		}

		// The user is gone: the token can be taken back.
		if err := h.RemoveToken(t.Context(), "alice", "A-0001"); err != nil {
			t.Fatal(err)
		}
		half()
		if err := errors.Join(h.RemoveUser(t.Context(), "alice"), h.UnassignToken(t.Context(), "alice", "A-0001")); err != nil {
			t.Fatal(err)
		}
		if got := h.stocked(t); !slices.Equal(got, []string{"A-0001"}) {
			t.Error(got)
		}
	})
}

func TestStock_RefusalsLeaveAllAsItWas(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		ctx := t.Context()
		fob := otp.New("A-0001", otp.SHA1, 6, 0)
		if _, err := h.ImportTokens(ctx, login.Import{Tokens: []login.ImportToken{{Token: fob}}}); err != nil {
			t.Fatal(err)
		}
		if err := h.AddToken(ctx, "alice", otp.New("A-0001", otp.SHA1, 6, 0)); err != nil {
			t.Fatal(err)
		}
		if err := h.AssignToken(ctx, "A-0001", "alice"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v, want fs.ErrExist", err)
		}
		refused(t, h.UnassignToken(ctx, "alice", "A-0001"), "another token")
		refused(t, h.UnassignToken(ctx, "alice", p.d.ID), "remove the device")
		refused(t, h.RemoveToken(ctx, "alice", p.d.ID), "remove the device")
		refused(t, h.AddToken(ctx, "alice", otp.New("two\nlines", otp.SHA1, 6, 0)), "does not print")
		for i := range 30 {
			if err := h.AddToken(ctx, "alice", otp.New(fmt.Sprint(i), otp.SHA1, 6, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.RemoveToken(ctx, "alice", "A-0001"); err != nil {
			t.Fatal(err)
		}
		if err := h.AddToken(ctx, "alice", otp.New("one more", otp.SHA1, 6, 0)); err != nil {
			t.Fatal(err)
		}
		refused(t, h.AssignToken(ctx, "A-0001", "alice"), "32 tokens")
		refused(t, h.AddToken(ctx, "alice", otp.New("too many", otp.SHA1, 6, 0)), "32 tokens")
		if got := h.stocked(t); !slices.Equal(got, []string{"A-0001"}) {
			t.Error(got)
		}
		for _, tok := range mustUser(t, h, "alice").Tokens {
			if tok.Disabled {
				t.Errorf("%s is disabled", tok.ID)
			}
		}
	})
}

func mustUser(t *testing.T, h *house, name string) login.User {
	t.Helper()
	u, err := h.User(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Many operators at once give and take: in the end the token is in one place.
func TestStock_3_2_MovesInParallel(t *testing.T) {
	h := newHouse(t)
	h.AddUser(t.Context(), "bob")
	fob := otp.New("A-0001", otp.SHA1, 6, 0)
	if _, err := h.ImportTokens(t.Context(), login.Import{Tokens: []login.ImportToken{{Token: fob}}}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			user := []string{"alice", "bob"}[i%2]
			if i%4 < 2 {
				h.AssignToken(t.Context(), "A-0001", user)
			} else {
				h.UnassignToken(t.Context(), user, "A-0001")
			}
		})
	}
	wg.Wait() // before it is looked for: who looks at one user after the other may see it twice
	if holders, stocked := h.holders(t, fob), h.stocked(t); len(holders)+len(stocked) != 1 {
		t.Errorf("lets in %q, in the stock %q", holders, stocked)
	}
}
