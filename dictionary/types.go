package dictionary

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	freeradius "layeh.com/radius/dictionary"
)

// encode returns text as the octets of the attribute's type.
func (a *Attribute) encode(text string) ([]byte, error) {
	if a.inTLV {
		return nil, errors.New("is part of a TLV, which cannot be written")
	}
	if a.Encrypt > Salted {
		return nil, fmt.Errorf("encryption %d is not known", a.Encrypt)
	}
	wrong := func(what string) ([]byte, error) {
		if a.Encrypt != Plain || secret(a.Name) {
			return nil, fmt.Errorf("the value is not %s", what)
		}
		return nil, fmt.Errorf("%q is not %s", text, what)
	}
	if bits := integerBits(a.Type); bits > 0 {
		u, err := a.number(text, bits)
		if err != nil {
			return nil, err
		}
		return binary.BigEndian.AppendUint64(nil, u)[8-bits/8:], nil
	}
	switch a.Type {
	case freeradius.AttributeString:
		if text == "" { // RFC 8044, section 3.4: text is at least one octet
			return nil, errors.New("the value is empty")
		}
		return []byte(text), nil

	case freeradius.AttributeOctets, freeradius.AttributeABinary:
		b := []byte(text)
		if digits, ok := strings.CutPrefix(text, "0x"); ok {
			var err error
			if b, err = hex.DecodeString(digits); err != nil {
				return wrong("0x and pairs of hex digits")
			}
		}
		if len(b) == 0 {
			return nil, errors.New("the value is empty")
		}
		if a.Size > 0 && len(b) != a.Size {
			return nil, fmt.Errorf("has %d octets, must have %d", len(b), a.Size)
		}
		return b, nil

	case freeradius.AttributeIPAddr, freeradius.AttributeIPv6Addr:
		ip, err := netip.ParseAddr(text)
		v4 := a.Type == freeradius.AttributeIPAddr
		switch {
		case v4 && (err != nil || !ip.Is4()):
			return wrong("an IPv4 address")
		case !v4 && (err != nil || !ip.Is6() || ip.Zone() != ""):
			return wrong("an IPv6 address")
		}
		return ip.AsSlice(), nil

	case freeradius.AttributeIPv4Prefix, freeradius.AttributeIPv6Prefix:
		p, err := netip.ParsePrefix(text)
		v4 := a.Type == freeradius.AttributeIPv4Prefix
		switch {
		case v4 && (err != nil || !p.Addr().Is4()):
			return wrong("an IPv4 network, such as 192.0.2.0/24")
		case !v4 && (err != nil || !p.Addr().Is6()):
			return wrong("an IPv6 network, such as 2001:db8::/32")
		case p != p.Masked():
			return nil, fmt.Errorf("%s has bits beyond the prefix; is %s meant?", p, p.Masked())
		}
		b := append([]byte{0, byte(p.Bits())}, p.Addr().AsSlice()...)
		if !v4 {
			b = b[:2+(p.Bits()+7)/8] // RFC 3162, section 2.3: no more than the prefix
		}
		return b, nil

	case freeradius.AttributeDate:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil || t.Unix() < 0 || t.Unix() > math.MaxUint32 {
			return wrong("a time such as 2026-01-02T15:04:05Z, until 2106")
		}
		return binary.BigEndian.AppendUint32(nil, uint32(t.Unix())), nil

	case freeradius.AttributeEther:
		mac, err := net.ParseMAC(text)
		if err != nil || len(mac) != 6 {
			return wrong("a MAC address, such as 00:11:22:33:44:55")
		}
		return mac, nil

	case freeradius.AttributeIFID:
		groups := strings.Split(text, ":")
		var b []byte
		for _, g := range groups {
			u, err := strconv.ParseUint(g, 16, 16)
			if err != nil || len(groups) != 4 {
				return wrong("an interface ID, such as 0:0:0:1")
			}
			b = binary.BigEndian.AppendUint16(b, uint16(u))
		}
		return b, nil
	}
	return nil, fmt.Errorf("a value of type %s cannot be written", a.Type)
}

// integerBits returns how wide a type of integers is, 0 for other types.
func integerBits(t freeradius.AttributeType) int {
	switch t {
	case freeradius.AttributeByte:
		return 8
	case freeradius.AttributeShort:
		return 16
	case freeradius.AttributeInteger, freeradius.AttributeSigned:
		return 32
	case freeradius.AttributeInteger64:
		return 64
	}
	return 0
}

// number returns the integer that text names or writes.
func (a *Attribute) number(text string, bits int) (uint64, error) {
	for _, v := range a.values {
		if strings.EqualFold(v.name, text) {
			return v.number, nil
		}
	}
	if a.Tagged {
		bits = 24 // RFC 2868, section 3.1
	}
	var u uint64
	var err error
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		u, err = strconv.ParseUint(digits, 16, bits)
	} else if a.Type == freeradius.AttributeSigned {
		var i int64
		i, err = strconv.ParseInt(text, 10, bits)
		u = uint64(i)
	} else {
		u, err = strconv.ParseUint(text, 10, bits)
	}
	switch {
	case err == nil:
		return u, nil
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s does not fit in %d bits", text, bits)
	case len(a.values) == 0:
		return 0, fmt.Errorf("%q is not a number", text)
	}
	names := make([]string, len(a.values))
	for i, v := range a.values {
		names[i] = v.name
	}
	return 0, fmt.Errorf("%q is neither a number nor a name%s", text, near(text, names))
}

// text is the reverse of encode. What is malformed it writes as octets.
func (a *Attribute) text(data []byte) string {
	if bits := integerBits(a.Type); bits > 0 && len(data) == bits/8 {
		u := binary.BigEndian.Uint64(append(make([]byte, 8-len(data)), data...))
		for _, v := range a.values {
			if v.number == u {
				return v.name
			}
		}
		if a.Type == freeradius.AttributeSigned {
			return strconv.Itoa(int(int32(u)))
		}
		return strconv.FormatUint(u, 10)
	}
	switch {
	case a.Type == freeradius.AttributeString && utf8.Valid(data):
		if strings.ContainsFunc(string(data), func(r rune) bool { return !unicode.IsPrint(r) }) {
			return strconv.Quote(string(data)) // nothing that steers a terminal
		}
		return string(data)

	case a.Type == freeradius.AttributeIPAddr && len(data) == 4,
		a.Type == freeradius.AttributeIPv6Addr && len(data) == 16:
		ip, _ := netip.AddrFromSlice(data)
		return ip.String()

	case a.Type == freeradius.AttributeIPv4Prefix && len(data) == 6 && data[1] <= 32:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(data[2:])), int(data[1])).String()

	case a.Type == freeradius.AttributeIPv6Prefix && len(data) >= 2 && len(data) <= 18 && data[1] <= 128:
		var ip [16]byte
		copy(ip[:], data[2:])
		return netip.PrefixFrom(netip.AddrFrom16(ip), int(data[1])).String()

	case a.Type == freeradius.AttributeDate && len(data) == 4:
		return time.Unix(int64(binary.BigEndian.Uint32(data)), 0).UTC().Format(time.RFC3339)

	case a.Type == freeradius.AttributeEther && len(data) == 6:
		return net.HardwareAddr(data).String()

	case a.Type == freeradius.AttributeIFID && len(data) == 8:
		return fmt.Sprintf("%x:%x:%x:%x", binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:]),
			binary.BigEndian.Uint16(data[4:]), binary.BigEndian.Uint16(data[6:]))
	}
	return fmt.Sprintf("0x%x", data)
}
