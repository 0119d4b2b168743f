package page_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"radpush/web/page"
)

func get(h http.Handler, path string, header ...string) *http.Response {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Each file is there under its name, with its type, and is not sent twice.
func TestFilesAreServed(t *testing.T) {
	h := page.Handler("/app/", page.Config{})
	for name, contentType := range map[string]string{
		"": "text/html; charset=utf-8", "index.html": "text/html; charset=utf-8", "style.css": "text/css; charset=utf-8",
		"app.js": "text/javascript; charset=utf-8", "screens/home.js": "text/javascript; charset=utf-8", "sw.js": "text/javascript; charset=utf-8",
		"icon.svg": "image/svg+xml", "icon-192.png": "image/png",
		"manifest.webmanifest": "application/manifest+json",
	} {
		resp := get(h, "/app/"+name)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != contentType || resp.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%q: %s, %v", name, resp.Status, resp.Header)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'; script-src 'self'") ||
			strings.Contains(policy, "unsafe") || !strings.Contains(policy, "require-trusted-types-for 'script'") {
			t.Errorf("%q: policy %q", name, policy)
		}
		if again := get(h, "/app/"+name, "If-None-Match", resp.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("%q: asked again: %s", name, again.Status)
		}
	}
	for _, name := range []string{"assets/app.js", "nothing", "screens", "screens/", "../page.go", "%2e%2e/page.go", "app.js/"} {
		if resp := get(h, "/app/"+name); resp.StatusCode != 404 {
			t.Errorf("%q: %s", name, resp.Status)
		}
	}
}

func TestConfig(t *testing.T) {
	resp := get(page.Handler("/app/", page.Config{Organization: `A "&" <B>`, VAPID: "BAAA", PIN: true}), "/app/config.json")
	var c map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&c); err != nil {
		t.Fatal(err)
	}
	if c["organization"] != `A "&" <B>` || c["vapid"] != "BAAA" || c["pin"] != true || resp.Header.Get("ETag") != "" || resp.Header.Get("Cache-Control") == "no-cache" {
		t.Errorf("%v, %v", c, resp.Header)
	}
}

// Sw.js names every file that a start without a network needs, and they are all there.
func TestVersion(t *testing.T) {
	h := page.Handler("/app/", page.Config{})
	script := body(t, get(h, "/app/sw.js"))
	m := regexp.MustCompile(`^const version = "[A-Za-z0-9_-]{16}";\nconst files = (\[.*\]);\n`).FindStringSubmatch(script)
	if m == nil {
		t.Fatal(script)
	}
	var files []string
	if err := json.Unmarshal([]byte(m[1]), &files); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"sw.js": true, "index.html": true}
	for _, name := range files {
		listed[name] = true
		if resp := get(h, path.Join("/app", name)+strings.Repeat("/", strings.Count(name, "./"))); resp.StatusCode != 200 {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	for name := range sources(t) {
		if !listed[name] {
			t.Errorf("%s is not kept for a start without a network", name)
		}
	}
}

// sources returns the files of the page by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS("assets"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path.Join("assets", name))
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What the policy forbids is not tried, and what it allows is all from here.
func TestSources(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|<style|style=|\son[a-z]+="|<script(?: type="module" src="[a-z]+\.js")?>.`)
	elsewhere := regexp.MustCompile(`https?:|["'(]//`)
	for name, text := range sources(t) {
		if path.Ext(name) == ".png" {
			continue
		}
		if found := forbidden.FindString(text); found != "" && found != `<script type="module" src="app.js"><` {
			t.Errorf("%s has %q", name, found)
		}
		text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		if lines := strings.Count(text, "\n"); path.Ext(name) == ".js" && lines > 300 {
			t.Errorf("%s has %d lines", name, lines)
		}
	}
}
