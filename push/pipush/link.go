package pipush

import (
	"cmp"
	"errors"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Link is what the user scans, once.
type Link struct {
	Endpoint   string // see Endpoint
	Serial     string
	Credential string        // good once: a secret until then
	Issuer     string        // who asks
	User       string        // whose sign-ins they are
	Valid      time.Duration // how long the credential is good; the app counts in minutes
	PIN        bool          // the app asks for a PIN or a biometric before it answers
}

// String returns the link as text. It asks the app for no address at Firebase (poll_only) and
// has it verify the server's certificate.
func (l Link) String() string {
	q := url.Values{
		"url": {l.Endpoint}, "ttl": {strconv.Itoa(int(math.Ceil(l.Valid.Minutes())))}, "issuer": {l.Issuer},
		"enrollment_credential": {l.Credential}, "v": {"1"}, "serial": {l.Serial}, "sslverify": {"1"}, "poll_only": {"True"},
	}
	if l.PIN {
		q.Set("pin", "True")
	}
	u := url.URL{Scheme: "otpauth", Host: "pipush", Path: "/" + l.User, RawPath: "/" + escapeLabel(l.User)}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// escapeLabel keeps a colon from being the end of an issuer and a slash from being the end of
// a path.
func escapeLabel(s string) string { return strings.ReplaceAll(url.PathEscape(s), ":", "%3A") }

// LogValue keeps the credential out of logs.
func (l Link) LogValue() slog.Value { return slog.StringValue("otpauth://pipush/…") }

var (
	plainHost = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)
)

// Endpoint returns where the app finds a server, whose base URL is scheme, host and perhaps a
// path. The app takes URLs apart and puts them together again before it checks what is signed
// (RFC 3986, section 6.2); so this one has only one form, and one that could have two is an
// error.
func Endpoint(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return "", errors.New("pipush: the server's URL is not scheme, host and path")
	}
	host := strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() && addr.Zone() == "" {
		host = "[" + addr.String() + "]"
	} else if !plainHost.MatchString(host) {
		return "", errors.New("pipush: the host of the server's URL has other characters than letters, digits, hyphens and dots: write an international name in its ASCII form")
	}
	if path := u.EscapedPath(); !plainPath.MatchString(path) {
		return "", errors.New("pipush: the path of the server's URL has to be escaped: use letters, digits, hyphens and underscores")
	}
	defaults := map[string]uint64{"https": 443, "http": 80}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), strconv.FormatUint(defaults[u.Scheme], 10)), 10, 16)
	switch {
	case defaults[u.Scheme] == 0:
		return "", errors.New("pipush: the server's URL does not begin with https://")
	case err != nil || port == 0:
		return "", errors.New("pipush: the server's URL has a port that is none")
	case port != defaults[u.Scheme]:
		host += ":" + strconv.FormatUint(port, 10)
	}
	return u.Scheme + "://" + host + u.Path + Path, nil
}
