package page_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"radpush/login"
	"radpush/radius"
	"radpush/radius/access"
)

const nasSecret = "loopback-only-secret"

// radius has a world answer Access-Requests, from 127.0.0.1 those of the client vpn and from
// 127.0.0.2 those of prompt, until the test ends. It returns the address to send them to.
func (w *world) radius(t *testing.T) string {
	t.Helper()
	clients, err := radius.NewClients([]radius.Client{
		{Name: "vpn", Prefix: netip.MustParsePrefix("127.0.0.1/32"), Secret: radius.Secret(nasSecret)},
		{Name: "prompt", Prefix: netip.MustParsePrefix("127.0.0.2/32"), Secret: radius.Secret(nasSecret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	server := &radius.Server{
		Handler: &access.Handler{Engine: w.engine, Clients: w.engine.Clients, Activity: w.engine.Activity, Log: log},
		Clients: clients, Log: log, RejectDelay: -1, Drain: -1,
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn.LocalAddr().String()
}

// radclient sends an Access-Request from an address of the loopback, every two seconds until it
// is answered, and returns what it will print.
func radclient(t *testing.T, from, to string, attributes ...string) <-chan string {
	t.Helper()
	program := peer(t, "freeradius-utils", "radclient")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, "-x", "-d", "../../testdata/peers", "-t", "2", "-r", fmt.Sprint(int(patience/time.Second)), to, "auth", nasSecret)
	cmd.Stdin = strings.NewReader(strings.Join(append(attributes, "Message-Authenticator=0x00", "Packet-Src-IP-Address="+from), ",") + "\n")
	printed := make(chan string, 1)
	go func() {
		out, _ := cmd.CombinedOutput() // a rejection is an error too: what it says counts
		printed <- string(out)
	}()
	return printed
}

// heard waits for radclient's reply and checks it. It returns the groups that re has found.
func heard(t *testing.T, printed <-chan string, code, re string) []string {
	t.Helper()
	out := <-printed
	found := regexp.MustCompile(re).FindStringSubmatch(out)
	if !strings.Contains(out, "Received "+code+" ") || found == nil {
		t.Fatalf("radclient printed\n%s\nwant %s with %s", out, code, re)
	}
	return found
}

// The whole way of a login: radclient's request is held, a push reaches the service worker, a
// person taps the notification, and what the page signs answers radclient.
func TestPush_2_5_to_2_8_RadclientsLoginByThePage(t *testing.T) {
	t.Parallel()
	screen := newDesktop(t)
	w := newWorld(t, nil)
	w.broker.Limits.CoolDown = time.Nanosecond // after "it wasn't me"
	to := w.radius(t)
	b := browse(t, w, screen.env())
	b.allowNotifications()
	b.enrol("alice")
	worker := b.worker()
	b.open("about:blank")
	for i, row := range []struct {
		taps             []string
		ends, code, says string
	}{
		{[]string{"#approve"}, "Approved", "Access-Accept", ""},
		{[]string{"#deny", "#not-me"}, "Denied", "Access-Reject", `Reply-Message = ".*denied`},
		{[]string{"#deny", "#mistake"}, "Denied", "Access-Reject", `Reply-Message = ".*cancelled`},
	} {
		printed := radclient(t, "127.0.0.1", to, "User-Name=Alice", "Calling-Station-Id=203.0.113."+fmt.Sprint(i+1))
		worker.push(`{"challenge":%q}`, w.open(t, "alice").ID)
		screen.tap(screen.toast("Sign in to Example VPN?"), "")
		page := b.opened()
		page.screen("request", "Example VPN", "Alice", "203.0.113."+fmt.Sprint(i+1))
		for _, button := range row.taps {
			page.decide(button)
		}
		heard(t, printed, row.code, row.says)
		page.screen("ended", row.ends)
		page.close()
	}
	w.wantActivity(t, "Challenge", "Success", "Challenge", "Failure", "Challenge")
}

// The number that radclient prints is tapped in the page, and then another one.
func TestPush_2_12_RadclientsNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.engine.Clients["prompt"] = login.Client{Name: "prompt", Resource: "Example VPN", Hold: time.Minute, Challenge: true, Match: true}
	})
	to := w.radius(t)
	b := browse(t, w)
	b.enrol("alice")
	for _, row := range []struct {
		right      bool
		ends, code string
	}{{true, "Approved", "Access-Accept"}, {false, "Wrong number", "Access-Reject"}} {
		attributes := []string{"User-Name=alice", "Calling-Station-Id=203.0.113.7"}
		found := heard(t, radclient(t, "127.0.0.2", to, attributes...), "Access-Challenge", `(?s)State = (0x[0-9a-f]+).*Reply-Message = "[^"]*?([0-9]{2})|Reply-Message = "[^"]*?([0-9]{2}).*State = (0x[0-9a-f]+)`)
		state, number := found[1]+found[4], found[2]+found[3]
		printed := radclient(t, "127.0.0.2", to, append(attributes, "State="+state)...) // and an empty answer
		b.screen("request", "Tap the number", number)
		is := eval[bool](b, fmt.Sprintf("[...document.querySelectorAll('.numbers button')].some((b, i) => (b.textContent === %q) === %t && (b.id = `tapped-%[2]t`))", number, row.right))
		if !is {
			t.Fatalf("%s is not among the numbers", number)
		}
		b.decide(fmt.Sprintf("#tapped-%t", row.right))
		heard(t, printed, row.code, "")
		b.screen("ended", row.ends)
		b.tap("#done")
	}
}

// wantActivity checks the results of alice's logins, oldest first.
func (w *world) wantActivity(t *testing.T, results ...string) {
	t.Helper()
	var got []string
	for row, err := range w.engine.Activity.List(t.Context(), login.Filter{User: "alice"}) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Result != login.ResultChange { // an enrolment is one
			got = append([]string{string(row.Result)}, got...)
		}
	}
	if strings.Join(got, " ") != strings.Join(results, " ") {
		t.Errorf("activity %v, want %v", got, results)
	}
}
