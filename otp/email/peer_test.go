package email_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"radpush/otp/email"
)

// A peer is a mail server on the loopback address. Its fields are set before start.
type peer struct {
	tls       email.TLS // StartTLS if empty
	noOffer   bool      // and still no STARTTLS
	ended     bool      // its certificate has
	mechanism string    // of AUTH; "" for none
	answer    func(step string) error
	pause     time.Duration // before it answers the letter

	*smtp.Server
	cert  tls.Certificate
	roots *x509.CertPool

	mu      sync.Mutex
	letters []received
	log     []string // commands
	now     int      // letters that wait for an answer
	most    int      // of them at once
}

type received struct {
	from, to string
	wire     []byte
	utf8     bool
	user     string
}

const user, password = "vpn@example.com", "open sesame"

// start serves until the test ends and returns a sender to the peer.
func (p *peer) start(t *testing.T) *email.Sender {
	t.Helper()
	valid := time.Hour
	if p.ended {
		valid = -time.Hour
	}
	p.cert, p.roots = certificate(t, "127.0.0.1", valid)
	p.Server = smtp.NewServer(p)
	p.Domain, p.EnableSMTPUTF8 = "mail.example.com", true
	p.AllowInsecureAuth = true
	p.ErrorLog = log.New(io.Discard, "", 0)
	if p.tls != email.NoTLS && !p.noOffer {
		p.TLSConfig = &tls.Config{Certificates: []tls.Certificate{p.cert}}
	}
	l := listen(t)
	s := sender(t, l, p.roots)
	s.TLS = p.tls
	if p.tls == email.ImplicitTLS {
		l = tls.NewListener(l, p.TLSConfig)
	}
	if p.mechanism != "" {
		s.User, s.Password = user, password
	}
	var served sync.WaitGroup
	served.Go(func() { _ = p.Serve(l) })
	t.Cleanup(func() { l.Close(); p.Close(); served.Wait() })
	return s
}

func (p *peer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &session{peer: p}, nil
}

func (p *peer) got() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.letters)
}

// count returns how often a command came.
func (p *peer) count(command string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.log {
		if c == command {
			n++
		}
	}
	return n
}

type session struct {
	*peer
	received
}

func (s *session) say(step string) error {
	s.mu.Lock()
	s.peer.log = append(s.peer.log, step)
	s.mu.Unlock()
	if s.answer == nil {
		return nil
	}
	return s.answer(step)
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if s.mechanism == "" {
		return nil
	}
	return []string{s.mechanism}
}

func (s *session) Auth(string) (sasl.Server, error) {
	check := func(name, word string) error {
		if err := s.say("AUTH"); err != nil {
			return err
		}
		if name != user || word != password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong: " + name + " " + word}
		}
		s.user = name
		return nil
	}
	switch s.mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, name, word string) error { return check(name, word) }), nil
	case "LOGIN":
		return &login{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// login is the server's side of AUTH LOGIN, which go-sasl does not have.
type login struct {
	step  int
	name  string
	check func(name, word string) error
}

func (l *login) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.name = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.name, string(response))
}

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	s.from, s.utf8 = from, o.UTF8
	return s.say("MAIL")
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.say("RCPT")
}

func (s *session) Data(r io.Reader) (err error) {
	if s.wire, err = io.ReadAll(r); err != nil {
		return err
	}
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(s.pause)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	if err := s.say("end of data"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, s.received)
	return nil
}

// refuse answers a step as it is told, times times (0: always).
func refuse(step string, code, times int, message string) func(string) error {
	var mu sync.Mutex
	n := 0
	return func(at string) error {
		mu.Lock()
		defer mu.Unlock()
		if n++; at != step {
			n--
			return nil
		}
		if times > 0 && n > times {
			return nil
		}
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: message}
	}
}

// scripted starts a server that speaks no SMTP of itself: for what a good one never does.
// It counts the connections.
func scripted(t *testing.T, serve func(r *bufio.Reader, w io.Writer)) (*email.Sender, func() int) {
	l := listen(t)
	var mu sync.Mutex
	var n int
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
			served.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				serve(bufio.NewReader(c), c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	s := sender(t, l, nil)
	s.TLS = email.NoTLS
	return s, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// answers is a script: what is said, one answer a line received; then the line ends.
func answers(lines ...string) func(*bufio.Reader, io.Writer) {
	return func(r *bufio.Reader, w io.Writer) {
		for i, line := range lines {
			if i > 0 {
				if _, err := r.ReadString('\n'); err != nil {
					return
				}
			}
			if _, err := io.WriteString(w, line+"\r\n"); err != nil {
				return
			}
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func sender(t *testing.T, l net.Listener, roots *x509.CertPool) *email.Sender {
	host, port, _ := net.SplitHostPort(l.Addr().String())
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return &email.Sender{Host: host, Port: n, Roots: roots, From: "Example VPN <vpn@example.com>", HELO: "radpush.example.com"}
}

// certificate returns a certificate for a host, valid for so long, and who has to be
// trusted for it.
func certificate(t *testing.T, host string, valid time.Duration) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(valid),
		IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err2 := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	parsed, err3 := x509.ParseCertificate(der)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
