package dictionary

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"layeh.com/radius"
	freeradius "layeh.com/radius/dictionary"
)

// mark stands for an encryption: it is seen in the bytes.
func mark(plain []byte) ([]byte, error) { return append([]byte{0xEE, 0xEE}, plain...), nil }

// wire returns "type octets" in hex, type and octets being those of the AVP.
func wire(t *testing.T, v Value) string {
	t.Helper()
	avp, err := v.AVP(mark)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%02x %x", int(avp.Type), []byte(avp.Attribute))
}

// A dictionary of types that no embedded file has.
const types = `
VENDOR Types 99999
BEGIN-VENDOR Types
ATTRIBUTE T-Byte 1 byte
ATTRIBUTE T-Short 2 short
ATTRIBUTE T-Signed 3 signed
ATTRIBUTE T-Integer64 4 integer64
ATTRIBUTE T-IPv4Prefix 5 ipv4prefix
ATTRIBUTE T-Octets 6 octets[3]
ATTRIBUTE T-Abinary 7 abinary
ATTRIBUTE T-Secret-3 8 string encrypt=3
END-VENDOR Types
VENDOR Wide 99998 format=4,2
BEGIN-VENDOR Wide
ATTRIBUTE W-String 70000 string
END-VENDOR Wide
VENDOR Bare 99997 format=1,0
BEGIN-VENDOR Bare
ATTRIBUTE B-String 5 string
END-VENDOR Bare
`

func TestParse(t *testing.T) {
	d := load(t, write(t, "types", types))
	for _, tt := range []struct{ name, text, want string }{
		{"Reply-Message", "Grüß Gott", "12 4772c3bcc39f20476f7474"},
		{"class", "0x00FF10", "19 00ff10"},
		{"Class", "OU=Staff", "19 4f553d5374616666"},
		{"Framed-IP-Address", "192.0.2.1", "08 c0000201"},
		{"Framed-IPv6-Address", "2001:db8::1", "a8 20010db8000000000000000000000001"},
		{"Framed-IPv6-Prefix", "2001:db8:aa00::/40", "61 002820010db8aa"},
		{"Framed-IPv6-Prefix", "::/0", "61 0000"},
		{"Framed-IPv6-Prefix", "2001:db8::1/128", "61 008020010db8000000000000000000000001"},
		{"Session-Timeout", "3600", "1b 00000e10"},
		{"Session-Timeout", "0xFFFFFFFF", "1b ffffffff"},
		{"Service-Type", "framed-user", "06 00000002"},
		{"Service-Type", "99", "06 00000063"},
		{"Event-Timestamp", "2026-01-02T16:04:05+01:00", "37 6957de65"},
		{"Framed-Interface-Id", "1:22:333:4444", "60 0001002203334444"},
		{"Fortinet-WirelessController-Device-MAC", "00:11:22:aa:bb:cc", "1a 00003044" + "1708" + "001122aabbcc"},
		{"Fortinet-Group-Name", "staff", "1a 00003044" + "0107" + "7374616666"},
		{"Cisco-AVPair", "shell:priv-lvl=15", "1a 00000009" + "0113" + hex.EncodeToString([]byte("shell:priv-lvl=15"))},

		// RFC 2868: a tag takes an octet of an integer, and stands before a text only if it is there.
		{"Tunnel-Type", "VLAN", "40 0000000d"},
		{"Tunnel-Type:1", "VLAN", "40 0100000d"},
		{"Tunnel-Medium-Type:31", "IEEE-802", "41 1f000006"},
		{"Tunnel-Private-Group-Id", "20", "51 3230"},
		{"Tunnel-Private-Group-Id:2", "20", "51 023230"},
		// What is encrypted is marked by eeee here. Tunnel-Password always has a tag.
		{"Tunnel-Password", "s3", "45 00eeee7333"},
		{"Tunnel-Password:3", "s3", "45 03eeee7333"},
		{"MS-MPPE-Send-Key", "0x0102", "1a 00000137" + "1006" + "eeee0102"},

		{"T-Byte", "255", "1a 0001869f0103ff"},
		{"T-Short", "258", "1a 0001869f02040102"},
		{"T-Signed", "-2", "1a 0001869f0306fffffffe"},
		{"T-Integer64", "72623859790382856", "1a 0001869f040a0102030405060708"},
		{"T-IPv4Prefix", "192.0.2.0/24", "1a 0001869f05080018c0000200"},
		{"T-Octets", "0x010203", "1a 0001869f0605010203"},
		{"T-Abinary", "0x01", "1a 0001869f070301"},
		{"W-String", "x", "1a 0001869e" + "00011170" + "0007" + "78"},
		{"B-String", "x", "1a 0001869d" + "05" + "78"},
	} {
		v, err := d.Parse(tt.name, tt.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := wire(t, v); got != tt.want {
			t.Errorf("%s = %s:\n got %s\nwant %s", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestParseFaults(t *testing.T) {
	d := load(t, write(t, "types", types))
	for _, tt := range []struct{ name, text, want string }{
		{"Fortinet-Groupname", "x", "unknown attribute Fortinet-Groupname: did you mean Fortinet-Group-Name"},
		{"Client-Source-IP", "x", "did you mean PaloAlto-Client-Source-IP?"},
		{"Sesion-Timeout", "1", "did you mean Session-Timeout"},
		{"Qqqqqqqq", "1", "unknown attribute Qqqqqqqq"},
		{"Service-Type", "Framed", `Service-Type: "Framed" is neither a number nor a name: did you mean Framed-User`},
		{"Session-Timeout", "1h", `Session-Timeout: "1h" is not a number`},
		{"Session-Timeout", "4294967296", "does not fit in 32 bits"},
		{"Session-Timeout", "-1", "is not a number"},
		{"T-Byte", "256", "does not fit in 8 bits"},
		{"T-Signed", "2147483648", "does not fit"},
		{"Tunnel-Preference:1", "16777216", "does not fit in 24 bits"},
		{"Tunnel-Type:32", "VLAN", "tag 32 is not between 0 and 31"},
		{"Tunnel-Type:x", "VLAN", "tag x is not"},
		{"Filter-Id:1", "x", "takes no tag"},
		{"Filter-Id", "", "the value is empty"},
		{"Filter-Id", strings.Repeat("x", 254), "too long by 1 octets"},
		{"Cisco-AVPair", strings.Repeat("x", 248), "too long by 1 octets"},
		{"Tunnel-Private-Group-Id:1", strings.Repeat("x", 253), "too long by 1 octets"},
		{"Tunnel-Password", strings.Repeat("x", 240), "too long by 6 octets"},
		{"Class", "0xf", "is not 0x and pairs"},
		{"Class", "0x", "the value is empty"},
		{"T-Octets", "0x01", "has 1 octets, must have 3"},
		{"Framed-IP-Address", "2001:db8::1", "is not an IPv4 address"},
		{"Framed-IP-Address", "10.0.0.300", `"10.0.0.300" is not an IPv4 address`},
		{"Framed-IPv6-Address", "10.0.0.3", "is not an IPv6 address"},
		{"Framed-IPv6-Address", "fe80::1%eth0", "is not an IPv6 address"},
		{"Framed-IPv6-Prefix", "2001:db8::1/32", "is 2001:db8::/32 meant?"},
		{"Framed-IPv6-Prefix", "2001:db8::", "is not an IPv6 network"},
		{"T-IPv4Prefix", "2001:db8::/32", "is not an IPv4 network"},
		{"Event-Timestamp", "yesterday", "is not a time"},
		{"Event-Timestamp", "1969-12-31T23:59:59Z", "is not a time"},
		{"Framed-Interface-Id", "1:2:3", "is not an interface ID"},
		{"Fortinet-WirelessController-Device-MAC", "00:11", "is not a MAC"},
		{"Vendor-Specific", "0x00", "type vsa cannot be written"},
		{"T-Secret-3", "x", "encryption 3 is not known"},
	} {
		_, err := d.Parse(tt.name, tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "dictionary: ") {
			t.Errorf("%s = %s: %v, want %s", tt.name, tt.text, err, tt.want)
		}
	}
	if _, err := d.Parse("MS-MPPE-Send-Key", "0xhunter2"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is shown: %v", err)
	}
	v, err := d.Parse("Tunnel-Password", "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.AVP(nil); err == nil {
		t.Error("Tunnel-Password goes out in clear")
	}
}

// What Parse reads, AVP and Decode carry through a packet and Text writes again: for
// every attribute that is not secret, with random values.
func TestRoundTrip(t *testing.T) {
	d := load(t, write(t, "types", types))
	rnd := rand.New(rand.NewPCG(1, 2))
	checked := 0
	for _, a := range d.byName {
		size := map[freeradius.AttributeType]int{
			freeradius.AttributeIPAddr: 4, freeradius.AttributeIPv6Addr: 16, freeradius.AttributeDate: 4,
			freeradius.AttributeEther: 6, freeradius.AttributeIFID: 8,
		}[a.Type]
		if size == 0 {
			size = integerBits(a.Type) / 8
		}
		if a.Encrypt != Plain || secret(a.Name) || a.Type == freeradius.AttributeVSA || a.inTLV {
			continue
		}
		for range 20 {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(rnd.Uint32())
			}
			switch {
			case a.Type == freeradius.AttributeString:
				data = []byte(strings.Repeat("xé", rnd.IntN(50)+1))
			case a.Type == freeradius.AttributeOctets, a.Type == freeradius.AttributeABinary:
				if size = a.Size; size == 0 {
					size = rnd.IntN(200) + 1
				}
				data = bytes.Repeat([]byte{byte(rnd.Uint32())}, size)
			case a.Type == freeradius.AttributeIPv4Prefix:
				data = []byte{0, 24, byte(rnd.Uint32()), 2, 3, 0}
			case a.Type == freeradius.AttributeIPv6Prefix:
				data = []byte{0, 24, byte(rnd.Uint32()) | 1, 2, 3}
			case a.Tagged:
				data[0] = 0
			}
			v := Value{Attribute: *a, Data: data}
			if a.Tagged {
				v.Tag = byte(rnd.UintN(maxTag + 1))
			}
			parsed, err := d.Parse(v.Name(), v.Text())
			if err != nil {
				t.Fatal(err)
			}
			avp, err := parsed.AVP(nil)
			if err != nil {
				t.Fatal(err)
			}
			back := d.Decode(avp)
			if len(back) != 1 || back[0].Name() != v.Name() || !bytes.Equal(back[0].Data, data) || back[0].Text() != v.Text() {
				t.Fatalf("%s = %s came back as %s = %s", v.Name(), v.Text(), back[0].Name(), back[0].Text())
			}
			checked++
		}
	}
	if checked < 400*20 {
		t.Errorf("only %d values checked", checked)
	}
}

func TestDecodeShowsPackets(t *testing.T) {
	d := load(t)
	for _, tt := range []struct {
		typ  radius.Type
		hex  string
		want string
	}{
		{1, "6e656d6f", "User-Name = nemo"},
		{1, "1b5b324a", `User-Name = "\x1b[2J"`},
		{1, "ff", "User-Name = 0xff"},
		{6, "00000002", "Service-Type = Framed-User"},
		{6, "0002", "Service-Type = 0x0002"},
		{8, "c00002", "Framed-IP-Address = 0xc00002"},
		{241, "0102", "Attr-241 = 0x0102"},
		{2, "000102030405060708090a0b0c0d0e0f", "User-Password = [16 octets]"},
		{3, "070102030405060708090a0b0c0d0e0f10", "CHAP-Password = [17 octets]"},
		{64, "0100000d", "Tunnel-Type:1 = VLAN"},
		{66, "03312e322e332e34", "Tunnel-Client-Endpoint:3 = 1.2.3.4"},
		{66, "312e322e332e34", "Tunnel-Client-Endpoint = 1.2.3.4"},
		{64, "", "Tunnel-Type = 0x"},
		{26, "00000137" + "0b03aa" + "1a0530533d", `MS-CHAP-Challenge = 0xaa, MS-CHAP2-Success = 0x30533d`},
		{26, "00000137" + "1903aa", `MS-CHAP2-Response = [1 octets]`},
		{26, "00000009" + "4d03ff", `Attr-26.9.77 = 0xff`},
		{26, "0000ffff" + "4d03ff", `Attr-26.65535.77 = 0xff`},
		{26, "00000009" + "01", `Vendor-Specific = 0x0000000901`},
		{26, "00000009" + "0101", `Vendor-Specific = 0x000000090101`},
		{26, "00000009" + "010961", `Vendor-Specific = 0x00000009010961`},
		{26, "00", `Vendor-Specific = 0x00`},
	} {
		data, err := hex.DecodeString(tt.hex)
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		for _, v := range d.Decode(&radius.AVP{Type: tt.typ, Attribute: data}) {
			shown = append(shown, v.Name()+" = "+v.Text())
		}
		if got := strings.Join(shown, ", "); got != tt.want {
			t.Errorf("%d %s: %s, want %s", tt.typ, tt.hex, got, tt.want)
		}
	}
}

// Decode is fed by strangers.
func FuzzDecode(f *testing.F) {
	d := load(f)
	f.Add(byte(26), []byte{0, 0, 1, 55, 11, 3, 0xaa})
	f.Add(byte(64), []byte{1, 0, 0, 13})
	f.Fuzz(func(t *testing.T, typ byte, data []byte) {
		for _, v := range d.Decode(&radius.AVP{Type: radius.Type(typ), Attribute: data}) {
			_ = v.Name() + v.Text()
			_, _ = v.AVP(mark)
		}
	})
}
