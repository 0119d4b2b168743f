package web_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"radpush/otp/grid"
	"radpush/web"
)

// A browser has one page open, and knows no script.
type browser struct {
	tb        testing.TB
	transport http.RoundTripper
	base      string

	url  string
	got  got
	page *html.Node
}

// browse starts a browser, over HTTPS if the world listens.
func (w *world) browse(tb testing.TB) *browser {
	b := &browser{tb: tb, transport: web.InProcess(w.handler), base: "https://radpush.example"}
	if w.server.Certificate != nil {
		t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
		tb.Cleanup(t.CloseIdleConnections)
		b.transport, b.base = t, w.operator.URL
	}
	return b
}

func (b *browser) do(method, path string, header http.Header, body string) {
	b.tb.Helper()
	r, err := http.NewRequestWithContext(b.tb.Context(), method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	r.Header = header
	b.url, b.got = path, do(b.tb, b.transport, r)
	if b.page, err = html.Parse(strings.NewReader(b.got.body)); err != nil {
		b.tb.Fatal(err)
	}
}

func (b *browser) open(path string) {
	b.tb.Helper()
	b.do("GET", path, http.Header{"Sec-Fetch-Site": {"none"}}, "")
}

// press fills the one field of the page's form, if it has one, and sends it.
func (b *browser) press(typed string) {
	b.tb.Helper()
	form := b.one("form")
	if attribute(form, "method") != "post" || attribute(form, "action") != "" {
		b.tb.Fatalf("form: %v", form.Attr)
	}
	values := url.Values{}
	for _, input := range find(form, "input") {
		value := attribute(input, "value")
		if attribute(input, "type") != "hidden" {
			value = typed
		}
		values.Set(attribute(input, "name"), value)
	}
	b.post(values)
}

func (b *browser) post(values url.Values) {
	b.tb.Helper()
	b.do("POST", b.url, http.Header{"Content-Type": {"application/x-www-form-urlencoded"},
		"Sec-Fetch-Site": {"same-origin"}, "Origin": {b.base}}, values.Encode())
}

func find(n *html.Node, element string) (found []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == element {
			found = append(found, d)
		}
	}
	return found
}

func (b *browser) one(element string) *html.Node {
	b.tb.Helper()
	found := find(b.page, element)
	if len(found) != 1 {
		b.tb.Fatalf("%d of <%s>, want 1:\n%s", len(found), element, b.got.body)
	}
	return found[0]
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var s strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			s.WriteString(d.Data)
		}
	}
	return s.String()
}

// read returns the symbols of the grid that the page shows, as text and as a picture.
func (b *browser) read() []string {
	b.tb.Helper()
	symbols := regexp.MustCompile(`\b\d+\b`).FindAllString(text(b.one("pre")), -1)
	var drawn []string
	for _, t := range find(b.one("svg"), "text") {
		if s := text(t); s[0] <= '9' {
			drawn = append(drawn, s)
		}
	}
	if len(symbols) != 25 || !slices.Equal(symbols, drawn) {
		b.tb.Fatalf("the text says %q, the picture %q", symbols, drawn)
	}
	return symbols
}

// numbers returns what a user with a pattern types from the page.
func (b *browser) numbers(p grid.Pattern) string {
	b.tb.Helper()
	symbols, typed := b.read(), ""
	for _, cell := range p.Cells {
		typed += " " + symbols[cell]
	}
	return typed
}

// alert returns the text that is read out when the page opens, and checks that the field
// refers to it.
func (b *browser) alert() string {
	b.tb.Helper()
	for d := range b.page.Descendants() {
		if attribute(d, "role") != "alert" {
			continue
		}
		for _, input := range find(b.page, "input") {
			if attribute(input, "id") != "" && (attribute(input, "aria-invalid") != "true" || !strings.HasPrefix(attribute(input, "aria-describedby"), attribute(d, "id")+" ")) {
				b.tb.Errorf("the field does not refer to the alert: %v", input.Attr)
			}
		}
		return text(d)
	}
	return ""
}

// at checks where the browser has come to, and that each field there has a name for people.
func (b *browser) at(status int, title string) {
	b.tb.Helper()
	if got := text(find(b.one("head"), "title")[0]); b.got.status != status || got != title {
		b.tb.Fatalf("%d %q, want %d %q: %s", b.got.status, got, status, title, b.got.body)
	}
	b.one("h1")
	labels := map[string]bool{}
	for _, l := range find(b.page, "label") {
		labels[attribute(l, "for")] = text(l) != ""
	}
	for _, input := range find(b.page, "input") {
		if attribute(input, "type") != "hidden" && (!labels[attribute(input, "id")] || attribute(input, "autocomplete") != "off") {
			b.tb.Errorf("the field has no label, or is remembered: %v", input.Attr)
		}
	}
}
