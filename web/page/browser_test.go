package page_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long anything may take. It is long, because it passes only when a test fails.
const patience = 100 * time.Second

// peer returns the path of a program, the first of those named that is there. Without any the
// test is skipped; where RADPUSH_REQUIRE_PEERS is set, as in CI, it fails.
func peer(t *testing.T, debianPackage string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	why := names[0] + " is not installed; on Debian it is in the package " + debianPackage
	if os.Getenv("RADPUSH_REQUIRE_PEERS") != "" {
		t.Fatal(why + ", and RADPUSH_REQUIRE_PEERS is set")
	}
	t.Skip(why)
	return ""
}

func chromium(t *testing.T) string {
	t.Helper()
	return peer(t, "chromium", "chromium", "chromium-browser", "google-chrome")
}

// A tab is a page in Chromium, the size of a phone. Whatever goes wrong in it unasked fails the
// test: an error on the console, an exception, a breach of the Content-Security-Policy, a request
// to anywhere else.
type tab struct {
	t      *testing.T
	world  *world
	origin string // of the page
	ctx    context.Context
	close  func() // ends the browser

	mu       sync.Mutex
	expected []string // parts of errors that the test brings about
}

// browse starts Chromium with a profile of its own.
func browse(t *testing.T, w *world, options ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	return browseAgain(t, w, t.TempDir(), options...)
}

// browseAgain starts Chromium with a profile that may have been used before.
func browseAgain(t *testing.T, w *world, profile string, more ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(profile),
		chromedp.NoSandbox, // it does not start for root, nor in most containers; it shows our page only
		chromedp.DisableGPU,
		// The server's key is known, as a phone would know it by a certificate.
		chromedp.Flag("ignore-certificate-errors-spki-list", w.pin()),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost"),
		chromedp.Flag("lang", "en-GB"),
		chromedp.Env("TZ=Europe/Berlin"),
	)
	options = append(options, more...)
	allocated, end := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	b := &tab{t: t, world: w, origin: w.origin(), ctx: ctx}
	b.close = sync.OnceFunc(func() {
		if err := chromedp.Cancel(ctx); err != nil { // closes it in good order: what it keeps is on the disk
			t.Log("close Chromium:", err)
		}
		cancel()
		end()
	})
	t.Cleanup(func() {
		if t.Failed() && ctx.Err() == nil {
			b.picture("failed")
			t.Logf("the page says:\n%s\nthe server's log:\n%s", b.text(), w.log)
		}
		b.close()
	})
	b.begin()
	return b
}

// window opens another window of the same browser.
func (b *tab) window(options ...chromedp.ContextOption) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, options...)
	second := &tab{t: b.t, world: b.world, origin: b.origin, ctx: ctx, close: cancel}
	second.begin()
	return second
}

// begin listens to a new page and gives it the size of a phone.
func (b *tab) begin() {
	b.t.Helper()
	if err := chromedp.Listen(b.ctx, b.heard); err != nil {
		b.t.Fatal(err)
	}
	b.size(390, 844)
	b.call(chromedp.Call(b.ctx, network.Enable, network.EnableParams{}))
}

// size makes the screen one of a phone of that many pixels.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch))
}

// call fails the test if a command of DevTools has.
func (b *tab) call(_ any, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// do runs steps, each of which waits until it can be done.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// heard looks for what is wrong in what DevTools tells.
func (b *tab) heard(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong(fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.wrong(fmt.Sprintf("console: %v", e.Args))
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			b.wrong(fmt.Sprintf("console: %s %s", e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.origin+"/") {
			b.wrong("request to " + e.Request.URL)
		}
	}
}

func (b *tab) wrong(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, part := range b.expected {
		if strings.Contains(what, part) {
			return
		}
	}
	b.t.Errorf("in the page: %s", what)
}

// expect has errors with a part of their text be right from now on.
func (b *tab) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// screen waits until a screen is shown whose text has all of the parts.
func (b *tab) screen(id string, parts ...string) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for {
		shown := eval[string](b, `document.querySelector("main > section:not([hidden])")?.id ?? ""`)
		text, missing := b.text(), ""
		for _, part := range parts {
			if !strings.Contains(text, part) {
				missing = part
			}
		}
		switch {
		case shown == id && missing == "":
			return
		case time.Now().After(end):
			b.t.Fatalf("screen %q is shown, want %q with %q", shown, id, parts)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// text returns what can be read on the page.
func (b *tab) text() string {
	return eval[string](b, `document.querySelector("main")?.innerText ?? ""`)
}

// tap taps an element with a finger; if the page puts another in its place just then, that one.
func (b *tab) tap(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for at := chromedp.CSS(selector); ; {
		switch err := chromedp.Do(ctx, chromedp.WaitVisible(at), chromedp.WaitEnabled(at), chromedp.Tap(at)); {
		case err == nil:
			return
		case !strings.Contains(err.Error(), "Could not find node"):
			b.t.Fatal(err)
		}
	}
}

// decide taps what answers a request, as a person does: not before it could be read. It returns
// when it did.
func (b *tab) decide(selector string) time.Time {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Sleep(700*time.Millisecond))
	now := time.Now()
	b.tap(selector)
	return now
}

// fill types into a field, in place of what is in it.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	eval[any](b, fmt.Sprintf("document.querySelector(%q).select()", selector))
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// enrol makes the browser a device of a user, by a new link.
func (b *tab) enrol(user string) {
	b.t.Helper()
	b.open(b.world.link(b.t, user))
	b.screen("enrol")
	b.tap("#enrol .main")
	b.screen("home", user, "Ready")
}

// eval returns the value of an expression of JavaScript; of a promise, what it resolves to.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// picture writes what the page looks like into the test's directory of artifacts.
func (b *tab) picture(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Error(err)
		return
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o644); err != nil {
		b.t.Error(err)
	}
}
