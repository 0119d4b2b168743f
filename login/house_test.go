package login_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/password"
	"radpush/push"
	"radpush/store"
	"radpush/store/storetest"
)

// A house is an engine with all behind it, on a store in memory.
type house struct {
	*login.Engine
	broker *push.Broker
	disk   *storetest.Memory
	sms    *outbound
	post   *outbound
}

// An outbound is a carrier and a post that keep what they were given.
type outbound struct {
	mu      sync.Mutex
	texts   []string // to: text
	letters []login.AlertLetter
	fail    error
	slow    time.Duration
}

func (o *outbound) Send(ctx context.Context, to, text string) error {
	time.Sleep(o.slow)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.texts = append(o.texts, to+": "+text)
	return ctx.Err()
}

func (o *outbound) SendCode(ctx context.Context, to string, c login.CodeLetter) error {
	return o.Send(ctx, to, fmt.Sprintf("%s for %s at %s", c.Code, c.User, c.Resource))
}

func (o *outbound) Queue(_ context.Context, l login.AlertLetter) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.letters = append(o.letters, l)
	return o.fail
}

// code returns the code in the n-th text, counted from 1, and fails if there are not just n.
func (o *outbound) code(t *testing.T, n int) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.texts) != n {
		t.Fatalf("%d texts were sent, want %d: %q", len(o.texts), n, o.texts)
	}
	code := regexp.MustCompile(`\b\d{6,8}\b`).FindString(strings.SplitN(o.texts[n-1], ": ", 2)[1])
	if code == "" {
		t.Fatalf("no code in %q", o.texts[n-1])
	}
	return code
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
	sms, post := &outbound{}, &outbound{}
	return &house{disk: disk, broker: broker, sms: sms, post: post, Engine: &login.Engine{
		Users:    store.Table[login.User]{Backend: disk, Prefix: "user"},
		Stock:    &login.Stock{Tokens: store.Table[login.StockToken]{Backend: disk, Prefix: "stock"}},
		Activity: &login.Journal{Rows: store.Table[login.Row]{Backend: disk, Prefix: "activity"}},
		Push:     broker,
		Devices:  broker,
		Clients: map[string]login.Client{
			"vpn":    {Name: "vpn", Resource: "Example VPN"},
			"prompt": {Name: "prompt", Resource: "Example VPN", Challenge: true},
		},
		SMS: sms, Post: post, Hasher: &password.Hasher{},
		Sent:         store.Table[login.Tally]{Backend: disk, Prefix: "sent"},
		Pictures:     store.Table[login.Picture]{Backend: disk, Prefix: "picture"},
		URL:          "https://radpush.example.com:8443",
		Lockout:      login.Lockout{Failures: 10, For: 15 * time.Minute},
		Window:       otp.Window{Behind: 1, Ahead: 1, LookAhead: 5, Outer: 40},
		Organization: "Example Ltd",
		SelfService:  true,
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
	code, err := h.NewEnrolment(t.Context(), user, "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.redeem(t, code, user+"'s phone")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// redeem enrols a phone with a code.
func (h *house) redeem(t *testing.T, code, name string) (p *phone, err error) {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	spki, _ := x509.MarshalPKIXPublicKey(key.Public())
	p = &phone{h: h, key: key}
	p.d, p.token, err = h.Enrol(t.Context(), code, push.Device{Name: name, Kind: "terminal", Key: spki})
	return p, err
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
	return p.signNumber(c, d, code, "")
}

func (p *phone) signNumber(c push.Challenge, d push.Outcome, code, number string) push.Answer {
	sum := sha256.Sum256(push.Statement(c.ID, d, number, c.Shown))
	sig, _ := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	return push.Answer{Challenge: c.ID, Device: p.d.ID, Decision: d, OTP: code, Number: number, Signature: sig, At: time.Now()}
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

// locks returns how often the journal says that an account was locked.
func (h *house) locks(t *testing.T) (n int) {
	t.Helper()
	for r, err := range h.Activity.List(t.Context(), login.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Result == login.ResultChange && strings.Contains(string(r.Reason), "locked after") {
			n++
		}
	}
	return n
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
