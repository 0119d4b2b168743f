package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestConfigWeb has the faults of one section that cannot be in one file together.
func TestConfigWeb(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "good", time.Now().Add(time.Hour), 0o640)
	writePair(t, dir, "other", time.Now().Add(time.Hour), 0o600)
	writePair(t, dir, "old", time.Now().Add(-time.Hour), 0o600)
	writePair(t, dir, "public", time.Now().Add(time.Hour), 0o644)
	for web, want := range map[string]string{
		`certificate: good.crt, key: good.key, url: "https://radpush.example.com/"`: "",
		`url: "http://localhost:8443"`:                                              "want https://name:port",
		`proxy: true, listen: "127.0.0.1:8080", url: "https://radpush.example.com"`: "",
		`acme: it@example.com, url: "https://radpush.example.com"`:                  "",
		`acme: it@example.com`:                                                                            "web.url has to have a public name",
		`acme: it@example.com, url: "https://192.0.2.1"`:                                                  "web.url has to have a public name",
		`acme: nobody, url: "https://radpush.example.com"`:                                                `"nobody"`,
		`acme_directory: "https://a.example", url: "https://radpush.example.com"`:                         "web.acme has to say",
		`acme: it@example.com, acme_directory: "http://a.example", url: "https://radpush.example.com"`:    "is no https URL",
		`acme: it@example.com, url: "https://radpush.example.com", certificate: good.crt, key: good.key`:  "there is a certificate already",
		`acme: it@example.com, proxy: true, listen: "127.0.0.1:8080", url: "https://radpush.example.com"`: "leave out web.acme",
		`proxy: true, listen: ":8080", url: "https://radpush.example.com"`:                                "plain HTTP is for this machine only",
		`proxy: true, listen: "[::1]:8080"`:                                                               "web.url has to say where devices reach",
		`proxy: true, listen: "localhost:8080", url: "https://a", certificate: good.crt`:                  "the reverse proxy has the certificate",
		`url: "https://radpush.example.com/radpush"`:                                                      "nothing can follow the port: want https://radpush.example.com",
		`url: "https://alice@radpush.example.com"`:                                                        "is no URL of a server",
		`url: radpush.example.com`:                                                                        "is no URL of a server",
		`listen: ""`:                                                                                      "no device could connect",
		`listen: "8443"`:                                                                                  "is no address to listen on",
		`certificate: good.crt`:                                                                           "there is a certificate and no key",
		`key: good.key`:                                                                                   "there is a key and no certificate",
		`certificate: none.crt, key: good.key`:                                                            "none.crt: no such file",
		`certificate: good.crt, key: none.key`:                                                            "none.key: no such file",
		`certificate: good.crt, key: .`:                                                                   "is not a file",
		`certificate: good.crt, key: other.key`:                                                           "private key does not match public key",
		`certificate: good.key, key: good.key`:                                                            "failed to find certificate PEM data",
		`certificate: public.crt, key: public.key`:                                                        "every user can read",
		`certificate: old.crt, key: old.key, url: "https://radpush.example.com"`:                          "it ran out on",
		`certificate: good.crt, key: good.key, url: "https://login.example.com"`:                          "it does not fit web.url",
		`certificate: good.crt, key: good.key, url: [a], listen: "[2001:db8::1%eth0]:1"`:                  "want text, not a list",
	} {
		config, err := parseConfig(filepath.Join(dir, "radpush.yaml"), []byte("web: {"+web+"}\nclients: [{name: a, address: 192.0.2.1, secret: 0123456789abcdef}]"), false)
		var said string
		switch {
		case err != nil:
			said = err.Error()
		case len(config.Warnings) > 0:
			said = config.Warnings[0].Message
		}
		if !strings.Contains(said, want) || want == "" && said != "" {
			t.Errorf("%s: %q, want %q", web, said, want)
		}
	}
}

// writePair writes a certificate for radpush.example.com and its key.
func writePair(t *testing.T, dir, name string, end time.Time, mode os.FileMode) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"radpush.example.com"},
		NotBefore: end.Add(-24 * time.Hour), NotAfter: end}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: certificate},
		name + ".key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		file = filepath.Join(dir, file)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
	}
}

// FuzzConfig holds that no text makes the reader panic, and that what is in force can be
// shown as a configuration that says the same.
func FuzzConfig(f *testing.F) {
	scripts, err := filepath.Glob("testdata/script/config_*.txtar")
	if err != nil || len(scripts) == 0 {
		f.Fatal("no scripts to begin with:", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text) // not YAML as it stands, but full of it
	}
	f.Add([]byte(sample))
	f.Add([]byte("clients:\n  - {name: a, address: 1.1.1.1, secret: b, reply: {Tunnel-Password: x, Filter-Id: [\"c: d\", '#e', \"- f\", '', ' g ', \"0x1\", \"~\"]}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := parseConfig("radpush.yaml", text, true)
		if err != nil {
			_ = err.Error()
			return
		}
		shown, err := config.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseConfig("radpush.yaml", shown, true)
		if err != nil {
			t.Fatalf("%v\n\n%s", err, shown)
		}
		for _, c := range []*Config{config, again} {
			c.Warnings = nil
			for i := range c.Clients {
				c.Clients[i].Secret, c.Clients[i].secret, c.Clients[i].reply = "", "", nil
				for j := range c.Clients[i].Reply {
					if c.Clients[i].Reply[j].secret {
						c.Clients[i].Reply[j].Values = nil
					}
				}
			}
		}
		if !reflect.DeepEqual(config, again) {
			t.Errorf("%+v\nreads again as\n%+v\n\n%s", config, again, shown)
		}
	})
}
