package webpush_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"radpush/push/webpush"
	"radpush/push/webpush/webpushtest"
)

func TestPublic(t *testing.T) {
	for _, a := range []string{
		"1.1.1.1", "142.250.74.106", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255", "192.0.1.0", "198.20.0.0",
		"2a00:1450:4001:80b::200a", "2600:1901::1", "2001:4860::1", "::ffff:142.250.74.106", "64:ff9b::142.250.74.106",
	} {
		if !webpush.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is public", a)
		}
	}
	for _, a := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "2a00:1450::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "100::1", "5f00::1", "4000::1",
		"2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "::127.0.0.1", "::10.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1.1.1.1", "64:ff9b:1::127.0.0.1",
	} {
		if webpush.Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is not public", a)
		}
	}
	if webpush.Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// A listener that counts who comes.
type listener struct {
	net.Listener
	accepted atomic.Int32
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

func listen(t testing.TB, address string) *listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &listener{Listener: l}
}

// loopback returns a world on 127.0.0.1, where the service goes by a name, or by its address
// if that is "".
func loopback(t testing.TB, name string) (*world, *listener) {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	host, port, _ := net.SplitHostPort(l.Addr().String())
	if name != "" {
		host = name
	}
	w := new(world)
	var err error
	if w.service, err = webpushtest.Start(l, "https://"+net.JoinHostPort(host, port)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.service.Close() })
	w.Ringer = &webpush.Ringer{Keys: newKeys(t), Subject: "ops@example.com", Hosts: []string{host}, AnyPort: true,
		Inside: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, RootCAs: w.service.RootCAs}
	if err := w.Check(); err != nil {
		t.Fatal(err)
	}
	w.browser, w.device = w.subscribe(t)
	return w, l
}

func TestRinger_AnAddressThatIsNotPublicIsNotDialled(t *testing.T) {
	w, l := loopback(t, "")
	w.Inside = nil
	took, err := w.ring(t, challenge())
	says(t, err, "webpush: ring: "+l.Addr().String()+": dial tcp "+l.Addr().String()+": the address is not public", w.browser)
	if n := l.accepted.Load(); n != 0 || took > time.Second {
		t.Errorf("%d connections after %v", n, took)
	}
	w, l = loopback(t, "")
	if _, err := w.ring(t, challenge()); err != nil || l.accepted.Load() != 1 {
		t.Errorf("one that the operator allows: %v", err)
	}
}

// A resolver answers for one name, with what it leads to just now.
type resolver struct {
	name string
	conn net.PacketConn

	mu  sync.Mutex
	now []string
}

func resolve(t testing.TB, name string) *resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{name: name + ".", conn: conn}
	var served sync.WaitGroup
	served.Go(r.serve)
	t.Cleanup(func() { conn.Close(); served.Wait() })
	return r
}

func (r *resolver) leadsTo(addrs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = addrs
}

func (r *resolver) serve() {
	b := make([]byte, 512)
	for {
		n, from, err := r.conn.ReadFrom(b)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		m.Response, m.Additionals = true, nil
		if q.Name.String() != r.name {
			m.RCode = dnsmessage.RCodeNameError
		} else if q.Type == dnsmessage.TypeA {
			r.mu.Lock()
			for _, a := range r.now {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, // TTL 0
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
				})
			}
			r.mu.Unlock()
		}
		if reply, err := m.Pack(); err == nil {
			r.conn.WriteTo(reply, from)
		}
	}
}

// dialer returns the Ringer's own dialer with this resolver.
func (r *resolver) dialer(w *webpush.Ringer) func(context.Context, string, string) (net.Conn, error) {
	d := w.Dialer()
	d.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", r.conn.LocalAddr().String())
	}}
	return d.DialContext
}

// A name leads to where it may lead when the device enrols, and inside a moment later.
func TestRinger_ANameThatIsRebound(t *testing.T) {
	w, l := loopback(t, "push.example.com")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	inside := listen(t, "127.0.0.2:"+port)
	names := resolve(t, "push.example.com")
	w.Dial = names.dialer(w.Ringer)

	names.leadsTo("127.0.0.1")
	if err := w.CheckToken(w.device.Address.Token); err != nil {
		t.Fatal(err)
	}
	// The connection does not outlast the first answer, which asks to come back.
	w.browser.Next(func(rw http.ResponseWriter, _ *http.Request) {
		names.leadsTo("127.0.0.2")
		rw.Header().Set("Connection", "close")
		rw.WriteHeader(503)
	})
	_, err := w.ring(t, challenge())
	says(t, err, "dial tcp 127.0.0.2:"+port+": the address is not public", w.browser)

	names.leadsTo("127.0.0.2", "127.0.0.1")
	if _, err := w.ring(t, challenge()); err != nil || len(w.browser.Posts()) != 2 {
		t.Errorf("with one good address: %v, %d requests", err, len(w.browser.Posts()))
	}
	// Whoever came was accepted by the kernel: look.
	inside.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Millisecond))
	if conn, err := inside.Accept(); err == nil {
		t.Errorf("%v was let inside", conn.RemoteAddr())
	}
}

func TestRinger_NoRedirectIsFollowed(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		other, _ := w.subscribe(t)
		for _, status := range []int{301, 302, 303, 307, 308} {
			w.browser.Next(webpushtest.Status(status, "Location", other.Endpoint))
			_, err := w.ring(t, challenge())
			says(t, err, http.StatusText(status)+": redirects are not followed", w.browser)
		}
		if n := len(other.Posts()); n != 0 {
			t.Errorf("%d were", n)
		}
	})
}

func TestRinger_NoProxyIsUsed(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://192.0.2.1:3128")
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	if u, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: "fcm.googleapis.com"}}); err != nil || u == nil {
		t.Fatalf("there is no proxy that could be used: %v, %v", u, err)
	}
	test(t, func(t *testing.T, w *world) {
		if _, err := w.ring(t, challenge()); err != nil {
			t.Error(err)
		}
		if !slices.Equal(w.network.Dialed(), []string{"fcm.googleapis.com:443"}) {
			t.Errorf("dialled %q", w.network.Dialed())
		}
	})
}

func TestRinger_ACertificateThatNobodyKnows(t *testing.T) {
	w, l := loopback(t, "")
	w.RootCAs = nil
	_, err := w.ring(t, challenge())
	says(t, err, "failed to verify certificate", w.browser)
	if n := l.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Many logins at once need few connections, and each is rung.
func TestRinger_2_1_ABurstOfLogins(t *testing.T) {
	w, _ := loopback(t, "")
	var open, most atomic.Int32
	w.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		for n, m := open.Add(1), most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return &counted{Conn: conn, gone: sync.OnceFunc(func() { open.Add(-1) })}, err
	}
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			if _, err := w.ring(t, challenge()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n > 16 { // some more than 8 while others close
		t.Errorf("%d connections at once", n)
	}
}

// A counted connection says when it is closed.
type counted struct {
	net.Conn
	gone func()
}

func (c *counted) Close() error {
	c.gone()
	return c.Conn.Close()
}
