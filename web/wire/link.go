package wire

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// An EnrolLink is what the user is given, as a link or a QR code:
//
//	https://radpush.example.com:8443/enrol#code=<code>&pin=<pin>
//
// The code stands in the fragment, which no browser sends and no proxy logs.
type EnrolLink struct {
	URL  string // base URL of the server, without a slash at the end
	Code string
	Pin  []byte // see Pin; nil for a certificate that the device's system trusts
}

// Pin returns the SHA-256 of a certificate's SubjectPublicKeyInfo, by which a device
// knows a server whose certificate nobody else vouches for. It stays the same when a new
// certificate is made for the same key.
func Pin(cert *x509.Certificate) []byte {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return sum[:]
}

func (l EnrolLink) String() string {
	s := l.URL + "/enrol#code=" + l.Code
	if l.Pin != nil {
		s += "&pin=" + base64.RawURLEncoding.EncodeToString(l.Pin)
	}
	return s
}

// LogValue keeps the code out of logs.
func (l EnrolLink) LogValue() slog.Value { return slog.StringValue(l.URL + "/enrol#…") }

var code = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// ParseEnrolLink reads what String returned. Its errors say what is wrong with the link
// and never quote it.
func ParseEnrolLink(s string) (EnrolLink, error) {
	var l EnrolLink
	s, fragment, _ := strings.Cut(s, "#")
	base, ok := strings.CutSuffix(s, "/enrol")
	if !ok {
		return l, errors.New("wire: not an enrolment link: it ends in /enrol#code=…")
	}
	if err := CheckURL(base); err != nil {
		return l, err
	}
	values, err := url.ParseQuery(fragment)
	if err != nil || len(values["code"]) != 1 || len(values["pin"]) > 1 {
		return l, errors.New("wire: the enrolment link has no code; copy all of it, with what follows the #")
	}
	l.URL, l.Code = base, values.Get("code")
	if !code.MatchString(l.Code) {
		return l, errors.New("wire: the code of the enrolment link is damaged")
	}
	if values.Has("pin") {
		// Other spellings of the same octets are refused: a link has one form.
		l.Pin, err = base64.RawURLEncoding.Strict().DecodeString(values.Get("pin"))
		if err != nil || len(l.Pin) != sha256.Size || strings.ContainsAny(values.Get("pin"), "\r\n") {
			return EnrolLink{}, errors.New("wire: the pin of the enrolment link is damaged; copy all of it")
		}
	}
	return l, nil
}

// CheckURL returns an error that says what is wrong with a base URL: it has scheme and
// host, perhaps a path, and no slash at the end. Without TLS only this machine is
// reached.
func CheckURL(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil: // which would quote it
		return errors.New("wire: the server's URL is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("wire: the server's URL does not begin with https://")
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(u.Path, "/"):
		return errors.New("wire: the server's URL is more or less than scheme, host and path")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("wire: the server's URL must begin with https://")
	}
	return nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
