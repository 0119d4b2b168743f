package radius_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
)

// FuzzServer takes a server through a sequence of datagrams, from its client and from a
// stranger, of answers by the handler and of pauses, and holds everything that the server
// sends against a model of what was asked.
func FuzzServer(f *testing.F) {
	f.Add([]byte{'r', 0, 0, 't', 1, 'a', 0, 't', 1, 'r', 0, 0, 'd', 0, 't', 30, 'd', 0})
	f.Add([]byte{'r', 1, 0, 'r', 1, 1, 'a', 0, 'a', 0, 's', 3, 'u', 3, 'x', 5, 'o'})
	f.Add([]byte{'m', 1, 0, 'r', 2, 0, 'p', 3, 0, 'p', 3, 1, 'a', 9, 'a', 9, 'a', 1, 't', 200})
	f.Add(append([]byte{'b', 38}, unhex(f, statusVector)...))
	f.Add(append([]byte{'b', 56}, unhex(f, papVector)...))
	f.Add([]byte{'r', 1, 0, 'f', 0, 20, 'f', 0, 1, 'r', 2, 0, 'q'})
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { newModel(t).run(script) })
	})
}

// A run is a call of the handler.
type run struct {
	authenticator [16]byte
	replied       time.Time // when the handler returned its reply
	silent        bool      // it returned none
}

type model struct {
	*rig
	t    *testing.T
	sent [][]byte // from the NAS

	mu      sync.Mutex
	waiting []chan radius.Code
	running int
	newest  map[byte]*run // by identifier
}

const (
	fuzzInFlight = 8
	fuzzKeep     = 10 * time.Second
)

func newModel(t *testing.T) *model {
	m := &model{t: t, newest: make(map[byte]*run)}
	m.rig = start(t, &server.Server{Handler: handler(m.handle), MaxInFlight: fuzzInFlight, KeepReplies: fuzzKeep})
	return m
}

// handle holds requests and checks that it is called only when it may be.
func (m *model) handle(ctx context.Context, r *server.Request) (*radius.Packet, error) {
	answer := make(chan radius.Code, 1)
	this := m.begin(r, answer)
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.running--
	}()
	select {
	case code := <-answer:
		m.mu.Lock()
		this.replied, this.silent = time.Now(), code == 0 || code == radius.CodeAccountingResponse
		m.mu.Unlock()
		if code == 0 {
			panic("as the script says")
		}
		return r.Response(code), nil
	case <-ctx.Done():
		return r.Response(radius.CodeAccessAccept), nil // it must not be sent
	}
}

func (m *model) begin(r *server.Request, answer chan radius.Code) *run {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, answer)
	if m.running++; m.running > fuzzInFlight {
		m.t.Errorf("%d handlers run at once", m.running)
	}
	if r.Code != radius.CodeAccessRequest || r.Peer.String() != nasAddr {
		m.t.Errorf("%v from %v reached the handler", r.Code, r.Peer)
	}
	last := m.newest[r.Identifier]
	if last != nil && last.authenticator == r.Authenticator && !last.silent &&
		(last.replied.IsZero() || time.Since(last.replied) <= fuzzKeep) {
		m.t.Errorf("a retransmission of identifier %d reached the handler", r.Identifier)
	}
	this := &run{authenticator: r.Authenticator}
	m.newest[r.Identifier] = this
	return this
}

// run follows the script, an operation and its operands at a time.
func (m *model) run(script []byte) {
	next := func() (b byte) {
		if len(script) > 0 {
			b, script = script[0], script[1:]
		}
		return b
	}
	for range 64 {
		if len(script) == 0 {
			break
		}
		switch op := next(); op {
		case 'r', 'm', 'p', 's', 'u': // a request: plain, signed, by a proxy; Status-Server: signed, unsigned
			p := radius.New(radius.CodeAccessRequest, []byte(secret))
			if op == 's' || op == 'u' {
				p.Code = radius.CodeStatusServer
			}
			p.Identifier, p.Authenticator = next()%4, [16]byte{next()}
			if op == 'p' {
				p.Add(rfc2865.ProxyState_Type, radius.Attribute("proxy"))
			}
			if op == 'm' || op == 's' {
				m.send(encodeSigned(m.t, p))
			} else {
				m.send(encode(m.t, p))
			}
		case 'd': // one of those again
			if len(m.sent) > 0 {
				m.send(m.sent[int(next())%len(m.sent)])
			}
		case 'f': // one of those with a bit flipped
			if len(m.sent) > 0 {
				if b := m.sent[int(next())%len(m.sent)]; len(b) > 0 {
					m.send(flip(b, int(next())%len(b)))
				}
			}
		case 'b': // bytes
			n := min(int(next()), len(script))
			m.send(bytes.Clone(script[:n]))
			script = script[n:]
		case 'x': // a stranger
			stranger := m.network.NAS(m.t, "203.0.113.9:1000", serverAddr, secret)
			stranger.Send(stranger.PAP("alice", "123456"))
			if got := stranger.Receive(soon); got != nil {
				m.t.Errorf("a stranger hears %x", got)
			}
			stranger.Conn.Close()
		case 'a': // the handler answers
			codes := []radius.Code{2, 3, 11, 0, 5}
			m.answer(codes[int(next())%len(codes)])
		case 't': // time passes
			time.Sleep(time.Duration(next()) * 100 * time.Millisecond)
		}
		synctest.Wait()
		m.receive()
	}
	m.stop()
	m.receive()
}

func (m *model) send(b []byte) {
	m.sent = append(m.sent, b)
	m.SendBytes(b)
}

// authenticStatus reports whether b is a Status-Server with a right Message-Authenticator.
func authenticStatus(b []byte) bool {
	p, err := radius.Parse(b, []byte(secret))
	if err != nil || p.Code != radius.CodeStatusServer {
		return false
	}
	given := p.Get(80)
	b = bytes.Clone(b[:int(b[2])<<8|int(b[3])])
	at := bytes.Index(b, append([]byte{80, 18}, given...))
	if at < 0 {
		return false
	}
	clear(b[at+2:][:16])
	return bytes.Equal(mac(b, secret), given)
}

func (m *model) answer(code radius.Code) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) > 0 {
		m.waiting[0] <- code
		m.waiting = m.waiting[1:]
	}
}

// receive checks all that the server has sent: each is the answer to the newest request
// that the handler has seen with the identifier, or to an authentic Status-Server.
func (m *model) receive() {
	for got := m.Receive(soon); got != nil; got = m.Receive(soon) {
		if len(got) < 38 || !bytes.Equal(got[20:22], []byte{80, 18}) {
			m.t.Errorf("reply %x", got)
			continue
		}
		m.mu.Lock()
		newest := m.newest[got[1]]
		m.mu.Unlock()
		if newest != nil && radius.IsAuthenticResponse(got, append(make([]byte, 4), newest.authenticator[:]...), []byte(secret)) {
			continue
		}
		if !slices.ContainsFunc(m.sent, func(b []byte) bool {
			return authenticStatus(b) && b[1] == got[1] && radius.IsAuthenticResponse(got, b, []byte(secret))
		}) {
			m.t.Errorf("reply %x answers nothing", got)
		}
	}
}
