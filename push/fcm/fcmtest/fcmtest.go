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
	"crypto/rand"
	"crypto/rsa"
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

// A Service is FCM and OAuth at one origin, with one Firebase project.
type Service struct {
	*standin.Server
	Credentials []byte // JSON of a service account

	account account

	mu     sync.Mutex
	phones map[string]*Phone    // by token
	access map[string]time.Time // access tokens, and when each expires
	asked  int                  // access tokens asked for
	next   []http.HandlerFunc   // of the OAuth server
}

// Start serves on a listener until Close. The origin is what clients call it; "" stands for
// the listener's address.
func Start(l net.Listener, origin string) (*Service, error) {
	server, err := standin.New(l, origin)
	if err != nil {
		return nil, err
	}
	s := &Service{Server: server, phones: make(map[string]*Phone), access: make(map[string]time.Time)}
	if err := s.makeAccount(); err != nil {
		return nil, fmt.Errorf("fcmtest: make service account: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", s.send)
	s.Serve(&http.Server{Handler: mux, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100}})
	return s, nil
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
