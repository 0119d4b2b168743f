package sms

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// maxQuote is how many characters of what a carrier said an error quotes.
const maxQuote = 200

var (
	codes    = regexp.MustCompile(`[0-9]{3,}`)
	escapes  = regexp.MustCompile(`(?:\\(?:u[0-9A-Fa-f]{4}|[/"\\]))+`) // of JSON
	harmless = regexp.MustCompile(`^[0-9A-Za-z._-]$`)                  // as it is in all that carriers write
)

// redact returns what a carrier said, for an error: printable, in one line, not long, and
// without the secrets, the number, the text and the code in it, which carriers like to
// repeat, escaped in one way or another.
func (m message) redact(said string, secrets ...string) string {
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) }) // one may begin with another
	var spellings []string
	for _, secret := range secrets {
		if secret != "" {
			spellings = append(spellings, spelling(secret))
		}
	}
	secret, err := regexp.Compile(strings.Join(spellings, "|"))
	if err != nil {
		return "" // too long to be looked for
	}
	open := append([]string{m.text, "+" + m.digits, m.digits, m.digits[len(m.digits)-6:]}, // its end: it may be written the national way
		codes.FindAllString(m.text, -1)...)
	for _, decode := range [...]func(string) string{verbatim, unescapeJSON} {
		said = decode(said)
		if len(spellings) > 0 {
			said = secret.ReplaceAllString(said, "…")
		}
		for _, s := range open {
			said = strings.ReplaceAll(said, s, "…")
		}
	}
	said = strings.ToValidUTF8(said, "\ufffd")
	said = strings.Join(strings.FieldsFunc(said, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }), " ")
	if runes := []rune(said); len(runes) > maxQuote {
		return string(runes[:maxQuote]) + "…"
	}
	return said
}

// spelling returns a regular expression of a secret as it is, in a URL, in JSON and in HTML.
func spelling(secret string) string {
	var b strings.Builder
	for _, r := range secret {
		c := string(r)
		if harmless.MatchString(c) {
			b.WriteString(regexp.QuoteMeta(c))
			continue
		}
		fmt.Fprintf(&b, `(?i:\\?%s|%s|&#0*%d;|&#x0*%x;|`, regexp.QuoteMeta(c), regexp.QuoteMeta(html.EscapeString(c)), r, r)
		for _, octet := range []byte(c) {
			fmt.Fprintf(&b, "%%%02x", octet)
		}
		b.WriteByte('|')
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\\u%04x`, unit)
		}
		switch r {
		case ' ':
			b.WriteString(`|\+`)
		case '"':
			b.WriteString("|&quot;")
		case '\'':
			b.WriteString("|&apos;")
		}
		b.WriteByte(')')
	}
	return b.String()
}

// A redacted error reads as text. What it is can still be asked with errors.Is and As.
type redacted struct {
	error
	text string
}

func (e redacted) Error() string { return e.text }
func (e redacted) Unwrap() error { return e.error }

func unescapeJSON(s string) string {
	return escapes.ReplaceAllStringFunc(s, func(run string) (text string) {
		if json.Unmarshal([]byte(`"`+run+`"`), &text) != nil {
			return run
		}
		return text
	})
}
