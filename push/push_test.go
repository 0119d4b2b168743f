package push_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"radpush/push"
	"radpush/store"
	"radpush/store/storetest"
)

// errDead is what a store says after its server has crashed.
var errDead = errors.New("crashed")

// A disk is a store that is as hard on its users as it may be: it runs an update's
// function on what may have changed before it runs it again, it minds contexts and keys.
// It can crash: it dies at its crashAt-th update, which is kept or not, and says errDead
// from then on.
type disk struct {
	store.Backend

	mu      sync.Mutex
	crashAt int // 0: never
	kept    bool
	updates int
}

func (d *disk) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	d.mu.Lock()
	d.updates++
	n, at, kept := d.updates, d.crashAt, d.kept
	d.mu.Unlock()
	if at > 0 && (n > at || n == at && !kept) {
		return errDead
	}
	stale, err := d.Get(ctx, key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fn(stale)
	runtime.Gosched()
	err = d.Backend.Update(ctx, key, fn)
	if n == at && err == nil {
		return errDead
	}
	return err
}

func (d *disk) Get(ctx context.Context, key string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(key) > 1024 || !utf8.ValidString(key) {
		return nil, fmt.Errorf("%q is no key", key)
	}
	return d.Backend.Get(ctx, key)
}

// A server is a Broker on a disk, which it may share with others.
type server struct {
	*push.Broker
	disk    *disk
	ringers map[string]*ringer
}

// A ringer is a push service.
type ringer struct {
	takes time.Duration // to ring or withdraw
	fails error

	mu        sync.Mutex
	rung      []string // device IDs
	withdrawn []string
	told      push.Challenge // what was withdrawn last
}

func (r *ringer) Ring(ctx context.Context, d push.Device, _ push.Challenge) error {
	r.mu.Lock()
	r.rung = append(r.rung, d.ID)
	r.mu.Unlock()
	return r.work(ctx)
}

func (r *ringer) Withdraw(ctx context.Context, d push.Device, c push.Challenge) error {
	r.mu.Lock()
	r.told = c
	r.withdrawn = append(r.withdrawn, d.ID)
	r.mu.Unlock()
	return r.work(ctx)
}

func (r *ringer) work(ctx context.Context) error {
	select {
	case <-time.After(r.takes):
		return r.fails
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rings returns how often the services of the server were asked to ring.
func (s *server) rings() (n int) {
	for _, r := range s.ringers {
		r.mu.Lock()
		n += len(r.rung)
		r.mu.Unlock()
	}
	return n
}

// newServer returns a server on a backend; nil is a new one in memory.
func newServer(backend store.Backend) *server {
	if backend == nil {
		backend = new(storetest.Memory)
	}
	d := &disk{Backend: backend}
	s := &server{disk: d, ringers: map[string]*ringer{"apns": {}, "fcm": {}}, Broker: &push.Broker{
		Devices:    store.Table[push.Device]{Backend: d, Prefix: "device"},
		Challenges: store.Table[push.Challenge]{Backend: d, Prefix: "challenge"},
		Recent:     store.Table[push.Recent]{Backend: d, Prefix: "recent"},
		Enrolments: store.Table[push.Enrolment]{Backend: d, Prefix: "enrolment"},
		Ringers:    make(map[string]push.Ringer),
	}}
	for name, r := range s.ringers {
		s.Ringers[name] = r
	}
	return s
}

// another returns another server on the same store: a second node, or this one after a
// restart.
func (s *server) another() *server { return newServer(s.disk.Backend) }

// A phone is a device with its private key.
type phone struct {
	push.Device
	key *ecdsa.PrivateKey
}

func newKey(t testing.TB) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key, spki
}

// enrol adds a device that a service reaches, "" for one that asks for itself.
func (s *server) enrol(t testing.TB, user, service string) phone {
	t.Helper()
	key, spki := newKey(t)
	d := push.Device{User: user, Name: "phone", Kind: "native", Key: spki}
	if service != "" {
		d.Address = push.Address{Service: service, Token: rand.Text()}
	}
	d, err := s.AddDevice(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return phone{d, key}
}

func (p *phone) sign(c push.Challenge, o push.Outcome) push.Answer {
	sum := sha256.Sum256(push.Statement(c.ID, o, "", c.Shown))
	sig, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	if err != nil {
		panic(err)
	}
	return push.Answer{Challenge: c.ID, Device: p.ID, Decision: o, Signature: sig, At: time.Now()}
}

// answer answers the user's open challenge.
func (p *phone) answer(t testing.TB, s *server, o push.Outcome) push.Challenge {
	t.Helper()
	c := p.open(t, s)
	if got := p.say(t, s, c, o); got != push.Accepted {
		t.Fatalf("answer %v: %v", o, got)
	}
	return c
}

// open returns the user's open challenge.
func (p *phone) open(t testing.TB, s *server) push.Challenge {
	t.Helper()
	open, err := s.OpenFor(context.Background(), p.Device)
	if err != nil || len(open) != 1 {
		t.Fatalf("open challenges: %v, %v; want one", open, err)
	}
	return open[0]
}

// say checks and decides an answer.
func (p *phone) say(t testing.TB, s *server, c push.Challenge, o push.Outcome) push.Result {
	t.Helper()
	a := p.sign(c, o)
	if _, _, err := s.Check(context.Background(), a); err != nil {
		t.Fatal(err)
	}
	r, err := s.Decide(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const hold = 30 * time.Second

// question returns a login of alice from one gateway and station, as a new datagram.
func question() push.Question {
	return push.Question{
		User: "alice", Login: "vpn alice 192.0.2.1", Source: "vpn 192.0.2.1", Request: rand.Text(), Join: true,
		Prompt:  push.Prompt{Resource: "Example VPN", Organization: "Example <Ltd>", User: `EXAMPLE\Alice`, Started: time.Now(), IP: "192.0.2.1"},
		Expires: time.Now().Add(hold),
	}
}

// A reply is what Ask returned, and when.
type reply struct {
	push.Challenge
	err   error
	after time.Duration
}

// ask asks and returns when everybody waits: for the answer, or for the reply to be read.
func (s *server) ask(ctx context.Context, q push.Question) <-chan reply {
	done := make(chan reply, 1)
	start := time.Now()
	go func() {
		c, err := s.Ask(ctx, q)
		done <- reply{c, err, time.Since(start)}
	}()
	synctest.Wait()
	return done
}

// test runs fn with a server in a bubble of virtual time.
func test(t *testing.T, fn func(t *testing.T, s *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(nil)
		fn(t, s)
		s.Close()
	})
}
