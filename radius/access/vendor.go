package access

import (
	"encoding/binary"
	"iter"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// Vendors, by their enterprise numbers.
const (
	cisco     = 9
	microsoft = 311
	fortinet  = 12356
	paloAlto  = 25461
)

// ofVendor yields the attributes of a vendor that writes type and length in one octet
// each: several in one Vendor-Specific, or each in its own (RFC 2865, section 5.26). It
// stops where one is malformed.
func ofVendor(attrs layeh.Attributes, vendor uint32) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for _, a := range attrs {
			if a.Type != rfc2865.VendorSpecific_Type || len(a.Attribute) < 4 ||
				binary.BigEndian.Uint32(a.Attribute) != vendor {
				continue
			}
			for b := a.Attribute[4:]; len(b) >= 2; {
				n := int(b[1])
				if n < 2 || n > len(b) {
					break
				}
				if !yield(b[0], b[2:n]) {
					return
				}
				b = b[n:]
			}
		}
	}
}

// newMicrosoft returns one of Microsoft's attributes.
func newMicrosoft(typ byte, value ...byte) *layeh.AVP {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 6+len(value)), microsoft)
	b = append(b, typ, byte(2+len(value)))
	return &layeh.AVP{Type: rfc2865.VendorSpecific_Type, Attribute: append(b, value...)}
}
