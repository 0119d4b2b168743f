package web

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits is one rate limit for each of many keys. It keeps the max keys that were seen
// last.
type limits struct {
	rate  rate.Limit
	burst int
	max   int

	mu     sync.Mutex
	byKey  map[string]*list.Element
	recent list.List // of *limit, the latest first
}

type limit struct {
	key     string
	limiter *rate.Limiter
}

// take spends one of a key's tries and returns 0, or returns how long to wait for one.
func (l *limits) take(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byKey[key]
	if e == nil {
		if l.byKey == nil {
			l.byKey = make(map[string]*list.Element)
		}
		if l.recent.Len() >= l.max {
			delete(l.byKey, l.recent.Remove(l.recent.Back()).(*limit).key)
		}
		e = l.recent.PushFront(&limit{key, rate.NewLimiter(l.rate, l.burst)})
		l.byKey[key] = e
	}
	l.recent.MoveToFront(e)
	r := e.Value.(*limit).limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// network returns what is limited as one address: for IPv6 a network of 64 bits, which
// is what one subscriber has.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	p, _ := addr.Prefix(min(addr.BitLen(), 64)) // the zero Addr: the zero Prefix
	return p
}

// remote returns the address that a request comes from. Without TLS that is what the
// reverse proxy on this machine says: the last address of X-Forwarded-For, which is the
// one that the proxy added.
func remote(r *http.Request) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	addr := peer.Addr()
	if r.TLS == nil && addr.IsLoopback() {
		if via := r.Header.Values("X-Forwarded-For"); len(via) > 0 {
			last := via[len(via)-1]
			if told, err := netip.ParseAddr(last[strings.LastIndexAny(last, ", ")+1:]); err == nil {
				addr = told
			}
		}
	}
	return addr
}

// A crowd is a listener that closes connections beyond its bounds at once: a stranger who
// holds many of them open does not keep others out.
type crowd struct {
	net.Listener
	total, each int // connections in all, and of one address

	mu    sync.Mutex
	open  int
	byNet map[netip.Prefix]int
}

// Accept returns the next connection that there is room for.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
		if from := network(peer.Addr()); c.enter(from) {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { c.left(from) })}, nil
		}
		conn.Close()
	}
}

func (c *crowd) enter(from netip.Prefix) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.total || c.byNet[from] >= c.each {
		return false
	}
	if c.byNet == nil {
		c.byNet = make(map[netip.Prefix]int)
	}
	c.open++
	c.byNet[from]++
	return true
}

func (c *crowd) left(from netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.byNet[from]--; c.byNet[from] == 0 {
		delete(c.byNet, from)
	}
}

// A guest is a connection that counts until it is closed.
type guest struct {
	net.Conn
	leave func()
}

func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}
