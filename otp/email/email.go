// Package email writes letters and takes them to a mail server.
//
// It has three parts, each of use without the others:
//
//	Templates.Render   data → Message                what happened, in words that an operator can replace
//	Sender.Send        Message → SMTP                one letter, while the caller waits: a code
//	Outbox.Add         Message → record → Send       one letter, until a server has taken it: an alert
//
// What a stranger can choose (the name that he types, what his machine calls itself) ends
// up in letters that users trust. Render therefore makes every such value inert: one short
// line that no mail program turns into a link. An [Outbox] bounds what one recipient gets,
// so that nobody is buried in letters that somebody else provokes.
//
// No error and no log line carries a password, a code or a letter's text.
package email

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Message is a letter to one person. It prints, logs and marshals to text without its
// content, which may be a code; CBOR keeps it whole.
type Message struct {
	To      string `cbor:"1,keyasint"`           // one bare address: see Address
	Subject string `cbor:"2,keyasint"`           // one line. Locked phones show it and mail servers log it: no secrets
	Text    string `cbor:"3,keyasint"`           // lines end in \n
	HTML    string `cbor:"4,keyasint,omitempty"` // says the same as Text; "" for none
	ID      string `cbor:"5,keyasint,omitempty"` // letters and digits, the left part of the Message-ID; random if empty
}

// maxMessage is how many octets a message may have. Letters have some 5,000.
const maxMessage = 64 << 10

func (m Message) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, m.String()) }
func (m Message) LogValue() slog.Value         { return slog.StringValue(m.String()) }
func (m Message) MarshalText() ([]byte, error) { return []byte(m.String()), nil }
func (m Message) String() string               { return "[letter to " + Mask(m.To) + "]" }

// check returns what is wrong with a message, a permanent error. A subject of two lines
// would be a header of the sender's choice.
func (m Message) check() error {
	to, err := Address(m.To)
	switch {
	case err != nil:
	case !strings.EqualFold(to, m.To):
		err = errors.New("email: the address has space around it")
	case m.Subject == "" || strings.ContainsFunc(m.Subject, breaksLine):
		err = errors.New("email: the subject is not one line of text")
	case m.Text == "":
		err = errors.New("email: the letter has no text")
	case len(m.Subject)+len(m.Text)+len(m.HTML) > maxMessage:
		err = fmt.Errorf("email: the letter has more than %d octets", maxMessage)
	case !utf8.ValidString(m.Subject + m.Text + m.HTML):
		err = errors.New("email: the letter is not UTF-8")
	case strings.ContainsFunc(m.ID, func(r rune) bool { return r >= utf8.RuneSelf || !isLetterOrDigit(byte(r)) }):
		err = errors.New("email: the letter's ID is not letters and digits")
	}
	if err != nil {
		return unsendable{err}
	}
	return nil
}

// breaksLine reports whether a rune ends a line for somebody who reads it.
func breaksLine(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// newID returns the ID of a message that has none.
func newID() string { return strings.ToLower(rand.Text()) }
