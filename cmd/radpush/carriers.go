package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"radpush/login"
	"radpush/otp/email"
	"radpush/otp/sms"
	"radpush/web"
)

// A carrier is a login.Carrier that can say what is wrong with its description.
type carrier interface {
	login.Carrier
	Check() error
}

// carrier returns what carries texts, nil if nothing does. Mail is for the carrier that
// needs it.
func (s SMS) carrier(mail *email.Sender) (carrier, error) {
	roots, err := authorities(s.CA)
	if err != nil {
		return nil, err
	}
	secret, timeout := string(s.secret), s.Timeout.Duration()
	var g *sms.Gateway
	switch s.Carrier {
	case "none":
		return nil, nil
	case "program":
		return &sms.Program{Path: string(s.Program), Args: s.Args, Timeout: timeout}, nil
	case "mail":
		return &sms.Mail{Address: s.MailTo, Subject: s.Subject, Timeout: timeout, Post: func(ctx context.Context, to, subject, text string) error {
			return mail.Send(ctx, email.Message{To: to, Subject: subject, Text: text})
		}}, nil
	case "twilio":
		g = sms.Twilio(s.Account, secret, s.From)
	case "vonage":
		g = sms.Vonage(s.Account, secret, s.From)
	case "kannel":
		g = sms.Kannel(s.URL, s.Account, secret, s.From)
	default:
		g = &sms.Gateway{
			Method: s.Method, URL: s.URL, Header: s.Header.Map(), Body: s.Body, Sender: s.From,
			User: s.Account, Status: s.Status, Answer: s.Answer, JSON: s.JSON.Map(),
		}
		if secret != "" { // a gateway in the same house may want none
			g.Secrets = map[string]string{"secret": secret}
		}
		if s.Account != "" {
			g.Password = secret
		}
	}
	g.RootCAs, g.Timeout = roots, timeout
	return g, nil
}

// sender returns what takes letters to the mail server, nil if there is none.
func (e Email) sender() (*email.Sender, error) {
	if e.Host == "" {
		return nil, nil
	}
	roots, err := authorities(e.CA)
	return &email.Sender{
		Host: e.Host, Port: e.Port, TLS: email.TLS(e.TLS), Roots: roots,
		User: e.User, Password: email.Password(e.password), From: e.From, Timeout: e.Timeout.Duration(),
	}, err
}

// authorities reads a PEM file of certificates; nil for none.
func authorities(file Path) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(string(file))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", file)
	}
	return pool, nil
}

// A post writes the letters of package login. It is a login.Post.
type post struct {
	organization string
	letters      *email.Templates
	sender       *email.Sender
	outbox       *email.Outbox
}

// SendCode implements login.Post.
func (p *post) SendCode(ctx context.Context, to string, c login.CodeLetter) error {
	m, err := p.letters.Render(email.KindCode, to, email.Code{
		Organization: p.organization, Resource: c.Resource, Code: c.Code, Valid: int(c.Valid.Round(time.Minute) / time.Minute), User: c.User,
	})
	if err != nil {
		return err
	}
	return p.sender.Send(ctx, m)
}

// invite mails a user the link of an enrolment.
func (p *post) invite(ctx context.Context, u login.User, e web.Enrolment) error {
	m, err := p.letters.Render(email.KindEnrolment, u.Email, email.Enrolment{
		Organization: p.organization, User: u.Name, Link: e.Link, Expires: e.Expires,
	})
	if err != nil {
		return err
	}
	return p.sender.Send(ctx, m)
}

// Queue implements login.Post.
func (p *post) Queue(ctx context.Context, l login.AlertLetter) error {
	if c := l.Device; c != nil {
		return p.queue(ctx, email.KindDevice, l.To, email.Device{
			Organization: p.organization, User: l.User, Name: c.Device.Name, Kind: c.Kind,
			Removed: c.Removed, Replaced: c.Replaced, By: c.By, Time: c.Time,
		})
	}
	kinds, data := [2]string{email.KindRejectionUser, email.KindRejectionOperator}, any(nil)
	var rejection *email.Rejection
	if r := l.Rejection; r != nil {
		rejection = &email.Rejection{
			Organization: p.organization, Resource: r.Resource, User: r.User, IP: r.IP, Location: r.Location,
			Client: r.Client, NAS: r.NAS, Station: r.Station, Time: r.Time, Device: r.Device,
		}
		data = *rejection
	}
	if k := l.Lockout; k != nil {
		kinds = [2]string{email.KindLockoutUser, email.KindLockoutOperator}
		data = email.Lockout{
			Organization: p.organization, User: l.User, Until: k.Until, Failures: k.Failures, Time: k.Time, Reason: string(k.Reason),
			Rejection: rejection,
		}
	}
	kind := kinds[0]
	if l.Operator {
		kind = kinds[1]
	}
	return p.queue(ctx, kind, l.To, data)
}

func (p *post) queue(ctx context.Context, kind, to string, data any) error {
	m, err := p.letters.Render(kind, to, data)
	if err != nil {
		return err
	}
	return p.outbox.Add(ctx, m)
}
