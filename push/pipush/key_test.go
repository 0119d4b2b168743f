package pipush_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"radpush/push/pipush"
)

func publicKey(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// odd returns a modulus that nobody can factor, and nobody needs to here.
func odd(t testing.TB, bits int) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits)))
	if err != nil {
		t.Fatal(err)
	}
	return n.SetBit(n.SetBit(n, 0, 1), bits-1, 1)
}

func TestPush_9_1_WhatKeyAnAppMayHave(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	even := odd(t, 2048)
	even.SetBit(even, 0, 0)
	for _, c := range []struct {
		what string
		key  any
		ok   bool
	}{
		{"2048 bits", &rsa.PublicKey{N: odd(t, 2048), E: 65537}, true},
		{"4096 bits", &rsa.PublicKey{N: odd(t, 4096), E: 65537}, true},
		{"2047 bits", &rsa.PublicKey{N: odd(t, 2047), E: 65537}, false},
		{"1024 bits", &rsa.PublicKey{N: odd(t, 1024), E: 65537}, false},
		{"4097 bits", &rsa.PublicKey{N: odd(t, 4097), E: 65537}, false},
		{"16384 bits", &rsa.PublicKey{N: odd(t, 16384), E: 65537}, false},
		{"even", &rsa.PublicKey{N: even, E: 65537}, false},
		{"exponent 1", &rsa.PublicKey{N: odd(t, 2048), E: 1}, false},
		{"exponent 3", &rsa.PublicKey{N: odd(t, 2048), E: 3}, false},
		{"exponent 65536", &rsa.PublicKey{N: odd(t, 2048), E: 65536}, false},
		{"exponent 2^31-1", &rsa.PublicKey{N: odd(t, 2048), E: 1<<31 - 1}, false},
		{"P-256", &ec.PublicKey, false},
	} {
		if err := pipush.CheckKey(publicKey(t, c.key)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	for _, garbage := range [][]byte{nil, []byte("x"), make([]byte, 4096)} {
		if pipush.CheckKey(garbage) == nil || pipush.Verify(garbage, "x", garbage) {
			t.Errorf("%.10q is a key", garbage)
		}
	}
}

func TestVerify(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	spki := publicKey(t, &key.PublicKey)
	sum := sha256.Sum256([]byte("N|S"))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	pss, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	if !pipush.Verify(spki, "N|S", signature) {
		t.Error("a good signature does not verify")
	}
	for what, bad := range map[string]struct {
		statement string
		signature []byte
	}{
		"another statement": {"N|S|decline", signature}, "PSS": {"N|S", pss}, "nothing": {"N|S", nil},
		"one octet more": {"N|S", append(signature[:len(signature):len(signature)], 0)}, "none": {"N|S", make([]byte, 256)},
	} {
		if pipush.Verify(spki, bad.statement, bad.signature) {
			t.Errorf("%s verifies", what)
		}
	}
}

// The app reads the server's key and its signatures with other libraries than ours: so does
// this test, by the bytes.
func TestPush_2_2_ChallengeAsTheAppChecksIt(t *testing.T) {
	server, err := pipush.NewServerKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := server.Public()
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil || key.N.BitLen() != 3072 {
		t.Fatalf("key: %v", err)
	}
	signed := func(said, signature string) bool {
		raw, err := base32.StdEncoding.DecodeString(signature)
		sum := sha256.Sum256([]byte(said))
		return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
	}
	q := pipush.Question{Nonce: "NONCE", URL: "https://radpush.example/pipush/C", Serial: "S", Title: "<VPN> & \u2028", Text: "User: é|\"x\"\nAddress: 2001:db8::1"}
	for _, c := range []struct {
		choices []string
		end     string
	}{{nil, ""}, {[]string{"12", "34", "56"}, "|12,34,56"}} {
		q.Choices = c.choices
		challenge, err := server.Sign(q)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := json.Marshal(challenge)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(wire, &got); err != nil {
			t.Fatal(err)
		}
		said := "NONCE|https://radpush.example/pipush/C|S|" + q.Text + "|" + q.Title + "|1" + c.end
		if !signed(said, got["signature"].(string)) {
			t.Errorf("the signature is not over %q: %s", said, wire)
		}
		if _, has := got["require_presence"]; has != (c.choices != nil) {
			t.Errorf("choices: %s", wire)
		}
		said = `{"capabilities":{"decline_reason":true},"nonce":"NONCE"}`
		if fmt.Sprint(got["capabilities"]) != "map[decline_reason:true]" || !signed(said, got["capabilities_signature"].(string)) {
			t.Errorf("the capabilities are not signed over %q: %s", said, wire)
		}
	}
}

func TestAServerKeyIsNotShown(t *testing.T) {
	key := pipush.ServerKey("secret")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key)
	for _, shown := range []string{fmt.Sprint(key), fmt.Sprintf("%+v %#v %x %s", key, key, key, struct{ K pipush.ServerKey }{key}), log.String()} {
		if strings.Contains(shown, "secret") || strings.Contains(shown, "736563") || strings.Contains(shown, "115 101") {
			t.Errorf("shown: %s", shown)
		}
	}
	if _, err := key.Public(); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("damaged: %v", err)
	}
	if _, err := key.Sign(pipush.Question{}); err == nil {
		t.Error("a damaged key signs")
	}
}

func BenchmarkSign(b *testing.B) {
	key, err := pipush.NewServerKey()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := key.Sign(pipush.Question{Nonce: "N", URL: "https://radpush.example/pipush/C", Serial: "S", Title: "VPN", Text: "alice"}); err != nil {
			b.Fatal(err)
		}
	}
}

// What a poll, and a stranger with a serial, costs.
func BenchmarkVerify(b *testing.B) {
	spki := publicKey(b, &rsa.PublicKey{N: odd(b, 4096), E: 65537})
	for b.Loop() {
		if pipush.Verify(spki, "S|2026-11-21T22:00:00Z", make([]byte, 512)) {
			b.Fatal("verifies")
		}
	}
}
