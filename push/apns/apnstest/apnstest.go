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
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// A Service is the push service over TLS, with one developer account and one app.
type Service struct {
	Origin  string         // "https://127.0.0.1:40123"
	RootCAs *x509.CertPool // whom to trust to believe its certificate

	Key    []byte // the .p8 file
	KeyID  string
	TeamID string
	Topic  string // bundle ID of the app

	public *ecdsa.PublicKey
	server http.Server
	served sync.WaitGroup

	mu      sync.Mutex
	phones  map[string]*Phone    // by token
	bearers map[string]time.Time // provider tokens, and when each was first seen
}

// Start serves on a listener until Close. The origin is what clients call it; "" stands for
// the listener's address.
func Start(l net.Listener, origin string) (*Service, error) {
	if origin == "" {
		origin = "https://" + l.Addr().String()
	}
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("apnstest: origin: %w", err)
	}
	pair, err := certificate(u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("apnstest: make certificate: %w", err)
	}
	s := &Service{
		Origin: origin, RootCAs: x509.NewCertPool(),
		KeyID: "ABC123DEFG", TeamID: "DEF123GHIJ", Topic: "com.example.signin",
		phones: make(map[string]*Phone), bearers: make(map[string]time.Time),
	}
	if err := s.makeKey(); err != nil {
		return nil, fmt.Errorf("apnstest: make key: %w", err)
	}
	s.RootCAs.AddCert(pair.Leaf)
	mux := http.NewServeMux()
	mux.HandleFunc("/3/device/{token}", s.push)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "BadPath") })
	only := new(http.Protocols)
	only.SetHTTP2(true)
	s.server = http.Server{
		Handler:           mux,
		Protocols:         only,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}, // over a net.Pipe both ends would write at once
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 1000},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // broken handshakes are meant
	}
	s.served.Go(func() { s.server.ServeTLS(l, "", "") })
	return s, nil
}

// Close breaks all connections off.
func (s *Service) Close() error {
	err := s.server.Close()
	s.served.Wait()
	return err
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

func certificate(host string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: host},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		template.IPAddresses = []net.IP{addr.AsSlice()}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
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

// Hang is an answer that never comes.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Reset breaks the stream off (RFC 9113, section 5.4.2).
func Reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// GoAway answers 503 and closes the connection by a GOAWAY frame (RFC 9113, section 6.8), as
// a server does that shuts down.
func GoAway(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	refuse(w, http.StatusServiceUnavailable, "Shutdown")
}

// Body is an answer in the words of something that is not Apple.
func Body(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}
