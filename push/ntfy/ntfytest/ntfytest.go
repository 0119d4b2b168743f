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
	"slices"
	"sync"
	"time"
)

// A Server is an ntfy server. Its exported fields but Origin and RootCAs may be set before the
// first request.
type Server struct {
	Origin  string         // "https://127.0.0.1:40123"
	RootCAs *x509.CertPool // whom to trust to believe its certificate
	PEM     []byte         // the same as a file

	Token          string // of the account that may write to the topics; "": everybody may
	User, Password string // the same account
	Old            bool   // it is older than version 2.16: messages have no sequence

	server http.Server
	served sync.WaitGroup

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
	if origin == "" {
		origin = "https://" + l.Addr().String()
	}
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("ntfytest: origin: %w", err)
	}
	pair, err := certificate(u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("ntfytest: make certificate: %w", err)
	}
	s := &Server{Origin: origin, RootCAs: x509.NewCertPool(), shown: make(map[string][]Message)}
	s.RootCAs.AddCert(pair.Leaf)
	s.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Leaf.Raw})
	s.server = http.Server{
		Handler:           http.HandlerFunc(s.serve),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}, // over a net.Pipe both ends would write at once
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // broken handshakes are meant
	}
	s.served.Go(func() { s.server.ServeTLS(l, "", "") })
	return s, nil
}

// Close breaks all connections off.
func (s *Server) Close() error {
	err := s.server.Close()
	s.served.Wait()
	return err
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

// Hang is an answer that never comes.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Reset breaks the connection off.
func Reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Body is an answer in the words of something that is not ntfy.
func Body(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		if status/100 == 3 {
			w.Header().Set("Location", body)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}
