package pipush

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
)

// How long a key of an app may be, in bits. The app makes 4,096; what is longer would only
// cost the server time.
const (
	minBits = 2048
	maxBits = 4096
)

// serverBits is how long a server's key is. One that lives as long as a phone should be good
// beyond 2030 (NIST SP 800-57, part 1, section 5.6.3).
const serverBits = 3072

// CheckKey says why SubjectPublicKeyInfo in DER is not a key that an app may have.
func CheckKey(spki []byte) error {
	_, err := parseKey(spki)
	return err
}

func parseKey(spki []byte) (*rsa.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("pipush: read key: %w", err)
	}
	k, ok := key.(*rsa.PublicKey)
	switch {
	case !ok:
		return nil, errors.New("pipush: not an RSA key")
	case k.N.BitLen() < minBits || k.N.BitLen() > maxBits || k.N.Bit(0) == 0:
		return nil, fmt.Errorf("pipush: not an RSA key of %d to %d bits", minBits, maxBits)
	case k.E != 65537: // the app has no other; a small one is risky, a large one slow
		return nil, errors.New("pipush: the exponent of the RSA key is not 65537")
	}
	return k, nil
}

// Verify reports whether a signature is that of an app's key (see CheckKey) over a statement.
func Verify(spki []byte, statement string, signature []byte) bool {
	key, err := parseKey(spki)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(statement))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
}

// A ServerKey is the private key by which one app knows the server: DER of RSAPrivateKey (RFC
// 8017, appendix A.1.2). It is a secret.
type ServerKey []byte

// NewServerKey makes a key, which takes some tenths of a second.
func NewServerKey() (ServerKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, serverBits)
	if err != nil {
		return nil, fmt.Errorf("pipush: make key: %w", err)
	}
	return x509.MarshalPKCS1PrivateKey(key), nil
}

func (k ServerKey) parse() (*rsa.PrivateKey, error) {
	key, err := x509.ParsePKCS1PrivateKey(k)
	if err != nil {
		return nil, errors.New("pipush: the server's key is damaged")
	}
	return key, nil
}

// Public returns the public half as the app reads it: base64 of DER RSAPublicKey (RFC 8017,
// appendix A.1.1).
func (k ServerKey) Public() (string, error) {
	key, err := k.parse()
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&key.PublicKey)), nil
}

// String keeps the key out of logs, as LogValue and Format do.
func (k ServerKey) String() string                { return "RSA private key" }
func (k ServerKey) LogValue() slog.Value          { return slog.StringValue(k.String()) }
func (k ServerKey) Format(s fmt.State, verb rune) { fmt.Fprint(s, k.String()) }

// sign returns a signature as the app reads it.
func sign(key *rsa.PrivateKey, statement string) (string, error) {
	sum := sha256.Sum256([]byte(statement))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("pipush: sign: %w", err)
	}
	return base32.StdEncoding.EncodeToString(signature), nil
}
