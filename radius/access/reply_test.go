package access

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"

	"radpush/dictionary"
	"radpush/login"
	"radpush/radius"
)

// always is an engine that knows its verdict, and what was typed.
func always(v login.Verdict, typed string) engine {
	return func(a login.Attempt) (login.Verdict, error) {
		a.Passcode.Equal(typed)
		return v, nil
	}
}

func TestVerdictBecomesPacket(t *testing.T) {
	long := strings.Repeat("é", 200)
	pap := func() *radius.Request { return papRequest(t, "typed") }
	ms := func() *radius.Request { return msCHAP2Request(t, "User", "typed") }
	const (
		challenge  = `C=[0-9A-F]{32} V=3`
		msAccepted = "\nMS-CHAP2-Success = 0x09533d[0-9a-f]{80}\nMS-MPPE-Send-Key = \\[34 octets\\]\nMS-MPPE-Recv-Key = \\[34 octets\\]"
	)
	for _, tt := range []struct {
		name    string
		verdict login.Verdict
		request func() *radius.Request
		want    string // a regular expression
	}{
		{"accept", login.Verdict{Outcome: login.Accept}, pap, "Access-Accept\nFilter-Id = staff"},
		{"accept with a message", login.Verdict{Outcome: login.Accept, Message: "Welcome."}, pap,
			"Access-Accept\nReply-Message = Welcome.\nFilter-Id = staff"},
		{"accept, MS-CHAPv2", login.Verdict{Outcome: login.Accept}, ms,
			"Access-Accept" + msAccepted + "\nMS-MPPE-Encryption-Policy = Encryption-Allowed\n" +
				"MS-MPPE-Encryption-Types = RC4-128bit-Allowed\nFilter-Id = staff"},

		{"the zero verdict", login.Verdict{}, pap, "Access-Reject\nReply-Message = " + sayFailed},
		{"an outcome of the future", login.Verdict{Outcome: 99}, pap, "Access-Reject\nReply-Message = " + sayFailed},
		{"reject", login.Verdict{Reason: login.WrongPasscode, Message: "No."}, pap, "Access-Reject\nReply-Message = No\\."},
		{"reject with a long message", login.Verdict{Message: long}, pap,
			"Access-Reject\nReply-Message = é{126}"},
		{"reject, MS-CHAPv2", login.Verdict{Reason: login.DeniedNotMe, Message: "No."}, ms,
			"Access-Reject\nReply-Message = No\\.\nMS-CHAP-Error = \"\\\\tE=691 R=0 " + challenge + " M=No\\.\""},
		{"another try", login.Verdict{Reason: login.WrongPasscode, Retry: true}, ms,
			"Access-Reject\nReply-Message = .*\nMS-CHAP-Error = \"\\\\tE=691 R=1 " + challenge + " M=" + sayFailed + "\""},
		{"locked", login.Verdict{Reason: login.Locked, Message: "Locked."}, ms,
			"Access-Reject\nReply-Message = Locked\\.\nMS-CHAP-Error = \"\\\\tE=647 R=0 " + challenge + " M=Locked\\.\""},
		{"long message, MS-CHAPv2", login.Verdict{Message: long}, ms,
			"Access-Reject\nReply-Message = é{126}\nMS-CHAP-Error = \"\\\\tE=691 R=0 " + challenge + " M=é{97}\""},

		{"challenge", login.Verdict{Outcome: login.Challenge, Message: "Code?", State: "abc"}, pap,
			"Access-Challenge\nReply-Message = Code\\?\nState = 0x616263"},
		{"challenge for a PIN", login.Verdict{Outcome: login.Challenge, Message: "PIN and code?", State: "abc", Secret: true}, pap,
			"Access-Challenge\nReply-Message = PIN and code\\?\nState = 0x616263\nPrompt = No-Echo"},
		{"challenge without a message", login.Verdict{Outcome: login.Challenge, State: "abc"}, ms,
			"Access-Challenge\nReply-Message = " + sayAnswer + "\nState = 0x616263"},
		{"challenge with a long message", login.Verdict{Outcome: login.Challenge, Message: long, State: strings.Repeat("s", 250)}, pap,
			"Access-Challenge\nReply-Message = é{126}\nState = 0x(73){250}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHandler(always(tt.verdict, "typed"))
			h.Reply = map[string][]dictionary.Value{
				"vpn": configured(t, "Filter-Id", "staff"), "other": configured(t, "Filter-Id", "others"),
			}
			// As bytes and back: that is what the NAS sees.
			b, err := serve(t, h, tt.request()).Encode()
			if err != nil {
				t.Fatal(err)
			}
			p, err := layeh.Parse(b, secret)
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(t, p); !regexp.MustCompile("^" + tt.want + "$").MatchString(got) {
				t.Errorf("%s, want\n%s", got, tt.want)
			}
		})
	}
}

func TestImpossibleStateIsSilence(t *testing.T) {
	for _, state := range []string{"", strings.Repeat("s", 251), "a\x00b"} {
		h, _ := newHandler(always(login.Verdict{Outcome: login.Challenge, State: state, Message: "Code?"}, ""))
		if reply, err := h.ServeRADIUS(t.Context(), papRequest(t, "x")); err == nil {
			t.Errorf("State %q: %s", state, shown(t, reply))
		}
	}
}

// A client that is not marked able to show an Access-Challenge is never sent one, even if
// the engine asks for it.
func TestChallengeToAClientThatCannotShowOneIsSilence(t *testing.T) {
	h, _ := newHandler(always(login.Verdict{Outcome: login.Challenge, State: "abc", Message: "Code?"}, ""))
	for _, name := range []string{"blind", "unknown", ""} {
		h.Clients["blind"] = login.Client{Name: "blind"}
		r := papRequest(t, "s")
		r.Client.Name = name
		if reply, err := h.ServeRADIUS(t.Context(), r); err == nil || reply != nil {
			t.Errorf("client %q: reply %v", name, reply)
		}
	}
}

func TestReplyAttributes_7_4_SameOnEveryPath(t *testing.T) {
	values := configured(t, "Class", "0x01", "Class", "0x02", "Tunnel-Password:2", "preshared", "Cisco-AVPair", "shell:priv-lvl=15")
	for _, r := range []*radius.Request{papRequest(t, "p"), chapRequest("p"), msCHAP2Request(t, "User", "p")} {
		for _, v := range []login.Verdict{
			{Outcome: login.Accept, Reason: login.Approved},
			{Outcome: login.Accept, Reason: login.LateApproval},
			{Outcome: login.Accept, Reason: login.CodeAccepted},
		} {
			h, _ := newHandler(always(v, "p"))
			h.Reply = map[string][]dictionary.Value{"vpn": values}
			reply := serve(t, h, r)
			got := shown(t, reply)
			want := "\nClass = 0x01\nClass = 0x02\nTunnel-Password:2 = [18 octets]\nCisco-AVPair = shell:priv-lvl=15"
			if !strings.HasSuffix(got, want) {
				t.Errorf("%s, want at its end%s", got, want)
			}
			text, _, err := layeh.TunnelPassword(reply.Get(rfc2868.TunnelPassword_Type)[1:], secret, r.Authenticator[:])
			if err != nil || string(text) != "preshared" {
				t.Errorf("Tunnel-Password is %q, %v", text, err)
			}
		}
	}
}

func chapRequest(text string) *radius.Request {
	r := request()
	r.Attributes = append(r.Attributes, avp(rfc2865.CHAPPassword_Type, chapResponse(3, text, r.Authenticator[:])))
	return r
}

func TestOperatorDecidesOnEncryption(t *testing.T) {
	h, _ := newHandler(password("p"))
	h.Reply = map[string][]dictionary.Value{
		"vpn": configured(t, "MS-MPPE-Encryption-Policy", "Encryption-Required", "MS-MPPE-Encryption-Types", "6"),
	}
	got := shown(t, serve(t, h, msCHAP2Request(t, "User", "p")))
	if strings.Count(got, "Encryption-Policy") != 1 || strings.Count(got, "Encryption-Types") != 1 ||
		!strings.Contains(got, "Encryption-Required") || !strings.Contains(got, "RC4-40or128-bit-Allowed") {
		t.Error(got)
	}
}

func TestCheckReply(t *testing.T) {
	d := loadDictionary(t)
	for name, text := range map[string]string{
		"User-Password": "x", "CHAP-Password": "0x01", "State": "0x01", "Proxy-State": "0x01", "EAP-Message": "0x01",
		"Message-Authenticator": "0x00", "MS-MPPE-Send-Key": "0x01", "MS-CHAP2-Success": "0x01", "MS-CHAP-Error": "x",
		"MS-CHAP-MPPE-Keys": "0x" + strings.Repeat("00", 24),
	} {
		v, err := d.Parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckReply(v); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// AtOnce goes to the server, which delays other rejections.
func TestRejectAtOnce(t *testing.T) {
	for _, at := range []bool{true, false} {
		h, _ := newHandler(always(login.Verdict{AtOnce: at}, ""))
		r := papRequest(t, "")
		serve(t, h, r)
		if r.AtOnce != at {
			t.Errorf("verdict at once %v, request %v", at, r.AtOnce)
		}
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	text := strings.Repeat("aé€🔑", 20)
	for n := range len(text) + 5 {
		got := string(cut(text, n))
		if len(got) > n || !utf8.ValidString(got) || !strings.HasPrefix(text, got) || len(got) < min(n-3, len(text)) {
			t.Fatalf("cut to %d: %d octets %q", n, len(got), got)
		}
	}
	if got := cut("\xbf\xbf\xbf", 2); len(got) != 0 {
		t.Errorf("cut of no characters: %q", got)
	}
}
