package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Sealer encrypts records at rest with AES-256-GCM. A sealed record is a key id (4
// octets: the first of the key's SHA-256), a random nonce (12), the ciphertext and
// its tag (16); the record's key is the additional data.
type Sealer struct {
	id   [4]byte
	aead cipher.AEAD
}

// KeySize is the length of a master key, in octets.
const KeySize = 32

// ErrSealed is returned for a record that this master key does not open: another
// key, a damaged record, or one moved here from another key.
var ErrSealed = errors.New("sealed with another master key, or damaged")

// NewSealer returns a Sealer for a master key of KeySize octets.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("store: master key has %d octets, not %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key)
	return &Sealer{id: [4]byte(sum[:4]), aead: aead}, nil
}

// Seal encrypts a record that is kept under name.
func (s *Sealer) Seal(name string, record []byte) ([]byte, error) {
	head := len(s.id) + s.aead.NonceSize()
	b := make([]byte, head, head+len(record)+s.aead.Overhead())
	copy(b, s.id[:])
	nonce := b[len(s.id):head]
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return s.aead.Seal(b, nonce, record, []byte(name)), nil
}

// Open decrypts what Seal made for the same name, or returns ErrSealed.
func (s *Sealer) Open(name string, sealed []byte) ([]byte, error) {
	head := len(s.id) + s.aead.NonceSize()
	if len(sealed) < head || [4]byte(sealed) != s.id {
		return nil, ErrSealed
	}
	b, err := s.aead.Open(nil, sealed[len(s.id):head], sealed[head:], []byte(name))
	if err != nil {
		return nil, ErrSealed
	}
	return b, nil
}

// MasterKey reads the master key file, or makes it (mode 0600, synced to disk before
// it is named) when there is none and create is set. Without create a missing file
// is fs.ErrNotExist: the records of an existing store cannot be opened by a new key.
func MasterKey(path string, create bool) (*Sealer, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		key = make([]byte, KeySize)
		if _, err = rand.Read(key); err == nil {
			err = writeNew(path, key)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store: master key: %w", err)
	}
	s, err := NewSealer(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, path)
	}
	return s, nil
}

// writeNew makes a file that is there whole or not at all, and never over another.
func writeNew(path string, b []byte) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := os.CreateTemp(dir.Name(), ".new-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if err == nil {
		err = dir.Sync() // the name has to last as well
	}
	return err
}
