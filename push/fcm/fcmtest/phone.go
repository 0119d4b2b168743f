package fcmtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Phone has the app. It is made by Service.Register.
type Phone struct {
	Token string

	mu      sync.Mutex
	left    bool
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
	Body   []byte
}

// A Message is what an app gets.
type Message struct {
	Token       string
	Data        map[string]string
	Priority    string // "high", "normal"
	TTL         time.Duration
	CollapseKey string

	at time.Time
}

// Register installs the app on another phone.
func (s *Service) Register() *Phone {
	p := &Phone{Token: rand.Text()[:22] + ":APA91b" + strings.Repeat(rand.Text(), 5), arrived: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phones[p.Token] = p
	return p
}

// Unregister removes the app from the phone.
func (p *Phone) Unregister() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = true
}

func (p *Phone) removed() bool {
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

// deliver keeps a message for the app, in place of one with its collapse key.
func (p *Phone) deliver(m Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.at = time.Now()
	p.waiting = slices.DeleteFunc(p.waiting, func(old Message) bool { return m.CollapseKey != "" && old.CollapseKey == m.CollapseKey })
	p.waiting = append(p.waiting, m)
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}

// Receive waits for the next message whose TTL has not passed.
func (p *Phone) Receive(ctx context.Context) (Message, error) {
	for {
		if m, ok := p.take(); ok {
			return m, nil
		}
		select {
		case <-p.arrived:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("fcmtest: receive: %w", ctx.Err())
		}
	}
}

func (p *Phone) take() (m Message, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > 0 {
		m, p.waiting = p.waiting[0], p.waiting[1:]
		if time.Since(m.at) < m.TTL {
			return m, true
		}
	}
	return Message{}, false
}

const (
	weeks4  = 28 * 24 * time.Hour
	maxData = 4096 // octets, of keys and values
)

var durations = regexp.MustCompile(`^[0-9]{1,7}(\.[0-9]{1,9})?s$`)

// A fault is what is wrong with a field; the zero one is none.
type fault struct{ field, text string }

// parse reads the body of messages:send.
func parse(body []byte) (Message, fault) {
	var b struct {
		Message struct {
			Token   string
			Data    map[string]string
			Android struct {
				Priority    string
				TTL         string `json:"ttl"`
				CollapseKey string `json:"collapse_key"`
			}
		}
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return Message{}, fault{"message", "Invalid JSON payload received"}
	}
	a := b.Message.Android
	m := Message{Token: b.Message.Token, Data: b.Message.Data, Priority: a.Priority, CollapseKey: a.CollapseKey, TTL: weeks4}
	if m.Token == "" {
		return m, fault{"message", "Recipient of the message is not set."}
	}
	size := 0
	for key, value := range m.Data {
		size += len(key) + len(value)
		if key == "from" || key == "message_type" || strings.HasPrefix(key, "google") || strings.HasPrefix(key, "gcm") {
			return m, fault{"message.data", "Invalid data payload key: " + key}
		}
	}
	if size > maxData {
		return m, fault{"message", "Android message is too big"}
	}
	if m.Priority != "" && m.Priority != "high" && m.Priority != "normal" {
		return m, fault{"message.android.priority", "Invalid value"}
	}
	if a.TTL != "" {
		ttl, err := time.ParseDuration(a.TTL)
		if err != nil || !durations.MatchString(a.TTL) || ttl > weeks4 {
			return m, fault{"message.android.ttl", "Invalid value"}
		}
		m.TTL = ttl
	}
	return m, fault{}
}
