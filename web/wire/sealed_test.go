package wire_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"radpush/web/wire"
)

const sealedFor = "YWxpY2UvQUFBQQ" // a device's id

// asked is a challenge with a time that JSON keeps.
func asked() wire.Challenge {
	return wire.Challenge{ID: "6CZJ4WDNPBZL5ZRJLQXRT2TW3A", Expires: time.Date(2026, 7, 1, 12, 0, 30, 0, time.UTC),
		Shown: "{\"resource\":\"Example VPN\",\"user\":\"EXAMPLE\\\\Älice <&>\u2028\",\"numbers\":[\"47\",\"11\",\"83\"]}"}
}

// sealingKey returns a key of a device, and its public half as the API takes it.
func sealingKey(tb testing.TB, curve ecdh.Curve) (*ecdh.PrivateKey, []byte) {
	tb.Helper()
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key, spki(tb, key.PublicKey())
}

func spki(tb testing.TB, public any) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func sealed(tb testing.TB, key []byte, c wire.Challenge) []byte {
	tb.Helper()
	b, err := wire.Seal(key, sealedFor, c)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestSeal_9_4_TheDeviceReadsExactlyWhatIsAsked(t *testing.T) {
	key, public := sealingKey(t, ecdh.P256())
	c := asked()
	first, second := sealed(t, public, c), sealed(t, public, c)
	if bytes.Equal(first, second) || bytes.Contains(first, []byte("Example")) {
		t.Errorf("sealed as %x and %x", first, second)
	}
	for _, b := range [][]byte{first, second} {
		if got, err := wire.Unseal(key, sealedFor, b); err != nil || got != c {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestSeal_9_4_NobodyElseReadsIt(t *testing.T) {
	key, public := sealingKey(t, ecdh.P256())
	other, _ := sealingKey(t, ecdh.P256())
	p384, _ := sealingKey(t, ecdh.P384())
	b := sealed(t, public, asked())
	for name, try := range map[string]func() (wire.Challenge, error){
		"another key":     func() (wire.Challenge, error) { return wire.Unseal(other, sealedFor, b) },
		"another curve":   func() (wire.Challenge, error) { return wire.Unseal(p384, sealedFor, b) },
		"another device":  func() (wire.Challenge, error) { return wire.Unseal(key, "YWxpY2UvQUFBQg", b) },
		"no device":       func() (wire.Challenge, error) { return wire.Unseal(key, "", b) },
		"nothing":         func() (wire.Challenge, error) { return wire.Unseal(key, sealedFor, nil) },
		"the key alone":   func() (wire.Challenge, error) { return wire.Unseal(key, sealedFor, b[:65]) },
		"the last is cut": func() (wire.Challenge, error) { return wire.Unseal(key, sealedFor, b[:len(b)-1]) },
		"one too many":    func() (wire.Challenge, error) { return wire.Unseal(key, sealedFor, append(slices.Clip(b), 0)) },
	} {
		if c, err := try(); err == nil || c != (wire.Challenge{}) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for i := range b {
		b[i] ^= 1
		if c, err := wire.Unseal(key, sealedFor, b); err == nil || c != (wire.Challenge{}) {
			t.Errorf("octet %d changed: %+v, %v", i, c, err)
		}
		b[i] ^= 1
	}
}

// Who seals need not be the server: what comes out is looked at like anything from strangers.
func TestSeal_9_4_WhatIsNoChallengeIsRefused(t *testing.T) {
	key, public := sealingKey(t, ecdh.P256())
	for _, id := range []string{"", "../../device", "a/b", "a?b", strings.Repeat("x", 65), "x\n"} {
		c := asked()
		c.ID = id
		if got, err := wire.Unseal(key, sealedFor, sealed(t, public, c)); err == nil {
			t.Errorf("%q: %+v", id, got)
		}
	}
}

// Its length does not tell a short name from a long one.
func TestSeal_9_4_TheLengthTellsNothing(t *testing.T) {
	_, public := sealingKey(t, ecdh.P256())
	for _, row := range []struct{ shown, octets int }{
		{0, 1024}, {700, 1024}, {1500, 2048},
	} {
		c := asked()
		c.Shown = strings.Repeat("x", row.shown)
		if n := len(sealed(t, public, c)); n != 65+row.octets+16 {
			t.Errorf("with %d octets shown, it is %d long", row.shown, n)
		}
	}
}

func TestSeal_9_4_AKeyOfAnotherKindIsRefused(t *testing.T) {
	_, good := sealingKey(t, ecdh.P256())
	_, p384 := sealingKey(t, ecdh.P384())
	_, x25519 := sealingKey(t, ecdh.X25519())
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{
		"none": nil, "P-384": p384, "X25519": x25519, "RSA": spki(t, &big.PublicKey),
		"cut": good[:len(good)-1], "more": append(slices.Clip(good), 0), "the point alone": good[len(good)-65:],
		"not on the curve": append(slices.Clone(good[:len(good)-1]), ^good[len(good)-1]),
	} {
		if b, err := wire.Seal(key, sealedFor, asked()); err == nil {
			t.Errorf("%s: sealed as %x", name, b)
		}
	}
}

// hpkeOpen is RFC 9180 once more, without the standard library's: base mode, DHKEM(P-256,
// HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
func hpkeOpen(key *ecdh.PrivateKey, enc, info, aad, ciphertext []byte) ([]byte, error) {
	const kem, suite = "KEM\x00\x10", "HPKE\x00\x10\x00\x01\x00\x02"
	extract := func(suite string, salt []byte, label string, ikm []byte) []byte { // section 4
		prk, err := hkdf.Extract(sha256.New, slices.Concat([]byte("HPKE-v1"+suite+label), ikm), salt)
		if err != nil {
			panic(err)
		}
		return prk
	}
	expand := func(suite string, prk []byte, label string, info []byte, n int) []byte {
		length := binary.BigEndian.AppendUint16(nil, uint16(n))
		out, err := hkdf.Expand(sha256.New, prk, string(slices.Concat(length, []byte("HPKE-v1"+suite+label), info)), n)
		if err != nil {
			panic(err)
		}
		return out
	}
	sender, err := ecdh.P256().NewPublicKey(enc) // section 4.1, Decap
	if err != nil {
		return nil, err
	}
	dh, err := key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	shared := expand(kem, extract(kem, nil, "eae_prk", dh), "shared_secret", slices.Concat(enc, key.PublicKey().Bytes()), 32)
	both := slices.Concat([]byte{0}, // section 5.1, KeySchedule in mode_base
		extract(suite, nil, "psk_id_hash", nil), extract(suite, nil, "info_hash", info))
	secret := extract(suite, shared, "secret", nil)
	block, err := aes.NewCipher(expand(suite, secret, "key", both, 32))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Open(nil, expand(suite, secret, "base_nonce", both, 12), ciphertext, aad) // section 5.2, of sequence number 0
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vector is of the file that RFC 9180, appendix A, names: mode 0, KEM 16, KDF 1, AEAD 2,
// the first encryption.
func TestSeal_9_4_AsTheRFCSays(t *testing.T) {
	key, err := ecdh.P256().NewPrivateKey(unhex(t, "317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := hpkeOpen(key,
		unhex(t, "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff5370d331a4f1f7d5a4e0"),
		unhex(t, "4f6465206f6e2061204772656369616e2055726e"), []byte("Count-0"),
		unhex(t, "58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f"))
	if string(text) != "Beauty is truth, truth beauty" {
		t.Fatalf("the vector: %q, %v", text, err)
	}
	b := sealed(t, spki(t, key.PublicKey()), asked())
	text, err = hpkeOpen(key, b[:65], []byte("radpush notification v1\n"+sealedFor), nil, b[65:])
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(asked())
	if err != nil || string(bytes.TrimRight(text, " ")) != string(want) {
		t.Errorf("sealed is %q\nwant      %q", text, want)
	}
}

// testdata/sealed.json is for those who write an app.
func TestSeal_9_4_TheExampleOpens(t *testing.T) {
	file, err := os.ReadFile("testdata/sealed.json")
	if err != nil {
		t.Fatal(err)
	}
	var example struct {
		PrivateKey string         `json:"private_key"` // P-256, in hex
		PublicKey  []byte         `json:"sealing_key"`
		Device     string         `json:"device"`
		Sealed     []byte         `json:"sealed"`
		Challenge  wire.Challenge `json:"challenge"`
	}
	if err := json.Unmarshal(file, &example); err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.P256().NewPrivateKey(unhex(t, example.PrivateKey))
	if err != nil || !bytes.Equal(spki(t, key.PublicKey()), example.PublicKey) {
		t.Fatalf("the keys are no pair: %v", err)
	}
	if got, err := wire.Unseal(key, example.Device, example.Sealed); err != nil || got != example.Challenge {
		t.Errorf("%+v, %v", got, err)
	}
}

// What a stranger seals, or sends instead, never breaks the device.
func FuzzUnseal(f *testing.F) {
	key, public := sealingKey(f, ecdh.P256())
	recipient, err := hpke.NewDHKEMPublicKey(key.PublicKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed(f, public, asked()), []byte(`{"id":"x","shown":"{}","expires":"2026-07-01T12:00:30Z"}`))
	f.Add([]byte{}, []byte(`{"id":"../x"}`))
	f.Fuzz(func(t *testing.T, sent, text []byte) {
		if c, err := wire.Unseal(key, sealedFor, sent); err == nil && c != asked() {
			t.Errorf("%x opens as %+v", sent, c)
		}
		b, err := hpke.Seal(recipient, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte("radpush notification v1\n"+sealedFor), text)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := wire.Unseal(key, sealedFor, b); err == nil && (c.ID == "" || strings.ContainsAny(c.ID, "/?#.")) {
			t.Errorf("%q opens as %+v", text, c)
		}
	})
}

// A key that is taken is one that can be sealed to.
func FuzzSealingKey(f *testing.F) {
	for _, curve := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.X25519()} {
		_, public := sealingKey(f, curve)
		f.Add(public)
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		b, err := wire.Seal(key, sealedFor, asked())
		if parsed, perr := x509.ParsePKIXPublicKey(key); err == nil && (perr != nil || len(b) != 65+1024+16 || !isP256(parsed)) {
			t.Errorf("%x is taken for a key: %v", key, perr)
		}
	})
}

func isP256(key any) bool {
	ec, ok := key.(*ecdsa.PublicKey)
	return ok && ec.Curve == elliptic.P256()
}
