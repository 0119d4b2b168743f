package radius

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// A ClientList is a fixed set of clients; the longest prefix that holds an address wins
// (statement 8.1).
type ClientList struct {
	byPrefix map[netip.Prefix]Client
	lengths  [2][]int // those in use, longest first: of IPv4, of IPv6
}

// NewClients checks the clients and returns a list of them, or an error that joins all
// faults: no name, no secret, no valid prefix, bits set behind the prefix, and the same
// prefix twice, which would leave open whose secret counts.
func NewClients(clients []Client) (*ClientList, error) {
	l := &ClientList{byPrefix: make(map[netip.Prefix]Client)}
	var faults []error
	for _, c := range clients {
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("radius: client %q: "+format, append([]any{c.Name}, args...)...))
		}
		if c.Name == "" {
			fault("no name")
		}
		if len(c.Secret) == 0 {
			fault("no secret")
		}
		switch other, taken := l.byPrefix[c.Prefix]; {
		case !c.Prefix.IsValid():
			fault("no address or network")
			continue
		case c.Prefix.Addr().Is4In6():
			fault("%v is an IPv4 network in IPv6 form", c.Prefix)
		case c.Prefix != c.Prefix.Masked():
			fault("%v has bits set behind its prefix; %v is the network", c.Prefix, c.Prefix.Masked())
		case taken:
			fault("%v belongs to client %q already", c.Prefix, other.Name)
		}
		l.byPrefix[c.Prefix] = c
		lengths := &l.lengths[family(c.Prefix.Addr())]
		if !slices.Contains(*lengths, c.Prefix.Bits()) {
			*lengths = append(*lengths, c.Prefix.Bits())
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	for _, lengths := range l.lengths {
		slices.SortFunc(lengths, func(a, b int) int { return b - a })
	}
	return l, nil
}

// Client returns the client that addr belongs to. It costs a map lookup for each length
// of prefix in use.
func (l *ClientList) Client(addr netip.Addr) (Client, bool) {
	for _, bits := range l.lengths[family(addr)] {
		prefix, err := addr.Prefix(bits)
		if err != nil {
			break // the zero Addr
		}
		if c, ok := l.byPrefix[prefix]; ok {
			return c, true
		}
	}
	return Client{}, false
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}
