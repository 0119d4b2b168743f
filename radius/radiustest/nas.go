package radiustest

import (
	"context"
	"net"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
)

// A NAS is a RADIUS client for one test. It fails the test when something is wrong on
// its own side, so what it returns needs no check.
type NAS struct {
	T      testing.TB
	Conn   net.Conn
	Secret string
}

// NAS returns a NAS on the network, which is closed at the end of the test.
func (n *Network) NAS(t testing.TB, local, peer, secret string) *NAS {
	conn := n.Dial(local, peer)
	t.Cleanup(func() { _ = conn.Close() })
	return &NAS{T: t, Conn: conn, Secret: secret}
}

// PAP returns an Access-Request with a User-Password, with a random identifier and
// authenticator. As many clients in the field, it has no Message-Authenticator.
func (n *NAS) PAP(user, password string) *radius.Packet {
	n.T.Helper()
	p := radius.New(radius.CodeAccessRequest, []byte(n.Secret))
	n.must(rfc2865.UserName_SetString(p, user))
	n.must(rfc2865.UserPassword_SetString(p, password))
	return p
}

// Send sends a packet once, as it is, and returns its bytes.
func (n *NAS) Send(p *radius.Packet) []byte {
	n.T.Helper()
	b, err := p.Encode()
	n.must(err)
	n.SendBytes(b)
	return b
}

// SendBytes sends a datagram: a retransmission, or a faulty packet.
func (n *NAS) SendBytes(b []byte) {
	n.T.Helper()
	_, err := n.Conn.Write(b)
	n.must(err)
}

// Receive waits for a datagram, at most for the given time, and returns it; nil if none
// came. Nothing of it is checked.
func (n *NAS) Receive(wait time.Duration) []byte {
	n.T.Helper()
	n.must(n.Conn.SetReadDeadline(time.Now().Add(wait)))
	b := make([]byte, radius.MaxPacketLength+1)
	k, err := n.Conn.Read(b)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return nil
	}
	n.must(err)
	return b[:k]
}

// Login sends a packet as a NAS does, with Message-Authenticator and three times at most
// in 60 s, and returns the reply, whose authenticity is checked. It fails the test if
// there is none.
func (n *NAS) Login(ctx context.Context, p *radius.Packet) *radius.Packet {
	n.T.Helper()
	reply, _, err := server.Exchange(ctx, n.Conn, p, 20*time.Second, 20*time.Second, 20*time.Second)
	n.must(err)
	return reply
}

func (n *NAS) must(err error) {
	n.T.Helper()
	if err != nil {
		n.T.Fatalf("radiustest: %v", err)
	}
}
