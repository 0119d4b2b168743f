package sms

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// A Gateway is an HTTP API that sends texts. Method, URL, Header and Body describe the
// request; Status, Answer and JSON say which answer means that the text was taken, and all
// of them have to agree. Fields are not to be changed after the first Send.
//
// Secrets belong into Secrets and Password: what stands in other fields may be in errors.
type Gateway struct {
	Method string            // GET, POST or PUT; "": POST with a Body, else GET
	URL    string            // template, literal up to the slash after the host; over http:// everybody on the way reads along
	Header map[string]string // name to template
	Body   string            // template, escaped as Header's Content-Type demands: a form, JSON, XML or plain text, in UTF-8

	Sender   string            // {{sender}}: a number or a name, as the provider allows it
	Secrets  map[string]string // {{name}} to a password, token, …
	User     string            // of HTTP Basic authentication (RFC 7617); "" for none
	Password string

	Status []int             // codes that mean success; none: 200 to 299
	Answer string            // a regular expression that the answer has to match: "^OK"; "": any answer will do
	JSON   map[string]string // path to the value that has to be there: "messages.*.status" to "0"; * is all of an array, and at least one

	RootCAs *x509.CertPool // who may have signed the gateway's certificate; nil: whom the system trusts
	Timeout time.Duration  // for everything that Send does; 0: 10 s
	AtOnce  int            // texts on their way at once; 0: 32

	turns turns
}

const (
	maxAnswer = 64 << 10               // octets, of body and of header each
	tries     = 3                      // of what was not taken
	pause     = 500 * time.Millisecond // between tries
)

// String names the gateway by its host.
func (g *Gateway) String() string {
	u, err := g.endpoint()
	if err != nil {
		return "gateway"
	}
	return "gateway " + u.Host
}

func (g *Gateway) GoString() string     { return g.String() }
func (g *Gateway) LogValue() slog.Value { return slog.StringValue(g.String()) }

// Send asks the gateway to send a text. Nil means that the gateway has taken it, not that
// it has arrived.
func (g *Gateway) Send(ctx context.Context, number, text string) error {
	if err := g.send(ctx, number, text); err != nil {
		return fmt.Errorf("sms: send by %v: %w", g, err)
	}
	return nil
}

func (g *Gateway) send(ctx context.Context, number, text string) error {
	m, err := compose(number, text)
	if err != nil {
		return err
	}
	ctx, done, err := g.turns.begin(ctx, g.Timeout, g.AtOnce)
	if err != nil {
		return err
	}
	defer done()
	client := g.client()
	for try := 1; ; try++ {
		wait, err := g.try(ctx, client, m)
		if err == nil || wait == 0 || try == tries {
			return err
		}
		if deadline, _ := ctx.Deadline(); time.Until(deadline) <= wait {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// client returns a client that asks once: no redirects, and a connection for each request.
// On a connection that was used before, or over HTTP/2, Go's transport repeats by itself a
// GET that went unanswered; and the text would be sent twice.
func (g *Gateway) client() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{RootCAs: g.RootCAs},
			Protocols:              protocols,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxAnswer,
		},
	}
}

// try sends the request once. A wait above 0 says that the gateway cannot have taken the
// text, and how long to wait before the next try.
func (g *Gateway) try(ctx context.Context, client *http.Client, m message) (wait time.Duration, err error) {
	connected := false // TCP, proxy and TLS: before that nothing of the request has left
	request, err := g.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected = true },
	}), m)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return g.unanswered(ctx, m, connected, err)
	}
	defer response.Body.Close()
	body, cut := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err := g.judge(response.StatusCode, body); err != nil {
		said := cmp.Or(m.redact(string(body), g.hidden()...), "nothing")
		if cut != nil {
			said += " (and broke off)"
		}
		return refused(response), fmt.Errorf("%w; it said: %s", err, said)
	}
	return 0, nil
}

// unanswered returns what try does when no answer came.
func (g *Gateway) unanswered(ctx context.Context, m message, connected bool, err error) (wait time.Duration, _ error) {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL, which may have the text and secrets in it
	}
	problem := errors.New(m.redact(err.Error(), g.hidden()...))
	if ctx.Err() != nil {
		problem = context.Cause(ctx)
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case connected:
		return 0, fmt.Errorf("no answer, the text may have been sent: %w", problem)
	case untrusted:
		return 0, fmt.Errorf("connect: %w; if it is the right one, configure the authority that signed its certificate", problem)
	}
	return pause, fmt.Errorf("connect: %w; check the URL, the network and the proxy, if there is one", problem)
}

// refused returns how long to wait, if the answer says that the request was not processed
// and may be repeated: 429 (RFC 6585, section 4) or 503 (RFC 9110, section 15.6.4).
func refused(r *http.Response) time.Duration {
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	seconds, _ := strconv.Atoi(r.Header.Get("Retry-After")) // RFC 9110, section 10.2.3
	return max(pause, time.Duration(min(seconds, 3600))*time.Second)
}

// hidden returns what no error may show.
func (g *Gateway) hidden() []string {
	hidden := slices.Collect(maps.Values(g.Secrets))
	if g.User != "" {
		hidden = append(hidden, g.Password, base64.StdEncoding.EncodeToString([]byte(g.User+":"+g.Password)))
	}
	return hidden
}
