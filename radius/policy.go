package radius

import (
	"log/slog"
	"sync"

	"layeh.com/radius/rfc2865"
)

// policies holds what was learned of clients whose policy is Auto, by the client's name,
// until the program ends. A client that is a network teaches nothing, because what one
// of its members does says nothing about another; there Auto means No.
//
// The two flags are learned differently. A valid Message-Authenticator proves that the
// client sent it, so one is enough, at any time, to require it from then on. A request
// without one anyone could have sent in the client's name, and if it taught, a stranger
// could shut a proxy out with one datagram, or have the limit lifted. So whether the client
// is a proxy is learned from the first such request that was accepted.
type policies struct {
	mu     sync.Mutex
	byName map[string]learned
}

type learned struct {
	sendsMAC bool   // Message-Authenticator is required
	proxy    Policy // what Client.LimitProxyState is taken to be; Auto until learned
}

// check applies a client's policy against CVE-2024-3596 to an Access-Request, and learns
// whether the client sends Message-Authenticator.
func (p *policies) check(c *Client, s *summary, log *slog.Logger) discard {
	var l learned
	if c.learns() {
		l = p.learn(c, func(l *learned) {
			// EAP must have it in any case (RFC 3579, section 3.2).
			if s.mac != 0 && !s.eap && !l.sendsMAC {
				l.sendsMAC = true
				log.Info("client sends Message-Authenticator", "client", c.Name,
					"required from now on", c.RequireMessageAuthenticator == Auto)
			}
		})
	}
	switch {
	case s.mac != 0:
		return passed
	case c.RequireMessageAuthenticator == Yes, c.RequireMessageAuthenticator == Auto && l.sendsMAC:
		return lacksAuthenticator
	case s.proxyState && (c.LimitProxyState == Yes || c.LimitProxyState == Auto && l.proxy == Yes):
		return proxied
	}
	return passed
}

// accepted learns from a request that is answered with an Access-Accept whether the client
// is a proxy.
func (p *policies) accepted(r *Request, log *slog.Logger) {
	if r.Authenticated || !r.Client.learns() {
		return
	}
	p.learn(&r.Client, func(l *learned) {
		if l.proxy != Auto {
			return
		}
		l.proxy = Yes
		_, proxy := r.Lookup(rfc2865.ProxyState_Type)
		if proxy {
			l.proxy = No
		}
		log.Warn("client sends no Message-Authenticator, so replies to it can be forged (CVE-2024-3596)",
			"client", r.Client.Name, "proxy", proxy)
	})
}

// learns reports whether anything is learned of the client.
func (c *Client) learns() bool {
	return (c.RequireMessageAuthenticator == Auto || c.LimitProxyState == Auto) && c.Prefix.IsSingleIP()
}

// learn returns what is known of a client after fn has added to it.
func (p *policies) learn(c *Client, fn func(*learned)) learned {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.byName[c.Name]
	was := l
	if fn(&l); l != was {
		if p.byName == nil {
			p.byName = make(map[string]learned)
		}
		p.byName[c.Name] = l
	}
	return l
}
