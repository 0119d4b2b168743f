package webpush

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// errNotPublic refuses a connection. It comes wrapped in a *net.OpError that has the address.
var errNotPublic = errors.New("the address is not public")

// dialer returns what connects over TCP. Control is called for each address that a name
// leads to, after the lookup and before anything is sent: what it lets pass is what is
// connected to.
func (r *Ringer) dialer() *net.Dialer {
	return &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !r.mayDial(at.Addr()) {
			return errNotPublic
		}
		return nil
	}}
}

func (r *Ringer) mayDial(a netip.Addr) bool {
	return public(a) || slices.ContainsFunc(r.Inside, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

var (
	unicast6 = netip.MustParsePrefix("2000::/3")     // all that has been given to somebody (RFC 4291, section 2.4)
	nat64    = netip.MustParsePrefix("64:ff9b::/96") // an IPv4 address behind a translator (RFC 6052, section 2.1)
	special  = []netip.Prefix{                       // RFC 6890 and its registries
		netip.MustParsePrefix("0.0.0.0/8"),       // this network; 0.0.0.0 is this machine
		netip.MustParsePrefix("10.0.0.0/8"),      // private
		netip.MustParsePrefix("100.64.0.0/10"),   // behind a carrier's NAT
		netip.MustParsePrefix("127.0.0.0/8"),     // loopback
		netip.MustParsePrefix("169.254.0.0/16"),  // link-local: a cloud's metadata, too
		netip.MustParsePrefix("172.16.0.0/12"),   // private
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("192.168.0.0/16"),  // private
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("224.0.0.0/3"),     // multicast, reserved, broadcast
		netip.MustParsePrefix("2001::/23"),       // protocol assignments; Teredo has an IPv4 address in it
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("2002::/16"),       // 6to4: an IPv4 address is in it
		netip.MustParsePrefix("3fff::/20"),       // documentation
	}
)

// public reports whether an address is somebody's on the internet. IPv6 is refused but for
// what is known to be: loopback, link-local (also with a zone), unique local, multicast and
// IPv4-compatible addresses are all outside of it.
func public(a netip.Addr) bool {
	a = a.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.Is4() && !unicast6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}
