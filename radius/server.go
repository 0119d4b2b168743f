package radius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// A Server answers RADIUS requests. Its fields are set before Serve and not changed
// after; only Handler and Clients are needed.
type Server struct {
	Handler Handler
	Clients Clients
	Log     *slog.Logger // nothing is logged if nil
	Metrics *Metrics     // nothing is counted if nil

	// Ready says whether the server can do its work. While it cannot, Status-Server is
	// met with silence, so that clients turn to another server; other requests are
	// handled. Nil means always. It may take a second.
	Ready func(ctx context.Context) bool

	// MaxInFlight is how many requests may be in flight: held, delayed or at work. What
	// comes on top is dropped. 150,000 if zero.
	MaxInFlight int

	// Prefer picks the requests that may use the last eighth of MaxInFlight, such as
	// those whose State says that the user has come half-way. It must be quick: it runs
	// where datagrams are read. Nil prefers none.
	Prefer func(r *Request) bool

	RejectDelay time.Duration // from request to the reply to a guess, plus up to a quarter; 1 s if zero, none if negative
	KeepReplies time.Duration // how long a retransmission is given the same reply; 10 s if zero
	Drain       time.Duration // how long a shutdown waits for what is held; 5 s if zero, not at all if negative

	inFlight atomic.Int64
	asking   atomic.Int64 // calls of Ready under way
	policies policies
	status   statusLimits
	drops    [discards]logLimit
	failures logLimit
}

// leave is how long handlers have to return once their contexts have ended.
const leave = time.Second

// Serve answers Access-Request and Status-Server on conn until ctx ends or conn fails.
// It may be called for several sockets at a time; what the fields bound, they bound
// together. Before it returns it closes conn.
//
// When ctx ends, Serve reads no more, answers what is held as long as Drain allows,
// then ends the handlers' contexts and returns nil. Handlers that are ended so send
// nothing, whatever they return: to the NAS, which retransmits, it looks like a lost
// datagram, and the server that starts next takes the login over.
func (s *Server) Serve(ctx context.Context, conn net.PacketConn) error {
	return s.serve(ctx, conn, radius.CodeAccessRequest)
}

// ServeAccounting is like Serve for an accounting port: it answers Accounting-Request
// and Status-Server, the latter with an Accounting-Response (RFC 5997).
func (s *Server) ServeAccounting(ctx context.Context, conn net.PacketConn) error {
	return s.serve(ctx, conn, radius.CodeAccountingRequest)
}

func (s *Server) serve(ctx context.Context, conn net.PacketConn, code radius.Code) error {
	defer conn.Close()
	p := &port{
		Server:  s,
		socket:  newSocket(conn),
		code:    code,
		log:     cmp.Or(s.Log, slog.New(slog.DiscardHandler)),
		context: context.WithoutCancel(ctx),
		table:   table{keep: cmp.Or(s.KeepReplies, 10*time.Second), exchanges: make(map[key]*exchange)},
	}
	p.pool.run = p.handle
	defer p.pool.close()
	// A past deadline wakes the reader and leaves the socket open for replies.
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()

	err := p.read(ctx)
	if err != nil {
		p.drain(0)
		return fmt.Errorf("radius: read: %w", err)
	}
	p.drain(cmp.Or(s.Drain, 5*time.Second))
	return nil
}

// A port is a socket at work.
type port struct {
	*Server
	*socket
	code    radius.Code // what it accepts, beside Status-Server
	log     *slog.Logger
	context context.Context // of all requests; it never ends by itself
	table   table
	work    sync.WaitGroup // requests, and calls of Ready
	pool    pool
}

// read checks datagrams and starts handlers, until ctx ends (nil) or the socket fails.
func (p *port) read(ctx context.Context) error {
	var pause time.Duration
	for {
		err := p.receive(p.check)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			pause = 0
			continue
		case errors.Is(err, net.ErrClosed), pause > time.Second:
			return err
		}
		// Some systems report here what became of a reply, and that passes; a socket
		// that keeps failing does not get better.
		pause = max(2*pause, time.Millisecond)
		p.fail("cannot read datagrams", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// drain waits for what is in flight, gives up what is held for longer, and waits a
// little for the handlers to leave.
func (p *port) drain(patience time.Duration) {
	done := make(chan struct{})
	go func() {
		p.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-time.After(max(patience, 0)):
	}
	if held := p.table.giveUp(); held > 0 {
		p.Metrics.silent(shutDown, held)
		p.log.Info("held requests are left to the next server", "requests", held)
	}
	select {
	case <-done:
	case <-time.After(leave):
		p.log.Warn("handlers do not heed the end of their contexts")
	}
}

// admit takes a place among the requests in flight.
func (s *Server) admit(r *Request) bool {
	limit := int64(cmp.Or(s.MaxInFlight, 150_000))
	free := limit - s.inFlight.Load()
	if free <= 0 || s.Prefer != nil && free <= limit/8 && !s.Prefer(r) {
		return false
	}
	s.inFlight.Add(1)
	s.Metrics.addInFlight(1)
	return true
}

// release gives the place back: after the reply, or when it is clear there is none.
func (p *port) release() {
	p.inFlight.Add(-1)
	p.Metrics.addInFlight(-1)
	p.work.Done()
}

// handle has a request handled and concludes it, unless the handler asks for Later: then
// the wait begins on a small stack, in a goroutine of its own, and this one with the stack
// that has grown is free for the next request.
func (p *port) handle(j job) {
	reply, err := guarded(nil, func() (*radius.Packet, error) { return p.Handler.ServeRADIUS(j.ctx, j.request) })
	if later := j.request.Later; later != nil && reply == nil && err == nil {
		j.request.Attributes = keptWhileHeld(j.request.Attributes)
		go p.await(j, later)
		return
	}
	j.exchange.cancel() // what the handler left behind ends with it
	p.conclude(j.exchange, j.request, reply, err)
}

// await concludes a held request. While it waits, this and guarded are all that stands on
// the goroutine's stack.
func (p *port) await(j job, later *Later) {
	reply, err := guarded(later.Wait, later.Reply)
	j.exchange.cancel()
	p.conclude(j.exchange, j.request, reply, err)
}

// keptWhileHeld returns what the reply still needs of a request: its Proxy-States.
func keptWhileHeld(attributes radius.Attributes) (kept radius.Attributes) {
	for _, avp := range attributes {
		if avp.Type == rfc2865.ProxyState_Type {
			kept.Add(avp.Type, slices.Clone(avp.Attribute))
		}
	}
	return kept
}

// guarded calls the handler: wait, if there is something to wait for, then reply. A panic
// costs this one request.
func guarded(wait func(), reply func() (*radius.Packet, error)) (packet *radius.Packet, err error) {
	defer func() {
		if v := recover(); v != nil {
			packet, err = nil, &panicError{v, debug.Stack()}
		}
	}()
	if wait != nil {
		wait()
	}
	return reply()
}

// conclude encodes the reply and sends it, at once or after the reject delay.
func (p *port) conclude(x *exchange, r *Request, reply *radius.Packet, err error) {
	var b []byte
	if err == nil && reply != nil {
		b, err = encodeReply(r, reply)
	}
	if b == nil {
		p.endSilent(x, r, err)
		return
	}
	if reply.Code == radius.CodeAccessAccept {
		p.policies.accepted(r, p.log)
	}
	if (reply.Code == radius.CodeAccessReject || reply.Code == radius.CodeAccessChallenge) && !r.AtOnce {
		if wait := time.Until(r.Received.Add(p.rejectDelay())); wait > 0 {
			to := r.origin() // all of r that is kept meanwhile
			p.table.postpone(x, wait, func() { p.answer(x, b, to) })
			return
		}
	}
	p.answer(x, b, r.origin())
}

// answer sends a reply, unless the request has been given up.
func (p *port) answer(x *exchange, b []byte, to origin) {
	defer p.release()
	now := time.Now()
	if p.table.answer(x, b, now) {
		p.Metrics.reply(b[0], now.Sub(to.received))
		p.transmit(b, to.peer, to.local)
	}
}

// An origin is where and when a request came from.
type origin struct {
	peer     netip.AddrPort
	local    netip.Addr
	received time.Time
}

func (r *Request) origin() origin { return origin{r.Peer, r.Local.Addr(), r.Received} }

// endSilent forgets a request that gets no reply. A retransmission of it starts anew.
func (p *port) endSilent(x *exchange, r *Request, err error) {
	defer p.release()
	if !p.table.end(x) {
		return // given up, and counted when it was
	}
	if err == nil {
		p.Metrics.silent(declined, 1)
		return
	}
	args := []any{"error", err, "client", r.Client.Name, "peer", r.Peer, "code", r.Code}
	if panicked, ok := errors.AsType[*panicError](err); ok {
		p.Metrics.silent(crashed, 1)
		args = append(args, "stack", string(panicked.stack))
	} else {
		p.Metrics.silent(failed, 1)
	}
	p.fail("request gets no reply", args...)
}

// rejectDelay returns how long after its request an Access-Reject may leave, or an
// Access-Challenge that asks again after a wrong answer. It slows guessing down; the jitter
// hides how long the verdict took.
func (s *Server) rejectDelay() time.Duration {
	d := cmp.Or(s.RejectDelay, time.Second)
	if d <= 0 {
		return 0
	}
	return d + rand.N(d/4+1)
}

// transmit sends a reply.
func (p *port) transmit(b []byte, peer netip.AddrPort, from netip.Addr) {
	if err := p.send(b, peer, from); err != nil {
		p.fail("cannot send a reply", "error", err, "peer", peer)
	}
}

// fail logs some of what goes wrong here rather than at the other end.
func (p *port) fail(what string, args ...any) {
	if omitted, ok := p.failures.allow(); ok {
		p.log.Error(what, append(args, "omitted", omitted)...)
	}
}

// A panicError is what a handler panicked with.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprint("panic: ", e.value) }
