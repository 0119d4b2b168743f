package dictionary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"layeh.com/radius"
	freeradius "layeh.com/radius/dictionary"
)

// A Value is an attribute with a value, which any number of packets can be given.
type Value struct {
	Attribute Attribute
	Tag       byte   // RFC 2868: 1 to 31 for the attributes of one tunnel, 0 for none
	Data      []byte // as on the wire, without tag; not encrypted when it comes from Parse
}

const vendorSpecific = 26

// Parse returns the value of an attribute from text. Name is that of the dictionary, with
// ":1" to ":31" behind it for a tag. What the text has to be depends on the type:
//
//	string               the text itself
//	octets               0x and hex digits, or text that does not begin so
//	integer, byte, …     a number, or one of its names in the dictionary
//	ipaddr, ipv6addr     an address
//	ipv4prefix, ipv6prefix  a network, 2001:db8::/32
//	date                 RFC 3339, 2026-01-02T15:04:05Z
//	ether, ifid          00:11:22:33:44:55 and 1:2:3:4
//
// An error names the attribute, and those that were perhaps meant; it never shows a
// value that is to be kept secret.
func (d *Dictionary) Parse(name, text string) (Value, error) {
	name, tag, tagged := strings.Cut(name, ":")
	a, ok := d.Attribute(name)
	if !ok {
		return Value{}, fmt.Errorf("dictionary: unknown attribute %s%s", name, d.suggest(name))
	}
	v := Value{Attribute: a}
	fail := func(err error) (Value, error) {
		return Value{}, fmt.Errorf("dictionary: %s: %w", a.Name, err)
	}
	if tagged {
		n, err := strconv.ParseUint(tag, 10, 8)
		switch {
		case !a.Tagged:
			return fail(errors.New("takes no tag"))
		case err != nil || n > maxTag:
			return fail(fmt.Errorf("tag %s is not between 0 and %d", tag, maxTag))
		}
		v.Tag = byte(n)
	}
	var err error
	if v.Data, err = a.encode(text); err != nil {
		return fail(err)
	}
	// Whatever can be wrong with it is found now and not when a packet wants it.
	if _, err := v.AVP(func(plain []byte) ([]byte, error) { return make([]byte, a.hiddenLen(len(plain))), nil }); err != nil {
		return Value{}, err
	}
	return v, nil
}

const maxTag = 31

// AVP returns the value as an attribute of a packet. If v.Attribute.Encrypt says so, it
// is given to encrypt first, which may be nil where that is Plain.
func (v Value) AVP(encrypt func(plain []byte) ([]byte, error)) (*radius.AVP, error) {
	a, data := &v.Attribute, v.Data
	if a.Encrypt != Plain {
		if encrypt == nil {
			return nil, fmt.Errorf("dictionary: %s: has to be encrypted", a.Name)
		}
		var err error
		if data, err = encrypt(data); err != nil {
			return nil, fmt.Errorf("dictionary: %s: %w", a.Name, err)
		}
	}
	b := make([]byte, 0, 255)
	typ := radius.Type(a.Number)
	if a.Vendor.Number != 0 {
		typ = vendorSpecific
		b = binary.BigEndian.AppendUint32(b, a.Vendor.Number)
		b = appendUint(b, a.Vendor.TypeOctets, a.Number)
		b = appendUint(b, a.Vendor.LengthOctets, 0) // until it is known
	}
	header := len(b)
	switch {
	case a.Tagged && a.Type == freeradius.AttributeInteger && len(data) == 4: // RFC 2868, section 3.1: three octets are left
		b = append(b, v.Tag)
		data = data[1:]
	case v.Tag != 0, a.Tagged && a.Encrypt == Salted: // section 3.5: always there
		b = append(b, v.Tag)
	}
	b = append(b, data...)
	if len(b) > 253 {
		return nil, fmt.Errorf("dictionary: %s: too long by %d octets", a.Name, len(b)-253)
	}
	if n := a.Vendor.LengthOctets; n > 0 {
		appendUint(b[:header-n], n, uint32(len(b)-4))
	}
	return &radius.AVP{Type: typ, Attribute: b[:len(b):len(b)]}, nil
}

// appendUint appends the last n octets of u.
func appendUint(b []byte, n int, u uint32) []byte {
	for n--; n >= 0; n-- {
		b = append(b, byte(u>>(8*n)))
	}
	return b
}

// hiddenLen returns how long n octets become by encryption: a length in front of them,
// filled up to blocks of 16, behind a salt of 2 (RFC 2868, section 3.5); or only filled up
// (RFC 2865, section 5.2).
func (a *Attribute) hiddenLen(n int) int {
	if a.Encrypt == Salted {
		return 2 + (1+n+15)/16*16
	}
	return max(n+15, 16) / 16 * 16
}

// Text returns the value for people: as Parse reads it, as far as it is well formed, and
// only its length if it is secret.
func (v Value) Text() string {
	if v.Attribute.Encrypt != Plain || secret(v.Attribute.Name) {
		return fmt.Sprintf("[%d octets]", len(v.Data))
	}
	return v.Attribute.text(v.Data)
}

// Name returns the attribute's name with the tag, as Parse reads it.
func (v Value) Name() string {
	if v.Tag != 0 {
		return fmt.Sprintf("%s:%d", v.Attribute.Name, v.Tag)
	}
	return v.Attribute.Name
}

// secret reports whether an attribute that is not encrypted carries what a password can
// be guessed from.
func secret(name string) bool {
	switch name {
	case "CHAP-Password", "ARAP-Password", "MS-CHAP-Response", "MS-CHAP2-Response",
		"MS-CHAP-CPW-1", "MS-CHAP-CPW-2", "MS-CHAP2-CPW", "MS-CHAP-LM-Enc-PW", "MS-CHAP-NT-Enc-PW",
		"MS-Old-ARAP-Password", "MS-New-ARAP-Password", "Mikrotik-Wireless-Enc-Key", "Mikrotik-Wireless-PSK":
		return true
	}
	return false
}
