package sms

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpguts"
)

// samples are messages that show whether a template holds, on both sides of {{if gsm}}: the
// word and the number can be found in what it makes, and the rest breaks what is not escaped.
var samples = [...]message{
	{"12025550123", "Sample \"'<>&%+;=?#{}[]\\/:,-\n]]> äö €"},
	{"12025550123", "Sample \"'<>&%+;=?#{}[]\\/:,-\n]]> 日本"},
}

// Check returns every fault of the description that can be found without asking the gateway.
func (g *Gateway) Check() error {
	faults := slices.Concat(g.checkPlain(), g.checkAnswer())
	if _, err := g.endpoint(); err != nil {
		faults = append(faults, err)
	}
	for _, m := range samples {
		if err := g.checkRequest(m); err != nil {
			faults = append(faults, err)
			break
		}
	}
	return report(g.String(), faults, g.Timeout, g.AtOnce)
}

// endpoint returns the literal part of the URL: where the request goes is not for a template.
func (g *Gateway) endpoint() (*url.URL, error) {
	literal, _, templated := strings.Cut(g.URL, "{{")
	u, err := url.Parse(literal)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("url: it has to begin with https:// and a host")
	case templated && u.Path == "" && u.RawQuery == "" && !u.ForceQuery:
		return nil, errors.New("url: a template can begin after the slash behind the host")
	case u.User != nil:
		return nil, errors.New("url: the user and the password have fields of their own")
	case strings.Contains(g.URL, "#"):
		return nil, errors.New("url: what follows a # is not sent; a # of a value is %23")
	case strings.Count(g.URL, "?") > 1:
		return nil, errors.New("url: parameters begin with one ?; a second ? is %3F")
	}
	return u, nil
}

// checkPlain returns the faults of what is no template.
func (g *Gateway) checkPlain() (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case !slices.Contains([]string{"", http.MethodGet, http.MethodPost, http.MethodPut}, g.Method):
		fault("method: GET, POST and PUT are possible")
	case g.Method == http.MethodGet && g.Body != "":
		fault("method: GET has no body")
	}
	for _, name := range slices.Sorted(maps.Keys(g.Header)) {
		switch canonical := http.CanonicalHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name):
			fault("header %q: not the name of one", name)
		case slices.Contains([]string{"Connection", "Content-Length", "Host", "Trailer", "Transfer-Encoding"}, canonical):
			fault("header %s: it is made from the rest of the request", canonical)
		case canonical == "Authorization" && g.User != "":
			fault("header Authorization: it is made from the user and the password")
		}
	}
	predefined := (&Gateway{}).values(message{})
	for _, name := range slices.Sorted(maps.Keys(g.Secrets)) {
		if _, taken := predefined[name]; taken {
			fault("secret %s: the name stands for something else", name)
		}
		if g.Secrets[name] == "" {
			fault("secret %s: it is empty", name)
		}
		if strings.ContainsFunc(g.Secrets[name], unicode.IsControl) {
			fault("secret %s: it has a line end or another control character in it", name)
		}
	}
	switch {
	case (g.User == "") != (g.Password == ""):
		fault("user and password: one of them is missing")
	case strings.Contains(g.User, ":"): // RFC 7617, section 2
		fault("user: it cannot have a colon")
	case strings.ContainsFunc(g.User+g.Password+g.Sender, unicode.IsControl):
		fault("user, password or sender: a line end or another control character is in it")
	}
	return faults
}

// checkRequest returns what is wrong with the request that the templates make of a sample.
func (g *Gateway) checkRequest(m message) error {
	request, err := g.request(context.Background(), m)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(request.Body)
	if err != nil {
		return err
	}
	body, everything := string(b), request.URL.String()+string(b)
	for _, values := range request.Header {
		everything += strings.Join(values, "")
	}
	kind, _, _ := mime.ParseMediaType(request.Header.Get("Content-Type"))
	switch {
	case !strings.Contains(everything, "Sample"):
		return errors.New("the text is nowhere in the request: put {{text}} into the URL or the body")
	case !strings.Contains(everything, m.digits):
		return errors.New("the number is nowhere in the request: put {{number}} or {{digits}} into the URL or the body")
	case body == "":
	case isJSON(kind) && !json.Valid(b):
		return errors.New("body: not JSON; {{name}} has to stand between quotes")
	case isXML(kind) && !wellFormed(body):
		return errors.New("body: not well-formed XML")
	}
	return nil
}

func wellFormed(document string) bool {
	for decoder := xml.NewDecoder(strings.NewReader(document)); ; {
		if _, err := decoder.Token(); err != nil {
			return err == io.EOF
		}
	}
}
