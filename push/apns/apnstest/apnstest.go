// Package apnstest is the Apple Push Notification service and the phones that it reaches, for
// tests and demonstrations. It takes notifications over HTTP/2 and is as strict as Apple says
// that Apple is. It shares no code with what it is to judge:
//
//	s, err := apnstest.Start(listener, "")
//	s.Key, s.KeyID, s.TeamID, s.Topic // what a developer gets from Apple
//	phone := s.Register()
//	phone.Token                       // what the app gets from its phone
//	phone.Next(handler…)              // what goes wrong, one request each
//	phone.Receive(ctx)                // what the app gets
//
// A phone is off line until it calls Receive. Notifications wait for it until they expire,
// and of those with one apns-collapse-id the newest alone.
package apnstest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"radpush/push/standin"
)

// A Service is the push service over TLS, with one developer account and one app.
type Service struct {
	*standin.Server

	Key    []byte // the .p8 file
	KeyID  string
	TeamID string
	Topic  string // bundle ID of the app

	public *ecdsa.PublicKey

	mu      sync.Mutex
	phones  map[string]*Phone    // by token
	bearers map[string]time.Time // provider tokens, and when each was first seen
}

// Start serves on a listener until Close. The origin is what clients call it; "" stands for
// the listener's address.
func Start(l net.Listener, origin string) (*Service, error) {
	server, err := standin.New(l, origin)
	if err != nil {
		return nil, err
	}
	s := &Service{
		Server: server,
		KeyID:  "ABC123DEFG", TeamID: "DEF123GHIJ", Topic: "com.example.signin",
		phones: make(map[string]*Phone), bearers: make(map[string]time.Time),
	}
	if err := s.makeKey(); err != nil {
		return nil, fmt.Errorf("apnstest: make key: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/3/device/{token}", s.push)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "BadPath") })
	only := new(http.Protocols)
	only.SetHTTP2(true)
	s.Serve(&http.Server{Handler: mux, Protocols: only, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000}})
	return s, nil
}

// makeKey makes the key of the developer account.
func (s *Service) makeKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	s.public = &key.PublicKey
	s.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return nil
}

func (s *Service) push(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		return // the client hung up
	}
	s.mu.Lock()
	phone := s.phones[r.PathValue("token")]
	s.mu.Unlock()
	if phone != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if instead := phone.posted(Post{Time: time.Now(), Proto: r.Proto, Header: r.Header, Body: body}); instead != nil {
			instead(w, r)
			return
		}
	}
	n, status, reason := s.read(r, body, phone)
	switch {
	case status == http.StatusGone:
		gone(w, phone.removed())
	case reason != "":
		refuse(w, status, reason)
	default:
		phone.deliver(n)
		w.Header().Set("apns-id", n.ID)
		w.WriteHeader(http.StatusOK)
	}
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"reason": reason})
}

// gone says since when a token is not good any more, in milliseconds.
func gone(w http.ResponseWriter, since time.Time) {
	w.WriteHeader(http.StatusGone)
	json.NewEncoder(w).Encode(map[string]any{"reason": "Unregistered", "timestamp": since.UnixMilli()})
}

// Refuse is an answer with a reason.
func Refuse(status int, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, reason) }
}

// GoAway answers 503 and closes the connection by a GOAWAY frame (RFC 9113, section 6.8), as
// a server does that shuts down.
func GoAway(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	refuse(w, http.StatusServiceUnavailable, "Shutdown")
}
