package radius

import (
	"log/slog"
	"sync"
)

// policies holds what was learned of clients whose policy is Auto, by the client's name,
// until the program ends. A client that is a network teaches nothing, because what one
// of its members does says nothing about another; there Auto means No.
//
// The two flags are learned differently. A valid Message-Authenticator proves that the
// client sent it, so one is enough, at any time, to require it from then on. That a
// request carries no Proxy-State proves nothing, since anyone could have sent it in the
// client's name: only the first request teaches that, or a stranger could shut a proxy
// out at will.
type policies struct {
	mu     sync.Mutex
	byName map[string]learned
}

type learned struct {
	sendsMAC bool   // Message-Authenticator is required
	proxy    Policy // what Client.LimitProxyState is taken to be; Auto until learned
}

// check applies a client's policy against CVE-2024-3596 to an Access-Request, and learns
// from it.
func (p *policies) check(c *Client, s *summary, log *slog.Logger) discard {
	var l learned
	if (c.RequireMessageAuthenticator == Auto || c.LimitProxyState == Auto) && c.Prefix.IsSingleIP() {
		l = p.learn(c, s, log)
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

// learn returns what is known of a client after a request of it.
func (p *policies) learn(c *Client, s *summary, log *slog.Logger) learned {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.byName[c.Name]
	switch {
	case s.mac != 0 && s.eap:
		// EAP must have it in any case (RFC 3579, section 3.2).
	case s.mac != 0 && !l.sendsMAC:
		l.sendsMAC = true
		log.Info("client sends Message-Authenticator", "client", c.Name,
			"required from now on", c.RequireMessageAuthenticator == Auto)
	case s.mac == 0 && l.proxy == Auto:
		l.proxy = Yes
		if s.proxyState {
			l.proxy = No
		}
		log.Warn("client sends no Message-Authenticator, so replies to it can be forged (CVE-2024-3596)",
			"client", c.Name, "proxy", s.proxyState)
	default:
		return l
	}
	if p.byName == nil {
		p.byName = make(map[string]learned)
	}
	p.byName[c.Name] = l
	return l
}
