package dictionary

import (
	"encoding/binary"
	"fmt"

	"layeh.com/radius"
	freeradius "layeh.com/radius/dictionary"
)

// Decode takes an attribute of a packet apart, for people to read: a Vendor-Specific
// attribute may hold several. One that no dictionary knows is named Attr-241 or
// Attr-26.9.77 and is octets, as is one that is malformed. What is encrypted stays so.
func (d *Dictionary) Decode(avp *radius.AVP) []Value {
	if avp.Type != vendorSpecific {
		return []Value{d.value(Vendor{}, uint32(avp.Type), avp.Attribute)}
	}
	whole := []Value{d.value(Vendor{}, vendorSpecific, avp.Attribute)}
	if len(avp.Attribute) < 5 {
		return whole
	}
	id, rest := binary.BigEndian.Uint32(avp.Attribute), avp.Attribute[4:]
	if id == 0 { // reserved, and here the number of attributes that are no vendor's
		return whole
	}
	vendor, ok := d.vendors[id]
	if !ok {
		vendor = Vendor{Number: id, TypeOctets: 1, LengthOctets: 1} // RFC 2865, section 5.26, recommends it
	}
	var values []Value
	for len(rest) > 0 {
		header := vendor.TypeOctets + vendor.LengthOctets
		if len(rest) < header {
			return whole
		}
		length := len(rest)
		if vendor.LengthOctets > 0 {
			length = int(uintOf(rest[vendor.TypeOctets:header]))
		}
		if length < header || length > len(rest) {
			return whole
		}
		values = append(values, d.value(vendor, uintOf(rest[:vendor.TypeOctets]), rest[header:length]))
		rest = rest[length:]
	}
	return values
}

// value gives data the name and type of an attribute.
func (d *Dictionary) value(vendor Vendor, num uint32, data []byte) Value {
	a := d.byNumber[number{vendor.Number, num}]
	if a == nil {
		name := fmt.Sprintf("Attr-%d", num)
		if vendor.Number != 0 {
			name = fmt.Sprintf("Attr-26.%d.%d", vendor.Number, num)
		}
		a = &Attribute{Name: name, Vendor: vendor, Number: num, Type: freeradius.AttributeOctets}
	}
	v := Value{Attribute: *a, Data: data}
	switch {
	case !a.Tagged || len(data) == 0:
	case a.Type == freeradius.AttributeInteger && len(data) == 4:
		v.Tag, v.Data = data[0], append([]byte{0}, data[1:]...)
	case a.Type != freeradius.AttributeInteger && data[0] <= maxTag: // RFC 2868, section 3.3: above, it is text
		v.Tag, v.Data = data[0], data[1:]
	}
	return v
}

// uintOf returns the number that up to four octets are.
func uintOf(b []byte) (u uint32) {
	for _, o := range b {
		u = u<<8 | uint32(o)
	}
	return u
}
