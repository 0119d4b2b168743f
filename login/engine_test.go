package login_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
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
	"radpush/store/storetest"
)

// A house is an engine with all behind it, on a store in memory.
type house struct {
	*login.Engine
	broker *push.Broker
	disk   *storetest.Memory
}

func newHouse(t *testing.T) *house {
	disk := &storetest.Memory{}
	h := onDisk(t, disk)
	if _, err := h.AddUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	return h
}

// onDisk is another server on the same store.
func onDisk(t *testing.T, disk *storetest.Memory) *house {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	broker := &push.Broker{
		Devices:    store.Table[push.Device]{Backend: disk, Prefix: "device"},
		Challenges: store.Table[push.Challenge]{Backend: disk, Prefix: "challenge"},
		Recent:     store.Table[push.Recent]{Backend: disk, Prefix: "recent"},
		Enrolments: store.Table[push.Enrolment]{Backend: disk, Prefix: "enrolment"},
		Log:        log,
	}
	return &house{disk: disk, broker: broker, Engine: &login.Engine{
		Users:        store.Table[login.User]{Backend: disk, Prefix: "user"},
		Activity:     &login.Journal{Rows: store.Table[login.Row]{Backend: disk, Prefix: "activity"}},
		Push:         broker,
		Devices:      broker,
		Clients:      map[string]login.Client{"vpn": {Name: "vpn", Resource: "Example VPN"}},
		Lockout:      login.Lockout{Failures: 10, For: 15 * time.Minute},
		Window:       login.Window{Behind: 1, Ahead: 1},
		Organization: "Example Ltd",
		Log:          log,
	}}
}

// A phone is the device's side.
type phone struct {
	h     *house
	key   *ecdsa.PrivateKey
	d     push.Device
	token otp.Token
}

// withPhone runs a test in virtual time, in a house where alice has a phone.
func withPhone(t *testing.T, f func(t *testing.T, h *house, p *phone)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		f(t, h, h.enrol(t, "alice"))
	})
}

func (h *house) enrol(t *testing.T, user string) *phone {
	t.Helper()
	code, err := h.NewEnrolment(t.Context(), user, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	spki, _ := x509.MarshalPKIXPublicKey(key.Public())
	p := &phone{h: h, key: key}
	p.d, p.token, err = h.Enrol(t.Context(), code, push.Device{Name: user + "'s phone", Kind: "terminal", Key: spki})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// open returns the one challenge that the phone shows.
func (p *phone) open(t *testing.T) push.Challenge {
	t.Helper()
	list, err := p.h.broker.OpenFor(t.Context(), p.d)
	if err != nil || len(list) != 1 {
		t.Fatalf("phone shows %d challenges (%v), want 1", len(list), err)
	}
	return list[0]
}

func (p *phone) sign(c push.Challenge, d push.Outcome, code string) push.Answer {
	sum := sha256.Sum256(push.Statement(c.ID, d, c.Shown))
	sig, _ := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	return push.Answer{Challenge: c.ID, Device: p.d.ID, Decision: d, OTP: code, Signature: sig, At: time.Now()}
}

func (p *phone) answer(t *testing.T, c push.Challenge, d push.Outcome) push.Result {
	t.Helper()
	time.Sleep(time.Millisecond) // nobody is faster
	result, err := p.h.Answer(t.Context(), p.sign(c, d, p.token.Code(p.token.Step(time.Now()))))
	if err != nil {
		t.Errorf("answer: %v", err)
	}
	return result
}

func attempt(passcode string) login.Attempt {
	return login.Attempt{
		User: "alice", Client: "vpn", NAS: "gw1", Station: "198.51.100.7", Passcode: text(passcode), Protocol: "PAP",
		From: netip.MustParseAddr("198.51.100.7"), Received: time.Now(), Request: rand.Text(),
	}
}

// begin starts a login and returns when it waits.
func (h *house) begin(t *testing.T, a login.Attempt) *held {
	w := &held{}
	go func() {
		v, err := h.Login(t.Context(), a)
		w.at, w.err = time.Now(), err
		w.verdict.Store(&v)
	}()
	synctest.Wait()
	return w
}

type held struct {
	verdict atomic.Pointer[login.Verdict]
	at      time.Time
	err     error
}

// end waits for the verdict, in virtual time.
func (w *held) end(t *testing.T) login.Verdict {
	t.Helper()
	synctest.Wait()
	if w.verdict.Load() == nil {
		t.Fatal("still held")
	}
	if w.err != nil {
		t.Fatal(w.err)
	}
	return *w.verdict.Load()
}

func (w *held) waits() bool { synctest.Wait(); return w.verdict.Load() == nil }

// rows returns what the journal says, oldest first, changes by operators left out.
func (h *house) rows(t *testing.T) (rows []login.Row) {
	t.Helper()
	for r, err := range h.Activity.List(t.Context(), login.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Result != login.ResultChange {
			rows = append([]login.Row{r}, rows...)
		}
	}
	slices.SortStableFunc(rows, func(a, b login.Row) int { // at one moment of virtual time, first the question
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Result, b.Result))
	})
	return rows
}

// results names the rows' results, oldest first.
func (h *house) results(t *testing.T) string {
	t.Helper()
	var s []string
	for _, r := range h.rows(t) {
		s = append(s, string(r.Result))
	}
	return strings.Join(s, " ")
}

func wantVerdict(t *testing.T, v login.Verdict, o login.Outcome, r login.Reason) {
	t.Helper()
	if v.Outcome != o || v.Reason != r {
		t.Errorf("verdict %v (%s), want %v (%s)", v.Outcome, v.Reason, o, r)
	}
}

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
		if shown != want { // statement 2.2
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
		old := p.token.Code(p.token.Step(time.Now()) - 20)
		if r, err := h.Answer(t.Context(), p.sign(c, push.Approved, old)); r != push.OuterWindow || err != nil {
			t.Errorf("10 minutes old: %s %v", r, err)
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
		a := attempt(tok.Code(tok.Step(time.Now())))
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for range 9 {
			wg.Go(func() {
				v, err := h.Login(t.Context(), a)
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

func TestActivity_6_4_EveryLoginIsARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		tok := h.typedToken(t)
		for _, v := range []struct {
			a      login.Attempt
			reason login.Reason
		}{
			{attempt(tok.Code(tok.Step(time.Now()))), login.CodeAccepted},
			{attempt(tok.Code(tok.Step(time.Now()))), login.ReplayedCode},
			{attempt("123"), login.WrongPasscode},
			{attempt(""), login.NothingEnrolled},
			{login.Attempt{User: "nobody", Client: "vpn", Passcode: text("123456"), Received: time.Now()}, login.UnknownUser},
			{login.Attempt{User: "nob\xffdy", Client: "vpn", Passcode: text(""), Received: time.Now()}, login.UnknownUser},
			{login.Attempt{User: "alice", Client: "vpn", State: "old", Passcode: text("1"), Received: time.Now()}, login.UnknownState},
		} {
			time.Sleep(time.Millisecond)
			got := h.begin(t, v.a).end(t)
			rows := h.rows(t)
			if r := rows[len(rows)-1]; r.Reason != v.reason || got.Reason != v.reason || r.Client != "vpn" {
				t.Errorf("want a row %q, have %+v", v.reason, r)
			}
		}
		// What a stranger reads does not tell unknown from wrong (statement 7.3).
		a, b := attempt("123456"), attempt("123456")
		b.User = "nobody"
		if v, w := h.begin(t, a).end(t), h.begin(t, b).end(t); v.Message != w.Message || v.Retry != w.Retry {
			t.Errorf("wrong %q, unknown %q", v.Message, w.Message)
		}
	})
}

func TestActivity_6_6_RepeatsAreFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { h.Activity.Serve(ctx) })
		for range 5000 {
			a := attempt("guess")
			a.User = "nobody"
			h.begin(t, a).end(t)
		}
		for i := range 5000 { // and as many names
			a := attempt("guess")
			a.User = "nobody" + string(rune('a'+i%26)) + rand.Text()
			h.begin(t, a).end(t)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		stop()
		wg.Wait()
		told := 0
		rows := h.rows(t)
		for _, r := range rows {
			told += 1 + r.Repeats
		}
		if told != 10000 || len(rows) > 60 {
			t.Errorf("%d rows tell of %d tries", len(rows), told)
		}
	})
}

func TestActivity_6_6_WhatIsFoldedWaitsUntilTheStoreCanBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var full atomic.Bool
		h.disk.Fail = func(string) error {
			if full.Load() {
				return errDisk
			}
			return nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Activity.Serve(ctx) }()
		for range 10 {
			a := attempt("guess")
			a.User = "nobody"
			h.begin(t, a).end(t)
		}
		full.Store(true)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if len(ended) > 0 {
			t.Fatalf("Serve, and the server with it, ended: %v", <-ended)
		}
		full.Store(false)
		time.Sleep(time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		told := 0
		for _, r := range h.rows(t) {
			told += 1 + r.Repeats
		}
		if told != 10 {
			t.Errorf("the rows tell of %d tries", told)
		}
	})
}
