package page_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"radpush/login"
)

// A tap on a notification is a person's: see desktop. By its buttons a login is let in and kept
// out while the page is closed.
func TestPush_2_6_2_7_ByTheButtonsOfANotification(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, nil)
	b := browse(t, w, screen.env())
	b.allowNotifications()
	b.enrol("alice")
	worker := b.worker()
	b.open("about:blank")
	for _, row := range []struct {
		button, says string
		outcome      login.Outcome
		reason       login.Reason
	}{
		{"Approve", "Approved", login.Accept, login.Approved},
		{"It wasn’t me", "Denied", login.Reject, login.DeniedNotMe},
	} {
		verdict := w.login(t, "alice", "vpn")
		worker.push(`{"challenge":%q}`, w.open(t, "alice").ID)
		n := screen.toast("Sign in to Example VPN?")
		if !strings.Contains(n.body, "alice, Example Ltd") {
			t.Errorf("%+v", n)
		}
		screen.tap(n, row.button)
		want(t, verdict, row.outcome, row.reason)
		screen.toast(row.says)
	}

	verdict := w.login(t, "alice", "wifi")
	worker.push(`{"challenge":%q}`, w.open(t, "alice").ID)
	n := screen.toast("Staff Wi-Fi")
	b.expect("net::ERR")
	w.stop()
	screen.tap(n, "Approve")
	failed := screen.toast("Your answer was not sent")
	w.start(t)

	screen.tap(failed, "") // the notification itself opens the page
	page := b.opened()
	page.screen("request", "Staff Wi-Fi")
	page.decide("#approve")
	page.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)
}

// opened waits for a window with our page that DevTools has not been asked to open.
func (b *tab) opened() *tab {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		targets, err := chromedp.Targets(b.ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, info := range targets {
			if info.Type == "page" && !info.Attached && strings.HasPrefix(info.URL, b.origin+"/app/") {
				return b.window(chromedp.WithTargetID(info.TargetID))
			}
		}
	}
	b.t.Fatal("no window was opened")
	return nil
}

// A page that nobody looks at notifies too: there may be no push service. The numbers of number
// matching are no buttons.
func TestPush_2_12_NotificationOfAHiddenPage(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, func(w *world) {
		w.engine.Clients["prompt"] = login.Client{Name: "prompt", Resource: "Example VPN", Challenge: true, Match: true}
	})
	b := browse(t, w, screen.env())
	b.allowNotifications()
	b.enrol("alice")
	b.worker()
	eval[any](b, `Object.defineProperty(document, "visibilityState", { value: "hidden" })`)
	want(t, w.login(t, "alice", "prompt"), login.Challenge, login.NumberShown)
	n := screen.toast("Sign in to Example VPN?")
	if strings.Contains(strings.Join(n.actions, " "), "Approve") {
		t.Errorf("it can be approved without the number: %q", n.actions)
	}
	b.screen("request", "Tap the number")
	b.tap("#deny")
	b.decide("#not-me")
	b.screen("ended", "Denied")
}
