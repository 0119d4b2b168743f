package email

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// converse delivers a letter in one conversation and returns how far it came. The
// Client of go-mail is not used but its protocol below: the Client does not end with the
// context once it is connected, leaves a connection open whose TLS or AUTH failed, and
// does not tell at which step it was.
func (s *Sender) converse(ctx context.Context, from, to string, letter []byte) (at step, err error) {
	s.once.Do(func() { s.busy = make(chan struct{}, cmp.Or(s.Limit, 4)) })
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return waiting, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Timeout, 10*time.Second))
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.server())
	if err != nil {
		return connecting, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	client, at, err := s.open(ctx, conn)
	if err == nil {
		at, err = deliver(client, from, to, letter)
	}
	_, answered := errors.AsType[*textproto.Error](err)
	switch {
	case !stop() && err != nil && !answered:
		return at, fmt.Errorf("no answer in time: %w", ctx.Err())
	case client != nil && (err == nil || answered):
		// A courtesy (RFC 5321, section 4.1.1.10). Where there was no answer nobody hears it.
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_ = client.Quit()
	}
	return at, err
}

// open brings a new connection to where a letter can be handed over.
func (s *Sender) open(ctx context.Context, conn net.Conn) (*smtp.Client, step, error) {
	settings := &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	conn = &bounded{Conn: conn, left: maxAnswers}
	if s.TLS == ImplicitTLS {
		secure := tls.Client(conn, settings)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, securing, err
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		return nil, greeting, err
	}
	client.SkipSMTPUTF8(true) // all headers are ASCII; the next server may not have it
	if err := client.Hello(s.helo()); err != nil {
		return nil, greeting, err
	}
	if s.TLS != ImplicitTLS && s.TLS != NoTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, securing, errNoStartTLS
		}
		// What came in clear is forgotten, a second EHLO sent (RFC 3207, section 4.2).
		if err := client.StartTLS(settings); err != nil {
			return nil, securing, err
		}
	}
	if s.User == "" {
		return client, authenticating, nil
	}
	_, mechanisms := client.Extension("AUTH")
	var auth smtp.Auth
	for mechanism := range strings.FieldsSeq(mechanisms) {
		switch {
		case strings.EqualFold(mechanism, "PLAIN"):
			auth = smtp.PlainAuth("", s.User, string(s.Password), s.Host, false)
		case strings.EqualFold(mechanism, "LOGIN") && auth == nil:
			auth = smtp.LoginAuth(s.User, string(s.Password), s.Host, false)
		}
	}
	if auth == nil {
		return nil, authenticating, errNoMechanism
	}
	if err := client.Auth(auth); err != nil {
		return nil, authenticating, err
	}
	return client, authenticating, nil
}

// deliver hands a letter over (RFC 5321, section 3.3).
func deliver(client *smtp.Client, from, to string, letter []byte) (step, error) {
	if err := client.Mail("<" + from + ">"); err != nil {
		return mailFrom, err
	}
	if err := client.Rcpt("<" + to + ">"); err != nil {
		return rcptTo, err
	}
	w, err := client.Data()
	if err != nil {
		return data, err
	}
	if _, err := w.Write(letter); err != nil {
		return content, err
	}
	return content, w.Close()
}

// maxAnswers is how much a server may say in one conversation, certificates included.
const maxAnswers = 256 << 10

// A bounded connection reads so many octets and no more: net/textproto reads lines and
// answers of any length.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTalksOn
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
