package fcm

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/url"

	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
)

// scope is what the access token is good for: to send messages, and nothing else that the
// service account may do.
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// Credentials are those of a service account of a Firebase project. They do not say their
// key in logs and errors.
type Credentials struct {
	project string
	config  *jwt.Config
}

// ParseCredentials reads the JSON file that one gets from the Firebase console: project
// settings, service accounts, generate new private key.
func ParseCredentials(file []byte) (Credentials, error) {
	var f struct {
		Type      string `json:"type"`
		ProjectID string `json:"project_id"`
	}
	fault := func(text string) (Credentials, error) {
		return Credentials{}, errors.New("fcm: parse credentials: " + text)
	}
	if json.Unmarshal(file, &f) != nil {
		return fault("it is not JSON; it should be the file of a service account")
	}
	if f.Type != "service_account" { // other types make Google's library read files and run programs
		return fault("it is not the file of a service account")
	}
	config, err := google.JWTConfigFromJSON(file, scope)
	if err != nil {
		return fault("it is not the file of a service account")
	}
	if f.ProjectID == "" || url.PathEscape(f.ProjectID) != f.ProjectID {
		return fault("it has no project_id")
	}
	if config.Email == "" {
		return fault("it has no client_email")
	}
	if u, err := url.Parse(config.TokenURL); err != nil || u.Scheme != "https" || u.Host == "" {
		return fault("its token_uri is not an https URL")
	}
	if !isRSA(config.PrivateKey) {
		return fault("its private_key is not an RSA key")
	}
	return Credentials{project: f.ProjectID, config: config}, nil
}

// isRSA reports whether a text is an RSA key (PKCS #8 in PEM).
func isRSA(text []byte) bool {
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	_, ok := key.(*rsa.PrivateKey)
	return err == nil && ok
}

// String names the project.
func (c Credentials) String() string       { return "service account of " + c.project }
func (c Credentials) GoString() string     { return c.String() }
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }
