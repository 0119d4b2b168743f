package web_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/push"
	"radpush/push/pipush/pipushtest"
	"radpush/store"
	"radpush/web"
)

// appKeys are the keys of apps, the same for all tests: to make one takes long. The first is as
// long as the app makes them.
var appKeys = [3]func() *rsa.PrivateKey{appKey(4096), appKey(2048), appKey(2048)}

func appKey(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	})
}

// newAppWorld is a world that privacyIDEA Authenticators can enrol in.
func newAppWorld(tb testing.TB) *world {
	w := newWorld(tb)
	w.broker.Pairings = store.Table[push.Pairing]{Backend: w.store, Prefix: "pairing"}
	w.server.URL = w.operator.URL
	w.handler = w.server.Handler()
	return w
}

// listenForApps serves over HTTPS, and returns a client that trusts the certificate as a phone
// trusts a public one.
func (w *world) listenForApps(t *testing.T) *http.Client {
	t.Helper()
	dir := t.TempDir()
	var err error
	if w.server.Certificate, err = web.OwnCertificate(dir, []string{"127.0.0.1"}, w.server.Log); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "radpush.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.server.URL = "https://" + ln.Addr().String()
	w.operator.URL = w.server.URL
	serveInBackground(t, func(ctx context.Context) error { return w.server.Serve(ctx, ln) })
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// scan gives a user a QR code and scans it with an app that reaches the server in this process.
func (w *world) scan(tb testing.TB, user string, key int) *pipushtest.Phone {
	tb.Helper()
	e, err := w.client().NewEnrolment(tb.Context(), user, web.EnrolmentRequest{Valid: 3600, App: "privacyidea"})
	if err != nil {
		tb.Fatal(err)
	}
	p, err := pipushtest.Scan(e.Link, appKeys[key]())
	if err != nil {
		tb.Fatal(err)
	}
	p.HTTP = &http.Client{Transport: web.InProcess(w.handler)}
	return p
}

// app is scan, and enrols.
func (w *world) app(tb testing.TB, user string, key int) *pipushtest.Phone {
	tb.Helper()
	p := w.scan(tb, user, key)
	if err := p.Enrol(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return p
}

// asked polls until the app shows a request.
func asked(tb testing.TB, p *pipushtest.Phone) pipushtest.Request {
	tb.Helper()
	for range 300 {
		shown, err := p.Poll(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		if len(shown) == 1 {
			return shown[0]
		}
		time.Sleep(300 * time.Millisecond) // the real one takes three seconds
	}
	tb.Fatal("the app shows nothing")
	return pipushtest.Request{}
}

// says checks what the server says to an answer.
func says(tb testing.TB, want, counts bool, err error) {
	tb.Helper()
	if err != nil || counts != want {
		tb.Errorf("the answer counts: %v, %v; want %v", counts, err, want)
	}
}

// turnedAway checks that an error is the one answer that everything gets that is wrong.
func turnedAway(tb testing.TB, err error) {
	tb.Helper()
	if r, ok := errors.AsType[*pipushtest.Refused](err); !ok || r.Status != 403 || !strings.Contains(r.Body, "The server does not know this device") {
		tb.Errorf("not refused: %v", err)
	}
}

// The way of the whole app, over the network.
func TestPush_2_6_2_7_2_8_PrivacyIDEAAuthenticator(t *testing.T) {
	w := newAppWorld(t)
	w.broker.Limits.CoolDown = time.Nanosecond
	client := w.listenForApps(t)
	p := w.scan(t, "alice", 0)
	p.HTTP = client
	if err := errors.Join(p.Wake(t.Context()), p.Enrol(t.Context()), p.Update(t.Context())); err != nil {
		t.Fatal(err)
	}
	if p.Label != "alice" || p.Issuer != "Example Ltd" || p.TTL != time.Hour || p.PIN {
		t.Errorf("scanned %+v", p)
	}
	if shown, err := p.Poll(t.Context()); err != nil || len(shown) != 0 {
		t.Errorf("shown before a login: %v, %v", shown, err)
	}
	for _, row := range []struct {
		choice   pipushtest.Choice
		outcome  login.Outcome
		reason   login.Reason
		failures int
	}{
		{pipushtest.Decline, login.Reject, login.DeniedNotMe, 1},
		{pipushtest.Bare, login.Reject, login.DeniedNotMe, 2},
		{pipushtest.Cancel, login.Reject, login.DeniedMistake, 2},
		{pipushtest.Accept, login.Accept, login.Approved, 0},
	} {
		verdict := w.login(t, "alice")
		r := asked(t, p)
		counts, err := p.Answer(t.Context(), r, row.choice)
		says(t, true, counts, err)
		if v := <-verdict; v.Outcome != row.outcome || v.Reason != row.reason {
			t.Errorf("%v: the login ended with %+v", row.choice, v)
		}
		if u, err := w.engine.User(t.Context(), "alice"); err != nil || u.Failures != row.failures {
			t.Errorf("%v: %d failures, want %d (%v)", row.choice, u.Failures, row.failures, err)
		}
		// Statement 2.10: what the app did not hear is said again; another answer is too late.
		counts, err = p.Answer(t.Context(), r, row.choice)
		says(t, true, counts, err)
		other := pipushtest.Accept
		if row.choice == other {
			other = pipushtest.Decline
		}
		counts, err = p.Answer(t.Context(), r, other)
		says(t, false, counts, err)
		if shown, err := p.Poll(t.Context()); err != nil || len(shown) != 0 {
			t.Errorf("shown after the answer: %v, %v", shown, err)
		}
	}
	if strings.Contains(w.log.String(), p.Credential) {
		t.Error("the credential is logged")
	}
}

func TestPush_2_2_WhatAnAppShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAppWorld(t)
		p := w.app(t, "alice", 1)
		c, err := w.broker.Start(t.Context(), push.Question{User: "alice", Expires: time.Now().Add(time.Minute), Prompt: push.Prompt{
			Resource: "Example | VPN", Organization: "Example Ltd", User: `EXAMPLE\Alice <b>"é`, IP: "198.51.100.7", Location: "Berlin",
			Started: time.Date(2026, 11, 21, 23, 4, 5, 0, time.FixedZone("", 3600)),
		}})
		if err != nil {
			t.Fatal(err)
		}
		before := dump(t, w.store)
		want := "User: EXAMPLE\\Alice <b>\"é\nOrganization: Example Ltd\nAddress: 198.51.100.7\nLocation: Berlin\nTime: 21 November 2026, 22:04:05 UTC"
		for range 3 {
			if r := asked(t, p); r.Title != "Example | VPN" || r.Question != want || r.Choices != nil {
				t.Errorf("shown: %+v", r)
			}
			time.Sleep(3 * time.Second)
		}
		if dump(t, w.store) != before {
			t.Error("a poll has written")
		}
		// Statement 2.3: nothing in place of what is not known.
		if _, err := w.broker.Decide(t.Context(), push.Answer{Challenge: c.ID, Decision: push.DeniedMistake}); err != nil {
			t.Fatal(err)
		}
		_, err = w.broker.Start(t.Context(), push.Question{User: "alice", Login: "2", Expires: time.Now().Add(time.Minute),
			Prompt: push.Prompt{Resource: "VPN", User: "alice", Started: time.Unix(0, 0)}})
		if err != nil {
			t.Fatal(err)
		}
		if r := asked(t, p); r.Question != "User: alice\nTime: 1 January 1970, 00:00:00 UTC" {
			t.Errorf("shown: %+v", r)
		}
	})
}

// dump returns all that is in a store.
func dump(t *testing.T, backend store.Backend) string {
	t.Helper()
	var all strings.Builder
	for e, err := range backend.Scan(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(e.Key + "\x00" + string(e.Value) + "\x00")
	}
	return all.String()
}

func TestPush_2_12_NumberMatchingInAnApp(t *testing.T) {
	for _, right := range []bool{true, false} {
		w := newAppWorld(t)
		w.engine.Clients["prompt"] = login.Client{Name: "prompt", Resource: "Example VPN", Challenge: true, Match: true}
		p := w.app(t, "alice", 1)
		try := login.Attempt{User: "alice", Client: "prompt", Station: "198.51.100.7", From: netip.MustParseAddr("198.51.100.7"),
			Passcode: typed(""), Received: time.Now(), Request: rand.Text()}
		v, err := w.engine.Login(t.Context(), try)
		number := regexp.MustCompile(`\b\d\d\b`).FindString(v.Message)
		if err != nil || v.Outcome != login.Challenge || number == "" {
			t.Fatalf("prompt: %+v, %v", v, err)
		}
		r := asked(t, p)
		choice, want, reason := number, login.Accept, login.Approved
		if !right {
			want, reason = login.Reject, login.WrongNumber
			for _, choice = range r.Choices {
				if choice != number {
					break
				}
			}
		}
		if len(r.Choices) != 3 {
			t.Errorf("choices: %q", r.Choices)
		}
		counts, err := p.Choose(t.Context(), r, choice)
		says(t, right, counts, err)
		try.State, try.Request = v.State, rand.Text()
		if v, err = w.engine.Login(t.Context(), try); err != nil || v.Outcome != want || v.Reason != reason {
			t.Errorf("right %v: the login ended with %+v, %v", right, v, err)
		}
	}
}

// To approve without a number, where there are numbers, is to choose none of them.
func TestPush_2_12_AnAppCannotLeaveTheNumberOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAppWorld(t)
		p := w.app(t, "alice", 1)
		c, err := w.broker.Start(t.Context(), push.Question{User: "alice", Match: true, Expires: time.Now().Add(time.Minute), Prompt: push.Prompt{User: "alice"}})
		if err != nil {
			t.Fatal(err)
		}
		counts, err := p.Answer(t.Context(), asked(t, p), pipushtest.Accept)
		says(t, false, counts, err)
		if c, err = w.broker.Challenges.Get(t.Context(), c.ID); err != nil || c.Outcome != push.Mismatch {
			t.Errorf("ended: %v, %v", c.Outcome, err)
		}
	})
}

func TestPush_2_10_AnAppThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAppWorld(t)
		p := w.app(t, "alice", 1)
		verdict := w.login(t, "alice")
		r := asked(t, p)
		time.Sleep(31 * time.Second)
		if v := <-verdict; v.Reason != login.TimedOut {
			t.Errorf("the login ended with %+v", v)
		}
		for _, choice := range []pipushtest.Choice{pipushtest.Accept, pipushtest.Decline} {
			counts, err := p.Answer(t.Context(), r, choice)
			says(t, false, counts, err)
		}
		if u, err := w.engine.User(t.Context(), "alice"); err != nil || u.Failures != 0 {
			t.Errorf("%d failures are counted, %v", u.Failures, err)
		}
	})
}

// Each of a user's apps is asked under a nonce of its own; the first to answer wins.
func TestPush_2_1_TwoApps(t *testing.T) {
	w := newAppWorld(t)
	one, two, bobs := w.app(t, "alice", 1), w.app(t, "alice", 2), w.app(t, "bob", 1)
	verdict := w.login(t, "alice")
	first, second := asked(t, one), asked(t, two)
	if shown, err := bobs.Poll(t.Context()); err != nil || len(shown) != 0 {
		t.Errorf("bob is shown %v, %v", shown, err)
	}
	// With the key of one of her apps nobody answers for another, or for her from bob's, which
	// has the same key.
	for _, p := range []*pipushtest.Phone{two, bobs} {
		_, err := p.Answer(t.Context(), first, pipushtest.Accept)
		turnedAway(t, err)
	}
	counts, err := one.Answer(t.Context(), first, pipushtest.Accept)
	says(t, true, counts, err)
	if v := <-verdict; v.Outcome != login.Accept {
		t.Errorf("the login ended with %+v", v)
	}
	counts, err = two.Answer(t.Context(), second, pipushtest.Bare)
	says(t, false, counts, err)
}

// What somebody makes of an answer that he has seen ends no login.
func TestPush_9_2_HostileAnswersOfAnApp(t *testing.T) {
	w := newAppWorld(t)
	w.handler = web.Unlimited(w.server)
	p := w.app(t, "alice", 1)
	verdict := w.login(t, "alice")
	r := asked(t, p)
	for what, change := range map[string]func(url.Values){
		"no signature":        func(f url.Values) { f.Del("signature") },
		"another signature":   func(f url.Values) { f.Set("signature", p.Sign("x")) },
		"not base32":          func(f url.Values) { f.Set("signature", "1!") },
		"a long signature":    func(f url.Values) { f.Set("signature", strings.Repeat("A", 1000)) },
		"the denial left out": func(f url.Values) { f.Del("decline"); f.Del("decline_reason") },
		"the denial as a number": func(f url.Values) {
			f.Del("decline")
			f.Del("decline_reason")
			f.Set("presence_answer", "decline|cancelled")
		},
		"the reason left out":   func(f url.Values) { f.Del("decline_reason") },
		"another reason":        func(f url.Values) { f.Set("decline_reason", "unknown_trigger") },
		"a reason that is none": func(f url.Values) { f.Set("decline_reason", "x") },
		"another nonce":         func(f url.Values) { f.Set("nonce", strings.Repeat("A", 32)) },
		"another nonce, signed": func(f url.Values) {
			f.Set("nonce", "A")
			f.Set("signature", p.Sign("A|"+p.Serial+"|decline|cancelled"))
		},
		"another serial": func(f url.Values) { f.Set("serial", "RADPUSHAAAAAAAAAAAAAAAAAAAA") },
		"another serial, signed": func(f url.Values) {
			f.Set("serial", "X")
			f.Set("signature", p.Sign(f.Get("nonce")+"|X|decline|cancelled"))
		},
		"a field twice":              func(f url.Values) { f.Add("serial", p.Serial) },
		"a number":                   func(f url.Values) { f.Set("presence_answer", "47") },
		"the device as its own kind": func(f url.Values) { f.Set("serial", "alice/"+p.Serial) },
	} {
		form := p.Form(r, pipushtest.Cancel, "")
		change(form)
		_, err := p.SendAnswer(t.Context(), r, form)
		if turnedAway(t, err); t.Failed() {
			t.Fatal(what)
		}
	}
	select {
	case v := <-verdict:
		t.Fatalf("the login ended with %+v", v)
	default:
	}
	counts, err := p.Answer(t.Context(), r, pipushtest.Cancel)
	says(t, true, counts, err)
	if v := <-verdict; v.Reason != login.DeniedMistake {
		t.Errorf("the login ended with %+v", v)
	}
	if _, err := p.SendAnswer(t.Context(), r, nil); err == nil {
		t.Error("nothing is an answer")
	}
}

func TestPush_9_1_AQRCodeEnrolsOneApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAppWorld(t)
		p := w.scan(t, "alice", 1)
		if _, err := p.Poll(t.Context()); err == nil {
			t.Error("who has not enrolled polls")
		}
		wrong := *p
		wrong.Credential = strings.Repeat("A", 26)
		other := w.scan(t, "bob", 1)
		mixed := *p
		mixed.Serial = other.Serial
		for what, p := range map[string]*pipushtest.Phone{"credential": &wrong, "serial": &mixed} {
			if err := p.Enrol(t.Context()); err == nil || !strings.Contains(err.Error(), "The enrolment code is not good") {
				t.Errorf("another %s: %v", what, err)
			}
		}
		for range 2 { // it did not hear us
			if err := p.Enrol(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		thief := *p
		thief.Key = appKeys[2]()
		if err := thief.Enrol(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("another key: %v", err)
		}
		devices, err := w.client().ListDevices(t.Context(), "alice")
		if err != nil || len(devices) != 1 || devices[0].Kind != "pipush" || devices[0].Name != "privacyIDEA Authenticator" {
			t.Errorf("devices: %+v, %v", devices, err)
		}
		if u, err := w.client().ShowUser(t.Context(), "alice"); err != nil || len(u.Tokens) != 0 {
			t.Errorf("tokens: %+v, %v", u.Tokens, err)
		}
		rows, err := w.client().ListActivity(t.Context(), login.Filter{User: "alice"})
		enrolled := func(r web.Activity) bool { return r.Reason == "device privacyIDEA Authenticator enrolled" }
		if err != nil || len(rows) != 3 || !slices.ContainsFunc(rows, enrolled) {
			t.Errorf("activity: %+v, %v", rows, err)
		}
		late := w.scan(t, "alice", 2)
		time.Sleep(time.Hour)
		if err := late.Enrol(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("an hour later: %v", err)
		}
	})
}

// Suspended, an app is told nothing; removed, its keys are gone.
func TestPush_9_3_AnAppThatIsSuspendedAndRemoved(t *testing.T) {
	w := newAppWorld(t)
	p := w.app(t, "alice", 1)
	spare := w.app(t, "alice", 2)
	w.login(t, "alice")
	r := asked(t, p)
	id := "alice/" + p.Serial
	o := w.client()
	if err := o.ChangeDevice(t.Context(), id, web.DeviceChange{Suspended: new(true)}); err != nil {
		t.Fatal(err)
	}
	all := func() {
		t.Helper()
		_, err := p.Poll(t.Context())
		turnedAway(t, err)
		_, err = p.Answer(t.Context(), r, pipushtest.Accept)
		turnedAway(t, err)
		turnedAway(t, p.Update(t.Context()))
	}
	all()
	if err := o.ChangeDevice(t.Context(), id, web.DeviceChange{Suspended: new(false)}); err != nil {
		t.Fatal(err)
	}
	asked(t, p)
	if err := o.RemoveDevice(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	all()
	if _, err := w.broker.Pairings.Get(t.Context(), p.Serial); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its keys: %v", err)
	}
	if err := p.Enrol(t.Context()); err == nil {
		t.Error("a removed app enrols once more")
	}
	asked(t, spare)
}

func TestPush_9_1_WhatAnOperatorMayAskFor(t *testing.T) {
	w := newAppWorld(t)
	o := w.client()
	if _, err := o.NewEnrolment(t.Context(), "nobody", web.EnrolmentRequest{Valid: 3600, App: "privacyidea"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := o.NewEnrolment(t.Context(), "alice", web.EnrolmentRequest{Valid: 1, App: "privacyidea"}); err == nil {
		t.Error("a second")
	}
	w.operator.DevicePIN = true // statement 2.11
	if p := w.scan(t, "alice", 1); !p.PIN {
		t.Errorf("scanned: %+v", p)
	}
	w.operator.Pin = []byte("pin")
	if _, err := o.NewEnrolment(t.Context(), "alice", web.EnrolmentRequest{Valid: 3600, App: "privacyidea"}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with a certificate that no phone trusts: %v", err)
	}
	w.operator.Pin, w.operator.URL = nil, "https://müller.example"
	if _, err := o.NewEnrolment(t.Context(), "alice", web.EnrolmentRequest{Valid: 3600, App: "privacyidea"}); err == nil || !strings.Contains(err.Error(), "ASCII") {
		t.Errorf("with a URL that has two forms: %v", err)
	}
}
