package web_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/password"
	"radpush/push"
	"radpush/store"
	"radpush/store/storetest"
	"radpush/web"
	"radpush/web/phone"
	"radpush/web/wire"
)

// A world is all that stands behind the API, on a store in memory.
type world struct {
	store    *storetest.Memory
	broker   *push.Broker
	engine   *login.Engine
	server   *web.Server
	operator *web.Operator
	log      *logged

	handler http.Handler // of server, in this process
}

func newWorld(tb testing.TB) *world {
	w := &world{store: new(storetest.Memory), log: new(logged)}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.broker = &push.Broker{
		Devices:    store.Table[push.Device]{Backend: w.store, Prefix: "device"},
		Challenges: store.Table[push.Challenge]{Backend: w.store, Prefix: "challenge"},
		Recent:     store.Table[push.Recent]{Backend: w.store, Prefix: "recent"},
		Enrolments: store.Table[push.Enrolment]{Backend: w.store, Prefix: "enrolment"},
		Ringers:    map[string]push.Ringer{"fcm": silentBell{}},
		Log:        log,
	}
	tb.Cleanup(w.broker.Close)
	w.engine = &login.Engine{
		Users:        store.Table[login.User]{Backend: w.store, Prefix: "user"},
		Stock:        &login.Stock{Tokens: store.Table[login.StockToken]{Backend: w.store, Prefix: "stock"}},
		Hasher:       &password.Hasher{},
		Activity:     &login.Journal{Rows: store.Table[login.Row]{Backend: w.store, Prefix: "activity"}},
		Push:         w.broker,
		Devices:      w.broker,
		Clients:      map[string]login.Client{"vpn": {Name: "vpn", Resource: "Example VPN"}},
		Window:       otp.Window{Behind: 1, Ahead: 1, Outer: 40},
		Organization: "Example Ltd",
		SelfService:  true,
		Log:          log,
	}
	w.server = &web.Server{Engine: w.engine, Push: w.broker, URL: "https://radpush.example", Organization: "Example Ltd", Log: log}
	w.operator = &web.Operator{
		People: w.engine, Users: w.engine.Users, Devices: w.broker, Journal: w.engine.Activity,
		Organization: "Example Ltd", URL: "https://radpush.example", Log: log,
	}
	w.handler = w.server.Handler()
	for _, user := range []string{"alice", "bob"} {
		if _, err := w.engine.AddUser(tb.Context(), user); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

// listen serves devices on loopback, with a certificate of the server's own making, until
// the test ends.
func (w *world) listen(tb testing.TB) {
	tb.Helper()
	var err error
	w.server.Certificate, err = web.OwnCertificate(tb.TempDir(), nil, w.server.Log)
	if err != nil {
		tb.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w.operator.URL, w.operator.Pin = "https://"+ln.Addr().String(), w.server.Certificate.Pin()
	w.server.URL, w.server.Pin = w.operator.URL, w.operator.Pin
	serveInBackground(tb, func(ctx context.Context) error { return w.server.Serve(ctx, ln) })
}

// serveInBackground runs a Serve until the test ends.
func serveInBackground(tb testing.TB, serve func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
}

// client is an operator in this process.
func (w *world) client() *web.OperatorClient {
	return &web.OperatorClient{Transport: web.InProcess(w.operator.Handler())}
}

// phone enrols a terminal over the network.
func (w *world) phone(tb testing.TB, user string) *phone.Phone {
	tb.Helper()
	e, err := w.client().Enrol(tb.Context(), user, time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return enrolled(tb, e.Link, user+"'s terminal")
}

// enrolled enrols a terminal with a link.
func enrolled(tb testing.TB, link, name string) *phone.Phone {
	tb.Helper()
	p, err := phone.Enrol(tb.Context(), link, name)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// typed is an empty passcode, as PAP brings it.
type typed string

func (p typed) Equal(c string) bool  { return string(p) == c }
func (p typed) Text() (string, bool) { return string(p), true }

// login starts a login by push and returns its verdict.
func (w *world) login(tb testing.TB, user string) <-chan login.Verdict {
	verdict := make(chan login.Verdict, 1)
	ctx := tb.Context()
	go func() {
		v, err := w.engine.Login(ctx, login.Attempt{User: user, Client: "vpn", Station: "198.51.100.7",
			Passcode: typed(""), Received: time.Now(), Request: rand.Text()})
		if err != nil && ctx.Err() == nil {
			tb.Error(err)
		}
		verdict <- v
	}()
	return verdict
}

// A raw device signs what it is told to.
type raw struct {
	transport http.RoundTripper
	id        string
	key       *ecdsa.PrivateKey
	token     otp.Token
}

// raw enrols a device in this process.
func (w *world) raw(tb testing.TB, user string) *raw {
	tb.Helper()
	code, err := w.engine.NewEnrolment(tb.Context(), user, "", time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	d := &raw{transport: web.InProcess(w.handler), key: key}
	var out wire.Enrolled
	got := d.enrol(tb, wire.Enrolment{Code: code, Key: spki(tb, key), Name: user + "'s device", Kind: "native"})
	got.want(tb, 200).decode(tb, &out)
	d.id = out.Device
	d.token = otp.Token{Secret: out.OTP.Secret, Algorithm: otp.SHA256, Digits: out.OTP.Digits, Period: time.Duration(out.OTP.Period) * time.Second}
	return d
}

func spki(tb testing.TB, key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func (d *raw) enrol(tb testing.TB, in wire.Enrolment) got {
	r := request(tb, "POST", wire.PathEnrol, encode(tb, in))
	return do(tb, d.transport, r)
}

func (d *raw) otp() string { return d.token.Code(d.token.Step(time.Now())) }

// send signs and sends a request. Body is JSON, a []byte as it is, or nil.
func (d *raw) send(tb testing.TB, method, path string, body any) got {
	tb.Helper()
	return do(tb, d.transport, d.sign(tb, wire.NewStamp(d.id), request(tb, method, path, encode(tb, body))))
}

func (d *raw) sign(tb testing.TB, s wire.Stamp, r *http.Request) *http.Request {
	tb.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		tb.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	signature, err := wire.Sign(d.key, s.Message(r.Method, r.URL.RequestURI(), body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Authorization", s.Authorization(signature))
	return r
}

// answer signs a decision on what was shown, and sends it.
func (d *raw) answer(tb testing.TB, c wire.Challenge, decision push.Outcome, otp string) got {
	tb.Helper()
	return d.send(tb, "POST", wire.PathAnswer(c.ID), d.answerBody(tb, c, decision, otp))
}

func (d *raw) answerBody(tb testing.TB, c wire.Challenge, decision push.Outcome, otp string) wire.Answer {
	tb.Helper()
	signature, err := wire.Sign(d.key, push.Statement(c.ID, decision, "", []byte(c.Shown)))
	if err != nil {
		tb.Fatal(err)
	}
	a := wire.Answer{Decision: "deny", OTP: otp, Signature: base64.RawURLEncoding.EncodeToString(signature)}
	switch decision {
	case push.Approved:
		a.Decision = "approve"
	case push.DeniedNotMe:
		a.Reason = "not-me"
	case push.DeniedMistake:
		a.Reason = "mistake"
	}
	return a
}

// open waits until the device is asked, and returns the challenge.
func (d *raw) open(tb testing.TB) wire.Challenge {
	tb.Helper()
	empty := d.send(tb, "GET", wire.PathChallenges, nil).want(tb, 200)
	var out wire.Challenges
	if empty.decode(tb, &out); len(out.Challenges) == 0 {
		d.poll(tb, empty.header.Get("ETag"), 30).want(tb, 200).decode(tb, &out)
	}
	if len(out.Challenges) != 1 {
		tb.Fatalf("%d challenges are open, want 1", len(out.Challenges))
	}
	return out.Challenges[0]
}

func (d *raw) poll(tb testing.TB, etag string, wait int) got {
	tb.Helper()
	r := request(tb, "GET", wire.PathChallenges, nil)
	r.Header.Set("If-None-Match", etag)
	r.Header.Set("Prefer", fmt.Sprintf("wait=%d", wait))
	return do(tb, d.transport, d.sign(tb, wire.NewStamp(d.id), r))
}

func encode(tb testing.TB, body any) []byte {
	tb.Helper()
	switch b := body.(type) {
	case nil:
		return nil
	case []byte:
		return b
	}
	b, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func request(tb testing.TB, method, path string, body []byte) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, "https://radpush.example"+path, bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// got is what the server answered.
type got struct {
	status int
	header http.Header
	body   string
}

func do(tb testing.TB, transport http.RoundTripper, r *http.Request) got {
	tb.Helper()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, string(b)}
}

func (g got) want(tb testing.TB, status int) got {
	tb.Helper()
	if g.status != status {
		tb.Fatalf("status %d, want %d: %s", g.status, status, g.body)
	}
	return g
}

func (g got) decode(tb testing.TB, out any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(g.body), out); err != nil {
		tb.Fatalf("%v: %s", err, g.body)
	}
}

// problem checks that the answer is a problem of a type.
func (g got) problem(tb testing.TB, status int, kind string) wire.Problem {
	tb.Helper()
	var p wire.Problem
	g.want(tb, status).decode(tb, &p)
	if p.Type != kind || p.Status != status || g.header.Get("Content-Type") != "application/problem+json" {
		tb.Fatalf("problem %q, want %q: %s", p.Type, kind, g.body)
	}
	return p
}

// result checks what became of an answer.
func (g got) result(tb testing.TB, want push.Result) {
	tb.Helper()
	var a wire.Answered
	g.want(tb, 200).decode(tb, &a)
	if a.Result != string(want) || a.Text == "" {
		tb.Fatalf("result %q with text %q, want %q", a.Result, a.Text, want)
	}
}

// logged is a log that tests read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// decode returns the id of a device as operators see it.
func decode(tb testing.TB, id string) string {
	tb.Helper()
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// A silentBell rings nobody.
type silentBell struct{}

func (silentBell) Ring(context.Context, push.Device, push.Challenge) error     { return nil }
func (silentBell) Withdraw(context.Context, push.Device, push.Challenge) error { return nil }
