package login_test

import (
	"strings"
	"testing"
	"time"

	"radpush/login"
	"radpush/push"
)

func TestOTP_3_4_OuterWindow(t *testing.T) {
	for _, client := range []string{"prompt", "vpn"} {
		withRounds(t, func(t *testing.T, h *house) {
			tok := h.typedToken(t)
			step := tok.Step(time.Now()) + 10
			a := attempt(tok.Code(step))
			a.Client = client
			v := h.login(t, a)
			if v.Reason != login.OuterWindow || !strings.Contains(v.Message, "next code") || (v.Outcome == login.Challenge) != (client == "prompt") {
				t.Fatalf("%s: %+v", client, v)
			}
			if rows := h.rows(t); len(rows) != 1 || rows[0].Reason != "Outer Window Authentication" {
				t.Errorf("rows: %+v", rows)
			}
			next := func(code uint64) login.Attempt {
				a := attempt(tok.Code(code))
				a.Client, a.State = client, v.State
				return a
			}
			if v = h.login(t, next(step)); v.Outcome == login.Accept { // the same once more
				t.Fatal("one code, typed twice, resynchronized")
			}
			wantVerdict(t, h.login(t, next(step+1)), login.Accept, login.Resynchronized)
			v = login.Verdict{}
			wantVerdict(t, h.login(t, next(step+2)), login.Accept, login.CodeAccepted)
		})
	}
}

func TestOTP_3_4_OuterWindowOfAnApproval(t *testing.T) {
	for _, client := range []string{"prompt", "vpn"} {
		withPhone(t, func(t *testing.T, h *house, p *phone) {
			a := attempt("")
			a.Client = client
			w := h.begin(t, a)
			c := p.open(t)
			time.Sleep(time.Millisecond)
			step := p.token.Step(time.Now()) - 20
			for range 2 { // the device did not hear us
				if r, err := h.Answer(t.Context(), p.sign(c, push.Approved, p.token.Code(step))); r != push.OuterWindow || err != nil {
					t.Errorf("10 minutes old: %s %v", r, err)
				}
			}
			v := w.end(t)
			if v.Reason != login.OuterWindow || (v.Outcome == login.Challenge) != (client == "prompt") {
				t.Fatalf("%s: %+v", client, v)
			}
			rows := h.rows(t)
			if h.results(t) != "Challenge Failure" || rows[1].Reason != login.OuterWindow || rows[1].Device != p.d.ID {
				t.Errorf("rows: %+v", rows)
			}
			a = attempt(p.token.Code(step + 1))
			a.Client, a.State = client, v.State
			wantVerdict(t, h.login(t, a), login.Accept, login.Resynchronized)
		})
	}
}
