package radius

import (
	"bytes"
	"encoding/hex"
	"testing"

	"layeh.com/radius"
)

// FuzzInspect holds inspect and unpack against the parser of layeh.com/radius: what
// passes means the same to both.
func FuzzInspect(f *testing.F) {
	for _, s := range []string{
		"010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110050600000003",
		"0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3",
		"0100001600000000000000000000000000000000" + "0102",
		"0100001500000000000000000000000000000000" + "01",
		"0100001600000000000000000000000000000000" + "0002",
		"0100001600000000000000000000000000000000" + "0101",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		packet, s, why := inspect(datagram)
		if why != passed {
			return
		}
		want, err := radius.Parse(datagram, nil)
		if err != nil {
			t.Fatalf("passed, but: %v", err)
		}
		var got radius.Packet
		unpack(&got, packet, s.attributes, nil)
		a, _ := got.MarshalBinary()
		b, _ := want.MarshalBinary()
		if !bytes.Equal(a, b) || !bytes.Equal(a, packet) || len(got.Attributes) != len(want.Attributes) {
			t.Errorf("got %x, want %x", a, b)
		}
		if mac, ok := want.Lookup(80); ok != (s.mac != 0) || ok && !bytes.Equal(mac, packet[s.mac:][:16]) {
			t.Errorf("Message-Authenticator at %d", s.mac)
		}
		for _, x := range got.Attributes {
			_ = append(x.Attribute, 1, 3, 255) // must not run into the next one
		}
		if c, _ := got.MarshalBinary(); !bytes.Equal(a, c) {
			t.Errorf("appending to an attribute changed another: %x, was %x", c, a)
		}
	})
}
