package access

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc3079"

	"radpush/dictionary"
	"radpush/login"
	"radpush/radius"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	authChallenge = []byte("[]|}{?/><,`!2&&(")
	peerChallenge = []byte("!@#$%^&*()_+:3|~")
)

// msCHAP2Request is what a NAS sends when a peer has typed a password, in two VSAs. The
// response is made by another implementation.
func msCHAP2Request(t testing.TB, user, password string) *radius.Request {
	t.Helper()
	value := slices.Concat([]byte{9, 0}, peerChallenge, make([]byte, 8), ntResponse(t, user, peerChallenge, password))
	return requestOf(
		avp(rfc2865.UserName_Type, user),
		vsa(microsoft, msCHAPChallenge, authChallenge),
		vsa(microsoft, msCHAP2Response, value),
	)
}

// ntResponse is what a peer answers to authChallenge.
func ntResponse(t testing.TB, user string, peerChallenge []byte, password string) []byte {
	t.Helper()
	name := user[strings.LastIndexByte(user, '\\')+1:]
	response, err := rfc2759.GenerateNTResponse(authChallenge, peerChallenge, []byte(name), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// wantConvinced checks an Access-Accept as a supplicant and its NAS check it, with another
// implementation: the peer believes the server, and both have the same keys.
func wantConvinced(t testing.TB, request, accept *layeh.Packet, password string) {
	t.Helper()
	if accept.Code != layeh.CodeAccessAccept {
		t.Errorf("%q: %s", password, shown(t, accept))
		return
	}
	sent, got := make(map[byte][]byte), make(map[byte][]byte)
	for typ, value := range ofVendor(request.Attributes, microsoft) {
		sent[typ] = value
	}
	for typ, value := range ofVendor(accept.Attributes, microsoft) {
		got[typ] = value
	}
	user := rfc2865.UserName_GetString(request)
	name := user[strings.LastIndexByte(user, '\\')+1:]
	value := sent[msCHAP2Response]
	response := value[26:]
	success, err := rfc2759.GenerateAuthenticatorResponse(sent[msCHAPChallenge], value[2:18], response, []byte(name), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	if want := string(value[:1]) + success; string(got[msCHAP2Success]) != want {
		t.Errorf("%s, %q: success %q, want %q", user, password, got[msCHAP2Success], want)
	}
	for typ, isSend := range map[byte]bool{msMPPESendKey: true, msMPPERecvKey: false} {
		want, err := rfc3079.MakeKey(response, []byte(password), isSend)
		if err != nil {
			t.Fatal(err)
		}
		key, _, err := layeh.TunnelPassword(got[typ], request.Secret, request.Authenticator[:])
		if err != nil || !bytes.Equal(key, want) {
			t.Errorf("%s, %q: key %d is %x, want %x (%v)", user, password, typ, key, want, err)
		}
	}
}

// RFC 2759, section 9.2, and RFC 3079, section 3.5.3.
func TestMSCHAP2Vectors(t *testing.T) {
	response := fromHex(t, "070021402324255E262A28295F2B3A337C7E000000000000000082309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
	m, err := newMSCHAP2(fromHex(t, "5B5D7C7D7B3F2F3E3C2C602132262628"), response, []byte("User"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(m.challenge[:]); got != "d02e4386bce91226" {
		t.Errorf("challenge %s", got)
	}
	if m.Equal("clientpass") || m.matched || !m.Equal("clientPass") || !m.matched {
		t.Error("a comparison is wrong")
	}
	if got := hex.EncodeToString(m.ntHash[:]); got != "44ebba8d5312b8d611474411f56989ae" {
		t.Errorf("hash of the password %s", got)
	}
	s := m.session()
	if got := string(s.success); got != "\x07S=407A5589115FD0D6209F510FE9C04566932CDA56" {
		t.Errorf("success %q", got)
	}
	if got := hex.EncodeToString(s.send[:]); got != "8b7cdc149b993a1ba118cb153f56dccb" {
		t.Errorf("send key %s", got)
	}
	if got := hex.EncodeToString(s.recv[:]); got != "d5f0e9521e3ea9589645e86051c82226" {
		t.Errorf("receive key %s", got)
	}
}

func TestMSCHAP2AcceptConvincesThePeer(t *testing.T) {
	for _, tt := range []struct{ user, password string }{
		{"User", "clientPass"},
		{"User", ""},
		{"User", "p"},
		{"User", " "},
		{"User", "~"},
		{"User", "123456"},
		{"User", "é"},
		{"User", "пароль и 🔑"},
		{"User", strings.Repeat("long", 50)},
		{`DOMAIN\User`, "clientPass"},
		{`A\B\User`, "clientPass"},
		{"uSER", "clientPass"},
		{"User@example.com", "clientPass"},
		{strings.Repeat("u", 253), "clientPass"},
	} {
		for _, combined := range []bool{false, true} {
			r := msCHAP2Request(t, tt.user, tt.password)
			if combined { // both attributes in one VSA
				r.Attributes[1].Attribute = append(r.Attributes[1].Attribute, r.Attributes[2].Attribute[4:]...)
				r.Attributes = r.Attributes[:2]
			}
			h, _ := newHandler(password(tt.password))
			wantConvinced(t, r.Packet, serve(t, h, r), tt.password)
		}
	}
}

func TestTriggers_1_9_MSCHAP2(t *testing.T) {
	for typed, want := range map[string]string{
		"": "", "p": "p", "P": "p", "s": "s", "S": "s", "g": "g", "G": "g", "e": "e", "E": "e", " ": " ",
	} {
		p, err := readPasscode(msCHAP2Request(t, "User", typed))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := login.Trigger(p); !ok || got != want {
			t.Errorf("%q is trigger %q, %v", typed, got, ok)
		}
	}
	for _, typed := range []string{"x", "pp", "123456", "é"} {
		p, err := readPasscode(msCHAP2Request(t, "User", typed))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := login.Trigger(p); ok {
			t.Errorf("%q is trigger %q", typed, got)
		}
	}
}

// Each of the three blocks counts: the first is a filter, the others are compared too.
func TestMSCHAP2ComparesTheWholeResponse(t *testing.T) {
	for i := range 24 {
		r := msCHAP2Request(t, "User", "clientPass")
		value := r.Attributes[2].Attribute
		value[len(value)-24+i] ^= 1
		p, err := readPasscode(r)
		if err != nil {
			t.Fatal(err)
		}
		if p.Equal("clientPass") {
			t.Errorf("octet %d is not compared", i)
		}
	}
}

// An engine that accepts without having found what was typed makes no reply: no key could
// be made for the peer.
func TestMSCHAP2AcceptWithoutAMatchIsSilence(t *testing.T) {
	h, _ := newHandler(engine(func(a login.Attempt) (login.Verdict, error) {
		a.Passcode.Equal("no")
		return login.Verdict{Outcome: login.Accept}, nil
	}))
	if reply, err := h.ServeRADIUS(t.Context(), msCHAP2Request(t, "User", "clientPass")); err == nil {
		t.Errorf("reply %s", shown(t, reply))
	}
}

func TestSaltsAreUniqueAndMarked(t *testing.T) {
	h, _ := newHandler(password("clientPass"))
	pairs := []string{}
	for range 20 {
		pairs = append(pairs, "Tunnel-Password:1", "preshared")
	}
	h.Reply = map[string][]dictionary.Value{"vpn": configured(t, pairs...)}
	r := msCHAP2Request(t, "User", "clientPass")
	for range 50 { // they start anywhere
		reply := serve(t, h, r)
		seen := make(map[uint16]bool)
		for _, a := range reply.Attributes {
			at := 1 // behind the tag
			if a.Type == rfc2865.VendorSpecific_Type {
				if typ := a.Attribute[4]; typ != msMPPESendKey && typ != msMPPERecvKey {
					continue
				}
				at = 6
			}
			salt := binary.BigEndian.Uint16(a.Attribute[at:])
			if seen[salt] || salt&0x8000 == 0 {
				t.Fatalf("salt %x is unmarked or not unique", salt)
			}
			seen[salt] = true
		}
		if len(seen) != 22 {
			t.Fatalf("%d encrypted attributes", len(seen))
		}
	}
}

// RFC 2548, section 2.1.5: the identifier is one octet, whatever it is.
func TestMSCHAP2ErrorBeginsWithTheIdentifier(t *testing.T) {
	for id := range 256 {
		m := &msCHAP2{identifier: byte(id)}
		got := m.reject(login.Verdict{}, "No.").Attribute[6:]
		if want := append([]byte{byte(id)}, "E=691 R=0 C="...); !bytes.HasPrefix(got, want) {
			t.Fatalf("identifier %d: %q", id, got)
		}
	}
}
