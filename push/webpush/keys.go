package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// Keys is the P-256 key pair by which push services know this server (RFC 8292, section 2).
// A browser subscribes for one public key: with other Keys nobody can be rung who
// subscribed before.
type Keys struct {
	public  string // uncompressed point, 65 octets, in base64url without padding
	private string // 32 octets, likewise
}

// Public returns what a page passes to PushManager.subscribe as applicationServerKey: the
// uncompressed point in base64url without padding, 87 characters.
func (k Keys) Public() string { return k.public }

// String names the pair by its public key.
func (k Keys) String() string       { return k.public }
func (k Keys) GoString() string     { return k.public }
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.public) }

// NewKeys makes a pair.
func NewKeys() (Keys, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Keys{}, fmt.Errorf("webpush: make keys: %w", err)
	}
	return keysOf(key)
}

func keysOf(key *ecdsa.PrivateKey) (Keys, error) {
	private, err := key.Bytes()
	if err != nil {
		return Keys{}, fmt.Errorf("webpush: encode private key: %w", err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return Keys{}, fmt.Errorf("webpush: encode public key: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return Keys{public: encode(public), private: encode(private)}, nil
}

// LoadKeys reads a pair from a PEM file (PKCS #8), or makes both, the file with mode 0600,
// if it is not there.
func LoadKeys(file string) (Keys, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(file); err == nil || errors.Is(err, fs.ErrExist) { // another process was quicker
			b, err = os.ReadFile(file)
		}
	}
	if err != nil {
		return Keys{}, fmt.Errorf("webpush: load keys: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return Keys{}, fmt.Errorf("webpush: load keys: %s is not a PEM file", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Keys{}, fmt.Errorf("webpush: load keys: %s: %w", file, err)
	}
	pair, ok := key.(*ecdsa.PrivateKey)
	if !ok || pair.Curve != elliptic.P256() {
		return Keys{}, fmt.Errorf("webpush: load keys: %s is not a P-256 key", file)
	}
	return keysOf(pair)
}

// makeKey makes the file of a key, whole or not at all, and never over another: it would
// silence every browser that has subscribed.
func makeKey(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file)
}
