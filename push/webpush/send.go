package webpush

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"radpush/push"
)

const (
	tryTime = 5 * time.Second

	// messageSize is what every message is padded to, in octets. The library would take the
	// most that a service must accept, 4,096 (RFC 8030, section 7.2), and that is more than
	// Mozilla's passes on to Firefox for Android.
	messageSize = 256

	maxHeader = 16 << 10 // octets, of an answer
	maxConns  = 8        // to one host: without a bound, 500 rings at once open 700 connections, and close them again
)

// send sends a message to a device's browser.
func (r *Ringer) send(ctx context.Context, d push.Device, m message) error {
	s, host, err := r.subscription(d.Address.Token)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]string{m.kind: m.id})
	if err != nil {
		return err
	}
	err = push.Retry(ctx, m.tries, func() error { return r.try(ctx, s, text, m) })
	if err != nil {
		return fmt.Errorf("%s: %w", host, err)
	}
	return nil
}

// try sends a message once.
func (r *Ringer) try(ctx context.Context, s *webpush.Subscription, text []byte, m message) error {
	within, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	response, err := webpush.SendNotificationWithContext(within, text, s, &webpush.Options{
		HTTPClient:      r.http(),
		RecordSize:      messageSize,
		Subscriber:      r.Subject, // the library puts mailto: before an address
		Topic:           m.topic(),
		TTL:             m.ttl(time.Now()),
		Urgency:         m.urgency,
		VAPIDPublicKey:  r.Keys.public,
		VAPIDPrivateKey: r.Keys.private,
	})
	switch {
	case err == nil:
		response.Body.Close() // unread: it is the service's, and may have no end
		return judge(response, time.Now())
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return unanswered(err)
}

// http returns the client, which is made once.
func (r *Ringer) http() *http.Client {
	r.once.Do(func() {
		if r.client == nil {
			r.client = r.newClient()
		}
	})
	return r.client
}

func (r *Ringer) newClient() *http.Client {
	dial := r.Dial
	if dial == nil {
		dial = r.dialer().DialContext
	}
	return &http.Client{
		// A redirect is an answer: it could lead where an endpoint may not.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: nil, // one of the environment would dial in our place, and not look at the address
			// A try that is over leaves its connection to the next ones, to be finished: not for ever.
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				ctx, cancel := context.WithTimeout(ctx, tryTime)
				defer cancel()
				return dial(ctx, network, address)
			},
			TLSHandshakeTimeout:    tryTime,
			TLSClientConfig:        &tls.Config{RootCAs: r.RootCAs},
			ForceAttemptHTTP2:      true, // with a dialer of its own, a Transport does not by itself
			MaxConnsPerHost:        maxConns,
			MaxIdleConnsPerHost:    maxConns,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
			// A connection that has silently died would take every try with it.
			HTTP2: &http.HTTP2Config{SendPingTimeout: tryTime, PingTimeout: tryTime},
		},
	}
}

// unanswered returns what became of a try that got no answer, without what the service may
// have put into it and without the endpoint.
func unanswered(err error) error {
	e, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err // nothing has been sent
	}
	if errors.Is(err, errNotPublic) {
		return e.Err
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%.200q; something between here and there may be reading along", untrusted.Error())
	}
	problem := errors.New("the connection broke")
	if e.Timeout() {
		problem = fmt.Errorf("no answer within %v", tryTime)
	} else if op, ok := errors.AsType[*net.OpError](err); ok {
		problem = op
	}
	return push.Temporary{Err: fmt.Errorf("%w; this server has to reach port 443 there, without a proxy", problem)}
}
