// Package dictionary knows RADIUS attributes by name: number, vendor and type, and how
// to write a value as bytes. The dictionaries, in the format of FreeRADIUS, are
// embedded; an operator can add files.
//
// It is used in both directions. [Dictionary.Parse] reads what an operator wrote, a name
// and a text, and returns a [Value] that any number of packets can be given:
//
//	d, err := dictionary.Load("/etc/radpush/dictionary.acme")
//	v, err := d.Parse("Tunnel-Type:1", "VLAN") // tag 1
//	avp, err := v.AVP(nil)                     // 64: 01 00 00 0d
//
// [Dictionary.Decode] takes an attribute of a packet apart for people to read; what is
// secret is shown by its length only.
package dictionary

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	freeradius "layeh.com/radius/dictionary"
)

//go:embed embedded
var embedded embed.FS

// A Dictionary is a set of attributes. It does not change once it is loaded.
type Dictionary struct {
	byName   map[string]*Attribute // lower-case name
	byNumber map[number]*Attribute
	vendors  map[uint32]Vendor
}

// A number is what stands for an attribute on the wire.
type number struct{ vendor, attribute uint32 }

// An Attribute is what the dictionaries say of one attribute.
type Attribute struct {
	Name    string // as the dictionary spells it
	Vendor  Vendor // the zero Vendor for an attribute of the IETF
	Number  uint32
	Type    freeradius.AttributeType
	Size    int  // of an octets[n], else 0
	Tagged  bool // RFC 2868
	Encrypt Encryption

	values []named // of an integer, in the order of the dictionaries
	inTLV  bool    // Number is that of a TLV's part
}

// A Vendor says how its attributes are laid out in a Vendor-Specific attribute.
type Vendor struct {
	Name         string
	Number       uint32 // IANA's enterprise number
	TypeOctets   int    // 1, 2 or 4
	LengthOctets int    // 0, 1 or 2
}

// An Encryption hides a value with the shared secret.
type Encryption int

const (
	Plain  Encryption = 0
	Hidden Encryption = freeradius.EncryptUserPassword   // RFC 2865, section 5.2: requests
	Salted Encryption = freeradius.EncryptTunnelPassword // RFC 2868, section 3.5: replies
)

// A named is a name for an integer.
type named struct {
	name   string
	number uint64
}

// Load returns the embedded dictionaries together with files of the operator. A file may
// name attributes again as they are, and add to a vendor that exists; it may not change
// one. $INCLUDE is relative to the folder of the file. An error names file and line.
func Load(files ...string) (*Dictionary, error) {
	src := &source{fsys: embedded, places: make(map[string][]string), seen: make(map[string]bool)}
	entries, err := fs.ReadDir(embedded, "embedded")
	if err != nil {
		return nil, fmt.Errorf("dictionary: %w", err)
	}
	for _, e := range entries {
		src.files = append(src.files, "embedded/"+e.Name())
	}
	src.own = len(src.files)
	src.files = append(src.files, files...)

	parser := freeradius.Parser{Opener: src, IgnoreIdenticalAttributes: true}
	parsed, err := parser.Parse(src.index())
	if err != nil {
		return nil, src.explain(err)
	}
	d := &Dictionary{
		byName:   make(map[string]*Attribute),
		byNumber: make(map[number]*Attribute),
		vendors:  make(map[uint32]Vendor),
	}
	if err := d.add(src, Vendor{}, parsed.Attributes, parsed.Values); err != nil {
		return nil, err
	}
	for _, v := range parsed.Vendors {
		vendor := Vendor{v.Name, uint32(v.Number), v.GetTypeOctets(), v.GetLengthOctets()}
		if vendor.LengthOctets > 2 { // the parser lets it pass
			return nil, fmt.Errorf("dictionary: vendor %s: a length of %d octets is not possible", v.Name, vendor.LengthOctets)
		}
		d.vendors[vendor.Number] = vendor
		if err := d.add(src, vendor, v.Attributes, v.Values); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// add takes in what one vendor defines.
func (d *Dictionary) add(src *source, vendor Vendor, attrs []*freeradius.Attribute, values []*freeradius.Value) error {
	for _, fa := range attrs {
		a := &Attribute{
			Name: fa.Name, Vendor: vendor, Number: uint32(fa.OID[0]), Type: fa.Type, Size: fa.Size.Int,
			Tagged: fa.HasTag(), Encrypt: Encryption(fa.FlagEncrypt.Int), inTLV: len(fa.OID) > 1,
		}
		if other := d.byName[strings.ToLower(a.Name)]; other != nil {
			return src.clash(src.place("ATTRIBUTE", a.Name), a.Name, "the name", other.Name)
		}
		d.byName[strings.ToLower(a.Name)] = a
		if a.inTLV {
			continue
		}
		if bits := 8 * cmp.Or(vendor.TypeOctets, 1); fa.OID[0] < 1 || fa.OID[0] >= 1<<bits {
			return fmt.Errorf("dictionary: %s: %s: number %d does not fit in %d bits",
				src.place("ATTRIBUTE", a.Name), a.Name, fa.OID[0], bits)
		}
		n := number{vendor.Number, a.Number}
		if other := d.byNumber[n]; other != nil {
			return src.clash(src.place("ATTRIBUTE", a.Name), a.Name, fmt.Sprintf("number %d", a.Number), other.Name)
		}
		d.byNumber[n] = a
	}
	for _, v := range values {
		a := d.byName[strings.ToLower(v.Attribute)]
		if a == nil || a.Vendor != vendor {
			return fmt.Errorf("dictionary: %s: VALUE of an unknown attribute %s%s",
				src.place("VALUE", v.Attribute), v.Attribute, d.suggest(v.Attribute))
		}
		a.values = append(a.values, named{v.Name, v.Number})
	}
	return nil
}

// Attribute returns the attribute of that name; upper and lower case are the same.
func (d *Dictionary) Attribute(name string) (Attribute, bool) {
	a := d.byName[strings.ToLower(name)]
	if a == nil {
		return Attribute{}, false
	}
	return *a, true
}
