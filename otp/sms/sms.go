// Package sms carries a text to a telephone number. It has three carriers:
//
//   - [Gateway], an HTTP API: that of a provider ([Twilio], [Vonage]), of a gateway of one's
//     own ([Kannel]), or any other that can be described in configuration;
//   - [Program], a command on this machine;
//   - [Mail], a letter to a provider that sends its text on.
//
// A carrier is a struct whose fields are filled, then checked once and used by any number
// of goroutines:
//
//	carrier := sms.Twilio(account, token, "+12025550100")
//	if err := carrier.Check(); err != nil { … } // every fault at once
//	err := carrier.Send(ctx, "+491701234567", "123456 is your code for Example VPN.")
//
// All of them promise the same:
//
//   - A number is + and 7 to 15 digits, as [Number] returns it, or the digits alone. All else
//     is refused, so it is never an option, a header or a piece of a URL.
//   - A text is sent once or not at all. Send tries again only what cannot have been taken;
//     after any other failure the text may arrive all the same.
//   - Send ends within Timeout. AtOnce texts are on their way at once, some more wait for
//     their turn within the same time, and yet more are refused: a carrier that is slow
//     holds a bounded number of logins.
//   - Errors say what to do next, and have no secret, number or text in them.
//
// What is configurable is a template of package text/template with {{name}} and
// {{if name}} … {{else}} … {{end}}. The names are
//
//	number  +491701234567
//	digits  491701234567
//	text    the text
//	gsm     whether the text needs no other characters than a telephone's own (3GPP TS 23.038)
//
// and, in a Gateway, sender and the names of its Secrets. Values are escaped for the place
// that they stand in, by themselves: a text cannot break out of it.
package sms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxText is in characters. Providers take about as many, in ten parts.
const maxText = 1600

// A message is a text on its way to a number.
type message struct {
	digits string // of the number: country code first, without +
	text   string // no control characters but line ends
}

// compose returns the message, or what is wrong with number or text.
func compose(number, text string) (message, error) {
	digits := strings.TrimPrefix(number, "+")
	switch n := utf8.RuneCountInString(text); {
	case !e164(digits):
		return message{}, errors.New("the number is not + and 7 to 15 digits")
	case strings.TrimSpace(text) == "":
		return message{}, errors.New("the text is empty")
	case n > maxText:
		return message{}, fmt.Errorf("the text has %d characters; %d are possible", n, maxText)
	}
	return message{digits, strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r != '\n' && unicode.IsControl(r):
			return ' '
		}
		return r
	}, text)}, nil
}

// values returns what every template can name.
func (m message) values() map[string]any {
	return map[string]any{"number": "+" + m.digits, "digits": m.digits, "text": m.text, "gsm": gsm(m.text)}
}

// gsmAlphabet is the default alphabet and its extension (3GPP TS 23.038, sections 6.2.1 and
// 6.2.1.1): 160 of its characters make an SMS, of all others 70.
const gsmAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
	"abcdefghijklmnopqrstuvwxyzäöñüà" + "\f^{}\\[~]|€"

func gsm(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(gsmAlphabet, r) })
}

const (
	defaultTimeout = 10 * time.Second
	defaultAtOnce  = 32
	queued         = 16 // texts that may be held, for each that may be on its way
)

// report returns the faults of a carrier as one error, those of its Timeout and AtOnce too.
func report(carrier string, faults []error, timeout time.Duration, atOnce int) error {
	if timeout < 0 || atOnce < 0 {
		faults = append(faults, errors.New("timeout or at once is negative"))
	}
	for i, fault := range faults {
		faults[i] = fmt.Errorf("sms: check %s: %w", carrier, fault)
	}
	return errors.Join(faults...)
}

// turns bounds the texts of a carrier that are on their way, and those that wait for them.
// The zero value is ready.
type turns struct {
	once         sync.Once
	held, moving chan struct{}
}

// begin waits for a turn. The context that it returns ends when the send has to be over.
func (t *turns) begin(ctx context.Context, timeout time.Duration, atOnce int) (context.Context, context.CancelFunc, error) {
	t.once.Do(func() {
		n := cmp.Or(atOnce, defaultAtOnce)
		t.held, t.moving = make(chan struct{}, queued*n), make(chan struct{}, n)
	})
	select {
	case t.held <- struct{}{}:
	default:
		return nil, nil, fmt.Errorf("%d texts are held already: the carrier is too slow, or at once too small", cap(t.held))
	}
	timeout = cmp.Or(timeout, defaultTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done within %v: %w", timeout, context.DeadlineExceeded))
	select {
	case t.moving <- struct{}{}:
		return ctx, func() { cancel(); <-t.moving; <-t.held }, nil
	case <-ctx.Done():
		defer cancel()
		<-t.held
		return nil, nil, fmt.Errorf("wait for a turn, %d texts are on their way: %w", cap(t.moving), context.Cause(ctx))
	}
}
