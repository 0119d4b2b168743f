package page_test

import (
	"fmt"
	"slices"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"radpush/login"
	"radpush/push"
	"radpush/web/wire"
)

// invitation returns the link that the page shows for another device.
func (b *tab) invitation() string {
	b.t.Helper()
	b.screen("add", "Good for")
	return eval[string](b, `document.querySelector("#add-text").textContent`)
}

// deviceRow is the n-th device of an account, as it is listed.
func deviceRow(n int) string { return fmt.Sprintf("#device-rows > li:nth-child(%d)", n) }

// account opens the screen of the only account, with its devices.
func (b *tab) account() {
	b.t.Helper()
	b.tap("#accounts button")
	b.screen("account", "This device")
}

// enrolBy makes the browser a device by a link.
func (b *tab) enrolBy(link, name string) {
	b.t.Helper()
	b.open(link)
	b.screen("enrol")
	b.fill("#name", name)
	b.tap("#enrol .main")
	b.screen("home", "alice", "Ready")
}

// approve approves a login of alice in one browser.
func (b *tab) approve() {
	b.t.Helper()
	verdict := b.world.login(b.t, "alice", "vpn")
	b.screen("request", "Example VPN")
	b.decide("#approve")
	b.screen("ended", "Approved")
	want(b.t, verdict, login.Accept, login.Approved)
	b.tap("#done")
	b.screen("home")
}

// named returns alice's devices by name.
func (w *world) named(t *testing.T) map[string]push.Device {
	t.Helper()
	devices := make(map[string]push.Device)
	for _, d := range w.devices(t, "alice") {
		devices[d.Name] = d
	}
	return devices
}

// One browser adds a second, which approves; replaces it by a third; and removes that.
func TestDevices_9_1_9_3_AddReplaceRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	b.account()
	b.tap("#add-device")
	link := b.invitation()
	if l, err := wire.ParseEnrolLink(link); err != nil || l.URL != w.origin() || len(l.Pin) != 32 {
		t.Errorf("%s: %+v, %v", link, l, err)
	}
	if size, drawn := eval[string](b, `document.querySelector("#add-qr svg").getAttribute("viewBox")`), eval[int](b, `document.querySelector("#add-qr path").getAttribute("d").length`); len(size) < len("0 0 45 45") || drawn < 3000 {
		t.Errorf("QR code: viewBox %s, %d characters of path", size, drawn)
	}
	second := browse(t, w)
	second.enrolBy(link, "tablet")
	b.screen("added", "“tablet” is ready", "can approve") // by itself
	second.approve()
	b.screen("ended", "No longer open") // it was asked too
	b.tap("#done")
	b.screen("added")
	b.tap("#added-done")
	b.screen("account", "tablet", "Browser, since")
	b.tap(deviceRow(2) + " summary")
	b.fill(deviceRow(2)+" input", "lost tablet")
	b.tap(deviceRow(2) + " form button")
	b.screen("account", "lost tablet")
	if w.named(t)["lost tablet"].ID == "" {
		t.Errorf("renamed: %+v", w.named(t))
	}
	b.tap(deviceRow(2) + " summary")
	b.tap(deviceRow(2) + " details > div > button")
	b.screen("add", "Replace “lost tablet”", "Good for")
	second.expect("401") // it is told that it is one no more
	third := browse(t, w)
	third.enrolBy(b.invitation(), "new tablet")
	b.screen("added", "“new tablet” is ready", "“lost tablet” can not")
	second.do(chromedp.Reload())
	second.screen("home", "does not know this device any more")
	third.approve()
	b.screen("ended")
	b.tap("#done")
	b.tap("#added-done")
	b.screen("account", "new tablet")
	if devices := w.named(t); len(devices) != 2 || devices["lost tablet"].ID != "" {
		t.Errorf("replaced: %+v", devices)
	}
	third.expect("401")
	b.tap(deviceRow(2) + " summary")
	b.tap(deviceRow(2) + " details > div > .danger")
	b.screen("account", "Remove “new tablet”?")
	b.tap(".asking button:last-child")
	b.do(chromedp.WaitNotVisible(chromedp.CSS(".asking")))
	b.tap(deviceRow(2) + " details > div > .danger")
	b.tap(".asking .danger")
	b.do(chromedp.WaitNotPresent(chromedp.CSS(deviceRow(2))))
	if devices := w.named(t); len(devices) != 1 {
		t.Errorf("removed: %+v", devices)
	}
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	third.do(chromedp.Reload())
	third.screen("home", "does not know this device any more")
	b.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
	b.tap("#done")
	b.screen("account", "This device")
	b.tap("#remove summary")
	b.screen("account", "the only device that can approve")
}

// A code that was not used in time says so, and another one can be made; so does a page without a
// connection.
func TestDevices_9_1_ACodeExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	b.account()
	b.tap("#add-device")
	first := b.invitation()
	b.expect("403") // at another time, and from a server that has just begun
	eval[any](b, `{ const { now } = Date; Date.now = () => now() + 601_000; }`)
	b.screen("add", "This code has expired", "Make a new code")
	if shown := eval[string](b, `document.querySelector("#add-text").textContent + document.querySelector("#add-qr path").getAttribute("d")`); shown != "" {
		t.Errorf("the expired code is still there: %s", shown)
	}
	// What this browser lacks, and others have.
	b.call(chromedp.Call(b.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: `
		globalThis.gave = [];
		navigator.share = async ({ url }) => void gave.push(url);
		navigator.clipboard.writeText = async (text) => void gave.push(text);`}))
	b.do(chromedp.Reload())
	b.screen("home", "Ready")
	b.account()
	b.tap("#add-device")
	next := b.invitation()
	if next == first {
		t.Error("the same code again")
	}
	b.tap("#add-share")
	b.tap("#add-copy")
	b.screen("add", "Copied")
	if gave := eval[[]string](b, `gave`); !slices.Equal(gave, []string{next, next}) {
		t.Errorf("shared and copied: %q", gave)
	}
	b.picture("share")

	b.expect("net::ERR")
	w.stop()
	b.tap("#add-back")
	b.screen("account", "cannot be reached", "Try again")
	w.start(t)
	b.tap("#devices-again")
	b.screen("account", "This device", "Add a device")
	w.stop()
	b.tap("#add-device")
	b.screen("add", "cannot be reached", "Make a new code")
	w.start(t)
	b.tap("#add-again")
	b.screen("add", "Good for 9:")
}

// Without self-service the devices are listed and renamed.
func TestDevices_9_1_WithoutSelfService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.engine.SelfService = false })
	b := browse(t, w)
	b.enrol("alice")
	browse(t, w).enrol("alice")
	b.account()
	b.screen("account", "Your administrator adds and removes devices here.")
	b.tap(deviceRow(2) + " summary")
	b.fill(deviceRow(2)+" input", "tablet")
	if eval[int](b, `document.querySelectorAll("#device-rows .danger, #add-device:not([hidden])").length`) != 0 {
		t.Error("something is offered that is not allowed")
	}
	b.tap(deviceRow(2) + " form button")
	b.screen("account", "tablet")
	// Who asks all the same is told why not.
	b.expect("403")
	if got := eval[string](b, `import("./devices.js").then(async (d) => d.invite((await (await import("./accounts.js")).accounts())[0]).catch((e) => e.kind))`); got != "managed" {
		t.Errorf("asked for a code: %s", got)
	}
}

// Behind a PIN none of it is there.
func TestPush_2_11_DevicesBehindThePIN(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.server.DevicePIN = true })
	b := browse(t, w)
	b.open(w.link(t, "alice"))
	b.fill("#pin-1", "correct horse")
	b.fill("#pin-2", "correct horse")
	b.tap("#enrol .main")
	b.screen("home", "Ready")
	b.account()
	b.tap("#add-device")
	link := b.invitation()
	eval[any](b, `import("./pin.js").then((p) => p.close())`)
	eval[any](b, `import("./changes.js").then((c) => c.changed())`)
	b.screen("unlock")
	for _, call := range []string{"list(a)", "invite(a)", "remove(a, 'x')", "rename(a, 'x', 'y')"} {
		if got := eval[string](b, `import("./devices.js").then(async (d) => { const a = (await (await import("./accounts.js")).accounts())[0]; return d.`+call+`.catch((e) => e.kind) })`); got != "locked" {
			t.Errorf("%s: %s", call, got)
		}
	}
	// The policy is the new device's too; the code is shown again when the PIN was typed.
	second := browse(t, w)
	second.open(link)
	second.screen("enrol", "Choose a PIN")
	b.fill("#unlock-pin", "correct horse")
	b.tap("#unlock .main")
	if b.invitation() != link {
		t.Error("another code is shown")
	}
}

// A locked account gets no new device, and the page says why.
func TestDevices_9_1_LockedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	b.account()
	if err := w.engine.LockUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	b.expect("403")
	b.tap("#add-device")
	b.screen("add", "The account is locked. Ask your administrator.")
	if err := w.engine.UnlockUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	b.tap("#add-again")
	b.screen("add", "Good for")
}
