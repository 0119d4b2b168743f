// Package fcmtest is Firebase Cloud Messaging, the OAuth server before it, and the phones
// that it reaches, for tests and demonstrations. It is as strict as Google says that Google
// is, and shares no code with what it is to judge:
//
//	s, err := fcmtest.Start(listener, "")
//	s.Credentials             // the file of the service account
//	s.NextToken(handler…)     // what the OAuth server does wrong, one request each
//	phone := s.Register()
//	phone.Token               // what the app gets from Google
//	phone.Next(handler…)      // what goes wrong with its messages, one request each
//	phone.Receive(ctx)        // what the app gets
//
// A phone is off line until it calls Receive. Messages wait for it as long as their TTL says.
package fcmtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
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

// A Service is FCM and OAuth at one origin, with one Firebase project.
type Service struct {
	Origin      string         // "https://127.0.0.1:40123"
	RootCAs     *x509.CertPool // whom to trust to believe its certificate
	Credentials []byte         // JSON of a service account

	account account
	server  http.Server
	served  sync.WaitGroup

	mu     sync.Mutex
	phones map[string]*Phone    // by token
	access map[string]time.Time // access tokens, and when each expires
	asked  int                  // access tokens asked for
	next   []http.HandlerFunc   // of the OAuth server
}

// Start serves on a listener until Close. The origin is what clients call it; "" stands for
// the listener's address.
func Start(l net.Listener, origin string) (*Service, error) {
	if origin == "" {
		origin = "https://" + l.Addr().String()
	}
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("fcmtest: origin: %w", err)
	}
	pair, err := certificate(u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("fcmtest: make certificate: %w", err)
	}
	s := &Service{Origin: origin, RootCAs: x509.NewCertPool(), phones: make(map[string]*Phone), access: make(map[string]time.Time)}
	if err := s.makeAccount(); err != nil {
		return nil, fmt.Errorf("fcmtest: make service account: %w", err)
	}
	s.RootCAs.AddCert(pair.Leaf)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", s.send)
	s.server = http.Server{
		Handler:           mux,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}, // over a net.Pipe both ends would write at once
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
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

// makeAccount makes the service account and its file.
func (s *Service) makeAccount() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	s.account = account{
		project: "example-signin", email: "radpush@example-signin.iam.gserviceaccount.com", tokenURL: s.Origin + "/token",
		keyID: "0123456789abcdef0123456789abcdef01234567", public: &key.PublicKey,
	}
	s.Credentials, err = json.Marshal(map[string]string{
		"type":           "service_account",
		"project_id":     s.account.project,
		"private_key_id": s.account.keyID,
		"private_key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email":   s.account.email,
		"token_uri":      s.account.tokenURL,
	})
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

const maxBody = 64 << 10 // octets

func (s *Service) send(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the client hung up
	}
	m, fault := parse(body)
	s.mu.Lock()
	phone := s.phones[m.Token]
	s.mu.Unlock()
	if phone != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if instead := phone.posted(Post{Time: time.Now(), Proto: r.Proto, Header: r.Header, Body: body}); instead != nil {
			instead(w, r)
			return
		}
	}
	switch {
	case !s.mayUse(r.Header.Values("Authorization"), time.Now()):
		refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials.", nil)
	case r.PathValue("project") != s.account.project:
		refuse(w, http.StatusForbidden, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied on resource", nil)
	case fault.field != "":
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", fault.text, map[string]any{
			"@type":           "type.googleapis.com/google.rpc.BadRequest",
			"fieldViolations": []map[string]string{{"field": fault.field, "description": fault.text}},
		})
	case phone == nil:
		Refuse(http.StatusBadRequest, "INVALID_ARGUMENT", "INVALID_ARGUMENT")(w, r)
	case phone.removed():
		Refuse(http.StatusNotFound, "NOT_FOUND", "UNREGISTERED")(w, r)
	default:
		phone.deliver(m)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{"name": "projects/" + s.account.project + "/messages/" + rand.Text()})
	}
}

func refuse(w http.ResponseWriter, code int, status, text string, detail map[string]any) {
	said := map[string]any{"code": code, "message": text, "status": status}
	if detail != nil {
		said["details"] = []any{detail}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{"error": said})
}

// Refuse is an answer of FCM: status is Google's name of the code ("NOT_FOUND"), and name
// that of the error in FCM ("UNREGISTERED"); headers are names and values in turn.
func Refuse(code int, status, name string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 1; i < len(headers); i += 2 {
			w.Header().Set(headers[i-1], headers[i])
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody))
		refuse(w, code, status, "What was sent: "+string(body), map[string]any{ // it must not get into a log
			"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": name,
		})
	}
}

// Hang is an answer that never comes.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Reset breaks the stream off (RFC 9113, section 5.4.2).
func Reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Body is an answer in the words of something that is not Google.
func Body(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}
