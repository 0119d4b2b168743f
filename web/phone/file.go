package phone

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"radpush/web/wire"
)

// A file is the key file: all that makes the device, its private key included.
type file struct {
	URL          string   `json:"url"`
	Pin          []byte   `json:"pin,omitempty"`
	Name         string   `json:"name"`
	User         string   `json:"user"`
	Organization string   `json:"organization"`
	Device       string   `json:"device"`
	Secrets      *secrets `json:"secrets,omitempty"` // or, behind a PIN:
	Sealed       *sealed  `json:"sealed,omitempty"`
	Used         uint64   `json:"used"` // step of the newest one-time password that was sent
	UsedFor      string   `json:"used_for,omitempty"`
}

type secrets struct {
	Key []byte   `json:"key"` // PKCS #8
	OTP wire.OTP `json:"otp"`
}

// Save writes the key file, whole or not at all, mode 0600. From then on the Phone keeps
// it up to date.
func (p *Phone) Save(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.save(path); err != nil {
		return err
	}
	p.path = path
	return nil
}

func (p *Phone) save(path string) error {
	key, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return fmt.Errorf("phone: save: %w", err)
	}
	f := file{
		URL: p.URL, Pin: p.pin, Name: p.Name, User: p.User, Organization: p.Organization, Device: p.device,
		Used: p.token.Used, UsedFor: p.tokenOf,
		Secrets: &secrets{Key: key, OTP: wire.OTP{Secret: p.token.Secret, Algorithm: p.token.Algorithm.String(),
			Digits: p.token.Digits, Period: int(p.token.Period.Seconds())}},
	}
	if p.lock.aead != nil {
		if f.Sealed, err = p.lock.seal(*f.Secrets, f.Device); err != nil {
			return err
		}
		f.Secrets = nil
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("phone: save: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".phone-") // mode 0600
	if err != nil {
		return fmt.Errorf("phone: save: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(append(b, '\n'))
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("phone: save: %w", err)
	}
	return nil
}

// Load reads a key file, and refuses one that others may read. If it is locked with a PIN,
// askPIN is called for it; a wrong one is ErrPIN.
func Load(path string, askPIN func() (string, error)) (*Phone, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("phone: load: %w", err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, fmt.Errorf("phone: load: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("phone: %s has mode %o and others can use the key in it; chmod 600 it, or enrol again if they may have", path, mode)
	}
	b, err := io.ReadAll(opened)
	if err != nil {
		return nil, fmt.Errorf("phone: load: %w", err)
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("phone: %s is not a key file: %w", path, err)
	}
	var l lock
	if f.Sealed != nil {
		pin, err := askPIN()
		if err != nil {
			return nil, err
		}
		if l, err = newLock(pin, f.Sealed.Salt); err != nil {
			return nil, err
		}
		s, err := l.open(f.Sealed.Box, f.Device)
		if err != nil {
			return nil, err
		}
		f.Secrets = &s
	}
	if f.Secrets == nil {
		return nil, fmt.Errorf("phone: %s is not a key file: it has no key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(f.Secrets.Key)
	if err != nil {
		return nil, fmt.Errorf("phone: %s is not a key file: its key cannot be read", path)
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok || signer.Curve != elliptic.P256() || f.Device == "" {
		return nil, fmt.Errorf("phone: %s is not a key file: it has no P-256 key or no device", path)
	}
	p := &Phone{URL: f.URL, Name: f.Name, User: f.User, Organization: f.Organization,
		pin: f.Pin, device: f.Device, key: signer, tokenOf: f.UsedFor, path: path, lock: l}
	if err := wire.CheckURL(f.URL); err != nil {
		return nil, err
	}
	if p.token, err = token(f.Secrets.OTP); err != nil {
		return nil, err
	}
	p.token.Used = f.Used
	p.connect()
	return p, nil
}
