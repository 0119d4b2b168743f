package pipush_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"radpush/push/pipush"
)

// What is signed, as the app writes it.
func TestStatements(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{pipush.Answer{Nonce: "N", Serial: "S"}.Statement(), "N|S"},
		{pipush.Answer{Nonce: "N", Serial: "S", Presence: "47"}.Statement(), "N|S|47"},
		{pipush.Answer{Nonce: "N", Serial: "S", Decline: true}.Statement(), "N|S|decline"},
		{pipush.Answer{Nonce: "N", Serial: "S", Decline: true, Reason: pipush.UnknownTrigger}.Statement(), "N|S|decline|unknown_trigger"},
		{pipush.Answer{Nonce: "N", Serial: "S", Decline: true, Reason: pipush.Cancelled}.Statement(), "N|S|decline|cancelled"},
		{pipush.Poll{Serial: "S", Timestamp: "T"}.Statement(), "S|T"},
		{pipush.Update{Token: "F", Serial: "S", Timestamp: "T"}.Statement(), "F|S|T"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// An answer that signs a nonce has signed the challenge, the token and all that was shown.
func TestPush_2_6_TheNonceIsOfWhatWasShown(t *testing.T) {
	of := pipush.Nonce("C", "S", []byte("shown"))
	if len(of) != 32 || of != pipush.Nonce("C", "S", []byte("shown")) {
		t.Errorf("nonce %q", of)
	}
	for _, other := range []string{
		pipush.Nonce("D", "S", []byte("shown")), pipush.Nonce("C", "T", []byte("shown")), pipush.Nonce("C", "S", []byte("Shown")),
		pipush.Nonce("C\nS", "", []byte("shown")), pipush.Nonce("C", "S", nil),
	} {
		if other == of {
			t.Errorf("another has the same nonce %q", of)
		}
	}
}

func TestFresh(t *testing.T) {
	now := time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
	for timestamp, want := range map[string]bool{
		"2026-11-21T22:00:00.123456Z":       true, // as Dart writes it
		"2026-11-21T22:00:00.123Z":          true,
		"2026-11-21T22:01:00Z":              true,
		"2026-11-21T21:59:00Z":              true,
		"2026-11-21T23:00:00+01:00":         true,
		"2026-11-21T22:01:00.000001Z":       false,
		"2026-11-21T21:58:59Z":              false,
		"2026-11-21T22:00:00":               false, // whose?
		"":                                  false,
		"1795298400":                        false,
		"+292277026596-12-04T15:30:07Z":     false,
		"2026-11-21T22:00:00Z|" + "RADPUSH": false,
	} {
		if _, fresh := pipush.Fresh(timestamp, now); fresh != want {
			t.Errorf("%q: %v", timestamp, fresh)
		}
	}
}

// Each is what somebody might send in place of an answer.
func TestPush_9_2_HostileForms(t *testing.T) {
	const good = "serial=RADPUSHA&nonce=NNNN&signature="
	for _, c := range []struct {
		what, form string
		ok         bool
	}{
		{"approval", good, true},
		{"approval with a number", good + "&presence_answer=47", true},
		{"denial", good + "&decline=1", true},
		{"denial, not me", good + "&decline=1&decline_reason=unknown_trigger", true},
		{"denial, mistake", good + "&decline=1&decline_reason=cancelled", true},
		{"with what we do not know", good + "&capabilities=%5B%5D&more=x", true},

		{"the word of a denial as a number", good + "&presence_answer=decline", false},
		{"and its reason", good + "&presence_answer=decline%7Ccancelled", false},
		{"no number", good + "&presence_answer=", false},
		{"a long number", good + "&presence_answer=470", false},
		{"a number of other digits", good + "&presence_answer=%D9%A4", false},
		{"a denial that is none", good + "&decline=0", false},
		{"an empty denial", good + "&decline=", false},
		{"a denial with a number", good + "&decline=1&presence_answer=47", false},
		{"a reason alone", good + "&decline_reason=cancelled", false},
		{"a reason that we do not know", good + "&decline=1&decline_reason=bored", false},
		{"two serials", good + "&serial=RADPUSHB", false},
		{"two denials", good + "&decline=1&decline=1", false},
		{"no serial", "nonce=NNNN", false},
		{"no nonce", "serial=RADPUSHA", false},
		{"a bar in the nonce", "serial=A&nonce=N%7CA%7Cdecline", false},
		{"a bar in the serial", "serial=A%7Cdecline&nonce=N", false},
		{"a path in the serial", "serial=..%2F..&nonce=N", false},
		{"a long serial", "serial=" + strings.Repeat("A", 65) + "&nonce=N", false},
		{"not UTF-8", good + "&x=%FF", false},
		{"not a form", good + "&x=%zz", false},
		{"semicolons", good + ";x=1", false},
		{"many fields", good + strings.Repeat("&", 16), false},
		{"a long field", good + "&x=" + strings.Repeat("x", 4097), false},
		{"a long form", good + "&x=" + strings.Repeat("%20", 8000), false},
		{"nothing", "", false},
	} {
		f, err := pipush.ParseForm(c.form)
		if err == nil {
			_, err = f.Answer()
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil && (strings.Contains(err.Error(), "RADPUSH") || strings.Contains(err.Error(), "%")) {
			t.Errorf("%s: the error repeats the request: %v", c.what, err)
		}
	}
}

// Whatever is sent, what is signed has one reading: the fields come back out of the statement.
func FuzzForm(f *testing.F) {
	f.Add("serial=S&nonce=N&decline=1&decline_reason=cancelled&signature=GEZDGNBV")
	f.Add("serial=S&nonce=N&presence_answer=47")
	f.Add("serial=S&timestamp=2026-11-21T22%3A00%3A00Z&signature=")
	f.Add("serial=S&timestamp=T&new_fb_token=no_firebase_token")
	f.Add("serial=S&enrollment_credential=C&pubkey=AAAA&fbtoken=x")
	f.Fuzz(func(t *testing.T, s string) {
		form, err := pipush.ParseForm(s)
		if err != nil {
			return
		}
		if signature, err := form.Signature(); err == nil && len(signature) > 512 {
			t.Errorf("a signature of %d octets", len(signature))
		}
		if e, err := form.Enrolment(); err == nil && (e.Serial == "" || e.Credential == "" || len(e.Key) == 0) {
			t.Errorf("enrolment %+v", e)
		}
		if p, err := form.Poll(); err == nil && strings.Count(p.Statement(), "|") != 1 {
			t.Errorf("poll %+v", p)
		}
		if u, err := form.Update(); err == nil && strings.Count(u.Statement(), "|") != 2 {
			t.Errorf("update %+v", u)
		}
		a, err := form.Answer()
		if err != nil {
			return
		}
		fields := strings.Split(a.Statement(), "|")
		declines := len(fields) > 2 && fields[2] == "decline"
		if fields[0] != a.Nonce || fields[1] != a.Serial || declines != a.Decline || len(fields) > 4 {
			t.Errorf("%+v is signed as %q", a, a.Statement())
		}
	})
}

func TestLink(t *testing.T) {
	l := pipush.Link{Endpoint: "https://radpush.example:8443/pipush", Serial: pipush.NewSerial(), Credential: "SECRET",
		Issuer: "Example & Söhne + Co", User: `EXAMPLE\al:ice/x é?`, Valid: 90 * time.Second, PIN: true}
	u, err := url.Parse(l.String())
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "otpauth" || u.Host != "pipush" || u.Path != "/"+l.User || strings.Contains(u.EscapedPath(), ":") || strings.Contains(l.String(), "+") {
		t.Errorf("link %s", l)
	}
	for name, want := range map[string]string{
		"url": l.Endpoint, "ttl": "2", "issuer": l.Issuer, "enrollment_credential": "SECRET", "v": "1", "serial": l.Serial,
		"sslverify": "1", "poll_only": "True", "pin": "True",
	} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if l.PIN = false; strings.Contains(l.String(), "pin=") {
		t.Errorf("link %s", l)
	}
	if strings.Contains(l.LogValue().String(), "SECRET") {
		t.Error("the credential is logged")
	}
}

// The app puts a URL together again from its parts, and checks the signature over that.
func TestEndpointIsCanonical(t *testing.T) {
	for base, want := range map[string]string{
		"https://radpush.example":                 "https://radpush.example/pipush",
		"https://RADPUSH.Example:8443":            "https://radpush.example:8443/pipush",
		"https://radpush.example:443":             "https://radpush.example/pipush",
		"HTTPS://radpush.example:0443/Auth-1/x_y": "https://radpush.example/Auth-1/x_y/pipush",
		"https://radpush.example:08443":           "https://radpush.example:8443/pipush",
		"https://radpush.example:0":               "",
		"https://radpush.example:65536":           "",
		"http://127.0.0.1:80":                     "http://127.0.0.1/pipush",
		"https://[2001:DB8:0::1]:8443":            "https://[2001:db8::1]:8443/pipush",
		"https://xn--mller-kva.example":           "https://xn--mller-kva.example/pipush",
		"https://radpush.example/":                "",
		"https://radpush.example/a/../b":          "",
		"https://radpush.example/a//b":            "",
		"https://radpush.example/%61":             "",
		"https://radpush.example/ä":               "",
		"https://müller.example":                  "",
		"https://radpush.example?":                "",
		"https://radpush.example?x":               "",
		"https://radpush.example#x":               "",
		"https://user@radpush.example":            "",
		"https://[fe80::1%25eth0]":                "",
		"https://":                                "",
		"ftp://radpush.example":                   "",
		"radpush.example":                         "",
	} {
		got, err := pipush.Endpoint(base)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", base, got, err, want)
		}
	}
}
