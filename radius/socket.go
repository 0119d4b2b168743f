package radius

import (
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"layeh.com/radius"
)

// A socket reads datagrams, several at once where the system can, and replies from the
// address that was asked, also where it is bound to all addresses of the host.
type socket struct {
	conn  net.PacketConn
	udp   *net.UDPConn // conn, unless it is another kind
	local netip.AddrPort

	batch     []ipv4.Message // the same type as in package ipv6
	readBatch func([]ipv4.Message, int) (int, error)
	asked     func(controls []byte) netip.Addr // nil where local tells the address, or nothing can
	last      atomic.Pointer[source]           // mostly it is the next, too
}

// A source is an address for replies to leave from, with the control messages that tell
// the system so.
type source struct {
	addr     netip.Addr
	controls []byte
}

// batchSize is how many datagrams one system call can bring. Under load that saves not
// only calls but most of the hand-overs between processors, which cost more.
const batchSize = 32

// A datagram was received by a socket. Its bytes are good until the next receive.
type datagram struct {
	bytes []byte
	peer  netip.AddrPort
	local netip.AddrPort // the address is not valid where it is not known
}

func newSocket(conn net.PacketConn) *socket {
	s := &socket{conn: conn, local: addrPort(conn.LocalAddr()), batch: make([]ipv4.Message, 1)}
	s.readBatch = s.readOne
	s.udp, _ = conn.(*net.UDPConn)
	wildcard := s.local.Addr().IsUnspecified()
	var controls []byte
	if s.udp != nil {
		_ = s.udp.SetReadBuffer(4 << 20) // as much as the system allows: a burst waits there
		if runtime.GOOS == "linux" {     // x/net has no batches elsewhere
			s.batch = make([]ipv4.Message, batchSize)
			if s.local.Addr().Is4() {
				controls = s.useIPv4(ipv4.NewPacketConn(conn), wildcard)
			} else {
				controls = s.useIPv6(ipv6.NewPacketConn(conn), wildcard)
			}
		}
	}
	if wildcard {
		s.local = netip.AddrPortFrom(netip.Addr{}, s.local.Port())
	}
	for i := range s.batch {
		s.batch[i].Buffers = [][]byte{make([]byte, radius.MaxPacketLength)}
		s.batch[i].OOB = make([]byte, len(controls))
	}
	return s
}

// useIPv4 reads with recvmmsg and, on a wildcard bind, IP_PKTINFO. It returns room for
// the control messages of one datagram.
func (s *socket) useIPv4(conn *ipv4.PacketConn, wildcard bool) []byte {
	s.readBatch = conn.ReadBatch
	if !wildcard || conn.SetControlMessage(ipv4.FlagDst, true) != nil {
		return nil
	}
	m := ipv4.ControlMessage{Dst: make(net.IP, net.IPv4len)}
	s.asked = func(controls []byte) netip.Addr {
		clear(m.Dst)
		_ = m.Parse(controls) // what cannot be read leaves 0.0.0.0
		addr, _ := netip.AddrFromSlice(m.Dst)
		return addr
	}
	return ipv4.NewControlMessage(ipv4.FlagDst)
}

// useIPv6 does the same with IPV6_RECVPKTINFO, which on a dual-stack socket tells the
// addresses of IPv4 too, as mapped ones.
func (s *socket) useIPv6(conn *ipv6.PacketConn, wildcard bool) []byte {
	s.readBatch = conn.ReadBatch
	if !wildcard || conn.SetControlMessage(ipv6.FlagDst, true) != nil {
		return nil
	}
	m := ipv6.ControlMessage{Dst: make(net.IP, net.IPv6len)}
	s.asked = func(controls []byte) netip.Addr {
		clear(m.Dst)
		_ = m.Parse(controls)
		addr, _ := netip.AddrFromSlice(m.Dst)
		return addr.Unmap()
	}
	return ipv6.NewControlMessage(ipv6.FlagDst)
}

// readOne reads one datagram: the way of other conns and other systems.
func (s *socket) readOne(batch []ipv4.Message, _ int) (n int, err error) {
	m := &batch[0]
	if m.N, m.Addr, err = s.conn.ReadFrom(m.Buffers[0]); err != nil {
		return 0, err
	}
	return 1, nil
}

// receive waits for datagrams and calls fn with each.
func (s *socket) receive(fn func(datagram)) error {
	n, err := s.readBatch(s.batch, 0)
	if err != nil {
		return err
	}
	for i := range s.batch[:n] {
		m := &s.batch[i]
		d := datagram{bytes: m.Buffers[0][:m.N], peer: addrPort(m.Addr), local: s.local}
		if s.asked != nil {
			// A reply can leave from no address that is not one host's.
			if addr := s.asked(m.OOB[:m.NN]); !addr.IsUnspecified() && !addr.IsMulticast() {
				d.local = netip.AddrPortFrom(addr, s.local.Port())
			}
		}
		fn(d)
	}
	return nil
}

// send sends b from the address that the peer asked (RFC 2865, section 3: a reply from
// another address is silently discarded by many clients, and by every firewall).
func (s *socket) send(b []byte, peer netip.AddrPort, from netip.Addr) (err error) {
	switch {
	case s.udp == nil:
		_, err = s.conn.WriteTo(b, net.UDPAddrFromAddrPort(peer))
	case s.asked == nil || !from.IsValid():
		_, err = s.udp.WriteToUDPAddrPort(b, peer)
	default:
		_, _, err = s.udp.WriteMsgUDPAddrPort(b, s.leaveFrom(from), peer)
	}
	return err
}

// leaveFrom returns the control messages that make a reply leave from an address.
func (s *socket) leaveFrom(addr netip.Addr) []byte {
	if last := s.last.Load(); last != nil && last.addr == addr {
		return last.controls
	}
	next := &source{addr: addr}
	if addr.Is4() { // on a dual-stack socket too
		next.controls = (&ipv4.ControlMessage{Src: addr.AsSlice()}).Marshal()
	} else {
		next.controls = (&ipv6.ControlMessage{Src: addr.AsSlice()}).Marshal()
	}
	s.last.Store(next)
	return next.controls
}

// addrPort returns the address of a, never an IPv4-mapped one. It is not valid if a is
// no address of IP.
func addrPort(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := udp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
