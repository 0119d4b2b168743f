package access

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"layeh.com/radius/rfc2865"

	"radpush/login"
	"radpush/radius"
)

// fortiGateRequest is a FortiGate's answer to an Access-Challenge: what was typed stands where
// Peer-Challenge begins, NULs behind it. If response is given, its NT-Response is there
// too, as an attacker would compute it.
func fortiGateRequest(t testing.TB, typed, response string) *radius.Request {
	t.Helper()
	r := msCHAP2Request(t, "User", "")
	value := r.Attributes[2].Attribute[6:]
	clear(value[2:])
	copy(value[2:18], typed)
	if response != "" {
		copy(value[26:], ntResponse(t, "User", value[2:18], response))
	}
	r.Attributes = append(r.Attributes,
		avp(rfc2865.State_Type, rand.Text()),
		vsa(fortinet, 3, "root")) // Fortinet-Vdom-Name
	return r
}

func equal(t *testing.T, r *radius.Request, candidate string) bool {
	t.Helper()
	p, err := readPasscode(r)
	if err != nil {
		t.Fatal(err)
	}
	return p.Equal(candidate)
}

func TestFortiGate_1_11_TheAnswerInClear(t *testing.T) {
	for _, typed := range []string{"1234", "12345", "123456", "12345678", "1234567890"} {
		r := fortiGateRequest(t, typed, "")
		if !equal(t, r, typed) {
			t.Errorf("%s is not what was typed", typed)
		}
		for _, other := range []string{"", "p", "P", "s", "g", "e", " ", "123", typed[1:], typed[:len(typed)-1], typed + "0", typed + "\x00", "0" + typed[1:]} {
			if equal(t, r, other) {
				t.Errorf("%s is taken for %q", typed, other)
			}
		}
		p, _ := readPasscode(r)
		if trigger, ok := login.Trigger(p); ok {
			t.Errorf("%s is trigger %q", typed, trigger)
		}
	}
	r := fortiGateRequest(t, "123456", "")
	copy(r.Attributes[2].Attribute[6+8:], peerChallenge) // and random octets behind
	if !equal(t, r, "123456") {
		t.Error("what stands behind six digits matters")
	}
}

// The peer can verify that the server knew what was typed, by whatever NT-Response it sent.
func TestFortiGate_1_11_SuccessComesFromTheAnswer(t *testing.T) {
	h, _ := newHandler(password("123456"))
	r := fortiGateRequest(t, "123456", "another text")
	wantConvinced(t, r.Packet, serve(t, h, r), "123456")
}

// One request is one guess: the digits in clear or the NT-Response, whichever counts.
func TestFortiGate_5_1_OneGuessARequest(t *testing.T) {
	r := fortiGateRequest(t, "123456", "654321")
	if equal(t, r, "654321") || !equal(t, r, "123456") {
		t.Error("the NT-Response counts beside digits in clear")
	}
	for name, change := range map[string]func(r *radius.Request){
		"no State":                func(r *radius.Request) { r.Attributes[3].Type = rfc2865.Class_Type },
		"an empty State":          func(r *radius.Request) { r.Attributes[3].Attribute = nil },
		"no FortiGate":            func(r *radius.Request) { r.Attributes = r.Attributes[:4] },
		"an attribute of another": func(r *radius.Request) { r.Attributes[4] = vsa(cisco, 3, "root") },
		"an empty VSA":            func(r *radius.Request) { r.Attributes[4].Attribute = r.Attributes[4].Attribute[:4] },
	} {
		r := fortiGateRequest(t, "123456", "654321")
		change(r)
		if equal(t, r, "123456") || !equal(t, r, "654321") {
			t.Errorf("%s: the digits count", name)
		}
	}
	for _, typed := range []string{"", "p", "1", "123", "123\x00567", "1234x", "12345x", "123456"[:5] + "\x01", "abcdef", " 12345", "\x00123456", "12-345"} {
		r := fortiGateRequest(t, typed, "654321")
		if equal(t, r, typed) || equal(t, r, strings.TrimRight(typed, "\x00")) || !equal(t, r, "654321") {
			t.Errorf("%q counts as digits", typed)
		}
	}
}

// Peers at a FortiGate that answer as RFC 2759 has it are served as everywhere.
func TestFortiGate_1_11_AnOrdinaryResponse(t *testing.T) {
	for range 1000 {
		r := fortiGateRequest(t, "", "")
		response := r.Attributes[2].Attribute[6:]
		rand.Read(response[2:18])
		copy(response[26:], ntResponse(t, "User", response[2:18], "p"))
		if !equal(t, r, "p") || equal(t, r, "123456") {
			t.Fatalf("%x: a comparison is wrong", response)
		}
	}
}

func TestPasscodesDoNotPrint(t *testing.T) {
	for _, r := range []*radius.Request{papRequest(t, "123456"), chapRequest("123456"), fortiGateRequest(t, "123456", "123456")} {
		p, err := readPasscode(r)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("login", "passcode", p)
		for _, text := range []string{fmt.Sprintf("%v", p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%s", p)} {
			if text != "[passcode]" {
				t.Errorf("%s prints as %s", p.protocol(), text)
			}
		}
		if !strings.Contains(log.String(), `"passcode":"[passcode]"`) {
			t.Errorf("%s is logged as %s", p.protocol(), log.String())
		}
	}
}
