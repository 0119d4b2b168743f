package wire

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// sealedStep is what the JSON in a seal is padded to a multiple of, in octets: nearly all
// challenges need one, so that the length of a notification says nothing of the login.
const sealedStep = 1024

// sealedFor returns the info of HPKE: what the seal is, and whose.
func sealedFor(device string) []byte { return []byte("radpush notification v1\n" + device) }

// Seal returns a challenge as a notification carries it through a push service that must not
// read it (statement 9.4). Key is the device's sealing key, DER SubjectPublicKeyInfo.
func Seal(key []byte, device string, c Challenge) ([]byte, error) {
	public, err := sealingKey(key)
	if err != nil {
		return nil, fmt.Errorf("wire: seal: %w", err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("wire: seal: %w", err)
	}
	if over := len(text) % sealedStep; over > 0 {
		text = append(text, bytes.Repeat([]byte{' '}, sealedStep-over)...)
	}
	sealed, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), sealedFor(device), text)
	if err != nil {
		return nil, fmt.Errorf("wire: seal: %w", err)
	}
	return sealed, nil
}

func sealingKey(spki []byte) (hpke.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, err
	}
	if ec, ok := parsed.(*ecdsa.PublicKey); ok {
		if public, err := ec.ECDH(); err == nil && public.Curve() == ecdh.P256() { // another curve is another KEM
			return hpke.NewDHKEMPublicKey(public)
		}
	}
	return nil, errors.New("the key is not one of P-256")
}

// ids are what those of challenges look like. Who sealed one is not known, and it becomes part
// of a path.
var ids = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Unseal is the device's side of [Seal]: it returns the challenge of a notification, if it was
// sealed for this device and nobody has changed it since. See the package comment for what that
// does not prove.
func Unseal(key *ecdh.PrivateKey, device string, sealed []byte) (Challenge, error) {
	var c Challenge
	if key.Curve() != ecdh.P256() {
		return c, errors.New("wire: unseal: the key is not one of P-256")
	}
	private, err := hpke.NewDHKEMPrivateKey(key)
	if err != nil {
		return c, fmt.Errorf("wire: unseal: %w", err)
	}
	text, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), sealedFor(device), sealed)
	if err != nil {
		return c, errors.New("wire: unseal: it is not sealed for this device, or was changed on the way")
	}
	if json.Unmarshal(text, &c) != nil || !ids.MatchString(c.ID) {
		return Challenge{}, errors.New("wire: unseal: it is not the JSON of a challenge")
	}
	return c, nil
}
