package email_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"radpush/otp/email"
)

// wantMessage reads what went over the wire with other code than what wrote it.
func wantMessage(t *testing.T, wire []byte, want email.Message) (id string) {
	t.Helper()
	for i, line := range bytes.Split(bytes.TrimSuffix(wire, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") || bytes.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
			t.Errorf("line %d is %q", i, line) // RFC 5322, section 2.1.1
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(wire))
	if err != nil {
		t.Fatal(err)
	}
	words := new(mime.WordDecoder)
	subject, err := words.DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != strings.ReplaceAll(want.Subject, "=?", "= ?") {
		t.Errorf("subject %q, %v", subject, err)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || *from[0] != (mail.Address{Name: "Example VPN", Address: "vpn@example.com"}) {
		t.Errorf("from %v, %v", from, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != want.To {
		t.Errorf("to %v, %v", to, err)
	}
	if at, err := m.Header.Date(); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("date %v, %v", at, err)
	}
	id = m.Header.Get("Message-ID")
	if !strings.HasPrefix(id, "<"+want.ID) || !strings.HasSuffix(id, "@example.com>") || len(id) < 20 {
		t.Errorf("message ID %s", id)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" { // RFC 3834, section 5
		t.Error("not marked as sent by a program")
	}
	for name, values := range m.Header {
		switch name {
		case "Subject", "From", "To", "Date", "Message-Id", "Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted", "X-Auto-Response-Suppress":
			if len(values) != 1 {
				t.Errorf("%s: %q", name, values)
			}
		default:
			t.Errorf("a header %s: %q", name, values)
		}
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.NewReplacer("\r\n", "\n")
	if want.HTML == "" {
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if kind != "text/plain" || lines.Replace(string(body)) != want.Text || err != nil {
			t.Errorf("%s %q, %v", kind, body, err)
		}
		return id
	}
	if kind != "multipart/alternative" {
		t.Fatalf("a letter of type %s", kind)
	}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	for _, want := range [][2]string{{"text/plain", want.Text}, {"text/html", want.HTML}} {
		p, err := parts.NextPart() // takes the quoted-printable encoding off
		if err != nil {
			t.Fatal(err)
		}
		kind, parameters, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		body, err := io.ReadAll(p)
		if kind != want[0] || !strings.EqualFold(parameters["charset"], "utf-8") || lines.Replace(string(body)) != want[1] || err != nil {
			t.Errorf("%s %v %q, %v", kind, parameters, body, err)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("after the parts: %v", err)
	}
	return id
}

func TestSend_4_1_HostileTextsArriveAsTheyAre(t *testing.T) {
	p := &peer{}
	s := p.start(t)
	messages := []email.Message{
		{Subject: "Größe 你好 " + strings.Repeat("ä", 100), Text: "Grüße\n.\n..\n.QUIT\nRSET\n\nFrom me\n" + strings.Repeat("long ", 300) + "\n"},
		{Subject: "=?utf-8?q?Bcc=3A?= mallory", Text: "\n\nTo: mallory@example.com\n--\n"},
		{Subject: strings.Repeat("x", 300), Text: strings.Repeat("y", 5000) + "\n", HTML: "<p>&lt;\n.\n--" + strings.Repeat("z", 3000) + "</p>\n"},
		{Subject: "a=b", Text: "= =3D \t \n trailing \x00\x1b\n", HTML: "<b>=</b>\n", ID: "abc123abc123abc123"},
	}
	for i := range messages {
		messages[i].To = "bob+" + fmt.Sprint(i) + "@example.com"
		if err := s.Send(t.Context(), messages[i]); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]bool{}
	for i, got := range p.got() {
		ids[wantMessage(t, got.wire, messages[i])] = true
	}
	if len(ids) != len(messages) {
		t.Errorf("message IDs %v", ids)
	}
}

func TestSend_4_1_WhatIsNoLetterIsRefused(t *testing.T) {
	p := &peer{}
	s := p.start(t)
	for name, change := range map[string]func(*email.Message){
		"a header in the subject":  func(m *email.Message) { m.Subject = "Hi\r\nBcc: mallory@example.com" },
		"a line in the subject":    func(m *email.Message) { m.Subject = "Hi\nthere" },
		"U+2028 in the subject":    func(m *email.Message) { m.Subject = "Hi\u2028there" },
		"no subject":               func(m *email.Message) { m.Subject = "" },
		"no text":                  func(m *email.Message) { m.Text = "" },
		"no UTF-8":                 func(m *email.Message) { m.Text = "\xff" },
		"too long":                 func(m *email.Message) { m.Text = strings.Repeat("x", 1<<17) },
		"a command in the address": func(m *email.Message) { m.To = "a@example.com>\r\nRCPT TO:<b@example.com" },
		"two addresses":            func(m *email.Message) { m.To = "a@example.com,b@example.com" },
		"a line end before it":     func(m *email.Message) { m.To = "\r\nalice@example.com" },
		"a line end after it":      func(m *email.Message) { m.To = "alice@example.com\n" },
		"no address":               func(m *email.Message) { m.To = "" },
		"a header in the ID":       func(m *email.Message) { m.ID = "a>\r\nBcc: b" },
		"an ID outside of ASCII":   func(m *email.Message) { m.ID = "š" },
	} {
		m := message()
		change(&m)
		if err := s.Send(t.Context(), m); err == nil || email.IsTemporary(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := p.count("MAIL"); n != 0 {
		t.Errorf("the server heard of %d", n)
	}
}

func TestMessageDoesNotPrint(t *testing.T) {
	m := message()
	inJSON, _ := json.Marshal(struct {
		M email.Message
		C email.Code
		E email.Enrolment
	}{m, email.Code{Code: "918273645"}, email.Enrolment{Link: "918273645"}})
	for _, shown := range []string{
		fmt.Sprintf("%v %+v %#v %s %d", m, m, m, m, m), fmt.Sprintf("%+v", email.Letter{Message: m}), m.LogValue().String(), string(inJSON),
		fmt.Sprintf("%+v %#v", email.Code{Code: "918273645"}, email.Enrolment{Link: "918273645"}),
	} {
		if strings.Contains(shown, "918273645") || strings.Contains(shown, "alice@") {
			t.Error(shown)
		}
	}
}

func TestAddress_4_1_OneBareAddressOrAnErrorThatSaysWhy(t *testing.T) {
	for in, want := range map[string]string{
		" alice@Example.COM\n":                   "alice@example.com",
		"Alice.O'Hara+vpn@mail.example.com":      "Alice.O'Hara+vpn@mail.example.com",
		"a/b=c@xn--bcher-kva.example":            "a/b=c@xn--bcher-kva.example",
		"root@localhost":                         "root@localhost",
		strings.Repeat("a", 64) + "@example.com": strings.Repeat("a", 64) + "@example.com",
		"":                                       "",
		"alice":                                  "",
		"@example.com":                           "",
		"alice@":                                 "",
		"Alice <alice@example.com>":              "",
		"<alice@example.com>":                    "",
		"a@example.com,b@example.com":            "",
		"a@b@example.com":                        "",
		`"a b"@example.com`:                      "",
		"a..b@example.com":                       "",
		".a@example.com":                         "",
		"a@[192.0.2.1]":                          "",
		"a@-example.com":                         "",
		"a@example..com":                         "",
		"a@example.com.":                         "",
		"a@ex_ample.com":                         "",
		"müller@example.com":                     "",
		"a@bücher.example":                       "",
		"a@example.com\r\nRCPT TO:<b@example.com>":        "",
		"a@example.com\x00":                               "",
		"a(comment)@example.com":                          "",
		strings.Repeat("a", 65) + "@example.com":          "",
		"a@" + strings.Repeat("a", 64) + ".com":           "",
		"a@" + strings.Repeat("abcdefg.", 40) + "example": "",
	} {
		got, err := email.Address(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", in, got, err)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("an error of %d octets", len(err.Error()))
		}
	}
}

func TestMask_4_1_APromptTellsLittle(t *testing.T) {
	for in, want := range map[string]string{
		"alice@example.com": "a…e@example.com",
		"anna@example.com":  "a…a@example.com",
		"bob@example.com":   "…@example.com",
		"a@example.com":     "…@example.com",
		"":                  "…",
		"x\ny@example.com":  "…",
	} {
		if got := email.Mask(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
