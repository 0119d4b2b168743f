package page_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"radpush/login"
	"radpush/web/page"
)

// The key is made in the browser and does not leave it; the code is good once and leaves no
// trace.
func TestDevices_9_1_EnrolFromTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	link := w.link(t, "alice")
	b.open(link)
	b.screen("enrol", "Enrol this device", "Example Ltd")
	if got := eval[string](b, "location.href"); got != w.origin()+"/app/" {
		t.Errorf("the address is %s: the code is in the history", got)
	}
	if len(w.devices(t, "alice")) != 0 {
		t.Error("enrolled before anybody asked for it")
	}
	b.fill("#name", "Alice’s phone – and a name that is longer than what the server takes of one")
	b.tap("#enrol .main")
	b.screen("home", "Ready", "alice")

	devices := w.devices(t, "alice")
	if len(devices) != 1 || devices[0].Kind != "page" || !strings.HasPrefix(devices[0].Name, "Alice’s phone") || devices[0].Address.Service != "" {
		t.Fatalf("%+v", devices)
	}
	if key, err := x509.ParsePKIXPublicKey(devices[0].Key); err != nil {
		t.Error(err)
	} else if _, ok := key.(*ecdsa.PublicKey); !ok {
		t.Errorf("the key is a %T", key)
	}
	kept := eval[map[string]any](b, `import("./database.js").then((d) => d.all("accounts")).then(async ([a]) => ({
		extractable: a.keys.sign.extractable || a.keys.otp.extractable,
		usages: a.keys.sign.usages.concat(a.keys.otp.usages).join(),
		exported: await crypto.subtle.exportKey("pkcs8", a.keys.sign).then(() => true, () => false),
		text: JSON.stringify(a),
	}))`)
	if kept["extractable"] != false || kept["exported"] != false || kept["usages"] != "sign,sign" {
		t.Errorf("kept: %v", kept)
	}
	user, err := w.engine.User(t.Context(), "alice")
	if err != nil || len(user.Tokens) != 1 {
		t.Fatalf("%+v, %v", user, err)
	}
	if strings.Contains(kept["text"].(string), user.Tokens[0].Secret) {
		t.Error("the secret of the one-time passwords can be read")
	}

	b.open("about:blank")
	b.expect("404") // the browser tells the console of it
	b.open(link)
	b.screen("enrol")
	b.tap("#enrol .main")
	b.screen("enrol", "not good, or not any more")
	b.tap("#not-now")
	b.screen("home", "alice")
}

func TestDevices_9_1_PastedLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.open(w.origin() + "/app/")
	for _, wrong := range []string{"https://radpush.example/enrol#code=AAAA", w.origin() + "/enrol", w.origin() + "/app/#code=AAAA", "https://x"} {
		b.fill("#link", wrong)
		b.tap("#welcome .main")
		b.screen("welcome", "not an enrolment link of this server")
	}
	b.fill("#link", w.link(t, "alice"))
	b.tap("#welcome .main")
	b.screen("enrol")
	b.tap("#enrol .main")
	b.screen("home", "alice")
}

// Enrolling again takes the old device's place; a second user stands beside the first.
func TestDevices_9_1_SeveralAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	first := w.devices(t, "alice")[0].ID
	b.enrol("alice")
	if devices := w.devices(t, "alice"); len(devices) != 1 || devices[0].ID == first {
		t.Errorf("enrolled again: %+v", devices)
	}
	b.enrol("bob")
	b.screen("home", "alice", "bob")
	alice := w.login(t, "alice", "vpn")
	b.screen("request", "alice", "Example VPN")
	bob := w.login(t, "bob", "wifi")
	b.screen("request", "alice", "One more request waits.")
	b.decide("#approve")
	b.screen("request", "bob", "Staff Wi-Fi")
	want(t, alice, login.Accept, login.Approved)
	b.decide("#approve")
	b.screen("ended", "Approved", "Staff Wi-Fi")
	want(t, bob, login.Accept, login.Approved)
}

func TestDevices_9_3_RenameAndLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	b.tap("#accounts button")
	b.screen("account", "alice", "Example Ltd")
	b.fill("#label", "Work")
	b.tap("#rename button")
	b.screen("account", "Work")
	b.tap("#account .leading")
	b.screen("home", "Work")

	b.tap("#accounts button")
	b.expect("net::ERR")
	w.stop()
	b.tap("#remove summary")
	b.tap("#leave")
	b.do(chromedp.WaitVisible(chromedp.CSS("#forget")))
	b.screen("account", "cannot be reached")
	w.start(t)
	b.expect("401") // the poll is told first
	b.tap("#leave")
	b.screen("welcome")
	if devices := w.devices(t, "alice"); len(devices) != 0 {
		t.Errorf("still on the server: %+v", devices)
	}
	if n := eval[int](b, `import("./database.js").then(async (d) => (await d.all("accounts")).length + (await d.all("requests")).length)`); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

func TestDevices_9_3_RemovedByTheOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	b.expect("401")
	if err := w.engine.RemoveDevice(t.Context(), w.devices(t, "alice")[0], ""); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Reload())
	b.screen("home", "does not know this device any more")
	b.tap("#accounts button")
	b.tap("#remove summary")
	b.tap("#leave")
	b.screen("welcome")
}

// The keys are there after the browser was closed.
func TestDevices_9_1_KeysSurviveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	profile := t.TempDir()
	b := browseAgain(t, w, profile)
	b.enrol("alice")
	b.close()

	b = browseAgain(t, w, profile)
	b.open(w.origin() + "/app/")
	b.screen("home", "alice", "Ready")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request", "Example VPN")
	b.decide("#approve")
	b.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)
}

// The page starts without a network, from what the service worker keeps, and can be installed.
func TestInstalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	manifest, err := chromedp.Call(b.ctx, cdppage.GetAppManifest, cdppage.GetAppManifestParams{})
	if err != nil || len(manifest.Errors) != 0 || manifest.URL != w.origin()+"/app/manifest.webmanifest" {
		t.Errorf("manifest %+v, %v", manifest, err)
	}
	faults, err := chromedp.Call(b.ctx, cdppage.GetInstallabilityErrors, struct{}{})
	if err != nil {
		t.Error(err)
	}
	for _, fault := range faults.InstallabilityErrors {
		t.Errorf("not installable: %+v", fault)
	}

	b.expect("net::ERR")
	w.stop()
	b.do(chromedp.Reload())
	b.screen("home", "alice", "The server cannot be reached")
	w.start(t)
	began := time.Now()
	b.screen("home", "Ready")
	t.Logf("back %v after the server", time.Since(began).Round(time.Millisecond))
	if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "Ready") {
		t.Errorf("the page is called %q", title)
	}
}

// A page that has changed is fetched whole, and runs from the next start on.
func TestUpdated(t *testing.T) {
	t.Parallel()
	var changed atomic.Bool
	h := page.Handler("/app/", page.Config{Organization: "Example Ltd"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/app/")
		if !changed.Load() || name != "sw.js" && name != "text.js" {
			h.ServeHTTP(w, r)
			return
		}
		was := httptest.NewRecorder()
		h.ServeHTTP(was, httptest.NewRequest("GET", r.URL.Path, nil))
		for key, values := range was.Header() {
			if key != "Content-Length" && key != "Etag" {
				w.Header()[key] = values
			}
		}
		fmt.Fprint(w, strings.NewReplacer(`const version = "`, `const version = "new`, "not an enrolment link", "no such link").Replace(was.Body.String()))
	}))
	defer server.Close()
	b := browse(t, newWorld(t, nil))
	b.origin = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	try := func(says string) {
		t.Helper()
		b.open(b.origin + "/app/")
		b.fill("#link", "https://x")
		b.tap("#welcome .main")
		b.screen("welcome", says)
		eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	}
	try("not an enrolment link")
	changed.Store(true)
	try("not an enrolment link")
	for end := time.Now().Add(patience); !strings.HasPrefix(eval[string](b, `caches.keys().then((names) => names.join())`), "radpush new"); {
		if time.Now().After(end) {
			t.Fatal("the browser keeps the old page")
		}
		time.Sleep(50 * time.Millisecond)
	}
	try("no such link")
}
