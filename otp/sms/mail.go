package sms

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// Mail is a provider that sends on, as a text, what is mailed to an address that has the
// number in it.
type Mail struct {
	Address string // template without the text: "{{digits}}@sms.example.com"
	Subject string // template; "" where the provider wants none
	// Post mails a letter. It waits until a server has taken it, or ctx ends.
	Post    func(ctx context.Context, to, subject, text string) error
	Timeout time.Duration // for everything that Send does; 0: 10 s
	AtOnce  int           // letters on their way at once; 0: 32

	turns turns
}

// Check returns every fault of the description.
func (c *Mail) Check() error {
	var faults []error
	if c.Post == nil {
		faults = append(faults, errors.New("nobody is there to post it"))
	}
	if to, _, err := c.envelope(samples[0]); err != nil {
		faults = append(faults, err)
	} else if !strings.Contains(to, samples[0].digits) {
		faults = append(faults, errors.New("address: the number is not in it, as in {{digits}}@sms.example.com"))
	}
	return report("mail", faults, c.Timeout, c.AtOnce)
}

// Send mails a text.
func (c *Mail) Send(ctx context.Context, number, text string) error {
	if err := c.send(ctx, number, text); err != nil {
		return fmt.Errorf("sms: send by mail: %w", err)
	}
	return nil
}

func (c *Mail) send(ctx context.Context, number, text string) error {
	m, err := compose(number, text)
	if err != nil {
		return err
	}
	to, subject, err := c.envelope(m)
	if err != nil {
		return err
	}
	ctx, done, err := c.turns.begin(ctx, c.Timeout, c.AtOnce)
	if err != nil {
		return err
	}
	defer done()
	if err := c.Post(ctx, to, subject, m.text); err != nil {
		return redacted{err, m.redact(err.Error())}
	}
	return nil
}

// envelope returns the address and the subject of a message's letter.
func (c *Mail) envelope(m message) (to, subject string, err error) {
	values := m.values()
	if subject, err = fill("subject", c.Subject, values, oneLine); err != nil {
		return "", "", err
	}
	delete(values, "text")
	if to, err = fill("address", c.Address, values, oneLine); err != nil {
		return "", "", err
	}
	if a, err := mail.ParseAddress(to); err != nil || a.Address != to {
		return "", "", errors.New("address: not a mail address without a name")
	}
	return to, subject, nil
}
