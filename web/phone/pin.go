package phone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// MinPIN is the length of the shortest PIN, in characters.
const MinPIN = 4

// ErrPIN: the PIN is wrong, or the key file is damaged.
var ErrPIN = errors.New("phone: wrong PIN")

// A lock encrypts what is secret in a key file under a PIN (statement 2.11): AES-256-GCM, by
// a key that argon2id makes of the PIN with the second recommended parameters of RFC 9106,
// section 4, so that each guess at a stolen file takes 64 MiB and a part of a second.
type lock struct {
	salt []byte // 16 octets
	aead cipher.AEAD
}

// A sealed is the secrets of a key file under a lock.
type sealed struct {
	Salt []byte `json:"salt"`
	Box  []byte `json:"box"` // nonce and ciphertext; the device's id is the additional data
}

func newLock(pin string, salt []byte) (lock, error) {
	block, err := aes.NewCipher(argon2.IDKey([]byte(pin), salt, 3, 64<<10, 4, 32))
	if err != nil {
		return lock{}, fmt.Errorf("phone: lock: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return lock{}, fmt.Errorf("phone: lock: %w", err)
	}
	return lock{salt, aead}, nil
}

func (l lock) seal(s secrets, device string) (*sealed, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("phone: lock: %w", err)
	}
	return &sealed{Salt: l.salt, Box: l.aead.Seal(nil, nil, b, []byte(device))}, nil
}

func (l lock) open(box []byte, device string) (s secrets, err error) {
	b, err := l.aead.Open(nil, nil, box, []byte(device))
	if err != nil {
		return s, ErrPIN
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, ErrPIN
	}
	return s, nil
}

// SetPIN has the key file, at the next Save, locked with a PIN: Load asks for it then.
func (p *Phone) SetPIN(pin string) error {
	if utf8.RuneCountInString(pin) < MinPIN {
		return fmt.Errorf("phone: a PIN needs %d characters", MinPIN)
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails: the runtime ends the program instead
	l, err := newLock(pin, salt)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lock = l
	return nil
}
