package page_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"radpush/login"
	"radpush/push"
)

// What is shown is what the server says, in the device's time zone; one tap lets the login in.
func TestPush_2_6_Approve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	started := time.Now()
	verdict := w.login(t, `EXAMPLE\Alice`, "vpn")
	b.screen("request", "Is this you?", "Example Ltd", "Example VPN", `EXAMPLE\Alice`, "203.0.113.7")
	if shown, zone := eval[string](b, `document.querySelector("#started").textContent`), eval[string](b, `Intl.DateTimeFormat().resolvedOptions().timeZone`); zone != "Europe/Berlin" ||
		!strings.Contains(shown, started.In(berlin(t)).Format(":04:")) || !strings.Contains(shown, started.In(berlin(t)).Format("Jan")) {
		t.Errorf("started %s in %s, and %v by the server", shown, zone, started)
	}
	if focus := eval[string](b, `document.activeElement.textContent`); focus != "Is this you?" {
		t.Errorf("a screen reader is at %q", focus)
	}
	tapped := b.decide("#approve")
	got := want(t, verdict, login.Accept, login.Approved)
	t.Logf("accepted %v after the tap", got.at.Sub(tapped).Round(time.Millisecond))
	b.screen("ended", "Approved", "Example VPN")
	b.tap("#done")
	b.screen("home", "Recent requests", "Example VPN", "Approved", "203.0.113.7")
}

func berlin(t *testing.T) *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestPush_2_7_2_8_Deny(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	for _, row := range []struct {
		button, says, listed string
		reason               login.Reason
	}{
		{"#not-me", "somebody may know your password", "Denied: not you", login.DeniedNotMe},
		{"#mistake", "Nothing else happens", "Denied: a mistake", login.DeniedMistake},
	} {
		verdict := w.login(t, "alice", "vpn")
		b.screen("request", "APPROVE")
		b.tap("#deny")
		b.screen("request", "Why do you deny it?", "It wasn’t me!", "I made a mistake")
		if strings.Contains(b.text(), "APPROVE") {
			t.Error("the question why can be answered by approving")
		}
		b.tap("#undeny")
		b.screen("request", "APPROVE")
		b.tap("#deny")
		tapped := b.decide(row.button)
		if got := want(t, verdict, login.Reject, row.reason); got.at.Sub(tapped) > time.Second {
			t.Errorf("rejected after %v", got.at.Sub(tapped))
		}
		b.screen("ended", "Denied", row.says)
		b.tap("#done")
		b.screen("home", row.listed)
	}
}

func TestPush_2_9_Expired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	verdict := w.login(t, "alice", "brief")
	b.screen("request", "Expires in 0:03")
	want(t, verdict, login.Reject, login.TimedOut)
	b.screen("ended", "Expired", "You can try again")
	b.tap("#done")
	b.screen("home", "Expired")
}

// Another device was quicker, or the page comes too late.
func TestPush_2_10_AnsweredElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b, other := browse(t, w), browse(t, w)
	b.enrol("alice")
	other.enrol("alice")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	other.screen("request")
	other.tap("#deny")
	other.decide("#mistake")
	want(t, verdict, login.Reject, login.DeniedMistake)
	b.screen("ended", "No longer open")
	b.tap("#done")

	// The same when the page has not been told: it asks, and is told then.
	verdict = w.login(t, "alice", "vpn")
	b.screen("request")
	key := eval[string](b, `import("./requests.js").then(async (r) => (await r.open())[0].key)`)
	other.screen("request")
	other.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
	if state := eval[string](b, fmt.Sprintf(`Promise.all([import("./answer.js"), import("./requests.js")]).then(async ([a, r]) =>
		(await a.answer(await r.request(%q), "not-me")).state)`, key)); state != "ended" {
		t.Errorf("a late answer came to %q", state)
	}
}

// A tap that comes as the request appears was meant for something else.
func TestPush_2_6_NotUnderAFingerOnItsWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	verdict := w.login(t, "alice", "vpn")
	eval[bool](b, `new Promise((done) => {
		const look = () => {
			if (document.querySelector("#request").hidden) return requestAnimationFrame(look);
			document.querySelector("#approve").click();
			document.querySelector("#approve").dispatchEvent(new MouseEvent("click"));
			done(true);
		};
		look();
	})`)
	time.Sleep(300 * time.Millisecond)
	select {
	case v := <-verdict:
		t.Fatalf("answered: %+v", v.Verdict)
	default:
	}
	b.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
}

func TestPush_2_6_WithoutAConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	b.expect("net::ERR")
	w.stop()
	b.decide("#approve")
	b.screen("request", "The server cannot be reached")
	w.start(t)
	b.decide("#approve")
	b.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)
}

// setClock has the page's clock be off, from the next page that is opened.
func (b *tab) setClock(off time.Duration) {
	b.t.Helper()
	b.call(chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: fmt.Sprintf(`{ const now = Date.now; Date.now = () => now() + %d; }`, off.Milliseconds())}))
}

// A clock that is far off is named; one that is a little off does no harm, and the countdown
// tells the server's time.
func TestDevices_9_2_WrongClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.setClock(90 * time.Second)
	b.enrol("alice")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request", "Expires in 0:5")
	b.decide("#approve")
	b.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)
	b.close()

	for off, says := range map[time.Duration]string{
		-90 * time.Second: "is slow, and the server has just started", -10 * time.Minute: "is 10 minutes slow", 3 * time.Hour: "is 3 hours fast",
	} {
		b := browse(t, w)
		b.setClock(off)
		b.expect("403")
		b.open(w.link(t, "alice"))
		b.tap("#enrol .main")
		b.screen("home", "The clock of this device "+says)
		b.close()
	}
}

// Numbers come in the place of APPROVE, and the wrong one is a denial.
func TestPush_2_12_NumberMatching(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.engine.Clients["prompt"] = login.Client{Name: "prompt", Resource: "Example VPN", Hold: time.Minute, Challenge: true, Match: true}
	})
	b := browse(t, w)
	b.enrol("alice")
	for _, right := range []bool{true, false} {
		prompt := want(t, w.login(t, "alice", "prompt"), login.Challenge, login.NumberShown)
		b.screen("request", "Tap the number that the sign-in shows")
		if strings.Contains(b.text(), "APPROVE") {
			t.Error("APPROVE is there beside the numbers")
		}
		b.picture(fmt.Sprintf("numbers-%v", right))
		for n := 1; n <= 3; n++ {
			selector := fmt.Sprintf(".numbers button:nth-child(%d)", n)
			number := eval[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
			if strings.Contains(prompt.Message, number) == right {
				b.decide(selector)
				break
			}
		}
		if right {
			b.screen("ended", "Approved")
		} else {
			b.screen("ended", "Wrong number")
		}
		b.tap("#done")
	}
}

// What the server says is text, whatever it looks like.
func TestPush_2_2_ShownAsText(t *testing.T) {
	t.Parallel()
	const resource = `<img src=x onerror="document.title='x'"> & "VPN" ` + "\u202ereversed" + ` with-a-name-that-is-long-and-has-no-spaces-at-all-in-it`
	w := newWorld(t, func(w *world) {
		w.engine.Clients["vpn"] = login.Client{Name: "vpn", Resource: resource, Hold: time.Minute}
		w.server.Organization = "<b>Ltd</b>"
		w.engine.Organization = "<b>Ltd</b>"
	})
	b := browse(t, w)
	b.size(320, 568)
	b.enrol("alice")
	w.login(t, "alice", "vpn")
	b.screen("request", "<b>Ltd</b>", `<img src=x onerror="document.title='x'">`)
	if wide := eval[bool](b, `document.documentElement.scrollWidth > screen.width`); wide {
		t.Error("the page is wider than the screen")
	}
	b.picture("long-names")
	b.tap("#deny")
	b.decide("#mistake")
	b.screen("ended", "<img")
	b.tap("#done")
	b.screen("home", "<img", "<b>Ltd</b>")
}

// All of it can be done with a keyboard.
func TestPush_2_6_ByKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.open(w.link(t, "alice"))
	b.screen("enrol")
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.screen("home", "Ready")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	time.Sleep(time.Second)
	b.do(chromedp.KeyEvent(kb.Tab))
	if focus := eval[string](b, `document.activeElement.id`); focus != "deny" {
		t.Errorf("the first control is %q", focus)
	}
	b.do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	if focus := eval[string](b, `document.activeElement.id`); focus != "undeny" {
		t.Errorf("the last reason is followed by %q", focus)
	}
	b.do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab), chromedp.Sleep(700*time.Millisecond), chromedp.KeyEvent(" "))
	b.screen("ended", "Approved")
	want(t, verdict, login.Accept, login.Approved)
}

// Who is on an account, by keyboard or finger, stays there while its state changes.
func TestFocusStaysOnAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	eval[any](b, `document.querySelector("#accounts button").focus()`)
	b.expect("net::ERR")
	w.stop()
	b.screen("home", "No connection")
	w.start(t)
	b.screen("home", "Ready")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.screen("account")
}

// Two windows of one browser: one asks the server, both show the request; when one is closed the
// other goes on.
func TestPush_2_1_TwoWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	second := b.window()
	second.open(w.origin() + "/app/")
	second.screen("home", "alice")
	for _, answers := range []*tab{b, second} {
		verdict := w.login(t, "alice", "vpn")
		b.screen("request")
		second.screen("request")
		answers.decide("#approve")
		want(t, verdict, login.Accept, login.Approved)
		b.screen("ended", "Approved")
		second.screen("ended", "Approved")
		b.tap("#done")
		second.tap("#done")
	}
	second.close()
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	b.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
	if n := len(w.devices(t, "alice")); n != 1 {
		t.Errorf("%d devices", n)
	}
	if !strings.Contains(w.log.String(), "result="+string(push.Accepted)) {
		t.Error("the log has no answer")
	}
}
