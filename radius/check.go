package radius

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"layeh.com/radius"
)

// check takes a datagram through all checks and, if it passes, starts the handler. It
// runs where datagrams are read, so it never waits. Until the last check has passed,
// nothing that a stranger sends is remembered (RFC 5080, section 2.2.2).
func (p *port) check(d datagram) {
	var client Client
	defer func() {
		if v := recover(); v != nil { // in the code of Clients or Prefer
			p.drop(crashedCheck, d, client)
			p.fail("panic in a check", "error", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	client, ok := p.Clients.Client(d.peer.Addr())
	if !ok {
		p.drop(unknownClient, d, client)
		return
	}
	packet, summary, why := inspect(d.bytes)
	if why == passed {
		why = p.verify(packet, &summary, &client)
	}
	if why != passed {
		p.drop(why, d, client)
		return
	}
	d.bytes = packet
	if radius.Code(packet[0]) == radius.CodeStatusServer {
		p.answerStatus(d, summary, client)
		return
	}

	now := time.Now()
	k := key{d.peer.Addr(), d.peer.Port(), packet[0], packet[1]}
	if reply, duplicate := p.table.find(k, packet[4:headerLength], now); duplicate {
		p.Metrics.retransmission(reply != nil)
		if reply != nil {
			p.transmit(reply, d.peer, d.local.Addr())
		}
		return
	}
	if summary.mac == 0 && p.table.holdsSigned(k) {
		p.drop(lacksAuthenticator, d, client)
		return
	}
	r := newRequest(d, summary, client, now)
	if !p.admit(r) {
		p.drop(overloaded, d, client)
		return
	}
	p.work.Add(1)
	ctx, cancel := context.WithCancel(p.context)
	x := &exchange{key: k, authenticator: r.Authenticator, signed: r.Authenticated, cancel: cancel}
	if p.table.begin(x, now) {
		p.Metrics.silent(superseded, 1)
	}
	p.Metrics.request(packet[0])
	p.pool.start(job{ctx, x, r})
}

// verify applies the checks that need the secret and the policy of the client.
func (p *port) verify(packet []byte, s *summary, c *Client) discard {
	code := radius.Code(packet[0])
	switch {
	case code != p.code && code != radius.CodeStatusServer:
		return unexpectedCode
	case s.mac == 0 && (s.eap || code == radius.CodeStatusServer):
		return lacksAuthenticator // RFC 3579, section 3.2; RFC 5997, section 3
	case s.userPassword && s.chapPassword:
		return twoPasswords // RFC 2865, section 4.1
	case !verifyRequest(packet, s.mac, c.Secret):
		return notAuthentic
	case code == radius.CodeAccessRequest:
		return p.policies.check(c, s, p.log)
	}
	return passed
}

func newRequest(d datagram, s summary, client Client, now time.Time) *Request {
	both := &struct {
		Request
		packet radius.Packet
	}{Request: Request{Client: client, Peer: d.peer, Local: d.local, Received: now, Authenticated: s.mac != 0}}
	unpack(&both.packet, d.bytes, s.attributes, client.Secret)
	both.Packet = &both.packet
	return &both.Request
}

// drop counts a discarded datagram and logs some of them.
func (p *port) drop(why discard, d datagram, client Client) {
	p.Metrics.discard(why)
	if omitted, ok := p.drops[why].allow(); ok {
		p.log.Warn("datagram discarded", "reason", why.String(), "peer", d.peer,
			"client", client.Name, "omitted", omitted)
	}
}
