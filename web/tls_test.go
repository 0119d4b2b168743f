package web

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A server's own key is made once and nobody else can read it; the certificate follows
// the host's name and renews itself, and devices still know it.
func TestOwnCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		own := func(hosts ...string) *Certificate {
			t.Helper()
			c, err := OwnCertificate(dir, hosts, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		first := own("radpush.example.com", "192.0.2.1")
		info, err := os.Stat(filepath.Join(dir, "radpush.key"))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("key: %v, %v", info.Mode(), err)
		}
		for _, host := range []string{"radpush.example.com", "192.0.2.1", "localhost", "127.0.0.1", "::1"} {
			if err := first.current.Leaf.VerifyHostname(host); err != nil {
				t.Error(err)
			}
		}
		same := func(c *Certificate) bool {
			if !bytes.Equal(c.Pin(), first.Pin()) {
				t.Fatal("the pin has changed")
			}
			return bytes.Equal(c.current.Leaf.Raw, first.current.Leaf.Raw)
		}
		if !same(own("radpush.example.com", "192.0.2.1")) {
			t.Error("a good certificate was made again")
		}
		if same(own("other.example.com")) {
			t.Error("the certificate does not name the new host")
		}
		first = own("other.example.com")
		time.Sleep((ownYears - 1) * 366 * 24 * time.Hour)
		if same(own("other.example.com")) {
			t.Error("the certificate was not renewed in its last year")
		}
		if err := os.WriteFile(filepath.Join(dir, "radpush.crt"), []byte("nonsense"), 0o644); err != nil {
			t.Fatal(err)
		}
		same(own("other.example.com"))
	})
}

func TestOwnCertificateOfADamagedKey(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "radpush.key"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OwnCertificate(dir, nil, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a damaged key was replaced, and all devices forgotten")
	}
}

// New files are used when they are good, and soon; bad ones leave the old pair in use.
func TestCertificateIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		file, key := filepath.Join(dir, "radpush.crt"), filepath.Join(dir, "radpush.key")
		make := func() []byte {
			t.Helper()
			for _, name := range []string{file, key} {
				if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			c, err := OwnCertificate(dir, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			return c.current.Leaf.Raw
		}
		old := make()
		var log bytes.Buffer
		c, err := LoadCertificate(file, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		shows := func(want []byte) {
			t.Helper()
			got, err := c.get(&tls.ClientHelloInfo{})
			if err != nil || !bytes.Equal(got.Leaf.Raw, want) {
				t.Errorf("shows another certificate; %v", err)
			}
		}
		shows(old)
		renewed := make()
		shows(old) // it has looked a moment ago
		time.Sleep(lookEvery)
		shows(renewed)

		if err := os.WriteFile(file, []byte("half a certi"), 0o644); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(lookEvery)
			shows(renewed)
		}
		if n := strings.Count(log.String(), "cannot be used"); n != 1 {
			t.Errorf("the fault is logged %d times:\n%s", n, &log)
		}
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		shows(renewed)
		renewed = make()
		time.Sleep(lookEvery)
		shows(renewed)
	})
}

func TestLoadCertificateNeedsAGoodPair(t *testing.T) {
	if _, err := LoadCertificate("/nowhere/tls.crt", "/nowhere/tls.key", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "/nowhere/tls.crt") {
		t.Errorf("got %v", err)
	}
}
