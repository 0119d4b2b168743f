package page_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
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
	"radpush/web/wire"
)

// A world is a server as devices see it, with all that stands behind it, on a store in memory.
type world struct {
	broker  *push.Broker
	engine  *login.Engine
	server  *web.Server
	address string // host and port, which stay the same when the server is stopped and started
	log     *logged

	stop func() // the server, when it runs
}

// newWorld returns a world with the users alice and bob whose server runs until the test ends.
// Change, if it is not nil, may change the world before the server starts.
func newWorld(t *testing.T, change func(*world)) *world {
	memory := new(storetest.Memory)
	w := &world{log: new(logged)}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.broker = &push.Broker{
		Devices:    store.Table[push.Device]{Backend: memory, Prefix: "device"},
		Challenges: store.Table[push.Challenge]{Backend: memory, Prefix: "challenge"},
		Recent:     store.Table[push.Recent]{Backend: memory, Prefix: "recent"},
		Enrolments: store.Table[push.Enrolment]{Backend: memory, Prefix: "enrolment"},
		Ringers:    map[string]push.Ringer{},
		Log:        log,
	}
	t.Cleanup(w.broker.Close)
	w.engine = &login.Engine{
		Users:    store.Table[login.User]{Backend: memory, Prefix: "user"},
		Stock:    &login.Stock{Tokens: store.Table[login.StockToken]{Backend: memory, Prefix: "stock"}},
		Hasher:   &password.Hasher{},
		Activity: &login.Journal{Rows: store.Table[login.Row]{Backend: memory, Prefix: "activity"}},
		Push:     w.broker,
		Devices:  w.broker,
		Clients: map[string]login.Client{
			"vpn":   {Name: "vpn", Resource: "Example VPN", Hold: time.Minute},
			"wifi":  {Name: "wifi", Resource: "Staff Wi-Fi", Hold: time.Minute},
			"brief": {Name: "brief", Resource: "Example VPN", Hold: 4 * time.Second},
		},
		Window:       otp.Window{Behind: 1, Ahead: 1, Outer: 40},
		Organization: "Example Ltd",
		SelfService:  true,
		Log:          log,
	}
	for _, user := range []string{"alice", "bob"} {
		if _, err := w.engine.AddUser(t.Context(), user); err != nil {
			t.Fatal(err)
		}
	}
	w.server = &web.Server{Engine: w.engine, Push: w.broker, Organization: "Example Ltd", Log: log}
	var err error
	if w.server.Certificate, err = web.OwnCertificate(t.TempDir(), nil, log); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(w)
	}
	w.address = anyPort
	w.start(t)
	t.Cleanup(func() { w.stop() })
	return w
}

const anyPort = "localhost:0"

func (w *world) start(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	if w.address == anyPort {
		w.address = fmt.Sprintf("localhost:%d", ln.Addr().(*net.TCPAddr).Port)
	}
	w.server.URL, w.server.Pin = w.origin(), w.server.Certificate.Pin()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.server.Serve(ctx, ln) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (w *world) origin() string { return "https://" + w.address }

// link returns a new enrolment link for a user.
func (w *world) link(t *testing.T, user string) string {
	t.Helper()
	code, err := w.engine.NewEnrolment(t.Context(), user, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return wire.EnrolLink{URL: w.origin(), Code: code, Pin: w.server.Certificate.Pin()}.String()
}

// devices returns the devices of a user, as the server knows them.
func (w *world) devices(t *testing.T, user string) []push.Device {
	t.Helper()
	devices, err := w.broker.DevicesOf(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return devices
}

// A result is what became of a login, and when.
type result struct {
	login.Verdict
	at time.Time
}

// login starts a login by push at a client and returns what becomes of it.
func (w *world) login(t *testing.T, user, client string) <-chan result {
	t.Helper()
	results := make(chan result, 1)
	ctx := t.Context()
	go func() {
		v, err := w.engine.Login(ctx, login.Attempt{User: user, Client: client, Station: rand.Text(),
			Passcode: typed(""), From: netip.MustParseAddr("203.0.113.7"), Received: time.Now(), Request: rand.Text()})
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		results <- result{v, time.Now()}
	}()
	return results
}

// want waits for a login's end and checks it.
func want(t *testing.T, results <-chan result, outcome login.Outcome, reason login.Reason) result {
	t.Helper()
	select {
	case r := <-results:
		if r.Outcome != outcome || r.Reason != reason {
			t.Errorf("the login ended with outcome %d, %q; want %d, %q", r.Outcome, r.Reason, outcome, reason)
		}
		return r
	case <-time.After(patience):
		t.Fatalf("the login has not ended after %v", patience)
		return result{}
	}
}

// pin is the certificate's, as Chromium takes it.
func (w *world) pin() string { return base64.StdEncoding.EncodeToString(w.server.Certificate.Pin()) }

// typed is an empty passcode, as PAP brings it.
type typed string

func (p typed) Equal(c string) bool  { return string(p) == c }
func (p typed) Text() (string, bool) { return string(p), true }

// logged is a log that a test reads when it has failed.
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
