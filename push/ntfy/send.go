package ntfy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"radpush/push"
)

const (
	tryTime   = 5 * time.Second
	maxAnswer = 16 << 10 // octets of a header, and of a body; ntfy's have some hundred
	maxConns  = 8
)

// A request is what the server is asked to do.
type request struct {
	method string
	path   string
	body   []byte
	tries  int
}

// send has the server do what concerns a topic.
func (p *Publisher) send(ctx context.Context, r request, topic string) error {
	if !topics.MatchString(topic) {
		return errors.New("no server can have such a topic: set another one")
	}
	return push.Retry(ctx, r.tries, func() error { return p.try(ctx, r) })
}

// try asks once.
func (p *Publisher) try(ctx context.Context, r request) error {
	within, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	asked, err := http.NewRequestWithContext(within, r.method, p.URL+r.path, bytes.NewReader(r.body))
	if err != nil {
		return errors.New("the server's URL cannot be read")
	}
	if r.body != nil {
		asked.Header.Set("Content-Type", "application/json")
	}
	switch {
	case p.Token != "":
		asked.Header.Set("Authorization", "Bearer "+string(p.Token))
	case p.User != "":
		asked.SetBasicAuth(p.User, string(p.Password))
	}
	answer, err := p.http().Do(asked)
	var body []byte
	if err == nil {
		defer answer.Body.Close()
		body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return p.unanswered(err)
	}
	return judge(r.method, answer, body, time.Now())
}

// http returns the client, which is made once.
func (p *Publisher) http() *http.Client {
	p.once.Do(func() {
		dial := p.Dial
		if dial == nil {
			dial = (&net.Dialer{Timeout: tryTime}).DialContext
		}
		p.client = &http.Client{
			// A redirect is an answer: the token and the topic are for this server alone.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:                  http.ProxyFromEnvironment,
				DialContext:            dial,
				TLSHandshakeTimeout:    tryTime,
				TLSClientConfig:        &tls.Config{RootCAs: p.RootCAs},
				ForceAttemptHTTP2:      true, // with a dialer of its own, a Transport does not by itself
				MaxConnsPerHost:        maxConns,
				MaxIdleConnsPerHost:    maxConns,
				IdleConnTimeout:        30 * time.Second,
				MaxResponseHeaderBytes: maxAnswer,
				// A connection that has silently died would take every try with it.
				HTTP2: &http.HTTP2Config{SendPingTimeout: tryTime, PingTimeout: tryTime},
			},
		}
	})
	return p.client
}

// unanswered returns what became of a try that got no answer, or half of one. The library's
// error has the topic in it.
func (p *Publisher) unanswered(err error) error {
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%.200q; if it is the server's own authority, name it in a file of CA certificates", untrusted.Error())
	}
	problem := errors.New("the connection broke")
	if e, ok := errors.AsType[*url.Error](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		problem = fmt.Errorf("no answer within %v", tryTime)
	} else if op, ok := errors.AsType[*net.OpError](err); ok {
		problem = op
	}
	return push.Temporary{Err: fmt.Errorf("%w; this server has to reach %s", problem, p.URL)}
}
