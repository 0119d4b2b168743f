package radius

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// A key tells requests of one socket apart (RFC 5080, section 2.2.2). Two requests with
// the same key and another authenticator are different requests: the NAS has given the
// older one up, for it could not tell the replies apart.
type key struct {
	addr       netip.Addr // not an AddrPort: its padding makes a slow key
	port       uint16
	code       byte
	identifier byte
}

// An exchange is a request, from the checks it passed until its reply is forgotten. It
// is small and holds nothing of the packet, because it outlives the request.
type exchange struct {
	key
	authenticator [16]byte
	signed        bool               // the request carried a valid Message-Authenticator
	cancel        context.CancelFunc // ends the handler's context; nil once answered

	// Guarded by table.mu.
	reply        []byte      // nil until answered
	expires      time.Time   // when the reply is forgotten
	delay        *time.Timer // holds an Access-Reject back
	over         bool        // given up or without a reply: nothing will be sent
	older, newer *exchange   // neighbours in the list of answered ones
}

// The replies that are kept for retransmissions are bounded to some 80 MB, and some 64 MB
// more where they are long: Proxy-State makes them as long as who sends it likes. Above
// 26,000 logins a second the oldest are forgotten early.
const (
	maxReplies = 1 << 18
	maxOctets  = 64 << 20
)

// A table is the duplicate table of one socket. Replies are kept for the same time each,
// so the list of them is in the order of their expiry, and it is pruned from its old end
// by whoever adds one: nothing ever walks the table.
type table struct {
	keep time.Duration

	mu             sync.Mutex
	exchanges      map[key]*exchange
	oldest, newest *exchange // answered
	replies        int       // how many are answered
	octets         int       // of their replies
}

// find reports whether a request is a duplicate, and of which: reply is nil while that
// one is held.
func (t *table) find(k key, authenticator []byte, now time.Time) (reply []byte, duplicate bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.exchanges[k]
	if x == nil || string(x.authenticator[:]) != string(authenticator) {
		return nil, false
	}
	if x.reply != nil && now.After(x.expires) {
		return nil, false
	}
	return x.reply, true
}

// holdsSigned reports whether a request is held that is known to be the client's. Another
// one gives it up only if it is as well: else a stranger who sends each of 256 identifiers
// in the client's name could end all that is held.
func (t *table) holdsSigned(k key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.exchanges[k]
	return x != nil && x.signed && x.reply == nil
}

// begin enters a new exchange. One that has the same key is given up.
func (t *table) begin(x *exchange, now time.Time) (superseded bool) {
	t.mu.Lock()
	t.prune(now)
	old := t.exchanges[x.key]
	switch {
	case old == nil:
	case old.reply != nil:
		t.unlink(old)
	default:
		old.over, superseded = true, true
	}
	t.exchanges[x.key] = x
	t.mu.Unlock()
	if superseded {
		old.cancel() // runs what others have tied to the context: not under our lock
	}
	return superseded
}

// answer keeps the reply for retransmissions and reports whether it is to be sent.
func (t *table) answer(x *exchange, reply []byte, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.over {
		return false
	}
	x.cancel, x.delay = nil, nil // what is kept is small
	x.reply, x.expires = reply, now.Add(t.keep)
	if x.older = t.newest; x.older != nil {
		x.older.newer = x
	} else {
		t.oldest = x
	}
	t.newest = x
	t.replies++
	t.octets += len(reply)
	t.prune(now)
	return true
}

// postpone has send called after a while.
func (t *table) postpone(x *exchange, d time.Duration, send func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.delay = time.AfterFunc(d, send)
}

// end forgets an exchange that gets no reply and reports whether it had not been given
// up before.
func (t *table) end(x *exchange) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.over {
		return false
	}
	x.over = true
	delete(t.exchanges, x.key)
	return true
}

// giveUp ends all that is held and returns how many: they get no reply. Verdicts that
// are only delayed are sent now.
func (t *table) giveUp() int {
	t.mu.Lock()
	var held []*exchange
	for _, x := range t.exchanges {
		switch {
		case x.reply != nil:
		case x.delay != nil:
			if x.delay.Stop() { // else it is being sent
				x.delay.Reset(0)
			}
		default:
			x.over = true
			held = append(held, x)
		}
	}
	t.mu.Unlock()
	for _, x := range held {
		x.cancel()
	}
	return len(held)
}

// prune forgets replies whose time is over, and the oldest if there are too many.
func (t *table) prune(now time.Time) {
	for t.oldest != nil && (t.replies > maxReplies || t.octets > maxOctets || now.After(t.oldest.expires)) {
		delete(t.exchanges, t.oldest.key)
		t.unlink(t.oldest)
	}
}

// unlink takes an answered exchange out of the list.
func (t *table) unlink(x *exchange) {
	if x.older != nil {
		x.older.newer = x.newer
	} else {
		t.oldest = x.newer
	}
	if x.newer != nil {
		x.newer.older = x.older
	} else {
		t.newest = x.older
	}
	x.older, x.newer = nil, nil
	t.replies--
	t.octets -= len(x.reply)
}
