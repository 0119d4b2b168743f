package fcm

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"

	"radpush/push"
)

const (
	googleHost = "https://fcm.googleapis.com"

	tryTime = 5 * time.Second

	maxAnswer = 64 << 10 // octets of a header, and of a body; Google's have some 2,000
	maxConns  = 8
)

// send sends a message.
func (r *Ringer) send(ctx context.Context, m *messaging.Message, tries int) error {
	if !plausible(m.Token) {
		return errToken
	}
	return push.Retry(ctx, tries, func() error { return r.try(ctx, m) })
}

// try sends a message once.
func (r *Ringer) try(ctx context.Context, m *messaging.Message) error {
	r.once.Do(r.open)
	if r.broken != nil {
		return r.broken
	}
	within, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	last := &last{stop: cancel}
	_, err := r.client.Send(context.WithValue(within, lastKey{}, last), m)
	switch {
	case err == nil && last.err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case last.err != nil:
		return last.err
	}
	return r.judge(err, time.Now())
}

// open makes the client.
func (r *Ringer) open() {
	if r.Credentials.config == nil {
		r.broken = errors.New("there are no credentials")
		return
	}
	dial := r.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: tryTime}).DialContext
	}
	r.access = &access{config: r.Credentials.config, turn: make(chan struct{}, 1), base: bounded{&http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{RootCAs: r.RootCAs},
		TLSHandshakeTimeout:    tryTime,
		ForceAttemptHTTP2:      true, // with a dialer of its own, a Transport does not by itself
		MaxConnsPerHost:        maxConns,
		MaxIdleConnsPerHost:    maxConns,
		IdleConnTimeout:        5 * time.Minute,
		MaxResponseHeaderBytes: maxAnswer,
		// A connection that has silently died would take every try with it.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 2 * tryTime, PingTimeout: tryTime},
	}}}
	ctx := context.Background() // for credentials of the library's own, which it does not have
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: r.Credentials.project},
		option.WithHTTPClient(&http.Client{Transport: once{r.access, r}, CheckRedirect: noRedirect}),
		option.WithEndpoint(cmp.Or(r.Host, googleHost)+"/v1"))
	if err == nil {
		r.client, err = app.Messaging(ctx)
	}
	if err != nil {
		r.broken = fmt.Errorf("open Google's library: %w", err)
	}
}

// noRedirect makes a redirect an answer: messages and assertions are for Google alone.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bounded reads answers in place of the libraries, of which one reads on without a bound.
type bounded struct{ *http.Transport }

func (t bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// once keeps Google's library from trying again by itself. After a 503 and a broken connection
// it does, five times in all and without jitter, and in the end it would be our deadline that
// is told, and not what went wrong. To the library some redirects are a success, too.
type once struct {
	http.RoundTripper
	ringer *Ringer
}

// last is what went wrong with a try, if the library would not say so.
type last struct {
	err  error
	stop context.CancelFunc
}

type lastKey struct{} // of the *last in a request's context

func (o once) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := o.RoundTripper.RoundTrip(r)
	last := r.Context().Value(lastKey{}).(*last)
	switch {
	case err != nil:
		last.err = o.ringer.unanswered(err)
		last.stop()
	case response.StatusCode == http.StatusServiceUnavailable:
		last.err = unavailable(response, time.Now())
		last.stop()
	case response.StatusCode/100 == 3:
		last.err = fmt.Errorf("%w: redirects are not followed", status(response.StatusCode, ""))
	}
	return response, err
}
