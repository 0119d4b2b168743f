package apns

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"

	"radpush/push"
)

const (
	tryTime = 5 * time.Second

	// renewAfter is how often a provider token may be replaced: Apple answers 429 to more.
	renewAfter = 20 * time.Minute

	maxConns = 8 // each takes some 1,000 notifications at once, but only one before it has seen a provider token
)

// send sends a notification.
func (r *Ringer) send(ctx context.Context, n *apns2.Notification, tries int) error {
	if !tokens.MatchString(n.DeviceToken) {
		return errToken
	}
	return push.Retry(ctx, tries, func() error { return r.try(ctx, n) })
}

// try sends a notification once, and a second time if Apple wants another provider token.
func (r *Ringer) try(ctx context.Context, n *apns2.Notification) error {
	within, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	client := r.apns()
	bearer := client.Token.GenerateIfExpired()
	answer, err := client.PushWithContext(within, n)
	if err == nil && answer.Reason == apns2.ReasonExpiredProviderToken && r.renew(bearer) {
		answer, err = client.PushWithContext(within, n)
	}
	switch {
	case err == nil:
		return judge(answer)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return r.unanswered(err)
}

// renew replaces a provider token that Apple finds too old, and reports whether there is
// another one now. Who makes one after the other has a wrong clock, and would be told of
// the many tokens in place of that.
func (r *Ringer) renew(bearer string) bool {
	t := r.client.Token
	t.Lock()
	defer t.Unlock()
	if t.Bearer != bearer {
		return true // another ring was quicker
	}
	if now := time.Now(); now.Sub(r.renewed) >= renewAfter {
		r.renewed = now
		ok, err := t.Generate()
		return ok && err == nil
	}
	return false
}

// apns returns the client, which is made once: Apple takes one connection after the other
// for an attack.
func (r *Ringer) apns() *apns2.Client {
	r.once.Do(func() {
		only := new(http.Protocols)
		only.SetHTTP2(true)
		dial := r.Dial
		if dial == nil {
			dial = (&net.Dialer{Timeout: tryTime}).DialContext
		}
		r.client = &apns2.Client{
			Host:  cmp.Or(r.Host, apns2.HostProduction),
			Token: &token.Token{AuthKey: r.Key.private, KeyID: r.KeyID, TeamID: r.TeamID},
			HTTPClient: &http.Client{
				// A redirect is an answer: the token in the path is for Apple alone.
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
				Transport: careful{&http.Transport{
					Proxy:                  http.ProxyFromEnvironment,
					DialContext:            dial,
					TLSHandshakeTimeout:    tryTime,
					TLSClientConfig:        &tls.Config{RootCAs: r.RootCAs},
					Protocols:              only,
					MaxConnsPerHost:        maxConns,
					MaxIdleConnsPerHost:    maxConns,
					IdleConnTimeout:        time.Hour,
					MaxResponseHeaderBytes: maxAnswer,
					// A connection that has silently died would take every try with it.
					HTTP2: &http.HTTP2Config{SendPingTimeout: 2 * tryTime, PingTimeout: tryTime},
				}},
			},
		}
	})
	return r.client
}

// unanswered returns what became of a try that got no answer. The library's error has the
// token in it.
func (r *Ringer) unanswered(err error) error {
	e, ok := errors.AsType[*url.Error](err)
	if !ok {
		return errors.New("the notification cannot be written")
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](e.Err); ok {
		return fmt.Errorf("%.200w; something between here and Apple may be reading along", untrusted)
	}
	problem := errors.New("the connection broke")
	if e.Timeout() {
		problem = fmt.Errorf("no answer within %v", tryTime)
	} else if op, ok := errors.AsType[*net.OpError](e.Err); ok {
		problem = op
	}
	return push.Temporary{Err: fmt.Errorf("%w; this server has to reach %s", problem, r.client.Host)}
}
