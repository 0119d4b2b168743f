package sms

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	m := message{"491701234567", "123456 is your code.\nIt is good for 5 minutes."}
	for name, c := range map[string]struct {
		secrets    []string
		said, want string
	}{
		"nothing to hide":     {nil, "error 21211: no such number", "error 21211: no such number"},
		"number":              {nil, "to +491701234567, 491701234567, 0170 1234567 or 01701234567", "to …, …, 0170 1… or 01701…"},
		"text":                {nil, `text "` + m.text + `" is too long`, `text "…" is too long`},
		"code":                {nil, "text=123456%20is%20your%20code", "text=…%20is%20your%20code"},
		"small numbers":       {nil, "5 credits left, error 56", "5 credits left, error 56"},
		"one in another":      {[]string{"push", "", "pushpull"}, "user push, password pushpull", "user …, password …"},
		"dashes and dots":     {[]string{"a.b-c_d"}, "a.b-c_d axb-c_d", "… axb-c_d"},
		"regular expression":  {[]string{"(a|b)*+?[x]^$"}, "b (a|b)*+?[x]^$ %28a%7cb%29%2A%2B%3f%5Bx%5d%5E%24", "b … …"},
		"emoji":               {[]string{"😀"}, `😀 \ud83d\ude00 \uD83D\uDE00 %F0%9f%98%80 &#128512; &#x1F600;`, "… … … … … …"},
		"quotes":              {[]string{`"'`}, `"' \"' &quot;&apos; &#34;&#39; %22%27 \u0022\u0027`, "… … … … … …"},
		"space":               {[]string{"a b"}, "a b a+b a%20b", "… … …"},
		"control":             {nil, "a\x1b[31mb\x00\u202e\u0085c\td\r\ne", "a [31mb c d e"},
		"not UTF-8":           {[]string{"x"}, "\xff\xfex", "\ufffd…"},
		"200 characters":      {nil, strings.Repeat("ä", 200), strings.Repeat("ä", 200)},
		"201 characters":      {nil, strings.Repeat("ä", 201), strings.Repeat("ä", 200) + "…"},
		"a secret at the end": {[]string{"secret"}, strings.Repeat("x", 197) + "secret", strings.Repeat("x", 197) + "…"},
		"readable":            {nil, `{"error":"\u041d\u0435\u0442 \u0434\u0435\u043d\u0435\u0433","url":"https:\/\/h\/"}`, `{"error":"Нет денег","url":"https://h/"}`},
	} {
		if got := m.redact(c.said, c.secrets...); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestBeginning(t *testing.T) {
	var b beginning
	for range 10 {
		if n, err := b.Write(make([]byte, 1000)); n != 1000 || err != nil {
			t.Error(n, err)
		}
	}
	if len(b) != maxComplaint {
		t.Errorf("%d octets are kept, want %d", len(b), maxComplaint)
	}
}
