// Package standin is what the stand-ins of push services have in common: a server over TLS with
// a certificate of its own, a network in memory, and what can go wrong with an answer. What a
// service is strict about is its own package's.
package standin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
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

// A Server answers over TLS at one origin.
type Server struct {
	Origin  string         // "https://127.0.0.1:40123"
	RootCAs *x509.CertPool // whom to trust to believe its certificate
	PEM     []byte         // the same as a file

	listener net.Listener
	tls      *tls.Config
	server   *http.Server
	served   sync.WaitGroup
}

// New makes a server for a listener. The origin is what clients call it; "" stands for the
// listener's address.
func New(l net.Listener, origin string) (*Server, error) {
	if origin == "" {
		origin = "https://" + l.Addr().String()
	}
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("standin: origin: %w", err)
	}
	pair, err := certificate(u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("standin: make certificate: %w", err)
	}
	s := &Server{
		Origin: origin, RootCAs: x509.NewCertPool(), PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Leaf.Raw}),
		listener: l,
		tls:      &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}, // over a net.Pipe both ends would write at once
	}
	s.RootCAs.AddCert(pair.Leaf)
	return s, nil
}

// Serve answers as h says, until Close. It is called once, and returns at once.
func (s *Server) Serve(h *http.Server) {
	h.TLSConfig = s.tls
	h.ReadHeaderTimeout = 10 * time.Second
	h.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // broken handshakes are meant
	s.server = h
	s.served.Go(func() { h.ServeTLS(s.listener, "", "") })
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

// Hang is an answer that never comes.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Reset breaks the stream off (RFC 9113, section 5.4.2).
func Reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Body is an answer in the words of something else that stands in the service's place.
func Body(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}
