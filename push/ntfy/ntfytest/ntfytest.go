// Package ntfytest is an ntfy server and those who subscribe to it, for tests and
// demonstrations. It speaks over TLS as https://docs.ntfy.sh describes, is as strict, and
// answers what it refuses with ntfy's own errors. It shares no code with what it is to judge:
//
//	s, err := ntfytest.Start(listener, "")
//	s.Token = "tk_…"             // who wants to publish has to have it
//	s.Next(handler…)             // what goes wrong, one request each
//	s.Shown(topic)               // the messages that a subscriber's phone shows
//	s.Posts()                    // the requests so far
package ntfytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"radpush/push/standin"
)

// A Server is an ntfy server. Its exported fields but Origin and RootCAs may be set before the
// first request.
type Server struct {
	*standin.Server

	Token          string // of the account that may write to the topics; "": everybody may
	User, Password string // the same account
	Old            bool   // it is older than version 2.16: messages have no sequence

	mu    sync.Mutex
	posts []Post
	next  []http.HandlerFunc
	shown map[string][]Message // by topic
}

// A Post is a request as it reached the server, however it was answered.
type Post struct {
	Time   time.Time
	Method string
	Path   string
	Header http.Header
	Body   []byte
}

// Start serves on a listener until Close. The origin is what clients call it; "" stands for
// the listener's address.
func Start(l net.Listener, origin string) (*Server, error) {
	server, err := standin.New(l, origin)
	if err != nil {
		return nil, err
	}
	s := &Server{Server: server, shown: make(map[string][]Message)}
	s.Serve(&http.Server{Handler: http.HandlerFunc(s.serve)})
	return s, nil
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the client hung up
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	s.posts = append(s.posts, Post{Time: time.Now(), Method: r.Method, Path: r.URL.Path, Header: r.Header, Body: body})
	var instead http.HandlerFunc
	if len(s.next) > 0 {
		instead, s.next = s.next[0], s.next[1:]
	}
	s.mu.Unlock()
	if instead == nil {
		instead = s.answer
	}
	instead(w, r)
}

// Next says what the next requests get in place of the server's own answer.
func (s *Server) Next(answers ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, answers...)
}

// Posts returns the requests so far.
func (s *Server) Posts() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.posts)
}

// Shown returns the messages that a phone shows which subscribes to a topic.
func (s *Server) Shown(topic string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.shown[topic])
}

// Refuse is one of ntfy's errors, by its number, with header fields.
func Refuse(number int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		refuse(w, number)
	}
}

func refuse(w http.ResponseWriter, number int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(number / 100)
	json.NewEncoder(w).Encode(map[string]any{"code": number, "http": number / 100, "error": "refused", "link": "https://ntfy.sh/docs/"})
}
