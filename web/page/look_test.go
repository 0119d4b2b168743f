package page_test

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"radpush/login"
)

// What the screens look like, in both schemes: with go test -artifacts they are kept.
func TestLook(t *testing.T) {
	w := newWorld(t, nil)
	b := browse(t, w)
	look := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.call(chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
			b.picture(name + "-" + scheme)
		}
	}
	b.open(w.origin() + "/app/")
	b.screen("welcome")
	look("welcome")
	b.open(w.link(t, "alice"))
	b.screen("enrol", "Example Ltd")
	look("enrol")
	b.tap("#enrol .main")
	b.screen("home", "Ready")
	look("home")

	verdict := w.login(t, "alice", "vpn")
	b.screen("request", "Example VPN")
	look("request")
	b.tap("#deny")
	look("deny")
	b.tap("#not-me")
	b.screen("ended", "Denied")
	look("denied")
	want(t, verdict, login.Reject, login.DeniedNotMe)
	b.tap("#done")

	verdict = w.login(t, "alice", "wifi")
	b.screen("request", "Staff Wi-Fi")
	b.tap("#approve")
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
	look("home-with-requests")
	b.tap("#accounts button")
	b.screen("account", "alice")
	b.tap("#code summary")
	time.Sleep(300 * time.Millisecond)
	look("account")
}
