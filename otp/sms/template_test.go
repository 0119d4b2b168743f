package sms

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// hostile texts try to end the place that they stand in.
var hostile = []string{
	"a&to=+15550000000&text=b",
	"a#b?c=d;e=f%26to=1%00+ /../",
	`"},{"to":"+15550000000"`,
	"\\\",\"to\":\"x\u2028",
	"</text><to>1</to><text>",
	"]]><!-- --><?x?><![CDATA[",
	`" to="+15550000000" '`,
	"a\r\nX-To: 1\r\n\r\nPOST /",
	"{{number}}{{password}}",
	"a\x00b\x1b[2J\x7f\u0085",
	"日本語 😀 ä€",
	"\xff\xfe broken UTF-8",
	"--help",
	"$(reboot) `id` $HOME ; | > <",
}

// places has a gateway for each place of a request, and what its server makes of the text.
var places = map[string]struct {
	gateway *Gateway
	read    func(*http.Request, []byte) (texts []string)
}{
	"query": {&Gateway{URL: "https://h/send?a=1&text={{text}}&to={{number}}&b=2"}, func(r *http.Request, _ []byte) []string {
		q := r.URL.Query()
		if len(q) != 4 || q.Get("a")+q.Get("b") != "12" || len(q["to"]) != 1 {
			return nil
		}
		return q["text"]
	}},
	"path": {&Gateway{URL: "https://h/send/{{text}}/{{number}}?b=2"}, func(r *http.Request, _ []byte) []string {
		parts := strings.Split(r.URL.EscapedPath(), "/")
		if len(parts) != 4 || r.URL.RawQuery != "b=2" {
			return nil
		}
		text, _ := url.PathUnescape(parts[2])
		return []string{text}
	}},
	"form": {&Gateway{URL: "https://h/", Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
		Body: "to={{number}}&text={{text}}&b=2"}, func(r *http.Request, body []byte) []string {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.ParseForm() != nil || len(r.PostForm) != 3 || len(r.PostForm["to"]) != 1 {
			return nil
		}
		return r.PostForm["text"]
	}},
	"JSON": {&Gateway{URL: "https://h/", Header: map[string]string{"content-type": "application/json"},
		Body: `{"to":["{{number}}"],"text":"{{text}}","n":{{digits}}}`}, func(_ *http.Request, body []byte) []string {
		var v struct {
			To   []string
			Text string
		}
		decoder := json.NewDecoder(bytes.NewReader(body))
		if decoder.Decode(&v) != nil || len(v.To) != 1 || decoder.More() {
			return nil
		}
		return []string{v.Text}
	}},
	"XML": {&Gateway{URL: "https://h/", Header: map[string]string{"Content-Type": "text/xml"},
		Body: `<m to="{{number}}" copy="{{text}}"><text>{{text}}</text></m>`}, func(_ *http.Request, body []byte) []string {
		var v struct {
			To   []string `xml:"to"`
			Copy string   `xml:"copy,attr"`
			Text []string `xml:"text"`
		}
		if xml.Unmarshal(body, &v) != nil || len(v.To) != 0 || len(v.Text) != 1 || v.Copy != v.Text[0] {
			return nil
		}
		return v.Text
	}},
	"plain": {&Gateway{URL: "https://h/?to={{number}}", Header: map[string]string{"Content-Type": "text/plain"},
		Body: "{{text}}"}, func(_ *http.Request, body []byte) []string { return []string{string(body)} }},
	"header": {&Gateway{URL: "https://h/", Method: "POST", Header: map[string]string{"X-To": "{{number}}", "X-Text": "<{{text}}>"}},
		func(r *http.Request, _ []byte) []string {
			if len(r.Header["X-To"]) != 1 || len(r.Header) != 3 { // and User-Agent
				return nil
			}
			return r.Header["X-Text"]
		}},
}

// carried returns the texts that a server reads out of the request for a text.
func carried(t *testing.T, place, text string) []string {
	t.Helper()
	p := places[place]
	m, err := compose("+12025550123", text)
	if err != nil {
		t.Skip(err)
	}
	request, err := p.gateway.request(t.Context(), m)
	if err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	var wire bytes.Buffer
	if err := request.Write(&wire); err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	received, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatalf("%s: the server does not understand: %v", place, err)
	}
	body, err := io.ReadAll(received.Body)
	if err != nil || wire.Len() > 0 {
		t.Fatalf("%s: %d octets after the request, %v", place, wire.Len(), err)
	}
	received.Header.Del("Content-Length")
	return p.read(received, body)
}

// want returns how a text arrives in a place: as compose made it, but a header is one line
// with no space at its ends, and XML has no code for some characters.
func want(t *testing.T, place, text string) string {
	m, err := compose("+12025550123", text)
	if err != nil {
		t.Skip(err)
	}
	switch place {
	case "header":
		return "<" + oneLine(m.text) + ">"
	case "XML":
		return strings.Map(func(r rune) rune {
			if r == 0xfffe || r == 0xffff {
				return 0xfffd
			}
			return r
		}, m.text)
	}
	return m.text
}

func TestTemplate_4_1_TextsCannotBreakOut(t *testing.T) {
	for place, p := range places {
		if err := p.gateway.Check(); err != nil {
			t.Errorf("%s: %v", place, err)
		}
		for _, text := range hostile {
			if got := carried(t, place, text); len(got) != 1 || got[0] != want(t, place, text) {
				t.Errorf("%s: the server read %q, want %q", place, got, want(t, place, text))
			}
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for place := range places {
			if got := carried(t, place, text); len(got) != 1 || got[0] != want(t, place, text) {
				t.Errorf("%s: the server read %q, want %q", place, got, want(t, place, text))
			}
		}
	})
}

func TestTemplateLanguage(t *testing.T) {
	values := map[string]any{"text": "<&>", "gsm": true, "sender": ""}
	for source, want := range map[string]string{
		"":                                       "",
		"no template":                            "no template",
		"{{text}}":                               "%3C%26%3E",
		"{{ text }}-{{text}}":                    "%3C%26%3E-%3C%26%3E",
		`{{printf "%s=" text}}`:                  "%3C%26%3E%3D",
		"{{if gsm}}0{{else}}{{text}}{{end}}":     "0",
		"{{if sender}}&f={{sender}}{{end}}":      "",
		"{{if not gsm}}0{{else}}{{text}}{{end}}": "%3C%26%3E",
		"{{if sender}}1{{else if gsm}}{{text}}{{end}}": "%3C%26%3E",
		"{{/* why */}}a": "a",
	} {
		if got, err := fill("url", source, values, percent); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		"{{txet}}":                          `function "txet" not defined`,
		"{{.text}}":                         "can't evaluate field text",
		"{{text":                            "unclosed action",
		"{{range text}}{{text}}{{end}}":     "only {{name}}",
		"{{with text}}{{.}}{{end}}":         "only {{name}}",
		`{{if gsm}}{{template "x"}}{{end}}`: "only {{name}}",
		"{{if gsm}}{{else}}{{range 9}}{{end}}{{end}}": "only {{name}}",
		"{{$x := text}}":                     "variables",
		"{{text | _escape}}{{_escape text}}": "", // escaped twice, never less than once
	} {
		got, err := fill("url", source, values, percent)
		if want == "" {
			if err != nil || strings.ContainsAny(got, "<&>") {
				t.Errorf("%q: %q, %v", source, got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want an error with %q", source, got, err, want)
		}
	}
	for _, name := range []string{"_escape", "", "a b", "1a", "ä"} {
		if _, err := fill("url", "x", map[string]any{name: "v"}, verbatim); err == nil {
			t.Errorf("a value can be named %q", name)
		}
	}
}

func TestGSM(t *testing.T) {
	for text, want := range map[string]bool{
		"123456 is your code.\n": true, "Grüße €5 {x} ~": true, "Ç": true, "ç": false, "“quoted”": false, "код": false, "😀": false, "`": false,
	} {
		if gsm(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestCompose(t *testing.T) {
	m, err := compose("+12025550123", "a\r\nb\x00\x1b\tc\u0085\xff\rd")
	if want := (message{"12025550123", "a\nb   c \ufffdd"}); err != nil || m != want {
		t.Errorf("%q, %v, want %q", m, err, want)
	}
}
