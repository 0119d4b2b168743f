// Package page is the authenticator in a browser: a page that can be installed on a phone and
// stands on its own there (a PWA), as modules of plain JavaScript that browsers run as they are.
//
// # What it is made of
//
//	index.html, style.css   the screens; one is shown at a time
//	app.js, screens/        which one, and what is on it
//	database.js             what the browser keeps; the page is a function of it
//	accounts.js, pin.js     enrolment, the keys and the PIN before them
//	server.js               signed calls; package wire says what is signed
//	devices.js              the user's other devices: to list, add and remove
//	wait.js, requests.js    what the user is asked, by a long poll while the page is open
//	answer.js, totp.js      how it is answered
//	sw.js, notices.js, subscription.js
//	                        the service worker: Web Push, notifications, start without a network
//	text.js                 what the user reads
//
// # Where the secrets are
//
// The key pair is made by the browser and cannot be taken out of it, by this page neither
// (WebCrypto, not extractable); the secret of the one-time passwords is told once, at enrolment,
// and kept in the same way. Whoever uses the browser can use them: pin.js says what a PIN adds.
//
// Whoever can change what this page is, can answer in the user's name. So it loads nothing from
// elsewhere, runs no script that is not one of its files (Content-Security-Policy), and writes
// what the server says as text, never as markup (Trusted Types). To a browser, all that is served
// under one host name and port is one: behind a reverse proxy, have nothing of others there.
//
// # How it is updated
//
// The service worker keeps all files of one version and serves the page from them. [Handler]
// writes the version, which is the hash of all files and of the policy, into sw.js. At each start
// the browser looks whether sw.js has changed, and if so fetches all files anew, for the start
// after this one.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// A Config is what the page asks its server for, as config.json.
type Config struct {
	Organization string `json:"organization"` // whose sign-ins they are
	VAPID        string `json:"vapid"`        // public key of Web Push (RFC 8292), base64url; "": there is none
	PIN          bool   `json:"pin"`          // keys are to be kept behind a PIN (statement 2.11)
}

//go:embed assets
var assets embed.FS

// policy lets the page use its own files and server, and nothing else. The service worker is the
// one script that is loaded by a string, in app.js; the one policy of Trusted Types is for it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types radpush"

// types by extension: what the machine's own table says of them differs.
var types = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".webmanifest": "application/manifest+json",
}

// A file is what is served under a name.
type file struct {
	body        []byte
	contentType string
	etag        string // "": not to be kept at all
}

// Handler serves the page under prefix, which begins and ends in a slash. The page finds the
// device API beside itself: at ../device/v1/.
func Handler(prefix string, c Config) http.Handler {
	files := load(c)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, prefix)
		if name == "" {
			name = "index.html"
		}
		f, found := files[name]
		if !ok || !found {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("Content-Security-Policy", policy)
		if f.etag != "" {
			h.Set("Cache-Control", "no-cache") // to be kept, and to be asked for each time
			h.Set("ETag", f.etag)
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.body))
	})
}

// load returns all files by name.
func load(c Config) map[string]file {
	files := make(map[string]file)
	list := []string{} // what a start without a network needs
	version := sha256.New()
	fmt.Fprintln(version, policy) // browsers keep it with each file
	err := fs.WalkDir(assets, "assets", func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := assets.ReadFile(full)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(full, "assets/")
		files[name] = newFile(name, body)
		fmt.Fprintf(version, "%s %x\n", name, sha256.Sum256(body))
		switch name {
		case "sw.js": // the browser keeps it by itself
		case "index.html":
			list = append(list, "./")
		default:
			list = append(list, name)
		}
		return nil
	})
	if err != nil {
		panic(err) // they are in the program: found by the first test that runs
	}
	// In sw.js itself: when only something that it imports has changed, Chromium sees that and
	// then fails to start the new one.
	files["sw.js"] = newFile("sw.js", fmt.Appendf(nil, "const version = %s;\nconst files = %s;\n\n%s",
		quote(base64.RawURLEncoding.EncodeToString(version.Sum(nil)[:12])), quote(list), files["sw.js"].body))
	config := newFile("config.json", quote(c))
	config.etag = ""
	files["config.json"] = config
	return files
}

func newFile(name string, body []byte) file {
	sum := sha256.Sum256(body)
	return file{body, types[path.Ext(name)], `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// quote returns a value as JSON, which is JavaScript too.
func quote(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and booleans
	}
	return b
}
