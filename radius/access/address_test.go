package access

import (
	"net/netip"
	"testing"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc3162"
)

func TestParseAddr(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.9":             "203.0.113.9",
		"203.0.113.9[4500]":       "203.0.113.9",
		"203.0.113.9:51234":       "203.0.113.9",
		" 203.0.113.9 ":           "203.0.113.9",
		"203.0.113.9\x00":         "203.0.113.9",
		"2001:db8::9":             "2001:db8::9",
		"2001:DB8::9":             "2001:db8::9",
		"2001:db8::9[4500]":       "2001:db8::9",
		"[2001:db8::9]":           "2001:db8::9",
		"[2001:db8::9]:443":       "2001:db8::9",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2:3:4:5:6",
		"::ffff:203.0.113.9":      "203.0.113.9",
		"[::ffff:203.0.113.9]:80": "203.0.113.9",
		"fe80::9%eth0":            "fe80::9",

		"":                        "invalid IP",
		"00:11:22:33:44:55":       "invalid IP",
		"00-11-22-33-44-55":       "invalid IP",
		"0011.2233.4455":          "invalid IP",
		"001122334455":            "invalid IP",
		"00:11:22:33:44:55:66:77": "invalid IP",
		"+49 30 123456":           "invalid IP",
		"alice.example.com":       "invalid IP",
		"203.0.113":               "invalid IP",
		"203.0.113.900":           "invalid IP",
		"203.0.113.9:":            "invalid IP",
		"203.0.113.9:99999":       "invalid IP",
		"203.0.113.9[4500":        "invalid IP",
		"[4500]":                  "invalid IP",
		"[":                       "invalid IP",
		"203.0.113.9, 10.0.0.1":   "invalid IP",
	} {
		if got := parseAddr(text).String(); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestPush_2_3_TheUsersAddressOrNone(t *testing.T) {
	ip := func(s string) []byte { return netip.MustParseAddr(s).AsSlice() }
	station := func(s string) *layeh.AVP { return avp(rfc2865.CallingStationID_Type, s) }
	const user, second, nas = "203.0.113.9", "203.0.113.10", "192.0.2.1"
	framed := avp(rfc2865.FramedIPAddress_Type, ip(user))
	fortiGate := vsa(fortinet, 3, "root")
	avpair := func(s string) *layeh.AVP { return vsa(cisco, 1, s) }
	for _, tt := range []struct {
		name  string
		attrs []*layeh.AVP
		want  string
	}{
		{"nothing", nil, ""},
		{"PaloAlto-Client-Source-IP", []*layeh.AVP{station(second), vsa(paloAlto, 7, user)}, user},
		{"Calling-Station-Id", []*layeh.AVP{avp(rfc2868.TunnelClientEndpoint_Type, second), station(user + "[4500]")}, user},
		{"a MAC there", []*layeh.AVP{station("00:11:22:33:44:55"), avp(rfc2868.TunnelClientEndpoint_Type, user)}, user},
		{"Tunnel-Client-Endpoint", []*layeh.AVP{avpair("ip:source-ip=" + second), avp(rfc2868.TunnelClientEndpoint_Type, user)}, user},
		{"with a tag", []*layeh.AVP{avp(rfc2868.TunnelClientEndpoint_Type, "\x01"+user)}, user},
		{"Cisco-AVPair", []*layeh.AVP{fortiGate, avp(rfc2865.FramedIPAddress_Type, ip(second)), avpair("mdm-tlv=x"), avpair("ip:source-ip=" + user)}, user},
		{"another Cisco-AVPair", []*layeh.AVP{avpair("ip:addr=" + user)}, ""},
		{"Framed-IP-Address of a FortiGate", []*layeh.AVP{framed, vsa(microsoft, 61, ip(second)), fortiGate}, user},
		{"Framed-IP-Address of others", []*layeh.AVP{framed}, ""},
		{"MS-User-IPv4-Address", []*layeh.AVP{framed, vsa(microsoft, 61, ip("203.0.113.11"))}, "203.0.113.11"},
		{"MS-User-IPv6-Address", []*layeh.AVP{vsa(microsoft, 62, ip("2001:db8::9"))}, "2001:db8::9"},
		{"of a wrong length", []*layeh.AVP{vsa(microsoft, 61, "abc"), framed}, ""},

		{"the peer's", []*layeh.AVP{station("198.51.100.7")}, ""},
		{"the peer's with a port", []*layeh.AVP{station("198.51.100.7:500")}, ""},
		{"NAS-IP-Address", []*layeh.AVP{avp(rfc2865.NASIPAddress_Type, ip(nas)), station(nas)}, ""},
		{"NAS-IPv6-Address", []*layeh.AVP{avp(rfc3162.NASIPv6Address_Type, ip("2001:db8::1")), station("2001:db8::1")}, ""},
		{"the NAS's, then the user's", []*layeh.AVP{avp(rfc2865.NASIPAddress_Type, ip(nas)), station(nas), avpair("ip:source-ip=" + user)}, user},
		{"NAS-IP-Address alone", []*layeh.AVP{avp(rfc2865.NASIPAddress_Type, ip(nas))}, ""},

		{"0.0.0.0", []*layeh.AVP{station("0.0.0.0")}, ""},
		{"::", []*layeh.AVP{station("::")}, ""},
		{"127.0.0.1", []*layeh.AVP{station("127.0.0.1")}, ""},
		{"broadcast", []*layeh.AVP{station("255.255.255.255")}, ""},
		{"as the NAS chooses", []*layeh.AVP{fortiGate, avp(rfc2865.FramedIPAddress_Type, ip("255.255.255.254"))}, ""},
		{"malformed VSA", []*layeh.AVP{avp(rfc2865.VendorSpecific_Type, "\x00\x00\x63\x75\x07\x09a"), station(user)}, user},
	} {
		want, _ := netip.ParseAddr(tt.want)
		if got := userAddress(request(tt.attrs...)); got != want {
			t.Errorf("%s: %v, want %v", tt.name, got, want)
		}
	}
}
