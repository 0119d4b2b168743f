package login_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp"
)

// changes returns what operators did, oldest first.
func (h *house) changes(t *testing.T) (what []string) {
	t.Helper()
	for r, err := range h.Activity.List(t.Context(), login.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Result == login.ResultChange {
			what = append(what, string(r.Reason))
		}
	}
	slices.Reverse(what)
	return what
}

// refused wants a Refusal that says something.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	if r, ok := errors.AsType[login.Refusal](err); !ok || !strings.Contains(string(r), says) {
		t.Errorf("%v, want a refusal that says %q", err, says)
	}
}

func TestChangeUser_4_1_AddressMustBeThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		change := func(c login.UserChange) (login.User, error) {
			time.Sleep(time.Second)
			return h.ChangeUser(t.Context(), "EXAMPLE\\ALICE", c)
		}
		ok := func(c login.UserChange) login.User {
			t.Helper()
			u, err := change(c)
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		_, err := change(login.UserChange{EmailCodes: new(true)})
		refused(t, err, "no e-mail address")
		for _, m := range []login.Method{login.BySMS, login.ByEmail, login.ByGrid, login.ByPush} {
			_, err = change(login.UserChange{Prefers: &m})
			refused(t, err, "without having it")
		}
		if _, err := h.ChangeUser(t.Context(), "bob", login.UserChange{Phone: new("+491701234567")}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a user who is not there was changed: %v", err)
		}

		u := ok(login.UserChange{Phone: new("+491701234567"), Email: new("alice@example.com"), EmailCodes: new(true), Prefers: new(login.ByEmail)})
		if u.Phone != "+491701234567" || u.Email != "alice@example.com" || !u.EmailCodes || u.Prefers != login.ByEmail {
			t.Errorf("%+v", u)
		}
		ok(login.UserChange{Phone: new("+491701234567")}) // the same once more: no row
		wantVerdict(t, h.login(t, at("", "")), login.Challenge, login.CodeSent)
		if text := h.post.texts; len(text) != 1 {
			t.Errorf("the preferred method was not used: %q, %q", text, h.sms.texts)
		}

		// Without the address there are neither codes by it nor a preference for them.
		if u = ok(login.UserChange{Email: new("")}); u.EmailCodes || u.Prefers != login.NoMethod || u.Email != "" {
			t.Errorf("%+v", u)
		}
		wantVerdict(t, h.login(t, at("e", "")), login.Challenge, login.CodeSent)
		h.sms.code(t, 1)
		ok(login.UserChange{Phone: new("")})
		wantVerdict(t, h.login(t, at("", "")), login.Reject, login.NothingEnrolled)

		want := []string{"user added", "phone number set, e-mail address set, e-mail codes on, prefers email",
			"e-mail address removed, e-mail codes off, prefers no method", "phone number removed"}
		if got := h.changes(t); !slices.Equal(got, want) {
			t.Errorf("activity: %q", got)
		}
	})
}

// A code that went to the old number or address is worthless, whoever has it now.
func TestChangeUser_4_1_CodesToAnOldAddressEnd(t *testing.T) {
	for trigger, change := range map[string]login.UserChange{
		"s": {Phone: new("+491709999999")},
		"e": {Email: new("alice@example.net")},
	} {
		withRounds(t, func(t *testing.T, h *house) {
			v := h.prompted(t, at(trigger, ""))
			code := append(h.sms.texts, h.post.texts...)
			if len(code) != 1 {
				t.Fatal(code)
			}
			sent := &outbound{texts: code}
			if _, err := h.ChangeUser(t.Context(), "alice", change); err != nil {
				t.Fatal(err)
			}
			wantVerdict(t, h.login(t, at(sent.code(t, 1), v.State)), login.Reject, login.UnknownState)
		})
	}
}

func TestPIN_3_5_SetAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		time.Sleep(time.Second)
		tok := h.typedToken(t)
		time.Sleep(time.Second)
		if err := h.SetPIN(t.Context(), "alice", "Correct horse"); err != nil {
			t.Fatal(err)
		}
		u, _ := h.User(t.Context(), "alice")
		if !strings.HasPrefix(u.PIN.Hash, "$argon2id$") || u.PIN.Octets != 13 {
			t.Errorf("kept as %+v", u.PIN)
		}
		wantVerdict(t, h.login(t, at(tok.Code(tok.Step(time.Now())), "")), login.Reject, login.WrongPIN)
		wantVerdict(t, h.login(t, at("Correct horse"+tok.Code(tok.Step(time.Now())), "")), login.Accept, login.CodeAccepted)
		time.Sleep(time.Minute)
		if err := h.RemovePIN(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, h.login(t, at(tok.Code(tok.Step(time.Now())), "")), login.Accept, login.CodeAccepted)
		for _, err := range []error{h.RemovePIN(t.Context(), "alice"), h.RemovePIN(t.Context(), "bob"), h.SetPIN(t.Context(), "bob", "739a")} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v, want fs.ErrNotExist", err)
			}
		}
		if got := strings.Join(h.changes(t), ", "); got != "user added, token app added, PIN set, PIN removed" {
			t.Errorf("activity: %s", got)
		}
	})
}

func TestPIN_3_5_WeakOnesAreRefused(t *testing.T) {
	h := newHouse(t)
	if _, err := h.AddUser(t.Context(), `EXAMPLE\Bob.Smith@example.com`); err != nil {
		t.Fatal(err)
	}
	for pin, why := range map[string]string{
		"": "4 to 32", "739": "4 to 32", strings.Repeat("ab9", 11): "4 to 32",
		"0000": "first", "1234": "first", "4321": "first", "6789": "first", "7890": "first", "AAAAAA": "first", "abcd": "first", "Qwertz"[:5]: "first", "trewq": "first",
		" 7391": "space", "7391 ": "space",
		"73\t91": "ASCII", "pässwort": "ASCII", "7391\n": "ASCII", "73\x0091": "ASCII", "73\xff91": "ASCII",
		"bob.smith": "name", "BOB.Smith@EXAMPLE.com": "name",
	} {
		err := h.SetPIN(t.Context(), "bob.smith@example.com", pin)
		refused(t, err, why)
		if pin != "" && strings.Contains(err.Error(), pin) && why != "first" {
			t.Errorf("the refusal of %q repeats it: %v", pin, err)
		}
	}
	for _, pin := range []string{"7391", "0815", "1122", "a b c", strings.Repeat("a9", 16), "correct-horse!"} {
		if err := h.SetPIN(t.Context(), "bob.smith@example.com", pin); err != nil {
			t.Errorf("%q: %v", pin, err)
		}
	}
}

func TestOTP_DisabledTokenLetsNobodyIn(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		tok := h.typedToken(t)
		code := func() login.Attempt { return at(tok.Code(tok.Step(time.Now())), "") }
		if err := h.DisableToken(t.Context(), "alice", "app", true); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, h.login(t, code()), login.Reject, login.WrongPasscode)
		if err := h.DisableToken(t.Context(), "alice", "app", false); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, h.login(t, code()), login.Accept, login.CodeAccepted)
		refused(t, h.DisableToken(t.Context(), "alice", p.d.ID, true), "suspend the device")
		for _, err := range []error{h.DisableToken(t.Context(), "alice", "x", true), h.DisableToken(t.Context(), "bob", "app", true)} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v, want fs.ErrNotExist", err)
			}
		}
	})
}

func TestOTP_3_4_ResyncByCommand(t *testing.T) {
	hotp := otp.New("fob", otp.SHA1, 6, 0)
	hotp.Used = 7
	for name, c := range map[string]struct {
		token otp.Token
		off   int // steps from the expected one
		ok    bool
	}{
		"TOTP, 23 hours behind":   {otp.New("fob", otp.SHA256, 8, 30*time.Second), -23 * 120, true},
		"TOTP, 23 hours ahead":    {otp.New("fob", otp.SHA1, 6, time.Minute), 23 * 60, true},
		"TOTP, right":             {otp.New("fob", otp.SHA1, 6, 30*time.Second), 0, true},
		"TOTP, two days behind":   {otp.New("fob", otp.SHA1, 8, 30*time.Second), -48 * 120, false},
		"TOTP, two days ahead":    {otp.New("fob", otp.SHA1, 8, 30*time.Second), 48 * 120, false},
		"HOTP, right":             {hotp, 0, true},
		"HOTP, 1,000 ahead":       {hotp, 1000, true},
		"HOTP, 1,001 ahead":       {hotp, 1001, false},
		"HOTP, one that was used": {hotp, -1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			time.Sleep(time.Second)
			if err := h.AddToken(t.Context(), "alice", c.token); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			h.set(t, func(u *login.User) { u.Failures = 4 })
			step := c.token.Step(time.Now()) + uint64(c.off)
			first, second := c.token.Code(step), c.token.Code(step+1)
			resync := func(first, second string) error { return h.ResyncToken(t.Context(), "alice", "fob", first, second) }

			refused(t, resync(second, first), "consecutive")
			refused(t, resync(first, first), "consecutive")
			refused(t, resync(first, ""), "consecutive")
			refused(t, resync("", ""), "consecutive")
			err := resync(first, second)
			if !c.ok {
				refused(t, err, "consecutive")
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if u, _ := h.User(t.Context(), "alice"); u.Failures != 4 {
				t.Errorf("%s: %d failures, were 4", name, u.Failures)
			}
			// Both are used up, and the next one is right.
			refused(t, resync(first, second), "consecutive")
			wantVerdict(t, h.login(t, at(first, "")), login.Reject, login.WrongPasscode)
			wantVerdict(t, h.login(t, at(second, "")), login.Reject, login.ReplayedCode)
			wantVerdict(t, h.login(t, at(c.token.Code(step+2), "")), login.Accept, login.CodeAccepted)
			if got := strings.Join(h.changes(t), ", "); got != "user added, token fob added, token fob resynchronized" {
				t.Errorf("%s: activity: %s", name, got)
			}
		})
	}
}

// The token of a device has a clock too.
func TestOTP_3_4_ResyncByCommandOfADevice(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		step := p.token.Step(time.Now()) - 100
		if err := h.ResyncToken(t.Context(), "alice", p.d.ID, p.token.Code(step), p.token.Code(step+1)); err != nil {
			t.Fatal(err)
		}
		u, _ := h.User(t.Context(), "alice")
		if got := u.Tokens[0]; got.Used != step+1 || got.Drift != -99 || got.Next != 0 {
			t.Errorf("%d used, drift %d", got.Used, got.Drift)
		}
		if err := h.ResyncToken(t.Context(), "alice", "x", "000000", "000001"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want fs.ErrNotExist", err)
		}
	})
}

func TestBackup_4_3_ReplacedAndRemoved(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		made := func() []string {
			codes, err := h.NewBackupCodes(t.Context(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			return codes
		}
		old, codes := made(), made()
		wantVerdict(t, h.login(t, at(old[0], "")), login.Reject, login.WrongPasscode)
		wantVerdict(t, h.login(t, at(codes[0], "")), login.Accept, login.CodeAccepted)
		if err := h.RemoveBackupCodes(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, h.login(t, at(codes[1], "")), login.Reject, login.WrongPasscode)
		if _, err := h.NewBackupCodes(t.Context(), "bob"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want fs.ErrNotExist", err)
		}
	})
}
