package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"unicode"
)

// IsTemporary reports whether a letter that could not be sent may be sent later. It may
// not when the server has refused the letter itself, by a 5xx answer to sender, recipient
// or content, or when the message is not fit to be sent.
//
// All else is temporary, a refused password and an untrusted certificate too: they say
// nothing of the letter, and it can wait for an operator who mends them.
func IsTemporary(err error) bool {
	if _, ok := errors.AsType[unsendable](err); ok {
		return false
	}
	f, ok := errors.AsType[*failure](err)
	return err != nil && !(ok && f.at >= mailFrom && f.code/100 == 5 && f.code != wantsAuthentication)
}

// An unsendable is a fault of the message.
type unsendable struct{ error }

// A failure is a conversation with a server that did not deliver.
type failure struct {
	server string // host:port
	at     step
	said   string // the answer, or the error where there was none, fit to be printed
	code   int    // of the answer, 0 where there was none
	cause  error  // what happened where there was no answer
}

// A step is how far a conversation came. Only at content, the last one, can the server
// have taken the letter.
type step int

const (
	waiting step = iota
	connecting
	greeting
	securing
	authenticating
	mailFrom
	rcptTo
	data
	content
)

var steps = [...]string{"wait for a free connection", "connect", "greeting", "TLS", "AUTH", "MAIL", "RCPT", "DATA", "end of data"}

func (s step) String() string { return steps[s] }

// wantsAuthentication answers a command that has to be preceded by AUTH (RFC 4954,
// section 6).
const wantsAuthentication = 530

// Faults of the server's abilities, as it tells them after EHLO.
var (
	errNoStartTLS  = errors.New("the server offers no STARTTLS")
	errNoMechanism = errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN")
	errTalksOn     = errors.New("the server's answers do not end")
)

func (f *failure) Error() string {
	s := fmt.Sprintf("email: %s: %s: %s", f.server, f.at, f.said)
	if next := f.advice(); next != "" {
		s += " (" + next + ")"
	}
	return s
}

// Is tells whether the time was up or the caller went away. There is no Unwrap: errors of
// the libraries quote the server unabridged.
func (f *failure) Is(target error) bool {
	return (target == context.DeadlineExceeded || target == context.Canceled) && errors.Is(f.cause, target)
}

// again reports whether the same letter may be tried again at once: the server cannot
// have taken it, and nobody has to mend anything first.
func (f *failure) again() bool {
	if f.code != 0 {
		return f.code/100 == 4
	}
	_, network := errors.AsType[net.Error](f.cause)
	cut := errors.Is(f.cause, io.EOF) || errors.Is(f.cause, io.ErrUnexpectedEOF)
	return f.at < content && (network || cut)
}

// advice returns what an operator can do, "" where the answer says it best itself.
func (f *failure) advice() string {
	refused := f.code/100 == 5
	switch {
	case is[x509.UnknownAuthorityError](f.cause):
		return "trust the authority that signed the server's certificate, by a file of CA certificates"
	case is[x509.HostnameError](f.cause):
		return "call the server by a name that is in its certificate"
	case is[*tls.CertificateVerificationError](f.cause):
		return "the server needs a valid certificate"
	case is[tls.RecordHeaderError](f.cause):
		return "a port that does not begin with TLS, such as 587, wants STARTTLS"
	case errors.Is(f.cause, errNoStartTLS):
		return "use implicit TLS, mostly on port 465; without TLS anybody on the way reads the letters"
	case errors.Is(f.cause, errNoMechanism):
		return "the server may want no user and password on this port"
	case f.code == wantsAuthentication, refused && f.at == authenticating:
		return "check user and password of the mail account"
	case f.at == waiting:
		return "the server is slow, or there are very many letters"
	case f.at == connecting:
		return "check host, port and the firewalls between"
	case f.at == greeting && f.code == 0:
		return "a port that begins with TLS, such as 465, wants implicit TLS"
	case refused && f.at == mailFrom:
		return "the server does not let this account send from this address"
	case refused && f.at == rcptTo:
		return "the recipient is unknown there, or the server does not relay for this machine"
	case f.code == 0 && f.at == content:
		return "the server may have taken the letter"
	}
	return ""
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// failed returns the failure that an error at a step is. M is what the server had been
// sent.
func (s *Sender) failed(at step, err error, m Message) *failure {
	f := &failure{server: s.server(), at: at, cause: err}
	said := err.Error()
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		f.code, f.cause = answer.Code, nil
		said = fmt.Sprintf("%d %s", answer.Code, answer.Msg)
	}
	for _, secret := range s.secrets() {
		said = strings.ReplaceAll(said, secret, "…")
	}
	if at == content {
		said = without(said[:min(len(said), 1000)], m.Subject+"\n"+m.Text)
	}
	f.said = line(said, 200)
	return f
}

// secrets returns the password as it is and as AUTH carries it: a server may quote it.
func (s *Sender) secrets() []string {
	if s.Password == "" {
		return nil
	}
	b64 := base64.StdEncoding.EncodeToString
	return []string{string(s.Password), b64([]byte(s.Password)), b64([]byte("\x00" + s.User + "\x00" + string(s.Password)))}
}

// without returns what a server said without the runs of six octets and more that the
// letter has too: a filter may quote what it does not like, and there may be a code in it.
func without(said, letter string) string {
	const run, cut = 6, "…"
	for i := 0; i+run <= len(said); i++ {
		n := run
		if !strings.Contains(letter, said[i:i+n]) {
			continue
		}
		for i+n < len(said) && strings.Contains(letter, said[i:i+n+1]) {
			n++
		}
		said = said[:i] + cut + said[i+n:]
		i += len(cut) - 1
	}
	return said
}

// line returns s as one printable line of at most max characters.
func line(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if cut := []rune(s); len(cut) > max {
		return string(cut[:max-1]) + "…"
	}
	return s
}
