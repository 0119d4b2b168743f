package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"golang.org/x/net/dns/dnsmessage"

	"radpush/web"
)

// An authority is Pebble, the ACME server that Let's Encrypt tests with.
type authority struct {
	directory string
	client    *http.Client
	roots     *x509.CertPool // of the certificates that it issues
}

// newAuthority starts one that looks for hosts at a port of 127.0.0.1 in place of 443.
func newAuthority(t *testing.T, port int) authority {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	logger, store := log.New(t.Output(), "", 0), db.NewMemoryStore()
	issuer := ca.New(logger, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {}})
	front := wfe.New(logger, store, va.New(logger, 1, port, true, nameServer(t), store), issuer, nil, true, false, 1, 1)
	handler := front.Handler()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Let's Encrypt names the order in this answer and Pebble does not; Go's client wants it.
		if order, ok := strings.CutPrefix(r.URL.Path, "/finalize-order/"); ok {
			w.Header().Set("Location", "https://"+r.Host+"/my-order/"+order)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(issuer.GetRootCert(0).Cert)
	return authority{server.URL + wfe.DirectoryPath, server.Client(), roots}
}

// nameServer answers every question with 127.0.0.1, by TCP, and returns its address.
func nameServer(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerNames(conn)
		}
	}()
	return ln.Addr().String()
}

func answerNames(conn net.Conn) {
	defer conn.Close()
	for {
		var size uint16 // RFC 1035, section 4.2.2
		if binary.Read(conn, binary.BigEndian, &size) != nil {
			return
		}
		b := make([]byte, size)
		var m dnsmessage.Message
		if _, err := io.ReadFull(conn, b); err != nil || m.Unpack(b) != nil || len(m.Questions) == 0 {
			return
		}
		m.Response, m.Additionals = true, nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
				Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
		}
		reply, err := m.Pack()
		if err != nil {
			return
		}
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	}
}

func TestACME(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthority(t, ln.Addr().(*net.TCPAddr).Port)
	dir := t.TempDir()
	acme := web.ACME{Host: "radpush.example.com", Email: "it@example.com", Directory: a.directory, Dir: dir, Client: a.client}

	dial := func(address, name string) (*tls.Conn, error) {
		return tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", address, &tls.Config{ServerName: name, RootCAs: a.roots})
	}
	var first []byte
	for _, start := range []string{"issued", "kept"} {
		if start == "kept" {
			if ln, err = net.Listen("tcp", ln.Addr().String()); err != nil {
				t.Fatal(err)
			}
			acme.Directory = "https://127.0.0.1:1/" // nobody has to be asked
		}
		w := newWorld(t)
		w.server.Certificate = acme.Certificate(slog.New(slog.NewTextHandler(t.Output(), nil)))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.server.Serve(ctx, ln) }()
		conn, err := dial(ln.Addr().String(), "radpush.example.com")
		if err != nil {
			t.Fatalf("%s: %v\n%s", start, err, w.log.String())
		}
		if leaf := conn.ConnectionState().PeerCertificates[0]; start == "issued" {
			first = leaf.Raw
		} else if !bytes.Equal(first, leaf.Raw) {
			t.Error("another certificate after a restart")
		}
		conn.Close()
		for _, name := range []string{"other.example.com", "", "127.0.0.1"} {
			if conn, err := dial(ln.Addr().String(), name); err == nil {
				conn.Close()
				t.Errorf("a certificate for %q", name)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	err = filepath.WalkDir(filepath.Join(dir, "acme"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// An operator reads why there is no certificate.
func TestACMEThatFails(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	acme := web.ACME{Host: "radpush.example.com", Directory: "https://127.0.0.1:1/", Dir: t.TempDir()}
	w.server.Certificate = acme.Certificate(slog.New(slog.NewTextHandler(w.log, nil)))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.server.Serve(ctx, ln) }()
	defer func() { stop(); <-ended }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		said := w.log.String()
		if strings.Contains(said, "port 443 of its name") && strings.Contains(said, "connection refused") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log says %q", said)
		}
	}
}
