package login_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/push"
)

// typedToken gives the user a token of the kind that a person types.
func (h *house) typedToken(t *testing.T) otp.Token {
	t.Helper()
	tok := otp.New("app", otp.SHA1, 6, 30*time.Second)
	if err := h.AddToken(t.Context(), "alice", tok); err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestOTP_3_2_CodeIsAcceptedOnceInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		tok := h.typedToken(t)
		code := tok.Code(tok.Step(time.Now()))
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for range 9 {
			wg.Go(func() {
				v, err := h.Login(t.Context(), attempt(code))
				if err != nil {
					t.Error(err)
				}
				if v.Outcome == login.Accept {
					accepted.Add(1)
				}
			})
		}
		wg.Wait()
		if accepted.Load() != 1 {
			t.Errorf("one code let %d logins in", accepted.Load())
		}
	})
}

func TestOTP_3_2_CodeIsAcceptedOnceThoughTheTokenIsAddedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		tok := h.typedToken(t)
		twin := tok
		twin.ID = "the same app"
		if err := h.AddToken(t.Context(), "alice", twin); !errors.Is(err, fs.ErrExist) {
			t.Errorf("added again: %v", err)
		}
		for _, want := range []login.Outcome{login.Accept, login.Reject} {
			v, err := h.Login(t.Context(), attempt(tok.Code(tok.Step(time.Now()))))
			if err != nil || v.Outcome != want {
				t.Errorf("%+v, %v; want outcome %v", v, err, want)
			}
		}
	})
}

func TestLockout_5_1_ParallelGuessesStopAtTheLimit(t *testing.T) {
	h := newHouse(t)
	tok := h.typedToken(t)
	var wrong, locked atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			v, err := h.Login(t.Context(), attempt("000000x"))
			switch {
			case err != nil:
				t.Error(err)
			case v.Reason == login.WrongPasscode:
				wrong.Add(1)
			case v.Reason == login.Locked:
				locked.Add(1)
			}
		})
	}
	wg.Wait()
	if wrong.Load() != 10 || locked.Load() != 40 {
		t.Errorf("%d guesses checked, %d refused; want 10 and 40", wrong.Load(), locked.Load())
	}
	v, err := h.Login(t.Context(), attempt(tok.Code(tok.Step(time.Now()))))
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, v, login.Reject, login.Locked) // 5.2: the right code is not told from a wrong one
}

func TestLockout_5_2_LockEndsOrIsEnded(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		tok := h.typedToken(t)
		for range 10 {
			h.begin(t, attempt("wrong")).end(t)
		}
		if n := h.locks(t); n != 1 {
			t.Errorf("%d rows say that the account was locked, want 1", n)
		}
		wantVerdict(t, h.begin(t, attempt("")).end(t), login.Reject, login.Locked) // no push
		if list, _ := h.broker.OpenFor(t.Context(), p.d); len(list) != 0 {
			t.Error("a locked user was rung")
		}
		time.Sleep(15 * time.Minute)
		wantVerdict(t, h.begin(t, attempt(tok.Code(tok.Step(time.Now())))).end(t), login.Accept, login.CodeAccepted)

		if err := h.LockUser(t.Context(), "Alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		good := func() login.Attempt { return attempt(tok.Code(tok.Step(time.Now()))) }
		wantVerdict(t, h.begin(t, good()).end(t), login.Reject, login.Locked)
		if err := h.UnlockUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, h.begin(t, good()).end(t), login.Accept, login.CodeAccepted)
	})
}

func TestLockout_5_2_ApprovalOfALockedUserIsRefused(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		h.LockUser(t.Context(), "alice")
		if r := p.answer(t, p.open(t), push.Approved); r != push.Refused {
			t.Errorf("answer: %s", r)
		}
		time.Sleep(time.Minute)
		if v := w.end(t); v.Outcome != login.Reject {
			t.Errorf("a locked user was let in")
		}
	})
}

var errDisk = errors.New("no space left on device")

func TestErrors_5_5_5_6_NothingIsAcceptedWithoutItsRecord(t *testing.T) {
	for _, broken := range []string{"activity/", "user/"} {
		t.Run(broken, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				tok := h.typedToken(t)
				h.disk.Fail = func(key string) error {
					if strings.HasPrefix(key, broken) {
						return errDisk
					}
					return nil
				}
				v, err := h.Login(t.Context(), attempt(tok.Code(tok.Step(time.Now()))))
				if !errors.Is(err, errDisk) || v.Outcome == login.Accept {
					t.Errorf("verdict %+v, error %v", v, err)
				}
			})
		})
	}
	t.Run("push", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			p := h.enrol(t, "alice")
			w := h.begin(t, attempt(""))
			c := p.open(t)
			h.disk.Fail = func(key string) error {
				if strings.HasPrefix(key, "activity/") {
					return errDisk
				}
				return nil
			}
			p.answer(t, c, push.Approved)
			if w.waits() || !errors.Is(w.err, errDisk) {
				t.Errorf("held %v, error %v", w.waits(), w.err)
			}
		})
	})
}

// Operators read that it was the client's policy; users read what anybody would.
func TestActivity_6_4_TheReasonNamesTheClientsPolicy(t *testing.T) {
	withRounds(t, func(t *testing.T, h *house) {
		h.enrol(t, "alice")
		h.Clients = map[string]login.Client{
			"codes": {Name: "codes", NoPush: true, Methods: []login.Method{login.ByOTP}},
			"push":  {Name: "push", Methods: []login.Method{}},
		}
		for passcode, client := range map[string]string{"": "codes", "s": "codes", h.typedToken(t).Code(1): "push"} {
			a := attempt(passcode)
			a.Client = client
			got := h.login(t, a)
			wantVerdict(t, got, login.Reject, login.NotAllowed)
			a.User = "nobody"
			if stranger := h.login(t, a); got.Message != stranger.Message || got.Retry != stranger.Retry {
				t.Errorf("%q: alice reads %q, nobody %q", passcode, got.Message, stranger.Message)
			}
		}
	})
}
