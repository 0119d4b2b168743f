package email

import (
	"fmt"
	"strings"
)

// Address returns one bare address (alice@example.com) as it is used: without space
// around it, its domain in lower case. What RFC 5321 allows and nobody has is refused:
// quoted names, comments, addresses of machines in brackets. So are letters outside of
// ASCII (RFC 6531), which many servers do not take; a domain that has them is written in
// its xn-- form. The error quotes the text.
func Address(s string) (string, error) {
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	wrong := ""
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		wrong = "it has spaces, or letters outside of ASCII (a domain has an xn-- form)"
	case at < 0:
		wrong = "it has no @"
	case len(s) > 254 || at > 64: // RFC 5321, section 4.5.3.1
		wrong = "it is too long"
	case !isDotAtom(s[:at]):
		wrong = "what is before the @ is not a plain name"
	case !isDomain(s[at+1:]):
		wrong = "what is after the @ is not a domain"
	default:
		return s[:at+1] + strings.ToLower(s[at+1:]), nil
	}
	return "", fmt.Errorf("email: %.80q is not an address such as alice@example.com: %s", s, wrong)
}

// Mask returns an address as a login prompt shows it, enough for its owner and little for
// a stranger: "a…e@example.com".
func Mask(address string) string {
	address, err := Address(address)
	if err != nil {
		return "…"
	}
	name, domain, _ := strings.Cut(address, "@")
	if len(name) < 4 {
		return "…@" + domain
	}
	return name[:1] + "…" + name[len(name)-1:] + "@" + domain
}

// isDotAtom reports whether s is a Dot-string (RFC 5321, section 4.1.2).
func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool {
			return !isLetterOrDigit(byte(r)) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
		}) {
			return false
		}
	}
	return true
}

// isDomain reports whether s is a Domain (RFC 5321, section 4.1.2).
func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return !isLetterOrDigit(byte(r)) && r != '-' }) {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
