package login_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"radpush/login"
	"radpush/push"
)

// withNumbers runs a test in a house where alice has a phone and the client shows a number.
func withNumbers(t *testing.T, f func(t *testing.T, h *house, p *phone)) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		client := h.Clients["prompt"]
		client.Match = true
		h.Clients["prompt"] = client
		f(t, h, p)
	})
}

// choose approves with the number that the login shows, or with another.
func (p *phone) choose(t *testing.T, c push.Challenge, right bool) push.Result {
	t.Helper()
	prompt, err := c.Prompt()
	if err != nil || len(prompt.Numbers) != 3 || !slices.Contains(prompt.Numbers, c.Number) {
		t.Fatalf("numbers %q, of which %q: %v", prompt.Numbers, c.Number, err)
	}
	number := c.Number
	if !right {
		number = prompt.Numbers[(slices.Index(prompt.Numbers, c.Number)+1)%3]
	}
	time.Sleep(time.Millisecond)
	a := p.signNumber(c, push.Approved, p.token.Code(p.token.Step(time.Now())), number)
	result, err := p.h.Answer(t.Context(), a)
	if err != nil {
		t.Error(err)
	}
	return result
}

func TestPush_2_12_NumberMatching(t *testing.T) {
	for name, early := range map[string]bool{"chosen, then gone on": true, "gone on, then chosen": false} {
		withNumbers(t, func(t *testing.T, h *house, p *phone) {
			v := h.prompted(t, at("", ""))
			c := p.open(t)
			if v.Reason != login.NumberShown || !strings.Contains(v.Message, c.Number) {
				t.Fatalf("%s: %+v, number %s", name, v, c.Number)
			}
			if again := h.prompted(t, at("", "")); again.Message != v.Message { // the NAS starts anew
				t.Errorf("%s: %q, then %q", name, v.Message, again.Message)
			} else {
				v = again
			}
			if early && p.choose(t, c, true) != push.Accepted {
				t.Error(name)
			}
			w := h.begin(t, at("", v.State))
			if !early {
				if !w.waits() {
					t.Fatalf("%s: not held", name)
				}
				p.choose(t, c, true)
			}
			wantVerdict(t, w.end(t), login.Accept, login.Approved)
			if h.results(t) != "Challenge Success" {
				t.Errorf("%s: rows %s", name, h.results(t))
			}
			wantVerdict(t, h.login(t, at("", v.State)), login.Reject, login.UnknownState)
		})
	}
}

func TestPush_2_12_WrongNumberIsADenial(t *testing.T) {
	withNumbers(t, func(t *testing.T, h *house, p *phone) {
		h.Alerts.RejectionOperator = []string{"ops@example.com"}
		v := h.prompted(t, at("", ""))
		w := h.begin(t, at("", v.State))
		c := p.open(t)
		for range 2 { // the device did not hear us
			if r := p.choose(t, c, false); r != push.WrongNumber {
				t.Errorf("the device is told %q", r)
			}
		}
		v = w.end(t)
		wantVerdict(t, v, login.Reject, login.WrongNumber)
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 1 || !v.AtOnce || len(h.post.letters) != 0 {
			t.Errorf("%d failures, at once %v, letters %v", u.Failures, v.AtOnce, h.post.letters)
		}
		if h.results(t) != "Challenge Failure" || h.rows(t)[1].Reason != login.WrongNumber {
			t.Errorf("rows: %+v", h.rows(t))
		}
		if r := p.choose(t, c, true); r != push.Already {
			t.Errorf("the right number after the wrong one: %q", r)
		}
	})
}

// Without a number an approval is one with the wrong number.
func TestPush_2_12_APlainApprovalIsADenial(t *testing.T) {
	withNumbers(t, func(t *testing.T, h *house, p *phone) {
		v := h.prompted(t, at("", ""))
		w := h.begin(t, at("", v.State))
		if r := p.answer(t, p.open(t), push.Approved); r != push.WrongNumber {
			t.Errorf("the device is told %q", r)
		}
		wantVerdict(t, w.end(t), login.Reject, login.WrongNumber)
	})
}

func TestPush_2_12_OtherEnds(t *testing.T) {
	withNumbers(t, func(t *testing.T, h *house, p *phone) {
		tok := h.typedToken(t)
		v := h.prompted(t, at("", ""))
		wantVerdict(t, h.login(t, at(tok.Code(tok.Step(time.Now())), v.State)), login.Accept, login.CodeAccepted) // typed instead
		time.Sleep(time.Minute)

		v = h.prompted(t, at("", ""))
		w := h.begin(t, at("", v.State))
		p.answer(t, p.open(t), push.DeniedMistake)
		wantVerdict(t, w.end(t), login.Reject, login.DeniedMistake)

		v = h.prompted(t, at("", ""))
		w = h.begin(t, at("", v.State))
		time.Sleep(31 * time.Second)
		wantVerdict(t, w.end(t), login.Reject, login.TimedOut)

		v = h.prompted(t, at("", ""))
		p.choose(t, p.open(t), true)
		time.Sleep(45 * time.Second) // the number's time is over, the approval came in time
		wantVerdict(t, h.login(t, at("", v.State)), login.Accept, login.Approved)

		w = h.begin(t, attempt("")) // a client that cannot show a number
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
	})
}
