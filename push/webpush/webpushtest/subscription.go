package webpushtest

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Subscription is a browser that has subscribed for one application server's key. It
// is made by Service.Subscribe.
type Subscription struct {
	Endpoint string

	service *Service
	id      string
	server  []byte           // the application server's public key
	key     *ecdh.PrivateKey // the browser's
	auth    []byte

	mu      sync.Mutex
	posts   []Post
	next    []http.HandlerFunc
	waiting []Message
	arrived chan struct{} // has one token if a message has come since Receive looked
}

// A Post is a request as it reached the service, however it was answered.
type Post struct {
	Time   time.Time
	Proto  string // "HTTP/2.0"
	Header http.Header
	Body   []byte // still encrypted
}

// A Message is what a browser got.
type Message struct {
	TTL     time.Duration
	Topic   string
	Urgency string
	Text    []byte // decrypted

	at     time.Time
	record []byte
}

// Subscribe is PushManager.subscribe in a browser, with an applicationServerKey in
// base64url without padding.
func (s *Service) Subscribe(applicationServerKey string) (*Subscription, error) {
	server, err := base64.RawURLEncoding.DecodeString(applicationServerKey)
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(server)
	}
	if err != nil {
		return nil, fmt.Errorf("webpushtest: applicationServerKey: %w", err)
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("webpushtest: make key: %w", err)
	}
	b := &Subscription{service: s, id: rand.Text(), server: server, key: key, auth: make([]byte, 16), arrived: make(chan struct{}, 1)}
	rand.Read(b.auth)
	b.Endpoint = s.Origin + "/push/" + b.id
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions[b.id] = b
	return b, nil
}

// Unsubscribe ends the subscription: from now on the service does not know it.
func (b *Subscription) Unsubscribe() {
	b.service.mu.Lock()
	defer b.service.mu.Unlock()
	delete(b.service.subscriptions, b.id)
}

// Token returns what JSON.stringify makes of the PushSubscription.
func (b *Subscription) Token() string {
	token, err := json.Marshal(map[string]any{
		"endpoint":       b.Endpoint,
		"expirationTime": nil,
		"keys":           map[string]string{"p256dh": encode(b.key.PublicKey().Bytes()), "auth": encode(b.auth)},
	})
	if err != nil {
		panic(err) // there is nothing in it that has no JSON
	}
	return string(token)
}

// Next says what the next requests get in place of the service's own answer.
func (b *Subscription) Next(answers ...http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = append(b.next, answers...)
}

// Posts returns the requests so far.
func (b *Subscription) Posts() []Post {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.posts)
}

// posted notes a request and returns what Next has for it.
func (b *Subscription) posted(p Post) (instead http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posts = append(b.posts, p)
	if len(b.next) > 0 {
		instead, b.next = b.next[0], b.next[1:]
	}
	return instead
}

// deliver keeps a message for the browser, in place of one with its topic (RFC 8030,
// section 5.4).
func (b *Subscription) deliver(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = slices.DeleteFunc(b.waiting, func(old Message) bool { return m.Topic != "" && old.Topic == m.Topic })
	b.waiting = append(b.waiting, m)
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// Receive waits for the next message whose TTL has not passed, and decrypts it.
func (b *Subscription) Receive(ctx context.Context) (Message, error) {
	for {
		if m, ok := b.take(); ok {
			var err error
			m.Text, err = Decrypt(b.key, b.auth, m.record)
			return m, err
		}
		select {
		case <-b.arrived:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("webpushtest: receive: %w", ctx.Err())
		}
	}
}

func (b *Subscription) take() (m Message, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 {
		m, b.waiting = b.waiting[0], b.waiting[1:]
		if time.Since(m.at) <= m.TTL {
			return m, true
		}
	}
	return Message{}, false
}
