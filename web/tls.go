package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"radpush/web/wire"
)

// A Certificate is what a Server shows. It is read from two PEM files, and again when
// they change; as long as the new ones cannot be used, the old ones are. Or an authority
// issues it: see ACME.
type Certificate struct {
	file, key string
	acme      *autocert.Manager // in place of files
	host      string            // whose certificate it then is
	log       *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamps  [2]stamp
	looked  time.Time
}

// A stamp changes when a file does.
type stamp struct {
	size     int64
	modified time.Time
}

// lookEvery is how long a handshake relies on the last look at the files.
const lookEvery = 3 * time.Second

// LoadCertificate reads a certificate with its chain, and its private key.
func LoadCertificate(file, key string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{file: file, key: key, log: log, looked: time.Now()}
	c.stamps = c.stat()
	var err error
	if c.current, err = c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Certificate) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.file, c.key)
	if err != nil {
		return nil, fmt.Errorf("web: certificate %s: %w", c.file, err)
	}
	return &pair, nil
}

// stat never fails: a file that cannot be looked at will not be read either.
func (c *Certificate) stat() (stamps [2]stamp) {
	for i, name := range [...]string{c.file, c.key} {
		if info, err := os.Stat(name); err == nil {
			stamps[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}

// get returns the certificate for a handshake.
func (c *Certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.acme != nil {
		return c.acme.GetCertificate(hello)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if stamps := c.stat(); stamps != c.stamps {
			c.stamps = stamps
			c.reload()
		}
	}
	return c.current, nil
}

func (c *Certificate) reload() {
	pair, err := c.load()
	if err != nil {
		c.log.Error("web: certificate has changed and cannot be used; the old one still is", "err", err)
		return
	}
	c.current = pair
	c.log.Info("web: certificate has changed", "file", c.file, "until", pair.Leaf.NotAfter)
}

// Pin returns what an enrolment link says of this certificate: see wire.Pin.
func (c *Certificate) Pin() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wire.Pin(c.current.Leaf)
}

// How long a certificate of our own is good for, and when it is made anew. Devices know
// it by its key, so that it need not be short-lived.
const (
	ownYears = 10
	renewed  = 365 * 24 * time.Hour
)

// OwnCertificate loads the certificate that the server has made itself, in dir, and makes
// it if need be: the key once, the certificate again when it does not name hosts (names or
// addresses) or has less than a year to go. Devices know it by its pin.
func OwnCertificate(dir string, hosts []string, log *slog.Logger) (*Certificate, error) {
	file, keyFile := filepath.Join(dir, "radpush.crt"), filepath.Join(dir, "radpush.key")
	if err := makeKey(keyFile); err != nil {
		return nil, fmt.Errorf("web: own key: %w", err)
	}
	hosts = append(slices.Clone(hosts), "localhost", "127.0.0.1", "::1")
	if c, err := LoadCertificate(file, keyFile, log); err == nil && good(c.current.Leaf, hosts) {
		return c, nil
	}
	if err := makeCertificate(file, keyFile, hosts); err != nil {
		return nil, fmt.Errorf("web: own certificate: %w", err)
	}
	return LoadCertificate(file, keyFile, log)
}

func good(cert *x509.Certificate, hosts []string) bool {
	for _, host := range hosts {
		if cert.VerifyHostname(host) != nil {
			return false
		}
	}
	return time.Until(cert.NotAfter) > renewed
}

// makeKey makes the file of a new P-256 key, mode 0600, unless there is one.
func makeKey(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeFile(file, "PRIVATE KEY", der, 0o600)
}

func makeCertificate(file, keyFile string, hosts []string) error {
	b, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return fmt.Errorf("%s is not a PEM file", keyFile)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s is not an ECDSA key", keyFile)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetUint64(uint64(now.UnixNano())),
		Subject:               pkix.Name{CommonName: "radpush " + hosts[0]},
		NotBefore:             now.Add(-time.Hour), // clocks differ
		NotAfter:              now.AddDate(ownYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil {
			template.IPAddresses = append(template.IPAddresses, addr.Unmap().AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &signer.PublicKey, signer)
	if err != nil {
		return err
	}
	return writeFile(file, "CERTIFICATE", der, 0o644)
}

// writeFile replaces a file whole or not at all.
func writeFile(name, kind string, der []byte, mode fs.FileMode) error {
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b.Bytes())
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
