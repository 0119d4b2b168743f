package email

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Sender takes letters to one mail server, by SMTP submission (RFC 6409). Its fields
// are set before first use and not changed after; Send may be called at once from any
// number of goroutines.
type Sender struct {
	Host     string         // name or address of the server; its certificate must be for it
	Port     int            // 587 if zero, with ImplicitTLS 465, with NoTLS 25
	TLS      TLS            // StartTLS if empty
	Roots    *x509.CertPool // who may sign the server's certificate; the system's authorities if nil
	User     string         // of the mail account; "" to send without one
	Password Password
	From     string        // "Example VPN <vpn@example.com>", or the address alone
	HELO     string        // what this machine calls itself; its host name if empty
	Timeout  time.Duration // of one conversation, from the first packet to the last answer; 10 s if zero
	Limit    int           // conversations at once; 4 if zero. More wait, inside their contexts

	once sync.Once
	busy chan struct{} // one element a conversation
}

// TLS is how a conversation is kept from others on the way.
type TLS string

const (
	StartTLS    TLS = "starttls" // RFC 3207; a server that does not offer it gets no letter
	ImplicitTLS TLS = "implicit" // RFC 8314: TLS from the first octet
	NoTLS       TLS = "none"     // everybody on the way can read codes; no password is sent
)

// A Password is a mail account's. It prints, logs and marshals as "[secret]".
type Password string

func (p Password) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, p.String()) }
func (p Password) LogValue() slog.Value         { return slog.StringValue(p.String()) }
func (p Password) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
func (Password) String() string                 { return "[secret]" }

// Check returns every fault of the description, joined. It does not connect.
func (s *Sender) Check() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf("email: "+format, args...))
		}
	}
	_, err := s.from()
	fault(err != nil, "%v", err)
	fault(!isDomain(s.Host) && net.ParseIP(s.Host) == nil, "the host %q is not the name or address of a server", s.Host)
	fault(s.Port < 0 || s.Port > 65535, "there is no port %d", s.Port)
	fault(s.TLS != "" && s.TLS != StartTLS && s.TLS != ImplicitTLS && s.TLS != NoTLS,
		"TLS is %q; %s, %s and %s are possible", s.TLS, StartTLS, ImplicitTLS, NoTLS)
	fault((s.User == "") != (s.Password == ""), "user and password come together or not at all")
	fault(s.User != "" && s.TLS == NoTLS, "without TLS a password would be read on the way: use TLS, or no account")
	fault(s.HELO != "" && !isDomain(s.HELO), "the HELO name %q is not a host name", s.HELO)
	fault(s.Timeout < 0, "the timeout is negative")
	fault(s.Limit < 0, "the limit is negative")
	return errors.Join(faults...)
}

// pauses are how long Send waits before it tries again.
var pauses = [...]time.Duration{time.Second, 3 * time.Second}

// Send takes a letter to the server and returns when the server has taken it. A
// temporary failure is tried again, up to three times in all and inside ctx, where the
// server cannot have taken the letter: it said so, or was not given it. IsTemporary
// tells whether a later Send may succeed.
//
// Where the answer to the letter itself is lost, nobody can know, and sending it again
// may deliver it twice; with the same Message.ID, so that mail servers can fold them.
func (s *Sender) Send(ctx context.Context, m Message) error {
	m.ID = cmp.Or(m.ID, newID())
	if err := m.check(); err != nil {
		return err
	}
	from, err := s.from()
	if err != nil {
		return fmt.Errorf("email: %w", err)
	}
	letter, err := m.compose(from, time.Now())
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		at, err := s.converse(ctx, from.Address, m.To, letter)
		if err == nil {
			return nil
		}
		f := s.failed(at, err, m)
		if try == len(pauses) || !f.again() {
			return f
		}
		select {
		case <-time.After(pauses[try]):
		case <-ctx.Done():
			return f // more telling than that the time was up
		}
	}
}

// server returns where to connect to.
func (s *Sender) server() string {
	port := 587
	switch s.TLS {
	case ImplicitTLS:
		port = 465
	case NoTLS:
		port = 25
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(cmp.Or(s.Port, port)))
}

func (s *Sender) from() (*mail.Address, error) {
	from, err := mail.ParseAddress(s.From)
	if err == nil {
		from.Address, err = Address(from.Address)
	}
	if err != nil || strings.ContainsFunc(from.Name, breaksLine) {
		return nil, fmt.Errorf("the sender %q is not as in Example VPN <vpn@example.com>", s.From)
	}
	return from, nil
}

// helo returns the name for EHLO (RFC 5321, section 4.1.1.1).
func (s *Sender) helo() string {
	name := s.HELO
	if name == "" {
		name, _ = os.Hostname()
	}
	if !isDomain(name) {
		return "localhost"
	}
	return name
}
