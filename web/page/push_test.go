package page_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"radpush/login"
	"radpush/push"
	"radpush/web"
)

// allowNotifications is the user's consent.
func (b *tab) allowNotifications() {
	b.t.Helper()
	b.call(chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "notifications"}, Setting: browser.PermissionSettingGranted, Origin: b.origin}))
}

// A worker is the page's service worker, as DevTools know it.
type worker struct {
	b  *tab
	id serviceworker.RegistrationID
}

// worker waits until the service worker is there. What goes wrong in it fails the test too.
func (b *tab) worker() *worker {
	b.t.Helper()
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	updated := chromedp.Events(ctx, serviceworker.WorkerRegistrationUpdated)
	b.call(chromedp.Call(b.ctx, serviceworker.Enable, cdp.Empty{}))
	for event, err := range updated {
		if err != nil {
			b.t.Fatal(err)
		}
		for _, r := range event.Registrations {
			if strings.HasSuffix(r.ScopeURL, "/app/") && !r.IsDeleted {
				b.listenToWorker()
				return &worker{b, r.RegistrationID}
			}
		}
	}
	b.t.Fatal("no service worker")
	return nil
}

func (b *tab) listenToWorker() {
	b.t.Helper()
	targets, err := chromedp.Targets(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, info := range targets {
		if info.Type == "service_worker" {
			ctx, _ := chromedp.NewContext(b.ctx, chromedp.WithTargetID(target.ID(info.TargetID)), chromedp.WithDetachOnCancel())
			if err := chromedp.Listen(ctx, b.heard); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// push delivers what a push service would.
func (w *worker) push(format string, args ...any) {
	w.b.t.Helper()
	w.b.call(chromedp.Call(w.b.ctx, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{
		Origin: w.b.origin, RegistrationID: w.id, Data: fmt.Sprintf(format, args...)}))
}

// open returns the challenge that is open for a user.
func (w *world) open(t *testing.T, user string) push.Challenge {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		open, err := w.broker.OpenFor(t.Context(), push.Device{User: user})
		if err != nil {
			t.Fatal(err)
		}
		if len(open) == 1 {
			return open[0]
		}
	}
	t.Fatal("no challenge is open")
	return push.Challenge{}
}

// A push carries an id; what it is about the service worker asks by itself.
func TestPush_9_4_NotificationOfAPush(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, nil)
	b := browse(t, w, screen.env())
	b.allowNotifications()
	b.enrol("alice")
	worker := b.worker()
	b.open("about:blank") // nobody looks at the page
	verdict := w.login(t, "alice", "vpn")
	worker.push(`{"challenge":%q}`, w.open(t, "alice").ID)
	n := screen.toast("Sign in to Example VPN?")
	if !strings.Contains(n.body, "alice, Example Ltd\n203.0.113.7") || !strings.HasPrefix(strings.Join(n.actions, " "), "0 Approve 1 It wasn’t me") {
		t.Errorf("%+v", n)
	}
	b.open(w.origin() + "/app/")
	b.screen("request", "Example VPN")
	b.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
	b.screen("ended")
	screen.closed()
}

// What nobody answered is not asked any more when the page is opened.
func TestPush_2_9_NotificationOfWhatHasExpired(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, func(w *world) {
		w.engine.Clients["brief"] = login.Client{Name: "brief", Resource: "Example VPN", Hold: 10 * time.Second}
	})
	b := browse(t, w, screen.env())
	b.allowNotifications()
	b.enrol("alice")
	worker := b.worker()
	b.open("about:blank")
	verdict := w.login(t, "alice", "brief")
	worker.push(`{"challenge":%q}`, w.open(t, "alice").ID)
	screen.toast("")
	want(t, verdict, login.Reject, login.TimedOut)
	b.open(w.origin() + "/app/")
	b.screen("home", "Ready")
	screen.closed()
}

// Each push shows something, or browsers end the subscription.
func TestPush_9_4_EachPushShowsANotification(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, nil)
	b, other := browse(t, w, screen.env()), browse(t, w)
	b.allowNotifications()
	b.enrol("alice")
	other.enrol("alice")
	worker := b.worker()
	for _, said := range []string{"nonsense", `{}`, `null`, `7`, `{"challenge":"UNKNOWN"}`, `{"withdraw":"UNKNOWN"}`} {
		worker.push("%s", said)
		screen.toast("No longer open")
	}

	verdict := w.login(t, "alice", "vpn")
	c := w.open(t, "alice")
	worker.push(`{"challenge":%q}`, c.ID)
	screen.toast("Sign in to Example VPN?")
	other.tap("#deny") // another device answers
	other.decide("#mistake")
	want(t, verdict, login.Reject, login.DeniedMistake)
	worker.push(`{"withdraw":%q}`, c.ID)
	if n := screen.toast("No longer open"); strings.Contains(strings.Join(n.actions, " "), "Approve") {
		t.Errorf("withdrawn: %+v", n)
	}

	other.close()
	b.expect("net::ERR")
	w.stop()
	worker.push(`{"challenge":"ANOTHER"}`)
	if n := screen.toast("Sign-in request"); strings.Contains(strings.Join(n.actions, " "), "Approve") {
		t.Errorf("without the server: %+v", n)
	}
}

// A hesitant server lists no open challenges until it is released.
type hesitant struct {
	web.Push
	release chan struct{} // closed: it does
	gaveUp  atomic.Bool   // a device did not wait for it
}

func (h *hesitant) OpenFor(ctx context.Context, d push.Device) ([]push.Challenge, error) {
	select {
	case <-h.release:
	case <-ctx.Done():
		h.gaveUp.Store(true)
	}
	return h.Push.OpenFor(ctx, d)
}

// On a slow network a person is rung all the same, and told what for when that is known.
func TestPush_9_4_ASlowNetworkRings(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, nil)
	b := browse(t, w, screen.env())
	b.allowNotifications()
	b.enrol("alice")
	worker := b.worker()
	b.open("about:blank")
	w.stop()
	slow := &hesitant{Push: w.broker, release: make(chan struct{})}
	w.server.Push = slow
	w.start(t)

	w.login(t, "alice", "vpn")
	worker.push(`{"challenge":%q}`, w.open(t, "alice").ID)
	if n := screen.toast("Sign-in request"); slow.gaveUp.Load() {
		t.Errorf("rung only when the device had given up: %+v", n)
	}
	close(slow.release)
	screen.toast("Sign in to Example VPN?")
}

// A ringer remembers what it was asked.
type ringer struct {
	mu   sync.Mutex
	rung []push.Address
}

func (r *ringer) Ring(_ context.Context, d push.Device, _ push.Challenge) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rung = append(r.rung, d.Address)
	return nil
}

func (*ringer) Withdraw(context.Context, push.Device, push.Challenge) error { return nil }

const vapid = "BHy7ueGRpeTNqh9KG1kGWkXLVPWO9_hBwqS9p9Tez2O4NQ1UJ0Yf7CSY2h0m1W7hK3oJ5CqNTYHNhBrj0gZ3e0Q"

// withPush has a world have Web Push.
func withPush(r push.Ringer) func(*world) {
	return func(w *world) {
		w.server.VAPID = vapid
		w.broker.Ringers["webpush"] = r
	}
}

// standInForPushService has the next pages subscribe and ask for consent without Chromium's doing.
func (b *tab) standInForPushService() {
	b.t.Helper()
	b.call(chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		let endpoint = "https://push.example/1", current = null;
		Notification.requestPermission = () => new Promise((done) => globalThis.consent = () => done("granted"));
		PushManager.prototype.getSubscription = async () => current;
		PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => current = {
			options: { applicationServerKey }, unsubscribe: async () => { current = null; endpoint = "https://push.example/2" },
			toJSON: () => ({ endpoint, visible: userVisibleOnly, octets: applicationServerKey.length }),
		};`}))
}

// The server is told where the browser's push service reaches it, and told again when that has
// changed. Chromium cannot subscribe without its maker's service, and without a screen nobody is
// asked for consent: those two parts are stood in for.
func TestPush_9_4_Subscribes(t *testing.T) {
	t.Parallel()
	bell := new(ringer)
	w := newWorld(t, withPush(bell))
	b := browse(t, w)
	b.standInForPushService()
	b.enrol("alice")
	b.screen("home", "Be notified when", "appear here while this page is open")
	b.tap("#bell-on")
	b.allowNotifications()
	eval[any](b, `consent()`)
	b.screen("home", "You are notified")
	address := func(want push.Address) {
		t.Helper()
		var got push.Address
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if got = w.devices(t, "alice")[0].Address; reflect.DeepEqual(got, want) {
				return
			}
		}
		t.Fatalf("the address is %+v, want %+v", got, want)
	}
	address(push.Address{Service: "webpush", Token: `{"endpoint":"https://push.example/1","visible":true,"octets":65}`})
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	b.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
	bell.mu.Lock()
	if len(bell.rung) != 1 {
		t.Errorf("rung: %v", bell.rung)
	}
	bell.mu.Unlock()

	// A server that takes the device for gone is told at the next start.
	gone := w.devices(t, "alice")[0]
	gone.Address.Gone = true
	if err := w.broker.SetAddress(t.Context(), gone.ID, gone.Address); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Reload())
	gone.Address.Gone = false
	address(gone.Address)

	// A server with another key, and one without.
	b.expect("net::ERR")
	w.stop()
	w.server.VAPID = strings.Replace(vapid, "BHy7", "BHy8", 1)
	w.start(t)
	eval[any](b, `dispatchEvent(new Event("online"))`)
	address(push.Address{Service: "webpush", Token: `{"endpoint":"https://push.example/2","visible":true,"octets":65}`})
	w.stop()
	w.server.VAPID = ""
	w.start(t)
	eval[any](b, `dispatchEvent(new Event("online"))`)
	address(push.Address{})
}

// An account that the server does not know any more is no reason to say that the browser cannot be
// notified; a server that refuses is.
func TestPush_9_4_OneAccountIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withPush(new(ringer)))
	b := browse(t, w)
	b.allowNotifications()
	b.standInForPushService()
	b.enrol("alice")
	b.enrol("bob")
	if err := w.broker.RemoveDevice(t.Context(), w.devices(t, "alice")[0].ID); err != nil {
		t.Fatal(err)
	}
	b.expect("401")
	b.do(chromedp.Reload())
	b.screen("home", "Not known to the server")
	sync := fmt.Sprintf(`Promise.all([import("./subscription.js"), navigator.serviceWorker.ready]).then(([s, r]) =>
		s.sync(r, %q)).then(() => "rung", (err) => err.kind)`, vapid)
	if said := eval[string](b, sync); said != "rung" {
		t.Errorf("the browser is said not to be notified: %q", said)
	}
	b.expect("net::ERR")
	w.stop()
	delete(w.broker.Ringers, "webpush")
	w.start(t)
	b.expect("422")
	b.do(chromedp.Reload())
	b.screen("home", "could not be turned on")
}

// Where the browser reaches no push service, it is said, and all else works.
func TestPush_9_4_NoPushService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withPush(new(ringer)))
	b := browse(t, w)
	b.allowNotifications()
	b.enrol("alice")
	b.screen("home", "could not be turned on in this browser", "appear here while this page is open")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request")
	b.decide("#approve")
	want(t, verdict, login.Accept, login.Approved)
	if a := w.devices(t, "alice")[0].Address; a.Service != "" {
		t.Errorf("the server is to ring %+v", a)
	}
}
