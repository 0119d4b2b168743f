package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
)

// A Key is the private key by which Apple knows this server. It does not say itself in logs
// and errors.
type Key struct{ private *ecdsa.PrivateKey }

// ParseKey reads the .p8 file that Apple lets one download, once: PKCS #8 in PEM.
func ParseKey(p8 []byte) (Key, error) {
	block, _ := pem.Decode(p8)
	if block == nil {
		return Key{}, errors.New("apns: parse key: it is not PEM; it should be the .p8 file from Apple")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || private.Curve != elliptic.P256() { // ES256 has no other
		return Key{}, errors.New("apns: parse key: it is not a P-256 key in PKCS #8; it should be the .p8 file from Apple")
	}
	return Key{private}, nil
}

func (k Key) String() string       { return "APNs key" }
func (k Key) GoString() string     { return k.String() }
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
