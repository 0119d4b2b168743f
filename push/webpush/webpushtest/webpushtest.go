// Package webpushtest is a push service (RFC 8030) and the browsers that subscribe to it,
// for tests and demonstrations. It is as strict as the strictest of the real ones, and
// shares no code with what it is to judge:
//
//	s, err := webpushtest.Start(listener, "")
//	phone := s.Subscribe(applicationServerKey)
//	phone.Token()         // the PushSubscription, as JSON
//	phone.Next(handler…)  // what goes wrong, one request each
//	phone.Receive(ctx)    // what the browser decrypts
//
// A browser is off line until it calls Receive. Messages wait for it as long as their TTL
// says, and of those with one Topic the newest alone.
package webpushtest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"radpush/push/standin"
)

// A Service is a push service over TLS.
type Service struct {
	*standin.Server // at the origin of its endpoints

	mu            sync.Mutex
	subscriptions map[string]*Subscription // by the last part of the endpoint's path
}

// Start serves on a listener until Close. The origin is what clients call it; "" stands for
// the listener's address.
func Start(l net.Listener, origin string) (*Service, error) {
	server, err := standin.New(l, origin)
	if err != nil {
		return nil, err
	}
	s := &Service{Server: server, subscriptions: make(map[string]*Subscription)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /push/{id}", s.push)
	s.Serve(&http.Server{Handler: mux, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100}}) // as others do (RFC 9113, section 6.5.2)
	return s, nil
}

// maxBody is what a service must accept, and this one accepts no more (RFC 8030, section 7.2).
const maxBody = 4096

func (s *Service) push(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	b := s.subscriptions[r.PathValue("id")]
	s.mu.Unlock()
	if b == nil {
		refuse(w, http.StatusNotFound, "there is no such subscription")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return // the client hung up
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if instead := b.posted(Post{Time: time.Now(), Proto: r.Proto, Header: r.Header, Body: body}); instead != nil {
		instead(w, r)
		return
	}
	m, status, err := s.read(r, body, b)
	if err != nil {
		refuse(w, status, err.Error())
		return
	}
	b.deliver(m)
	w.Header().Set("TTL", strconv.Itoa(int(m.TTL/time.Second)))
	w.Header().Set("Location", s.Origin+"/message/"+rand.Text())
	w.WriteHeader(http.StatusCreated)
}

// Topics and urgencies (RFC 8030, sections 5.3 and 5.4).
var (
	topics    = regexp.MustCompile(`^[A-Za-z0-9_-]{0,32}$`)
	urgencies = regexp.MustCompile(`^(|very-low|low|normal|high)$`)
	times     = regexp.MustCompile(`^[0-9]{1,9}$`)
)

// read returns the message of a request, or the status of its refusal.
func (s *Service) read(r *http.Request, body []byte, b *Subscription) (Message, int, error) {
	ttl, topic, urgency := r.Header.Get("TTL"), r.Header.Get("Topic"), r.Header.Get("Urgency")
	switch {
	case len(body) > maxBody:
		return Message{}, http.StatusRequestEntityTooLarge, fmt.Errorf("more than %d octets", maxBody)
	case !times.MatchString(ttl): // RFC 8030, section 5.2
		return Message{}, http.StatusBadRequest, fmt.Errorf("the TTL is %q", ttl)
	case !topics.MatchString(topic):
		return Message{}, http.StatusBadRequest, fmt.Errorf("the Topic is %q", topic)
	case !urgencies.MatchString(urgency):
		return Message{}, http.StatusBadRequest, fmt.Errorf("the Urgency is %q", urgency)
	case r.Header.Get("Content-Encoding") != "aes128gcm": // RFC 8291, section 4
		return Message{}, http.StatusBadRequest, fmt.Errorf("the Content-Encoding is %q", r.Header.Get("Content-Encoding"))
	}
	if _, err := parseRecord(body); err != nil {
		return Message{}, http.StatusBadRequest, err
	}
	if status, err := authorize(r.Header.Values("Authorization"), s.Origin, b.server, time.Now()); err != nil {
		return Message{}, status, err
	}
	seconds, _ := strconv.Atoi(ttl)
	return Message{TTL: time.Duration(seconds) * time.Second, Topic: topic, Urgency: urgency, at: time.Now(), record: body}, 0, nil
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"reason": reason})
}

// Status is a bare answer; headers are names and values in turn.
func Status(status int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 1; i < len(headers); i += 2 {
			w.Header().Set(headers[i-1], headers[i])
		}
		w.WriteHeader(status)
	}
}

// HTML is the answer of something that stands before the service.
func HTML(status int, page string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		io.WriteString(w, page)
	}
}

var encode = base64.RawURLEncoding.EncodeToString
