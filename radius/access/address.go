package access

import (
	"iter"
	"net/netip"
	"strings"

	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc3162"

	"radpush/radius"
)

// userAddress returns where the user is, or the zero Addr: the first claim, in the order
// of trust, that is an address a user can have and not the NAS's own (statement 2.3).
func userAddress(r *radius.Request) netip.Addr {
	for addr := range claims(r) {
		switch {
		case !addr.IsValid(), addr.IsUnspecified(), addr.IsLoopback(), addr.IsMulticast(),
			addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}), // "the NAS chooses" (RFC 2865, section 5.8)
			addr == netip.AddrFrom4([4]byte{255, 255, 255, 254}),
			isNAS(r, addr):
			continue
		}
		return addr
	}
	return netip.Addr{}
}

// station returns Calling-Station-Id as it was sent, or "" if it is an address that all users
// of the NAS share: by a station that says nothing, a stranger could join another one's
// login (statement 2.13).
func station(r *radius.Request) string {
	id := string(r.Get(rfc2865.CallingStationID_Type))
	if addr := parseAddr(id); addr.IsValid() && (addr.IsUnspecified() || isNAS(r, addr)) {
		return ""
	}
	return id
}

// isNAS reports whether an address is the NAS's.
func isNAS(r *radius.Request, addr netip.Addr) bool {
	v4, _ := netip.AddrFromSlice(r.Get(rfc2865.NASIPAddress_Type))
	v6, _ := netip.AddrFromSlice(r.Get(rfc3162.NASIPv6Address_Type))
	return addr == r.Peer.Addr().WithZone("") || addr == v4 || addr == v6.Unmap()
}

// claims yields what attributes say of the user's address, the most trusted first.
func claims(r *radius.Request) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		const (
			paloAltoClientSourceIP = 7
			ciscoAVPair            = 1
			msUserIPv4Address      = 61
			msUserIPv6Address      = 62
		)
		for typ, value := range ofVendor(r.Attributes, paloAlto) {
			if typ == paloAltoClientSourceIP && !yield(parseAddr(string(value))) {
				return
			}
		}
		if !yield(parseAddr(string(r.Get(rfc2865.CallingStationID_Type)))) {
			return
		}
		endpoint := r.Get(rfc2868.TunnelClientEndpoint_Type)
		if len(endpoint) > 0 && endpoint[0] <= 0x1F { // a tag (RFC 2868, section 3.3)
			endpoint = endpoint[1:]
		}
		if !yield(parseAddr(string(endpoint))) {
			return
		}
		for typ, value := range ofVendor(r.Attributes, cisco) {
			if ip, ok := strings.CutPrefix(string(value), "ip:source-ip="); ok && typ == ciscoAVPair && !yield(parseAddr(ip)) {
				return
			}
		}
		for range ofVendor(r.Attributes, fortinet) { // elsewhere it is the address inside the tunnel
			framed, _ := netip.AddrFromSlice(r.Get(rfc2865.FramedIPAddress_Type))
			if !yield(framed) {
				return
			}
			break
		}
		for typ, value := range ofVendor(r.Attributes, microsoft) {
			if typ == msUserIPv4Address && len(value) == 4 || typ == msUserIPv6Address && len(value) == 16 {
				if addr, _ := netip.AddrFromSlice(value); !yield(addr.Unmap()) {
					return
				}
			}
		}
	}
}

// parseAddr returns the address in a text, or the zero Addr. What stands around it is
// "[4500]" (strongSwan), ":4500", brackets for IPv6, a zone, blanks. A MAC is none, though
// that of eight octets reads like IPv6.
func parseAddr(s string) netip.Addr {
	s = strings.Trim(s, " \x00")
	if len(s) < len("::") || len(s) > 64 { // nothing, most often
		return netip.Addr{}
	}
	if host, port, ok := strings.Cut(s, "["); ok && host != "" && strings.HasSuffix(port, "]") {
		s = host
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}
		}
		addr = withPort.Addr()
	}
	if len(s) == len("00:11:22:33:44:55:66:77") && strings.Count(s, ":") == 7 {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
