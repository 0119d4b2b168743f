package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"radpush/web/wire"
)

func TestLimitsForgetWhoWasSeenFirst(t *testing.T) {
	now := time.Now()
	l := &limits{rate: rate.Every(time.Second), burst: 2, max: 3}
	spend := func(key string) {
		t.Helper()
		for range 2 {
			if wait := l.take(key, now); wait != 0 {
				t.Fatalf("%s has to wait %v", key, wait)
			}
		}
		if wait := l.take(key, now); wait != time.Second {
			t.Fatalf("%s has to wait %v, want 1s", key, wait)
		}
	}
	for _, key := range []string{"a", "b", "c"} {
		spend(key)
	}
	l.take("a", now) // seen again: b is now the oldest
	spend("d")
	if len(l.byKey) != 3 || l.recent.Len() != 3 {
		t.Errorf("%d keys are kept", len(l.byKey))
	}
	if l.take("a", now) == 0 {
		t.Error("a was forgotten")
	}
	spend("b") // it was: a new start
	now = now.Add(time.Second)
	if l.take("b", now) != 0 {
		t.Error("b got nothing back after a second")
	}
}

func TestNetworkOfAnAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":              "192.0.2.1/32",
		"::ffff:192.0.2.1":       "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"fe80::1%eth0":           "fe80::/64",
		"2001:db8:1:2:ffff::abc": "2001:db8:1:2::/64",
	} {
		if got := network(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// Who is not the reverse proxy on this machine cannot choose an address.
func TestRemoteAddress(t *testing.T) {
	for _, row := range []struct {
		peer string
		via  []string
		want string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"192.0.2.1:5", []string{"203.0.113.9"}, "192.0.2.1"},
		{"127.0.0.1:5", nil, "127.0.0.1"},
		{"127.0.0.1:5", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[::1]:5", []string{"203.0.113.8, 203.0.113.9"}, "203.0.113.9"},
		{"127.0.0.1:5", []string{"203.0.113.8", "203.0.113.7,2001:db8::1"}, "2001:db8::1"},
		{"127.0.0.1:5", []string{"203.0.113.8, unknown"}, "127.0.0.1"},
		{"127.0.0.1:5", []string{""}, "127.0.0.1"},
		{"@", nil, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: row.peer, Header: http.Header{"X-Forwarded-For": row.via}}
		if got := remote(r).String(); got != row.want {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

// One address gets as many connections as one may have, and no more until it closes some;
// the others still get in, until the house is full.
func TestCrowd(t *testing.T) {
	c := &crowd{total: 3, each: 2}
	a, b, d := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32"), netip.MustParsePrefix("192.0.2.3/32")
	for i, row := range []struct {
		from netip.Prefix
		want bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {b, false}, {d, false}} {
		if got := c.enter(row.from); got != row.want {
			t.Errorf("%d: %v", i, got)
		}
	}
	c.left(a)
	if !c.enter(d) || c.enter(a) {
		t.Error("the place that was left is not the one that is free")
	}
	c.left(d)
	c.left(a)
	c.left(b)
	if c.open != 0 || len(c.byNet) != 0 {
		t.Errorf("empty, and yet: %+v", c)
	}
}

func TestCrowdClosesWhoDoesNotFit(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := &crowd{Listener: ln, total: 10, each: 1}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	dial()
	first, err := c.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := dial()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := c.Accept()
		if err == nil {
			accepted <- conn
		}
	}()
	if _, err := second.Read(make([]byte, 1)); err == nil {
		t.Fatal("the second connection was served")
	}
	first.Close()
	first.Close() // counts once
	dial()
	(<-accepted).Close()
	if c.open != 0 {
		t.Errorf("%d are open", c.open)
	}
}

// Nonces are forgotten when no request could bring them again, and what was forgotten
// stays refused even if the clock is set back.
func TestNoncesAreForgotten(t *testing.T) {
	start := time.UnixMilli(1_700_000_000_000)
	n := newNonces(start)
	stamp := func(at time.Time, nonce string) wire.Stamp {
		return wire.Stamp{Device: "d", Time: at.UnixMilli(), Nonce: nonce}
	}
	if err := n.use(stamp(start.Add(-time.Millisecond), "early"), start); !errors.Is(err, errEarly) {
		t.Errorf("signed before the start: %v", err)
	}
	now := start
	for i := range 1000 {
		now = now.Add(time.Second)
		if err := n.use(stamp(now, fmt.Sprint(i)), now); err != nil {
			t.Fatal(err)
		}
		if err := n.use(stamp(now, fmt.Sprint(i)), now); !errors.Is(err, errSeen) {
			t.Fatalf("used twice: %v", err)
		}
	}
	if most := int(wire.Skew/time.Second) + 120; n.size > most {
		t.Errorf("%d are kept, of 1000", n.size)
	}
	sum := 0
	for _, used := range n.used {
		sum += len(used)
	}
	if sum != n.size {
		t.Errorf("%d are kept and %d counted", sum, n.size)
	}
	back := start.Add(10 * time.Second)
	if err := n.use(stamp(back, "9"), back); !errors.Is(err, errEarly) {
		t.Errorf("a forgotten nonce after the clock was set back: %v", err)
	}
	other := stamp(now, "999")
	other.Device = "e"
	if err := n.use(other, now); err != nil {
		t.Errorf("another device's nonce: %v", err)
	}
	n.max = n.size
	if err := n.use(stamp(now, "one more"), now); !errors.Is(err, errFull) {
		t.Errorf("without room: %v", err)
	}
}

func TestPreferredWait(t *testing.T) {
	for prefer, want := range map[string]time.Duration{
		"wait=5":                        5 * time.Second,
		"respond-async, wait=10":        10 * time.Second,
		`WAIT="7"; x=y, return=minimal`: 7 * time.Second,
		"wait = 3":                      3 * time.Second,
		"wait=61":                       wire.MaxWait,
		"wait=99999999999":              0,
		"await=5":                       0,
		"":                              0,
	} {
		if got := preferredWait(prefer); got != want {
			t.Errorf("%q: %v, want %v", prefer, got, want)
		}
	}
}
