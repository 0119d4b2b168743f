package page_test

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"radpush/login"
	"radpush/web/phone"
)

// faults are what keeps people from reading or hitting what is on the screen: text with less contrast
// than 4.5:1 (WCAG 2.2, 1.4.3), or with hardly room for a syllable (1.4.4), what is wider than the
// screen (1.4.10), controls without a name (4.1.2) or smaller than 44 pixels (2.5.5).
const faults = `(() => {
	const found = [];
	const numbers = (color) => color.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => {
		const [R, G, B] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * R + 0.7152 * G + 0.0722 * B;
	};
	const ground = (e) => {
		for (; e; e = e.parentElement) {
			const [r, g, b, a = 1] = numbers(getComputedStyle(e).backgroundColor);
			if (a === 1) return [r, g, b];
			if (a > 0) throw new Error("half transparent: " + e.outerHTML);
		}
	};
	const section = document.querySelector("main > section:not([hidden])");
	const texts = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement;
		if (!texts.currentNode.data.trim() || !e.checkVisibility() || e.disabled) continue;
		const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
		const contrast = (a + 0.05) / (b + 0.05);
		const text = texts.currentNode.data.trim();
		if (contrast < 4.5) found.push(contrast.toFixed(1) + ":1 in " + text);
		const lines = document.createRange();
		lines.selectNodeContents(texts.currentNode);
		if (lines.getClientRects().length > 2 * text.split(/\s+/).length) found.push("words in pieces: " + text);
	}
	for (const e of section.querySelectorAll("button, input, summary")) {
		if (!e.checkVisibility()) continue;
		const name = e.ariaLabel || e.labels?.[0]?.textContent || e.textContent;
		if (!name.trim()) found.push("no name: " + e.outerHTML);
		const { width, height } = e.getBoundingClientRect();
		if (width < 44 || height < 44) found.push(width + " by " + height + ": " + name);
	}
	if (document.documentElement.scrollWidth > screen.width) found.push("wider than the screen");
	return found;
})()`

// What the screens look like, in both schemes and with large text: with go test -artifacts they are kept.
func TestLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.open(w.origin() + "/app/")
	look := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.call(chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
			b.picture(name + "-" + scheme)
			for _, fault := range eval[[]string](b, faults) {
				t.Errorf("%s, %s: %s", name, scheme, fault)
			}
		}
		b.size(320, 568)
		eval[string](b, `document.documentElement.style.fontSize = "34px"`) // twice what it is
		b.picture(name + "-large")
		for _, fault := range eval[[]string](b, faults) {
			t.Errorf("%s, small screen, large text: %s", name, fault)
		}
		eval[string](b, `document.documentElement.style.fontSize = ""`)
		b.size(390, 844)
	}
	b.screen("welcome")
	b.fill("#link", "https://radpush.example/")
	b.tap("#welcome .main")
	b.screen("welcome", "not an enrolment link")
	look("welcome")

	w.stop()
	w.server.DevicePIN, w.server.VAPID = true, vapid
	w.start(t)
	b.open(w.link(t, "alice"))
	b.screen("enrol", "Choose a PIN")
	look("enrol")
	b.fill("#pin-1", "correct horse")
	b.fill("#pin-2", "correct horse")
	b.tap("#enrol .main")
	b.screen("home", "Ready", "Turn on")
	look("home")

	verdict := w.login(t, "alice", "vpn")
	b.screen("request", "Example VPN")
	look("request")
	b.tap("#deny")
	look("why")
	b.decide("#not-me")
	b.screen("ended", "Denied")
	look("denied")
	want(t, verdict, login.Reject, login.DeniedNotMe)
	b.tap("#done")

	verdict = w.login(t, "alice", "wifi")
	b.screen("request", "Staff Wi-Fi")
	b.decide("#approve")
	b.screen("ended", "Approved")
	look("approved")
	want(t, verdict, login.Accept, login.Approved)
	b.tap("#done")

	verdict = w.login(t, "alice", "brief")
	b.screen("request")
	want(t, verdict, login.Reject, login.TimedOut)
	b.screen("ended", "Expired")
	look("expired")
	b.tap("#done")

	b.screen("home", "Recent requests")
	look("recent")
	b.tap("#accounts button")
	b.screen("account", "alice")
	look("account")
	b.screen("account", "This device")
	look("devices")
	b.tap("#add-device")
	b.screen("add", "Good for 9:")
	look("add")
	if _, err := phone.Enrol(t.Context(), b.invitation(), "Alice’s tablet"); err != nil {
		t.Fatal(err)
	}
	b.screen("added", "“Alice’s tablet” is ready")
	look("added")
	b.tap("#added-done")
	b.screen("account", "Alice’s tablet")
	b.tap(deviceRow(2) + " summary")
	b.do(chromedp.ScrollIntoView(chromedp.CSS("#add-device")))
	look("device")
	b.tap(deviceRow(2) + " details > div > .danger")
	b.screen("account", "Remove “Alice’s tablet”?")
	look("remove")
	b.tap(".asking button:last-child")
	b.tap(deviceRow(2) + " details > div > button")
	b.screen("add", "Replace “Alice’s tablet”", "Good for 9:")
	look("replace")
	b.tap("#add-back")
	b.screen("account", "This device")
	b.tap("#account .leading")

	b.expect("net::ERR")
	w.stop()
	b.screen("home", "cannot be reached")
	look("offline")
	b.do(chromedp.Reload())
	b.screen("unlock")
	time.Sleep(100 * time.Millisecond)
	look("unlock")
}
