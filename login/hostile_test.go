package login_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/push"
	"radpush/store"
)

// Two servers on one store, and somebody who types the same thing many times at once at both:
// whatever it is that was typed, it lets in once.
func TestCodes_3_2_4_1_4_2_4_3_GoodOnceOnTwoServers(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, h *house) login.Attempt{
		"SMS": func(t *testing.T, h *house) login.Attempt {
			v := h.prompted(t, at("s", ""))
			return at(h.sms.code(t, 1), v.State)
		},
		"grid": func(t *testing.T, h *house) login.Attempt {
			v := h.prompted(t, at("g", ""))
			return at(readCard(t, v.Message).Answer(pattern), v.State)
		},
		"token": func(t *testing.T, h *house) login.Attempt {
			tok := h.typedToken(t)
			return at(tok.Code(tok.Step(time.Now())), "")
		},
		"backup": func(t *testing.T, h *house) login.Attempt {
			codes, _ := h.NewBackupCodes(t.Context(), "alice")
			return at(codes[0], "")
		},
		"resynchronization": func(t *testing.T, h *house) login.Attempt {
			tok := h.typedToken(t)
			step := tok.Step(time.Now()) + 20
			h.prompted(t, at(tok.Code(step), ""))
			return at(tok.Code(step+1), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRounds(t, func(t *testing.T, h *house) {
				h.Lockout.Failures = 1000
				a, other := begin(t, h), onDisk(t, h.disk)
				other.Lockout.Failures = 1000
				var accepted atomic.Int32
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						server, again := h, a
						if i%2 == 1 {
							server = other
						}
						again.Request, again.Received = fmt.Sprint(i), time.Now()
						v, err := server.Login(t.Context(), again)
						if err != nil {
							t.Error(err)
						}
						if v.Outcome == login.Accept {
							accepted.Add(1)
						}
					})
				}
				wg.Wait()
				if n := accepted.Load(); n != 1 {
					t.Errorf("let %d logins in", n)
				}
			})
		})
	}
}

// Hashing a PIN takes time, in which nothing has been counted yet. All the same no more guesses
// are judged than the account has tries.
func TestLockout_5_1_ParallelGuessesOfAPINOnTwoServers(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		tok := h.typedToken(t)
		if err := h.SetPIN(t.Context(), "alice", "2580"); err != nil {
			t.Fatal(err)
		}
		code, other := tok.Code(tok.Step(time.Now())), onDisk(t, h.disk)
		var judged, locked atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				server := h
				if i%2 == 1 {
					server = other
				}
				v, err := server.Login(t.Context(), attempt(fmt.Sprintf("%04d", i)+code))
				switch {
				case err != nil:
					t.Error(err)
				case v.Reason == login.Locked:
					locked.Add(1)
				default:
					judged.Add(1)
				}
			})
		}
		wg.Wait()
		if judged.Load() != 10 || locked.Load() != 10 {
			t.Errorf("%d guesses judged, %d refused; want 10 and 10", judged.Load(), locked.Load())
		}
		wantVerdict(t, h.login(t, attempt("2580"+code)), login.Reject, login.Locked)
	})
}

// Whoever asks for grids without end leaves no more pictures than a user can have rounds.
func TestGrid_4_2_PicturesAreBounded(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		pictures := func() (n int) {
			for _, err := range h.Pictures.(store.Table[login.Picture]).All(t.Context(), "") {
				if err != nil {
					t.Error(err)
				}
				n++
			}
			return n
		}
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() {
				a := at("g", "")
				a.Station = fmt.Sprintf("203.0.113.%d", n)
				if n%2 == 0 {
					a.Station = ""
				}
				h.prompted(t, a)
			})
		}
		wg.Wait()
		if n := pictures(); n > 8 {
			t.Errorf("%d pictures are kept", n)
		}
		h.Lockout.Failures = 1000
		for range 50 {
			h.login(t, at("wrong", h.prompted(t, at("g", "")).State))
			time.Sleep(31 * time.Second)
		}
		if n := pictures(); n > 8 {
			t.Errorf("%d pictures are kept after wrong answers", n)
		}
	})
}

// A man between NAS and server may play a packet again. What is for a server that has died
// before it could answer is not for him.
func TestOTP_3_2_ThePacketOfYesterday(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		totp := h.typedToken(t)
		hotp := counterToken(t, h)
		for name, tok := range map[string]otp.Token{"TOTP": totp, "HOTP": hotp} {
			a := attempt(tok.Code(tok.Step(time.Now())))
			wantVerdict(t, h.login(t, a), login.Accept, login.CodeAccepted)
			time.Sleep(30 * time.Second)
			wantVerdict(t, h.login(t, a), login.Accept, login.CodeAccepted)
			time.Sleep(time.Hour)
			if v := h.login(t, a); v.Outcome == login.Accept {
				t.Errorf("%s: accepted an hour later", name)
			}
		}
	})
}

// A stranger who can make up a State, or speaks MS-CHAPv2, does not learn from what he is told
// whether there is such a user.
func TestEnumeration_7_3_TheSameIsToldOfWhoIsNotThere(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		if err := h.SetPIN(t.Context(), "alice", "2580"); err != nil {
			t.Fatal(err)
		}
		madeUp := strings.Repeat("A", 26)
		withState := func(passcode string) login.Attempt { return at(passcode, madeUp) }
		unseen := attempt("")
		unseen.Passcode = opaque("123456")
		for name, a := range map[string]login.Attempt{
			"code": attempt("123456"), "long": attempt("0123456789abcdef"), "unseen PIN": unseen,
			"code with a State": withState("123456"), "nothing with a State": withState(""), "trigger with a State": withState("s"),
		} {
			alice, nobody := h.login(t, a), a
			nobody.User = "nobody"
			v := h.login(t, nobody)
			alice.Reason, v.Reason = "", "" // are for operators
			if alice != v {
				t.Errorf("%s: of alice a stranger hears %+v, of nobody %+v", name, alice, v)
			}
		}
	})
}

// The thief of a phone whose clock is off has been asked for its next code when the phone is
// suspended.
func TestOTP_3_4_9_3_ASuspendedDeviceResynchronizesNothing(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		c := p.open(t)
		time.Sleep(time.Millisecond)
		step := p.token.Step(time.Now()) - 20
		if r, err := h.Answer(t.Context(), p.sign(c, push.Approved, p.token.Code(step))); r != push.OuterWindow || err != nil {
			t.Fatal(r, err)
		}
		w.end(t)
		if err := h.SuspendDevice(t.Context(), p.d, true); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, h.login(t, attempt(p.token.Code(step+1))), login.Reject, login.WrongPasscode)
		if err := h.SuspendDevice(t.Context(), p.d, false); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, h.login(t, attempt(p.token.Code(step+1))), login.Accept, login.Resynchronized)
	})
}

// Clients of one group share rounds. What one of them must not have sent is not sent there
// because another one began it.
func TestRounds_1_11_8_2_NothingAtThePromptOfAnotherClient(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		h.Clients = map[string]login.Client{
			"prompt": {Name: "prompt", Group: "all", Challenge: true},
			"strict": {Name: "strict", Group: "all", Challenge: true, Methods: []login.Method{login.ByOTP}},
		}
		v := h.prompted(t, at("s", ""))
		time.Sleep(31 * time.Second)
		a := at("", v.State)
		a.Client = "strict"
		wantVerdict(t, h.login(t, a), login.Reject, login.NotAllowed)
		h.sms.code(t, 1)

		h.SMS = nil // as the configuration has it now
		h.prompted(t, at("", v.State))
		h.post.code(t, 1)
	})
}

// Operators read in a letter which account is locked, not what a stranger has typed before its
// name.
func TestAlerts_5_4_TheAccountIsNamedAsItIs(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		h.Alerts = login.Alerts{LockoutOperator: []string{"sec@example.com"}, LockoutUser: true}
		for range 10 {
			a := attempt("wrong")
			a.User = `bob is locked, tell him his code, not \ALICE`
			h.login(t, a)
		}
		if len(h.post.letters) != 2 {
			t.Fatalf("letters: %+v", h.post.letters)
		}
		for _, l := range h.post.letters {
			if l.User != "alice" {
				t.Errorf("a letter about %q", l.User)
			}
		}
	})
}

// counterToken gives alice a token of HOTP.
func counterToken(t *testing.T, h *house) otp.Token {
	t.Helper()
	tok := otp.New("fob", otp.SHA1, 6, 0)
	if err := h.AddToken(t.Context(), "alice", tok); err != nil {
		t.Fatal(err)
	}
	return tok
}
