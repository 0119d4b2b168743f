package page_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"radpush/login"
)

// Where the policy demands a PIN, nothing is shown and nothing signed before it is typed.
func TestPush_2_11_PIN(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, func(w *world) { w.server.DevicePIN = true })
	b := browse(t, w, screen.env())
	b.allowNotifications()
	b.open(w.link(t, "alice"))
	for _, row := range []struct{ first, second, says string }{
		{"", "", "6 characters or more"}, {"12345", "12345", "6 characters or more"}, {"123456", "123456", "6 characters or more"},
		{"777777", "777777", "6 characters or more"}, {"258036", "258037", "not the same"},
	} {
		b.fill("#pin-1", row.first)
		b.fill("#pin-2", row.second)
		b.tap("#enrol .main")
		b.screen("enrol", row.says)
	}
	if len(w.devices(t, "alice")) != 0 {
		t.Fatal("enrolled without a PIN")
	}
	b.fill("#pin-1", "258036")
	b.fill("#pin-2", "258036")
	b.tap("#enrol .main")
	b.screen("home", "Ready")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	b.decide("#approve")
	b.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)
	b.tap("#done")
	b.screen("home")

	// What is kept is of no use without the PIN.
	kept := eval[map[string]any](b, `import("./database.js").then((d) => d.all("accounts")).then(([a]) => ({
		keys: "keys" in a, sealed: Object.keys(a.sealed).join(), types: [a.sealed.sign.box, a.sealed.otp.box].map((b) => b.constructor.name).join(),
	}))`)
	if kept["keys"] != false || kept["sealed"] != "sign,otp,hash" || kept["types"] != "ArrayBuffer,ArrayBuffer" {
		t.Errorf("kept: %v", kept)
	}

	worker := b.worker()
	b.do(chromedp.Reload())
	b.screen("unlock", "Type your PIN")
	verdict = w.login(t, "alice", "vpn")
	worker.push(`{"challenge":%q}`, w.open(t, "alice").ID)
	if n := screen.toast("Sign-in request"); strings.Contains(n.summary+n.body, "VPN") || strings.Contains(n.body, "alice") || strings.Contains(strings.Join(n.actions, " "), "Approve") {
		t.Errorf("told before the PIN: %+v", n)
	}
	b.fill("#unlock-pin", "258037")
	b.tap("#unlock .main")
	b.screen("unlock", "Wrong PIN. Try again.")
	b.fill("#unlock-pin", "258036")
	b.tap("#unlock .main")
	b.screen("request", "Example VPN")
	b.decide("#approve")
	b.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)

	// A second account is behind the same PIN.
	b.open(w.link(t, "bob"))
	b.screen("enrol", "Your PIN")
	b.fill("#pin-1", "999999")
	b.tap("#enrol .main")
	b.screen("enrol", "Wrong PIN")
	b.fill("#pin-1", "258036")
	b.tap("#enrol .main")
	b.screen("home", "alice", "bob")
}

// Who does not know it has to wait between tries, and can only give the keys up.
func TestPush_2_11_PINForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.server.DevicePIN = true })
	b := browse(t, w)
	b.open(w.link(t, "alice"))
	b.fill("#pin-1", "correct horse")
	b.fill("#pin-2", "correct horse")
	b.tap("#enrol .main")
	b.screen("home", "Ready")
	b.do(chromedp.Reload())
	for try := range 6 {
		b.fill("#unlock-pin", "battery staple")
		b.tap("#unlock .main")
		if try < 4 {
			b.screen("unlock", "Wrong PIN. Try again.")
		} else {
			b.screen("unlock", "Wrong PIN too often. Try again in")
		}
		eval[any](b, `document.querySelector("#unlock .fault").textContent = ""`)
	}
	b.fill("#unlock-pin", "correct horse") // too soon
	b.tap("#unlock .main")
	b.screen("unlock", "Wrong PIN too often")
	b.do(chromedp.Reload())
	b.fill("#unlock-pin", "correct horse")
	b.tap("#unlock .main")
	b.screen("unlock", "Wrong PIN too often")

	b.tap("#unlock summary")
	b.tap("#reset")
	b.screen("welcome")
	if n := eval[int](b, `import("./database.js").then(async (d) => (await d.all("accounts")).length + (await d.all("lock")).length)`); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// Out of sight for a minute, the page wants the PIN again.
func TestPush_2_11_LocksByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.server.DevicePIN = true })
	b := browse(t, w)
	b.open(w.link(t, "alice"))
	b.fill("#pin-1", "correct horse")
	b.fill("#pin-2", "correct horse")
	b.tap("#enrol .main")
	b.screen("home", "Ready")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	// A timer of a minute is a short one from here on.
	eval[any](b, `{
		const { setTimeout } = globalThis;
		globalThis.setTimeout = (f, time, ...rest) => setTimeout(f, time === 60_000 ? 200 : time, ...rest);
		Object.defineProperty(document, "visibilityState", { value: "hidden" });
		document.dispatchEvent(new Event("visibilitychange"));
	}`)
	b.screen("unlock")
	time.Sleep(100 * time.Millisecond)
	if open := eval[bool](b, `import("./pin.js").then((p) => p.isOpen())`); open {
		t.Error("the keys are still open")
	}
	b.fill("#unlock-pin", "correct horse")
	b.tap("#unlock .main")
	b.screen("request")
	b.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
}

// A phone that sleeps stops the timer: the page looks at the clock when it is seen again.
func TestPush_2_11_LocksAfterASleep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.server.DevicePIN = true })
	b := browse(t, w)
	b.open(w.link(t, "alice"))
	b.fill("#pin-1", "correct horse")
	b.fill("#pin-2", "correct horse")
	b.tap("#enrol .main")
	b.screen("home", "Ready")
	eval[any](b, `{
		const see = (visibilityState) => {
			Object.defineProperty(document, "visibilityState", { value: visibilityState, configurable: true });
			document.dispatchEvent(new Event("visibilitychange"));
		};
		const { now } = Date;
		see("hidden");
		Date.now = () => now() + 61_000;
		see("visible");
	}`)
	b.screen("unlock")
	b.fill("#unlock-pin", "correct horse")
	b.tap("#unlock .main")
	b.screen("home", "Ready")
}

// A PIN that was removed in another window seals nothing in this one.
func TestPush_2_11_PINRemovedInAnotherWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.server.DevicePIN = true })
	b := browse(t, w)
	enrol := func(pin string) {
		t.Helper()
		b.screen("enrol", "Choose a PIN")
		b.fill("#pin-1", pin)
		b.fill("#pin-2", pin)
		b.tap("#enrol .main")
		b.screen("home", "Ready")
	}
	b.open(w.link(t, "alice"))
	enrol("correct horse")
	second := b.window()
	second.open(w.origin() + "/app/")
	second.fill("#unlock-pin", "correct horse")
	second.tap("#unlock .main")
	second.tap("#accounts button")
	second.tap("#remove summary")
	second.tap("#leave")
	second.screen("welcome")

	b.screen("welcome")
	b.fill("#link", w.link(t, "alice"))
	b.tap("#welcome .main")
	enrol("battery staple")
	b.do(chromedp.Reload())
	b.fill("#unlock-pin", "battery staple")
	b.tap("#unlock .main")
	b.screen("home", "Ready")
}
