package radius

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"layeh.com/radius"
)

const (
	statusRate  = 20 // Status-Server a second and client that are answered
	statusBurst = 100
	maxAsking   = 16 // calls of Ready under way
	readyWait   = time.Second
)

// A statusLimits holds how often each client, by name, may ask for the server's status.
type statusLimits struct {
	mu     sync.Mutex
	byName map[string]*rate.Limiter
}

func (l *statusLimits) allow(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byName == nil {
		l.byName = make(map[string]*rate.Limiter)
	}
	limit := l.byName[client]
	if limit == nil {
		limit = rate.NewLimiter(statusRate, statusBurst)
		l.byName[client] = limit
	}
	return limit.Allow()
}

// answerStatus answers an authentic Status-Server (RFC 5997). It needs no place among the
// requests in flight and no duplicate table: with all places taken the server still
// lives, and the same question gets the same bytes in any case.
func (p *port) answerStatus(d datagram, s summary, client Client) {
	if client.NoStatusServer || !p.status.allow(client.Name) {
		p.drop(statusRefused, d, client)
		return
	}
	p.Metrics.request(d.bytes[0])
	code := radius.CodeAccessAccept
	if p.code == radius.CodeAccountingRequest {
		code = radius.CodeAccountingResponse
	}
	r := newRequest(d, s, client, time.Now())
	b, err := encodeReply(r, r.Response(code))
	if err != nil { // too much Proxy-State
		p.drop(malformed, d, client)
		return
	}
	if p.Ready == nil {
		p.transmit(b, d.peer, d.local.Addr())
		return
	}
	if p.asking.Add(1) > maxAsking { // the store that Ready looks at hangs
		p.asking.Add(-1)
		p.drop(notReady, d, client)
		return
	}
	p.work.Go(func() {
		defer p.asking.Add(-1)
		ctx, cancel := context.WithTimeout(p.context, readyWait)
		defer cancel()
		if !p.Ready(ctx) {
			p.drop(notReady, d, client)
			return
		}
		p.transmit(b, d.peer, d.local.Addr())
	})
}
