package apns_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"radpush/push/apns"
)

// p8 returns the file of a key.
func p8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestParseKey(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"nothing":   nil,
		"not PEM":   []byte("secret"),
		"not a key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}),
		"P-384":     p8(t, p384), // the library would find out for itself, and send an empty provider token
		"RSA":       p8(t, rsaKey),
	} {
		t.Run(name, func(t *testing.T) {
			key, err := apns.ParseKey(file)
			if says(t, err, "apns: parse key: "); key != (apns.Key{}) {
				t.Error("there is a key")
			}
		})
	}
}

func TestKey_9_4_IsNotSaid(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := apns.ParseKey(p8(t, private))
	if err != nil {
		t.Fatal(err)
	}
	d, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r := &apns.Ringer{Key: key}
	said := new(bytes.Buffer)
	for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(said, nil)), slog.New(slog.NewTextHandler(said, nil))} {
		log.Info("start", "key", key, "of", struct{ Key apns.Key }{key})
	}
	for _, verb := range []string{"%v ", "%+v ", "%#v ", "%s ", "%x ", "%d "} {
		fmt.Fprintf(said, verb, key)
		fmt.Fprintf(said, verb, &r.Key)
		fmt.Fprintf(said, verb, r)
	}
	b, err := json.Marshal(struct{ Key apns.Key }{key})
	if err != nil {
		t.Fatal(err)
	}
	said.Write(b)
	for _, secret := range []string{fmt.Sprintf("%x", d), private.X.String(), fmt.Sprint(d), fmt.Sprintf("%X", d)} {
		if strings.Contains(said.String(), secret[:20]) {
			t.Errorf("it says %q: %s", secret, said)
		}
	}
}
