package access

import (
	"crypto/md5"
	"fmt"
	"slices"
	"strings"
	"testing"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"radpush/login"
	"radpush/radius"
)

// typed returns what the engine is given for a request: the trigger or the text.
func typed(t *testing.T, r *radius.Request) (text string, trigger, asked bool) {
	t.Helper()
	h, _ := newHandler(engine(func(a login.Attempt) (login.Verdict, error) {
		asked = true
		if text, trigger = login.Trigger(a.Passcode); !trigger {
			text, _ = a.Passcode.Text()
		}
		return login.Verdict{}, nil
	}))
	if _, err := h.ServeRADIUS(t.Context(), r); err != nil && asked {
		t.Fatal(err)
	}
	return text, trigger, asked
}

func TestPAP(t *testing.T) {
	for _, text := range []string{
		"", "p", "é", "123456", "arctangent", "exactly sixteen.", "one more than six", strings.Repeat("x", 128),
		"trailing blank ", "in\x00between",
	} {
		if got, _, asked := typed(t, papRequest(t, text)); !asked || got != text {
			t.Errorf("%q arrived as %q", text, got)
		}
	}
	p, err := newPAP(papRequest(t, "123456").Get(rfc2865.UserPassword_Type), secret, papRequest(t, "").Authenticator)
	if err != nil || !p.Equal("123456") || p.Equal("123457") || p.Equal("12345") || p.Equal("") {
		t.Errorf("%v, or a comparison is wrong", err)
	}
}

func TestPasscode_1_12_ThreeShapesOfEmpty(t *testing.T) {
	nuls := func(n int) *radius.Request { return papRequest(t, strings.Repeat("\x00", n)) }
	serviceType := func(r *radius.Request, s uint32) *radius.Request {
		r.Attributes = append(r.Attributes, avp(rfc2865.ServiceType_Type, integer(s)))
		return r
	}
	for _, tt := range []struct {
		name    string
		request *radius.Request
		empty   bool
	}{
		{"no User-Password", request(), true},
		{"of no length", request(avp(rfc2865.UserPassword_Type, "")), true},
		{"16 NULs", nuls(16), true},
		{"128 NULs", nuls(128), true},
		{"with Service-Type Login", serviceType(request(), 1), true},
		{"Authorize-Only", serviceType(request(), 17), false},
		{"Call-Check", serviceType(request(), 10), false},
		{"Call-Check, 16 NULs", serviceType(nuls(16), 10), false},
		{"Authorize-Only, no length", serviceType(request(avp(rfc2865.UserPassword_Type, "")), 17), false},
		{"EAP", request(avp(rfc2869.EAPMessage_Type, "x")), false},
		{"EAP of no length", request(avp(rfc2869.EAPMessage_Type, "")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, trigger, asked := typed(t, tt.request)
			if empty := asked && trigger && text == ""; empty != tt.empty || asked != tt.empty {
				t.Errorf("asked %v, trigger %v %q; want an empty passcode: %v", asked, trigger, text, tt.empty)
			}
		})
	}
	// A passcode that is there counts, whatever the Service-Type is.
	if text, _, _ := typed(t, serviceType(papRequest(t, "123456"), 17)); text != "123456" {
		t.Errorf("Authorize-Only with a passcode: %q", text)
	}
}

func TestPAPOfImpossibleLengthIsSilence(t *testing.T) {
	for _, n := range []int{1, 15, 17, 127, 129, 144, 253} {
		h, _ := newHandler(notReached(t))
		reply, err := h.ServeRADIUS(t.Context(), request(avp(rfc2865.UserPassword_Type, make([]byte, n))))
		if err == nil || reply != nil {
			t.Errorf("%d octets: reply %v", n, reply)
		}
	}
}

// A client with a wrong secret must not ring phones: none of its passwords is a trigger.
func TestWrongSecretIsNoTrigger(t *testing.T) {
	for i := range 2000 {
		r := papRequest(t, "12345678901234")
		r.Secret = fmt.Appendf(nil, "another secret %d", i)
		if text, trigger, asked := typed(t, r); !asked || trigger {
			t.Fatalf("secret %d: trigger %q", i, text)
		}
	}
}

func TestCHAP(t *testing.T) {
	for _, challenge := range []*layeh.AVP{nil, avp(rfc2865.CHAPChallenge_Type, "0123456789abcdef"), avp(rfc2865.CHAPChallenge_Type, "12345")} {
		for _, text := range []string{"", "p", "123456", strings.Repeat("x", 600)} {
			r := request()
			c := r.Authenticator[:]
			if challenge != nil {
				r.Attributes = append(r.Attributes, challenge)
				c = challenge.Attribute
			}
			r.Attributes = append(r.Attributes, avp(rfc2865.CHAPPassword_Type, chapResponse(9, text, c)))
			p, err := readPasscode(r)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Equal(text) || p.Equal(text+"x") || p.Equal("other") {
				t.Errorf("%q: a comparison is wrong", text)
			}
			if s, ok := p.Text(); ok || s != "" || p.protocol() != "CHAP" {
				t.Errorf("%q: text %q, protocol %s", text, s, p.protocol())
			}
		}
	}
}

// chapResponse is RFC 1994, section 4.1.
func chapResponse(identifier byte, text string, challenge []byte) []byte {
	sum := md5.Sum(slices.Concat([]byte{identifier}, []byte(text), challenge))
	return append([]byte{identifier}, sum[:]...)
}
