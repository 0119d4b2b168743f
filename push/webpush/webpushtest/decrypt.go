package webpushtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// A record is a message in the content coding aes128gcm (RFC 8188, section 2), which in Web
// Push has a single record.
type record struct {
	salt   []byte
	sender []byte // P-256 point, uncompressed: the public key that was made for this message
	sealed []byte
}

func parseRecord(b []byte) (record, error) {
	const header = 16 + 4 + 1 + 65 // salt, record size, length of the key, key
	if len(b) < header || b[20] != 65 {
		return record{}, errors.New("not aes128gcm with a P-256 key")
	}
	r := record{salt: b[:16], sender: b[21:header], sealed: b[header:]}
	// RFC 8291, section 4: a record size that the single record goes into.
	if size := binary.BigEndian.Uint32(b[16:20]); uint64(len(r.sealed)) > uint64(size) {
		return record{}, fmt.Errorf("%d octets do not go into a record of %d", len(r.sealed), size)
	}
	return r, nil
}

// Decrypt returns what a body says to the browser that has the key and the authentication
// secret (RFC 8291, section 3.4).
func Decrypt(key *ecdh.PrivateKey, auth, body []byte) ([]byte, error) {
	r, err := parseRecord(body)
	if err != nil {
		return nil, fmt.Errorf("webpushtest: decrypt: %w", err)
	}
	text, err := r.open(key, auth)
	if err != nil {
		return nil, fmt.Errorf("webpushtest: decrypt: %w", err)
	}
	return text, nil
}

func (r record) open(key *ecdh.PrivateKey, auth []byte) ([]byte, error) {
	sender, err := ecdh.P256().NewPublicKey(r.sender)
	if err != nil {
		return nil, err
	}
	shared, err := key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(key.PublicKey().Bytes()) + string(r.sender)
	ikm, err := hkdf.Key(sha256.New, shared, auth, info, 32)
	if err != nil {
		return nil, err
	}
	cek, err := hkdf.Key(sha256.New, ikm, r.salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, r.salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := aead.Open(nil, nonce, r.sealed, nil)
	if err != nil {
		return nil, err
	}
	text, last := bytes.CutSuffix(bytes.TrimRight(padded, "\x00"), []byte{2}) // RFC 8188, section 2: 2 ends the last record
	if !last {
		return nil, errors.New("there is no end of the last record")
	}
	return text, nil
}
