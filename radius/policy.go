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
	mu      sync.Mutex
	learned map[string]learned
}

type learned struct {
	sendsMAC bool   // Message-Authenticator is required
	proxy    Policy // the same as Client.LimitProxyState; Auto: not learned yet
}

// check applies a client's policy against CVE-2024-3596 to an Access-Request, and learns
// from it.
func (p *policies) check(c *Client, s *summary, log *slog.Logger) discard {
	auto := c.RequireMessageAuthenticator == Auto || c.LimitProxyState == Auto
	single := c.Prefix.IsSingleIP()
	if s.mac != 0 {
		// What comes with EAP must have it in any case (RFC 3579, section 3.2), so it
		// says nothing about the client's other requests.
		if auto && single && !s.eap && c.RequireMessageAuthenticator == Auto {
			p.learn(c.Name, func(l *learned) {
				if !l.sendsMAC {
					l.sendsMAC = true
					log.Info("client sends Message-Authenticator: required from now on", "client", c.Name)
				}
			})
		}
		return passed
	}
	var l learned
	if auto && single {
		l = p.learn(c.Name, func(l *learned) {
			if l.proxy != Auto {
				return
			}
			l.proxy = Yes
			if s.proxyState {
				l.proxy = No
			}
			if !l.sendsMAC {
				log.Warn("client sends no Message-Authenticator: replies to it can be forged (CVE-2024-3596)",
					"client", c.Name, "proxy", s.proxyState)
			}
		})
	}
	switch {
	case c.RequireMessageAuthenticator == Yes || c.RequireMessageAuthenticator == Auto && l.sendsMAC:
		return lacksAuthenticator
	case !s.proxyState:
		return passed
	case c.LimitProxyState == Yes || c.LimitProxyState == Auto && l.proxy == Yes:
		return proxied
	}
	return passed
}

// learn has fn look at and change what is known of a client.
func (p *policies) learn(name string, fn func(*learned)) learned {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.learned == nil {
		p.learned = make(map[string]learned)
	}
	l := p.learned[name]
	was := l
	fn(&l)
	if l != was {
		p.learned[name] = l
	}
	return l
}
