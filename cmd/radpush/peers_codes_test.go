package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-smtp"
)

// What users of the tests with real peers have besides phones and tokens: a telephone, a
// mailbox, a pattern on a grid. Each user has a number and an address that no other has,
// so that tests may run in parallel.

// A telephone receives texts.
type telephone struct {
	file string // where the carrier of testdata/peers/radpush.yaml puts them
	ends string // the digits of its number that a prompt shows
}

var telephones atomic.Int32

// telephone gives a user one.
func (s *radpushServer) telephone(t *testing.T, user string) telephone {
	t.Helper()
	number := fmt.Sprintf("+12025550%03d", telephones.Add(1))
	s.run(t, "user", "set", user, "--phone", number)
	return telephone{filepath.Join(filepath.Dir(s.config), number), number[len(number)-2:]}
}

// asks is what a prompt for its code looks like, as a pattern.
func (p telephone) asks() string {
	return "Type the code sent by SMS to the number that ends in " + p.ends + `\b`
}

// code returns the code in the only text that came.
func (p telephone) code(t *testing.T) string {
	t.Helper()
	return codeIn(t, readFile(t, p.file))
}

// codeIn returns the one number of six digits in a text.
func codeIn(t *testing.T, text string) string {
	t.Helper()
	codes := regexp.MustCompile(`\b\d{6}\b`).FindAllString(text, -1)
	if len(codes) != 1 {
		t.Fatalf("codes %q in %q", codes, text)
	}
	return codes[0]
}

// wrong returns another code of the same length.
func wrong(code string) string {
	return string('0'+(code[0]-'0'+5)%10) + code[1:]
}

// A mailServer takes letters by SMTP with STARTTLS (RFC 3207), and without it none.
type mailServer struct {
	settings string // of radpush, to reach it

	mu      sync.Mutex
	letters map[string]string // by recipient: as they came, one after the other
}

func startMailServer(t *testing.T) *mailServer {
	t.Helper()
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "mail.pem"), filepath.Join(dir, "mail.key")
	writeCertificate(t, certificate, key)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	m := &mailServer{
		settings: fmt.Sprintf("email: {host: 127.0.0.1, port: %s, ca_file: %s, from: vpn@example.com}\n", port, certificate),
		letters:  make(map[string]string),
	}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &delivery{mailServer: m, conn: c}, nil }))
	server.Domain, server.TLSConfig = "mail.example.com", &tls.Config{Certificates: []tls.Certificate{pair}}
	server.ReadTimeout, server.WriteTimeout = patience, patience
	var served sync.WaitGroup
	served.Go(func() { server.Serve(l) })
	t.Cleanup(func() {
		server.Close()
		served.Wait()
	})
	return m
}

// code returns the code in the only letter to an address.
func (m *mailServer) code(t *testing.T, address string) string {
	t.Helper()
	m.mu.Lock()
	letter := m.letters[address]
	m.mu.Unlock()
	text, _, _ := strings.Cut(letter, "text/html") // which says it once more
	line := regexp.MustCompile(`(?m)^ +\d{6}\r?$`).FindString(text)
	if line == "" {
		t.Fatalf("no code in %q", letter)
	}
	return strings.TrimSpace(line)
}

// A delivery is one conversation with a mailServer.
type delivery struct {
	*mailServer
	conn *smtp.Conn
	to   string
}

func (d *delivery) Reset()                                    {}
func (d *delivery) Logout() error                             { return nil }
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error { d.to = to; return nil }

func (d *delivery) Mail(string, *smtp.MailOptions) error {
	if _, encrypted := d.conn.TLSConnectionState(); !encrypted {
		return &smtp.SMTPError{Code: 530, Message: "Must issue a STARTTLS command first"} // RFC 3207, section 4
	}
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	letter, err := io.ReadAll(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letters[d.to] += string(letter)
	return err
}

// pattern is the one that users of grids have in these tests.
var pattern = []int{1, 7, 20, 14}

// grid gives a user the pattern, as an operator does whose terminal the user sits at.
func (s *radpushServer) grid(t *testing.T, user string) {
	t.Helper()
	enrol := converse(t, "radpush", "--config", s.config, "grid", "enrol", user)
	for range 2 {
		enrol.enter(onPattern(t, enrol.asked(gridOf(`\d\d`))))
	}
	wantText(t, enrol.wait(), "is set")
}

// gridOf is what a grid of 5x5 looks like, as a pattern, with so many digits a cell.
func gridOf(cell string) string {
	row := func(name string) string { return name + strings.Repeat(" "+cell, 5) }
	return row("A") + ` \|\n` + row("B") + ` \|\n` + row("C") + ` \|\n` + row("D") + ` \|\n` + row("E")
}

// onPattern returns what stands on the cells of the pattern.
func onPattern(t *testing.T, shown string) (typed string) {
	t.Helper()
	cells := regexp.MustCompile(`\d+`).FindAllString(shown, -1)
	if len(cells) != 25 {
		t.Fatalf("%d cells in %q", len(cells), shown)
	}
	for _, cell := range pattern {
		typed += cells[cell]
	}
	return typed
}

// backupCode gives a user backup codes and returns the first.
func (s *radpushServer) backupCode(t *testing.T, user string) string {
	t.Helper()
	code := regexp.MustCompile(`\b[0-9a-z]{5}-[0-9a-z]{5}\b`).FindString(s.run(t, "backup", "new", user))
	if code == "" {
		t.Fatal("no backup codes")
	}
	return code
}
