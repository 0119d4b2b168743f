package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/push"
)

func TestPush_2_5_2_6_HeldUntilApproved(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		time.Sleep(7 * time.Second)
		if !w.waits() {
			t.Fatal("not held")
		}
		c := p.open(t)
		var shown push.Prompt
		if err := json.Unmarshal(c.Shown, &shown); err != nil {
			t.Fatal(err)
		}
		want := push.Prompt{Resource: "Example VPN", Organization: "Example Ltd", User: "alice", IP: "198.51.100.7", Started: shown.Started}
		if !reflect.DeepEqual(shown, want) { // statement 2.2
			t.Errorf("shown %+v, want %+v", shown, want)
		}
		if r := p.answer(t, c, push.Approved); r != push.Accepted {
			t.Fatalf("answer: %s", r)
		}
		wantVerdict(t, w.end(t), login.Accept, login.Approved)

		rows := h.rows(t) // statements 6.1 and 6.2
		if h.results(t) != "Challenge Success" || rows[0].Shown != string(c.Shown) || rows[1].Device != p.d.ID {
			t.Errorf("rows: %+v", rows)
		}
		if took := rows[1].Took; took.Round(time.Second) != 7*time.Second {
			t.Errorf("took %v, want some 7s", took)
		}
	})
}

func TestPush_2_6_WrongOTPDoesNotLetIn(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		c := p.open(t)
		if r, err := h.Answer(t.Context(), p.sign(c, push.Approved, "00000000")); r != push.WrongOTP || err != nil {
			t.Errorf("wrong OTP: %s %v", r, err)
		}
		forged := p.sign(c, push.DeniedMistake, "")
		forged.Decision, forged.OTP = push.Approved, p.token.Code(p.token.Step(time.Now()))
		if _, err := h.Answer(t.Context(), forged); !errors.Is(err, push.ErrUnauthentic) {
			t.Errorf("forged: %v", err)
		}
		if !w.waits() {
			t.Fatal("not held any more")
		}
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 1 {
			t.Errorf("%d tries counted, want the one wrong OTP", u.Failures)
		}
		if r := p.answer(t, c, push.Approved); r != push.Accepted {
			t.Errorf("right OTP after that: %s", r)
		}
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
	})
}

func TestPush_2_7_DeniedNotMe(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		time.Sleep(time.Second / 2)
		start := time.Now()
		if r := p.answer(t, p.open(t), push.DeniedNotMe); r != push.Accepted {
			t.Fatal(r)
		}
		v := w.end(t)
		wantVerdict(t, v, login.Reject, login.DeniedNotMe)
		if !v.AtOnce || w.at.Sub(start) >= time.Second {
			t.Errorf("rejected after %v, AtOnce %v", w.at.Sub(start), v.AtOnce)
		}
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 1 {
			t.Errorf("%d failures, want 1", u.Failures)
		}
		rows := h.rows(t)
		if h.results(t) != "Challenge Failure" || rows[1].Reason != login.DeniedNotMe || rows[1].Client != "vpn" || rows[1].Station == "" {
			t.Errorf("rows: %+v", rows)
		}
	})
}

func TestPush_2_7_ADenialThatIsRepeatedCountsOnce(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		c := p.open(t)
		for range 20 { // the device did not hear us
			if got := p.answer(t, c, push.DeniedNotMe); got != push.Accepted {
				t.Errorf("the device is told %q", got)
			}
		}
		wantVerdict(t, w.end(t), login.Reject, login.DeniedNotMe)
		if u, err := h.User(t.Context(), "alice"); u.Failures != 1 || u.Lock.Holds(time.Now()) || err != nil {
			t.Errorf("%d failures, lock %v, %v", u.Failures, u.Lock, err)
		}
		if h.results(t) != "Challenge Failure" {
			t.Errorf("rows: %s", h.results(t))
		}
	})
}

func TestPush_2_8_DeniedByMistake(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		c := p.open(t)
		p.answer(t, c, push.DeniedMistake)
		v := w.end(t)
		wantVerdict(t, v, login.Reject, login.DeniedMistake)
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 0 || !v.AtOnce {
			t.Errorf("%d failures, at once %v", u.Failures, v.AtOnce)
		}
		if h.results(t) != "Challenge" { // statement 6.3
			t.Errorf("rows: %s", h.results(t))
		}
		kept, err := h.broker.Challenges.Get(t.Context(), c.ID)
		if err != nil || kept.Outcome != push.DeniedMistake {
			t.Errorf("the challenge says %v (%v)", kept.Outcome, err)
		}
	})
}

func TestPush_2_9_Timeout(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		start := time.Now()
		w := h.begin(t, attempt("p"))
		c := p.open(t)
		time.Sleep(30 * time.Second)
		v := w.end(t)
		wantVerdict(t, v, login.Reject, login.TimedOut)
		if v.Message == "" || w.at.Sub(start) != 30*time.Second {
			t.Errorf("%q after %v", v.Message, w.at.Sub(start))
		}
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 0 {
			t.Errorf("a timeout counted as a failure")
		}
		if r := p.answer(t, c, push.Approved); r != push.TooLate { // statement 2.10
			t.Errorf("late answer: %s", r)
		}
		if h.results(t) != "Challenge" {
			t.Errorf("rows: %s", h.results(t))
		}
		w = h.begin(t, attempt("")) // may try again
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
	})
}

func TestPush_2_10_SecondAnswerChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		one, two := h.enrol(t, "alice"), h.enrol(t, "alice")
		w := h.begin(t, attempt(""))
		c := one.open(t)
		if r := one.answer(t, c, push.Approved); r != push.Accepted {
			t.Error(r)
		}
		if r := two.answer(t, c, push.DeniedNotMe); r != push.Already {
			t.Errorf("second device: %s", r)
		}
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
		if u, _ := h.User(t.Context(), "alice"); u.Failures != 0 || h.results(t) != "Challenge Success" {
			t.Errorf("the second answer counted: %d failures, rows %s", u.Failures, h.results(t))
		}
	})
}

func TestPush_2_13_ParallelRetriesShareOnePush(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		var ws []*held
		for range 5 {
			ws = append(ws, h.begin(t, attempt("")))
		}
		other := onDisk(t, h.disk) // a second server on the same store
		ws = append(ws, other.begin(t, attempt("")))
		p.answer(t, p.open(t), push.Approved)
		for _, w := range ws {
			wantVerdict(t, w.end(t), login.Accept, login.Approved)
		}
		if h.results(t) != "Challenge Success" {
			t.Errorf("rows: %s", h.results(t))
		}
	})
}

// A stranger's login must not ride on the user's approval.
func TestPush_2_13_AnotherLoginDoesNotJoin(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		for name, change := range map[string]func(*login.Attempt){
			"other station": func(a *login.Attempt) { a.Station = "203.0.113.66" },
			"no station":    func(a *login.Attempt) { a.Station = "" },
			"other client":  func(a *login.Attempt) { a.Client = "wifi" },
			"other gateway": func(a *login.Attempt) { a.NAS = "gw2" },
			"other trigger": func(a *login.Attempt) { a.Passcode = text("p") },
		} {
			a := attempt("")
			change(&a)
			if v := h.begin(t, a).end(t); v.Outcome != login.Reject || v.Reason != login.PushElsewhere {
				t.Errorf("%s: %v %s", name, v.Outcome, v.Reason)
			}
		}
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
	})
}

func TestPush_2_13_StationsThatAreNoTextAreToldApart(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		from := func(nas, station string) *held {
			a := attempt("")
			a.NAS, a.Station = nas, station
			return h.begin(t, a)
		}
		first := from("gw\xfc", "\x80\x81\x82\x83\x84\x85")
		for _, stranger := range []*held{from("gw\xfc", "\x90\x91\x92\x93\x94\x95"), from("gw\xe4", "\x80\x81\x82\x83\x84\x85")} {
			wantVerdict(t, stranger.end(t), login.Reject, login.PushElsewhere)
		}
		again := from("gw\xfc", "\x80\x81\x82\x83\x84\x85")
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, first.end(t), login.Accept, login.Approved)
		wantVerdict(t, again.end(t), login.Accept, login.Approved)
		for _, r := range h.rows(t) {
			if r.Result == login.ResultChallenge && r.Station != "0x808182838485" {
				t.Errorf("station in the row: %q", r.Station)
			}
		}
		// "M\xfcller" and "M\xe4ller" become this one.
		if _, err := h.AddUser(t.Context(), "m\uFFFDller"); err == nil {
			t.Error("a user was added that many are taken for")
		}
	})
}

// A login that moves to the other gateway of a cluster is still one push.
func TestPush_2_13_ClientsOfAGroupShareALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for _, name := range []string{"edge1", "edge2"} {
			h.Clients[name] = login.Client{Name: name, Group: "edge"}
		}
		p := h.enrol(t, "alice")
		one, two := attempt(""), attempt("")
		one.Client, two.Client, two.NAS = "edge1", "edge2", "gw2"
		first, second := h.begin(t, one), h.begin(t, two)
		outside := attempt("")
		outside.Client = "vpn"
		wantVerdict(t, h.begin(t, outside).end(t), login.Reject, login.PushElsewhere)
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, first.end(t), login.Accept, login.Approved)
		wantVerdict(t, second.end(t), login.Accept, login.Approved)
	})
}

func TestPush_2_13_WithoutAStationOnlyRetransmissionsJoin(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		a := attempt("")
		a.Station = ""
		w := h.begin(t, a)
		again := h.begin(t, a)
		b := a
		b.Request = "another datagram"
		wantVerdict(t, h.begin(t, b).end(t), login.Reject, login.PushElsewhere)
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
		wantVerdict(t, again.end(t), login.Accept, login.Approved)
	})
}

func TestPush_2_14_LateApproval(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		time.Sleep(12 * time.Second)
		p.answer(t, p.open(t), push.Approved)
		w.end(t) // to a NAS that is not listening any more
		time.Sleep(20 * time.Second)
		late := attempt("")
		wantVerdict(t, h.begin(t, late).end(t), login.Accept, login.LateApproval)
		if h.results(t) != "Challenge Success Success" {
			t.Errorf("rows: %s", h.results(t))
		}
		w = h.begin(t, attempt("")) // once: this one rings again
		if !w.waits() {
			t.Error("the approval was used twice")
		}
		p.answer(t, p.open(t), push.DeniedMistake)
	})
}

// A ringer that reaches nobody.
type deadRinger struct{}

func (deadRinger) Ring(context.Context, push.Device, push.Challenge) error     { return push.ErrGone }
func (deadRinger) Withdraw(context.Context, push.Device, push.Challenge) error { return nil }

func TestPush_2_16_UndeliveredEndsTheHoldAtOnce(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		h.broker.Ringers = map[string]push.Ringer{"apns": deadRinger{}}
		if err := h.broker.SetAddress(t.Context(), p.d.ID, push.Address{Service: "apns", Token: strings.Repeat("a", 64)}); err != nil {
			t.Fatal(err)
		}
		v := h.begin(t, attempt("")).end(t)
		wantVerdict(t, v, login.Reject, login.Undelivered)
		if v.Message == "" || h.results(t) != "Challenge Failure" {
			t.Errorf("%q, rows %s", v.Message, h.results(t))
		}
	})
}

func TestPush_2_15_CoolDownAfterNotMe(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		w := h.begin(t, attempt(""))
		p.answer(t, p.open(t), push.DeniedNotMe)
		w.end(t)
		wantVerdict(t, h.begin(t, attempt("")).end(t), login.Reject, login.CoolingDown)
		time.Sleep(6 * time.Minute)
		if w := h.begin(t, attempt("")); !w.waits() {
			t.Error("no push after the cool-down")
		}
	})
}

func TestPush_2_15_PausedAfterUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.enrol(t, "alice")
		for i := range 5 {
			w := h.begin(t, attempt(""))
			time.Sleep(31 * time.Second)
			if v := w.end(t); v.Reason != login.TimedOut {
				t.Fatalf("push %d: %s", i, v.Reason)
			}
		}
		v := h.begin(t, attempt("")).end(t)
		wantVerdict(t, v, login.Reject, login.PushPaused)
		time.Sleep(10 * time.Minute)
		if !h.begin(t, attempt("")).waits() {
			t.Error("still paused")
		}
	})
}

func TestPush_2_17_RestartInMidHold(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		a := attempt("")
		a.Station = ""
		ctx, kill := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := h.Login(ctx, a); done <- err }()
		synctest.Wait()
		kill()
		if err := <-done; err == nil {
			t.Fatal("a killed server gave a verdict")
		}
		h2 := onDisk(t, h.disk)
		p.h = h2
		p.answer(t, p.open(t), push.Approved) // while nobody waits
		wantVerdict(t, h2.begin(t, a).end(t), login.Accept, login.Approved)
		if h2.results(t) != "Challenge Success" {
			t.Errorf("rows: %s", h2.results(t))
		}
	})
}

// The server died between opening the challenge and writing its row.
func TestPush_2_17_6_1_TheRowIsMadeUpFor(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		a := attempt("")
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		go h.Login(ctx, a)
		synctest.Wait()
		for e, err := range h.disk.Scan(t.Context(), "activity/") {
			if err == nil {
				err = h.disk.Update(t.Context(), e.Key, func([]byte) ([]byte, error) { return nil, nil })
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		h2 := onDisk(t, h.disk)
		p.h = h2
		w := h2.begin(t, a)
		p.answer(t, p.open(t), push.Approved)
		wantVerdict(t, w.end(t), login.Accept, login.Approved)
		if h2.results(t) != "Challenge Success" {
			t.Errorf("rows: %s", h2.results(t))
		}
	})
}

// Ten denials lock the account as ten wrong codes do, and ten wrong one-time passwords of a
// device, which is an odd device then.
func TestLockout_5_2_DenialsAndWrongOTPsCount(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		for i := range 5 {
			a := attempt("")
			a.Station = "198.51.100." + string(rune('1'+i))
			h.broker.Limits.Unanswered = 100
			w := h.begin(t, a)
			c := p.open(t)
			if r, err := h.Answer(t.Context(), p.sign(c, push.Approved, "00000000")); r != push.WrongOTP || err != nil {
				t.Fatalf("wrong OTP: %s, %v", r, err)
			}
			p.answer(t, c, push.DeniedNotMe)
			w.end(t)
		}
		wantVerdict(t, h.begin(t, attempt("")).end(t), login.Reject, login.Locked)
		if n := h.locks(t); n != 1 {
			t.Errorf("%d rows say that the account was locked, want 1", n)
		}
	})
}
