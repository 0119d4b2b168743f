package email

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// compose returns a message as it goes over the wire, without dots stuffed. All that is
// put into a header has been checked or is encoded here (RFC 2047).
func (m Message) compose(from *mail.Address, now time.Time) ([]byte, error) {
	_, domain, _ := strings.Cut(from.Address, "@")
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	g.FromMailAddress(from)
	g.ToMailAddress(&mail.Address{Address: m.To})
	g.Subject(strings.ReplaceAll(m.Subject, "=?", "= ?")) // what looks encoded would be decoded
	g.SetDateWithValue(now)
	g.SetMessageIDWithValue(m.ID + "@" + domain)                 // not the name of this machine
	g.SetGenHeader("Auto-Submitted", "auto-generated")           // RFC 3834, section 5: no holiday replies
	g.SetGenHeader("X-Auto-Response-Suppress", "OOF, AutoReply") // and Exchange's word for it
	g.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		g.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var wire bytes.Buffer
	if _, err := g.WriteTo(&wire); err != nil {
		return nil, fmt.Errorf("email: compose letter: %w", err)
	}
	return wire.Bytes(), nil
}
