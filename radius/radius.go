// Package radius serves RADIUS over UDP (RFC 2865, 2866, 2869, 5080, 5997) for a
// server that may hold a request for a minute before it answers.
//
// A [Server] answers on one or more sockets. For each datagram it asks, in this order:
// is the source a known client; is the packet well formed; is it authentic
// (Message-Authenticator, and the client's policy against CVE-2024-3596); is it a
// duplicate. Only then does it reach the [Handler], in a goroutine of its own, of which
// there is a bounded number. What fails on the way is discarded in silence and counted.
//
// The handler may take as long as it likes. A retransmission that arrives meanwhile
// is ignored; one that arrives after the reply is given the same bytes again. A
// handler that returns no reply stays silent, so that the NAS can retransmit or turn
// to another server; a handler that panics costs one request.
//
// The life of a request, once it has passed the checks:
//
//	held ──► delayed ──► answered ──► forgotten   an Access-Reject waits a second
//	  │ └─────────────────▲                       any other reply
//	  ├──► forgotten                              no reply: a retransmission starts anew
//	  └──► given up                               its identifier was used for a new request,
//	                                              or the shutdown could wait no longer
//
// [Exchange] is the other side: it sends a request as a NAS does.
//
// Packets are those of layeh.com/radius, used as a codec only: see docs/divergences.md
// for what its own server does not do. This package never sees a user.
package radius

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"layeh.com/radius"
)

// A Handler answers requests. It must be safe for use by many goroutines.
type Handler interface {
	// ServeRADIUS returns the reply, made by r.Packet.Response, or nil for none. An
	// error is logged and nothing is sent: silence lets the NAS fail over. The
	// server adds Message-Authenticator (first) and Proxy-State (last), and delays
	// an Access-Reject. A reply that does not fit into 4,096 octets is an error too:
	// what would have to be left out might be what restricts the user. Ctx ends when
	// the request is given up: the NAS reused its identifier for a new request, or a
	// shutdown has waited long enough.
	ServeRADIUS(ctx context.Context, r *Request) (*radius.Packet, error)
}

// Clients knows the RADIUS clients. It is asked once a datagram.
type Clients interface {
	// Client returns the client that addr (never an IPv4-mapped one) belongs to.
	Client(addr netip.Addr) (Client, bool)
}

// A Client is a NAS, or a network of them, that shares a secret with the server.
type Client struct {
	Name   string // unique: clients with the same name share learned state
	Prefix netip.Prefix
	Secret Secret

	RequireMessageAuthenticator Policy // auto is never learned for a network
	LimitProxyState             Policy
	NoStatusServer              bool // do not answer Status-Server
}

// A Secret is a RADIUS shared secret. It prints, logs and marshals as "[secret]".
type Secret []byte

func (s Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, s.String()) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(s.String()) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
func (s Secret) String() string               { return "[secret]" }

// A Policy is a rule that can be learned from what a client does.
type Policy uint8

const (
	Auto Policy = iota // learned: what a client did once, it must go on doing
	Yes
	No
)

// A Request is a packet that passed every check, with where it came from.
type Request struct {
	*radius.Packet // Access-Request or Accounting-Request; its Secret is the client's

	Client        Client
	Peer          netip.AddrPort // the NAS, never an IPv4-mapped address
	Local         netip.AddrPort // where the NAS sent it; the port only, if the socket cannot tell the address
	Received      time.Time
	Authenticated bool // it carried a valid Message-Authenticator

	// AtOnce, set by the handler, exempts an Access-Reject or Access-Challenge from the
	// reject delay: for one that answers no guess, such as a denial by the user or a prompt.
	AtOnce bool

	// Later, set by a handler that returns nil and no error, holds the request. While it is
	// held it loses its attributes, but for Proxy-State.
	Later *Later
}

// A Later is how the reply to a held request comes about. Wait and then Reply are called in
// a goroutine of its own. Wait is apart because a goroutine that has done work keeps a
// stack of 8 KB, and one that only waits has 2.
type Later struct {
	Wait  func()
	Reply func() (*radius.Packet, error) // what ServeRADIUS would have returned
}

// Digest returns some 48 printable characters that tell true retransmissions from new
// requests: the peer's address and port, code, identifier and authenticator (RFC 5080,
// section 2.2.2). It is the same after a restart of the server.
func (r *Request) Digest() string {
	addr := r.Peer.Addr().As16()
	b := append(make([]byte, 0, 64), addr[:]...)
	b = binary.BigEndian.AppendUint16(b, r.Peer.Port())
	b = append(b, byte(r.Code), r.Identifier)
	b = append(b, r.Authenticator[:]...)
	b = append(b, r.Peer.Addr().Zone()...)
	return base64.RawURLEncoding.EncodeToString(b)
}
