// Package radiustest is a network in memory, and a NAS on it, to test a RADIUS server
// with.
//
// Everything waits on channels and timers only, so that a whole login, from datagram to
// datagram, runs in the virtual time of testing/synctest:
//
//	synctest.Test(t, func(t *testing.T) {
//		network := new(radiustest.Network)
//		conn := network.Listen("192.0.2.1:1812")
//		go server.Serve(ctx, conn)
//		nas := network.NAS(t, "198.51.100.7:4000", "192.0.2.1:1812", "secret")
//		reply := nas.Login(ctx, nas.PAP("alice", "123456"))
//	})
//
// Ctx has to end before the test does. A [NAS] needs no such network: it works on any
// connected UDP socket.
package radiustest

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// A Network carries datagrams between the Conns on it, in order, at once. The zero
// Network is ready for use.
type Network struct {
	// Deliver, if set, says how many copies of a datagram arrive: 0 loses it, 2
	// duplicates it. It is called by the sender.
	Deliver func(from, to netip.AddrPort, b []byte) int

	mu    sync.Mutex
	conns map[netip.AddrPort]*Conn
}

// queue is how many datagrams wait in a Conn before more are lost, as in a socket.
const queue = 4096

// Listen returns a Conn at an address. It panics if the address is malformed or taken.
func (n *Network) Listen(addr string) *Conn {
	c := &Conn{
		network: n,
		local:   netip.MustParseAddrPort(addr),
		arrived: make(chan datagram, queue),
		closed:  make(chan struct{}),
		changed: make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns[c.local] != nil {
		panic("radiustest: " + addr + " is taken")
	}
	if n.conns == nil {
		n.conns = make(map[netip.AddrPort]*Conn)
	}
	n.conns[c.local] = c
	return c
}

// Dial returns a connected Conn: what others than the peer send to it is lost.
func (n *Network) Dial(local, peer string) net.Conn {
	c := n.Listen(local)
	c.peer = netip.MustParseAddrPort(peer)
	return c
}

// A Conn is a socket on a Network: a net.PacketConn, and a net.Conn if it was dialed.
type Conn struct {
	network *Network
	local   netip.AddrPort
	peer    netip.AddrPort
	arrived chan datagram

	mu       sync.Mutex
	closed   chan struct{}
	deadline time.Time
	changed  chan struct{} // closed and replaced when the deadline changes
}

type datagram struct {
	from  netip.AddrPort
	bytes []byte
}

// ReadFrom waits for a datagram. What does not fit into b is lost.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		d, err := c.next()
		switch {
		case err != nil:
			return 0, nil, c.fail("read", err)
		case d.from.IsValid() && (!c.peer.IsValid() || d.from == c.peer):
			return copy(b, d.bytes), net.UDPAddrFromAddrPort(d.from), nil
		}
	}
}

// next waits for a datagram or for a new deadline, of which it returns nothing.
func (c *Conn) next() (d datagram, err error) {
	c.mu.Lock()
	deadline, changed := c.deadline, c.changed
	c.mu.Unlock()
	var expired <-chan time.Time
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return d, os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-c.closed:
		return d, net.ErrClosed
	case <-expired:
		return d, os.ErrDeadlineExceeded
	case <-changed:
		return d, nil
	case d = <-c.arrived:
		return d, nil
	}
}

// WriteTo sends a datagram. Where nobody listens it is lost.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, c.fail("write", net.ErrClosed)
	default:
	}
	peer := to.(*net.UDPAddr).AddrPort()
	copies := 1
	if c.network.Deliver != nil {
		copies = c.network.Deliver(c.local, peer, b)
	}
	c.network.mu.Lock()
	receiver := c.network.conns[peer]
	c.network.mu.Unlock()
	for range copies {
		if receiver == nil {
			break
		}
		select {
		case receiver.arrived <- datagram{c.local, slices.Clone(b)}:
		default:
		}
	}
	return len(b), nil
}

// Read is ReadFrom for a dialed Conn.
func (c *Conn) Read(b []byte) (int, error) {
	n, _, err := c.ReadFrom(b)
	return n, err
}

// Write is WriteTo for a dialed Conn.
func (c *Conn) Write(b []byte) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(c.peer))
}

// Close ends the Conn and frees its address.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		return c.fail("close", net.ErrClosed)
	default:
	}
	close(c.closed)
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	delete(c.network.conns, c.local)
	return nil
}

// LocalAddr returns the Conn's own address.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// RemoteAddr returns the peer of a dialed Conn.
func (c *Conn) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.peer) }

// SetReadDeadline also wakes a read under way.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

// SetDeadline is SetReadDeadline: writes never wait.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes never wait.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "radiustest", Addr: c.LocalAddr(), Err: err}
}
