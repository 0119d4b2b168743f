package apnstest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Phone has the app. It is made by Service.Register.
type Phone struct {
	Token string // 64 hexadecimal digits

	mu      sync.Mutex
	left    time.Time // see removed
	posts   []Post
	next    []http.HandlerFunc
	waiting []Notification
	arrived chan struct{} // has one token if a notification has come since Receive looked
}

// A Post is a request as it reached the service, however it was answered.
type Post struct {
	Time   time.Time
	Proto  string // "HTTP/2.0"
	Header http.Header
	Body   []byte
}

// A Notification is what an app gets.
type Notification struct {
	ID         string
	PushType   string // "alert", "background"
	Priority   int
	CollapseID string
	Expires    time.Time
	Payload    []byte // JSON
}

// Register installs the app on another phone.
func (s *Service) Register() *Phone {
	token := make([]byte, 32)
	rand.Read(token)
	p := &Phone{Token: hex.EncodeToString(token), arrived: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phones[p.Token] = p
	return p
}

// Unregister removes the app from the phone.
func (p *Phone) Unregister() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = time.Now()
}

// removed returns when the app was removed; zero while it is there.
func (p *Phone) removed() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

// Next says what the next requests get in place of the service's own answer.
func (p *Phone) Next(answers ...http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = append(p.next, answers...)
}

// Posts returns the requests so far.
func (p *Phone) Posts() []Post {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.posts)
}

// posted notes a request and returns what Next has for it.
func (p *Phone) posted(post Post) (instead http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posts = append(p.posts, post)
	if len(p.next) > 0 {
		instead, p.next = p.next[0], p.next[1:]
	}
	return instead
}

// deliver keeps a notification for the app, in place of one with its collapse ID.
func (p *Phone) deliver(n Notification) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(old Notification) bool { return n.CollapseID != "" && old.CollapseID == n.CollapseID })
	p.waiting = append(p.waiting, n)
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}

// Receive waits for the next notification that has not expired.
func (p *Phone) Receive(ctx context.Context) (Notification, error) {
	for {
		if n, ok := p.take(); ok {
			return n, nil
		}
		select {
		case <-p.arrived:
		case <-ctx.Done():
			return Notification{}, fmt.Errorf("apnstest: receive: %w", ctx.Err())
		}
	}
}

func (p *Phone) take() (n Notification, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > 0 {
		n, p.waiting = p.waiting[0], p.waiting[1:]
		if n.Expires.IsZero() || time.Now().Before(n.Expires) {
			return n, true
		}
	}
	return Notification{}, false
}
