package login_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp/grid"
	"radpush/push"
)

var pattern = grid.Pattern{Size: 5, Cells: []uint8{3, 17, 8, 21, 10}}

// withRounds runs a test in virtual time, in a house where alice has everything but a
// phone that rings, and the client can show an Access-Challenge.
func withRounds(t *testing.T, f func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.set(t, func(u *login.User) {
			u.Phone, u.Email, u.EmailCodes, u.Grid = "+491701234567", "alice@example.com", true, &pattern
		})
		f(t, h)
	})
}

// set changes alice's record.
func (h *house) set(t *testing.T, change func(u *login.User)) {
	t.Helper()
	err := h.Users.Update(t.Context(), "alice", func(u *login.User) (*login.User, error) { change(u); return u, nil })
	if err != nil {
		t.Fatal(err)
	}
}

// at is an attempt at the client that prompts, as an answer if there is a State.
func at(passcode, state string) login.Attempt {
	a := attempt(passcode)
	a.Client, a.State = "prompt", state
	return a
}

// login is Login without a hold.
func (h *house) login(t *testing.T, a login.Attempt) login.Verdict {
	t.Helper()
	a.Received = time.Now()
	v, err := h.Login(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// prompted begins a login and wants a prompt.
func (h *house) prompted(t *testing.T, a login.Attempt) login.Verdict {
	t.Helper()
	v := h.login(t, a)
	if v.Outcome != login.Challenge || v.State == "" || v.Message == "" || len(v.Message) > 253 {
		t.Fatalf("%+v, want a challenge", v)
	}
	return v
}

func has(rows []login.Row, result login.Result, m login.Method) bool {
	return slices.ContainsFunc(rows, func(r login.Row) bool { return r.Result == result && r.Method == m })
}

// readCard finds the digits of a 5x5 grid in a prompt.
func readCard(t *testing.T, prompt string) grid.Card {
	t.Helper()
	_, text, _ := strings.Cut(prompt, "\n")
	text, _, _ = strings.Cut(text, "Or see it at")
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	if len(digits) != 25 {
		t.Fatalf("%d digits in %q", len(digits), prompt)
	}
	return grid.Card{Size: 5, Digits: digits}
}

func TestRounds_4_1_CodesBySMSAndEmail(t *testing.T) {
	for trigger, to := range map[string]string{"s": "+491701234567", "E": "alice@example.com"} {
		withRounds(t, func(t *testing.T, h *house) {
			carrier, method := h.sms, login.BySMS
			if trigger == "E" {
				carrier, method = h.post, login.ByEmail
			}
			v := h.prompted(t, at(trigger, ""))
			code := carrier.code(t, 1)
			if !strings.HasPrefix(carrier.texts[0], to+": ") || strings.Contains(v.Message, code) || strings.Contains(v.Message, to) {
				t.Errorf("sent %q, prompted %q", carrier.texts, v.Message)
			}
			wantVerdict(t, h.login(t, at(code, v.State)), login.Accept, login.CodeAccepted)
			wantVerdict(t, h.login(t, at(code, v.State)), login.Reject, login.UnknownState)
			wantVerdict(t, h.login(t, at(code, "")), login.Reject, login.WrongPasscode)
			if rows := h.rows(t); len(rows) != 4 || !has(rows, login.ResultChallenge, method) || !has(rows, login.ResultSuccess, method) {
				t.Errorf("rows: %+v", rows)
			}
		})
	}
}

func TestRounds_4_1_ThreeTries(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		v := h.prompted(t, at("s", ""))
		code, first := h.sms.code(t, 1), v.State
		for range 2 {
			v = h.prompted(t, at("00000x", v.State))
			wantVerdict(t, v, login.Challenge, login.WrongPasscode)
		}
		wantVerdict(t, h.login(t, at(code, first)), login.Reject, login.UnknownState) // 4.4: single use
		wantVerdict(t, h.login(t, at("00000x", v.State)), login.Reject, login.WrongPasscode)
		wantVerdict(t, h.login(t, at(code, v.State)), login.Reject, login.UnknownState)
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 3 || len(u.Rounds) != 0 {
			t.Errorf("%d failures, rounds %+v", u.Failures, u.Rounds)
		}
	})
}

func TestRounds_4_1_Limits(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		v := h.prompted(t, at("s", ""))
		v = h.prompted(t, at("", v.State)) // at once: the same code
		if !strings.Contains(v.Message, "a moment ago") {
			t.Errorf("the user who wants a new code reads %q", v.Message)
		}
		code := h.sms.code(t, 1)
		if again := h.prompted(t, at("s", "")); again.State != v.State {
			t.Error("the same login once more is another round")
		}
		wantVerdict(t, h.login(t, at(code, v.State)), login.Accept, login.CodeAccepted)
		for n := 2; n <= 5; n++ {
			time.Sleep(31 * time.Second)
			old := ""
			if n > 2 {
				old = v.State
			}
			trigger := map[bool]string{true: "s"}[old == ""]
			v = h.prompted(t, at(trigger, old)) // a new code
			if newer := h.sms.code(t, n); newer == code {
				t.Error("the same code was sent again")
			}
			code = h.sms.code(t, n)
		}
		time.Sleep(31 * time.Second)
		wantVerdict(t, h.login(t, at("", v.State)), login.Reject, login.TooManySent)
		wantVerdict(t, h.login(t, at(code, v.State)), login.Accept, login.CodeAccepted) // which costs nothing of what was sent
		time.Sleep(10 * time.Minute)
		h.prompted(t, at("s", ""))

		h.Codes.Total = 6
		h.set(t, func(u *login.User) { u.Sends, u.Rounds = login.Tally{}, nil })
		wantVerdict(t, h.login(t, at("s", "")), login.Reject, login.TooManySent)
		h.sms.code(t, 6)
		h.prompted(t, at("e", "")) // counted apart
	})
}

func TestRounds_4_1_NotSent(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		h.sms.fail = errors.New("gateway: out of credit")
		v := h.login(t, at("s", ""))
		wantVerdict(t, v, login.Reject, login.NotSent)
		if strings.Contains(v.Message, "credit") {
			t.Errorf("the user reads %q", v.Message)
		}
		h.sms.fail = nil
		h.prompted(t, at("s", "")) // without waiting
		h.set(t, func(u *login.User) { u.Phone = "" })
		v = h.login(t, at("s", ""))
		wantVerdict(t, v, login.Challenge, login.CodeSent) // 1.6, 1.7: by e-mail
		h.post.code(t, 1)
	})
}

func TestRounds_4_2_Grid(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		v := h.prompted(t, at("g", ""))
		card := readCard(t, v.Message)
		wrong := strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, card.Answer(pattern))
		v = h.prompted(t, at(wrong, v.State))
		fresh := readCard(t, v.Message)
		if fresh == card {
			t.Error("the same card after a wrong answer")
		}
		wantVerdict(t, h.login(t, at(fresh.Answer(pattern), v.State)), login.Accept, login.CodeAccepted)
		_, link, ok := strings.Cut(v.Message, "/grid/")
		if !ok {
			t.Fatalf("no link in %q", v.Message)
		}
		key := strings.Fields(link)[0]
		if card, err := h.TakePicture(t.Context(), key); err != nil || card != fresh {
			t.Errorf("picture %+v, %v; want %v", card, err, fresh)
		}
	})
}

// A client that cannot show a challenge gets a Reject that says what to type, and the answer
// comes as the passcode of the next login.
func TestRounds_4_1_4_2_WithoutAccessChallenge(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		v := h.login(t, attempt("s"))
		wantVerdict(t, v, login.Reject, login.CodeSent)
		if v.State != "" || !strings.Contains(v.Message, "ign in again") || !v.Retry {
			t.Errorf("%+v", v)
		}
		code := h.sms.code(t, 1)
		stranger := attempt(code)
		stranger.Station = "203.0.113.9"
		wantVerdict(t, h.login(t, stranger), login.Reject, login.WrongPasscode)
		wantVerdict(t, h.login(t, attempt(code)), login.Accept, login.CodeAccepted)

		card := readCard(t, h.login(t, attempt("g")).Message)
		wantVerdict(t, h.login(t, attempt(card.Answer(pattern))), login.Accept, login.CodeAccepted)

		h.login(t, attempt("g"))
		time.Sleep(31 * time.Second)
		card = readCard(t, h.login(t, attempt("g")).Message)
		for range 3 {
			h.login(t, attempt("wrong"))
		}
		wantVerdict(t, h.login(t, attempt(card.Answer(pattern))), login.Reject, login.WrongPasscode)
	})
}

func TestRounds_1_11_TriggersAtThePrompt(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		h.set(t, func(u *login.User) { u.Phone, u.Grid = "+491701234567", &pattern })
		v := h.prompted(t, at("s", ""))
		g := h.prompted(t, at("g", v.State))
		readCard(t, g.Message)
		wantVerdict(t, h.login(t, at("", v.State)), login.Reject, login.UnknownState)

		w := h.begin(t, at("p", g.State))
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)

		tok := h.typedToken(t)
		v = h.prompted(t, at("g", ""))
		wantVerdict(t, h.login(t, at(tok.Code(tok.Step(time.Now())), v.State)), login.Accept, login.CodeAccepted)
		wantVerdict(t, h.login(t, at("", v.State)), login.Reject, login.UnknownState)
	})
}

func TestRounds_4_4_StateIsBoundAndExpires(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		h.AddUser(t.Context(), "bob")
		v := h.prompted(t, at("s", ""))
		code := h.sms.code(t, 1)
		for name, change := range map[string]func(*login.Attempt){
			"another user":   func(a *login.Attempt) { a.User = "bob" },
			"another client": func(a *login.Attempt) { a.Client = "vpn" },
			"another State":  func(a *login.Attempt) { a.State = strings.ToLower(a.State) },
			"no user":        func(a *login.Attempt) { a.User = "nobody" },
		} {
			a := at(code, v.State)
			change(&a)
			if v := h.login(t, a); v.Outcome != login.Reject {
				t.Errorf("%s: %+v", name, v)
			}
		}
		time.Sleep(5 * time.Minute)
		wantVerdict(t, h.login(t, at(code, v.State)), login.Reject, login.UnknownState)
	})
}

// After a restart, or on a second server.
func TestRounds_4_4_AnotherServerFinishesTheRound(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		v := h.prompted(t, at("s", ""))
		other := onDisk(t, h.disk)
		wantVerdict(t, other.login(t, at(h.sms.code(t, 1), v.State)), login.Accept, login.CodeAccepted)
	})
}

func TestOTP_3_5_PIN(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		tok := h.typedToken(t)
		hash, err := h.Hasher.Hash(t.Context(), "3141")
		if err != nil {
			t.Fatal(err)
		}
		h.set(t, func(u *login.User) { u.PIN = login.PIN{Hash: hash, Octets: 4} })
		code := tok.Code(tok.Step(time.Now()))
		wantVerdict(t, h.login(t, at(code, "")), login.Reject, login.WrongPIN)
		wantVerdict(t, h.login(t, at("3142"+code, "")), login.Reject, login.WrongPIN)
		a := at("", "")
		a.Passcode = opaque("3141" + code)
		wantVerdict(t, h.login(t, a), login.Reject, login.UnseenPIN)
		wantVerdict(t, h.login(t, at("3141"+code, "")), login.Accept, login.CodeAccepted)
		v := h.prompted(t, at("s", ""))
		if !v.Secret {
			t.Error("the PIN is shown while it is typed")
		}
		wantVerdict(t, h.login(t, at("3141"+h.sms.code(t, 1), v.State)), login.Accept, login.CodeAccepted)
	})
}

func TestBackup_4_3_SingleUse(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		codes, err := h.NewBackupCodes(t.Context(), "alice")
		if err != nil || len(codes) != 10 {
			t.Fatal(codes, err)
		}
		wantVerdict(t, h.login(t, at(codes[3], "")), login.Accept, login.CodeAccepted)
		wantVerdict(t, h.login(t, at(codes[3], "")), login.Reject, login.WrongPasscode)
		wantVerdict(t, h.login(t, at(strings.ToUpper(strings.ReplaceAll(codes[9], "-", "")), "")), login.Accept, login.CodeAccepted)
		if rows := h.rows(t); !has(rows, login.ResultSuccess, login.ByBackup) {
			t.Errorf("rows: %+v", rows)
		}
		u, _ := h.User(t.Context(), "alice")
		if len(u.Backup) != 8 {
			t.Errorf("%d codes are left", len(u.Backup))
		}
		for _, hash := range u.Backup {
			if !strings.HasPrefix(hash, "$argon2id$") {
				t.Errorf("kept as %q", hash)
			}
		}
	})
}

// A server that died between using a code up and answering is asked again, by the same packet.
func TestOTP_3_2_TheSamePacketAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		tok := h.typedToken(t)
		a := attempt(tok.Code(tok.Step(time.Now())))
		wantVerdict(t, h.login(t, a), login.Accept, login.CodeAccepted)
		h.login(t, attempt("00000x"))
		wantVerdict(t, onDisk(t, h.disk).login(t, a), login.Accept, login.CodeAccepted)
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 1 {
			t.Errorf("%d failures: the packet, played again, gives tries back", u.Failures)
		}
		a.Request = "another"
		wantVerdict(t, h.login(t, a), login.Reject, login.ReplayedCode)
	})
}

func TestPush_2_15_2_16_FallBack(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		h.set(t, func(u *login.User) { u.Grid = &pattern })
		for range 5 {
			w := h.begin(t, at("", ""))
			time.Sleep(31 * time.Second)
			wantVerdict(t, w.end(t), login.Reject, login.TimedOut)
		}
		readCard(t, h.prompted(t, at("", "")).Message)
	})
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.broker.Ringers = map[string]push.Ringer{"fcm": deadRinger{}}
		p := h.enrol(t, "alice")
		h.broker.SetAddress(t.Context(), p.d.ID, push.Address{Service: "fcm", Token: "x"})
		h.set(t, func(u *login.User) { u.Phone = "+491701234567" })
		w := h.begin(t, at("", ""))
		v := w.end(t)
		wantVerdict(t, v, login.Challenge, login.CodeSent)
		wantVerdict(t, h.login(t, at(h.sms.code(t, 1), v.State)), login.Accept, login.CodeAccepted)
	})
}

// Whoever asks for grids without end writes no more rows than one who guesses.
func TestActivity_6_6_GridsAreFolded(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		for n := range 100 {
			a := at("g", "")
			a.Station = fmt.Sprintf("203.0.113.%d", n)
			h.prompted(t, a)
		}
		if rows := h.rows(t); len(rows) != 5 {
			t.Errorf("%d rows", len(rows))
		}
		if u, _ := h.User(t.Context(), "alice"); len(u.Rounds) != 8 {
			t.Errorf("%d rounds are kept", len(u.Rounds))
		}
	})
}
