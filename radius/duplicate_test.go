package radius_test

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"

	server "radpush/radius"
)

// a held request is answered when something is sent on its channel.
type held struct {
	*server.Request
	ctx    context.Context
	answer chan radius.Code
}

// hold returns a handler that holds every request, and the channel it tells them on.
func hold() (handler, chan held) {
	requests := make(chan held, 1000)
	return func(ctx context.Context, r *server.Request) (*radius.Packet, error) {
		h := held{r, ctx, make(chan radius.Code, 1)}
		requests <- h
		select {
		case code := <-h.answer:
			return r.Response(code), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}, requests
}

// RFC 5080, section 2.2.2. This is also the ground of statement 2.13.
func TestRetransmissionOfHeldRequestIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler})
		b := nas.Send(nas.PAP("alice", ""))
		h := <-requests
		for range 5 {
			nas.SendBytes(b)
			if got := nas.Receive(5 * time.Second); got != nil {
				t.Fatalf("a retransmission was answered with %x", got)
			}
		}
		h.answer <- radius.CodeAccessAccept
		if got := nas.Receive(soon); got == nil || got[0] != 2 {
			t.Fatalf("reply %x, want an Access-Accept", got)
		}
		if h.ctx.Err() == nil {
			t.Error("the context goes on after the reply: what the handler left behind would leak")
		}
		if got := nas.Receive(time.Second); got != nil {
			t.Errorf("second reply %x", got)
		}
		if len(requests) != 0 {
			t.Error("the handler ran twice")
		}
	})
}

func TestRetransmissionAfterReplyGetsTheSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		nas := start(t, &server.Server{KeepReplies: 10 * time.Second, Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				runs++
				p := r.Response(radius.CodeAccessAccept)
				p.Add(18, radius.Attribute(time.Now().String())) // no two are the same
				return p, nil
			})})
		b := nas.Send(nas.PAP("alice", "123456"))
		first := nas.Receive(soon)
		for range 2 {
			time.Sleep(4900 * time.Millisecond)
			nas.SendBytes(b)
			if again := nas.Receive(soon); !bytes.Equal(again, first) {
				t.Fatalf("reply to the retransmission is %x, was %x", again, first)
			}
		}
		if runs != 1 {
			t.Errorf("the handler ran %d times", runs)
		}
		time.Sleep(time.Second) // KeepReplies is over: it is a request like any other
		nas.SendBytes(b)
		if again := nas.Receive(soon); again == nil || bytes.Equal(again, first) || runs != 2 {
			t.Errorf("after KeepReplies: reply %x, %d runs", again, runs)
		}
	})
}

func TestNewRequestWithHeldIdentifierWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler})
		p := nas.PAP("alice", "")
		nas.Send(p)
		old := <-requests
		q := nas.PAP("bob", "")
		q.Identifier = p.Identifier
		b := nas.Send(q)
		h := <-requests
		synctest.Wait()
		if old.ctx.Err() == nil {
			t.Error("the older request has not been given up")
		}
		nas.Send(p) // the older one, late: it is the newer now
		third := <-requests
		nas.SendBytes(b)
		fourth := <-requests
		old.answer <- radius.CodeAccessAccept
		h.answer <- radius.CodeAccessAccept
		third.answer <- radius.CodeAccessAccept
		if got := nas.Receive(time.Second); got != nil {
			t.Errorf("reply %x to a request that was given up", got)
		}
		fourth.answer <- radius.CodeAccessAccept
		if got := nas.Receive(soon); got == nil || !radius.IsAuthenticResponse(got, b, []byte(secret)) {
			t.Errorf("reply %x to the newest request", got)
		}
	})
}

func TestForgedRequestDoesNotGiveUpASignedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler, Clients: clients(t, func(c *server.Client) {
			c.Prefix = netip.MustParsePrefix("198.51.100.0/24") // not learned: anybody may go without
		})})
		p := nas.PAP("alice", "")
		nas.SendBytes(encodeSigned(t, p))
		h := <-requests
		forged := nas.PAP("alice", "")
		forged.Identifier = p.Identifier
		nas.Send(forged)
		synctest.Wait()
		if len(requests) != 0 || h.ctx.Err() != nil {
			t.Error("the forged request got through")
		}
		again := nas.PAP("alice", "")
		again.Identifier = p.Identifier
		nas.SendBytes(encodeSigned(t, again))
		synctest.Wait()
		if len(requests) != 1 || h.ctx.Err() == nil {
			t.Error("the client's own new request did not win")
		}
		(<-requests).answer <- radius.CodeAccessAccept
		if got := nas.Receive(soon); got == nil || got[0] != 2 {
			t.Errorf("reply %x, want an Access-Accept", got)
		}
		nas.Send(forged) // after the reply it may be the client's as well
		synctest.Wait()
		if len(requests) != 1 {
			t.Error("a request without Message-Authenticator is ignored after the reply")
		}
		(<-requests).answer <- radius.CodeAccessAccept
	})
}

func TestOtherPortIdentifierOrSocketIsAnotherRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		s := &server.Server{Handler: handler}
		nas := start(t, s)
		p := nas.PAP("alice", "")
		nas.Send(p)

		p.Identifier++
		nas.Send(p)

		other := nas.network.NAS(t, "198.51.100.7:4001", serverAddr, secret)
		other.Send(p)

		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		conn := nas.network.Listen("192.0.2.1:1645")
		go func() { done <- s.Serve(ctx, conn) }()
		nas.network.NAS(t, "198.51.100.7:4002", "192.0.2.1:1645", secret).Send(p)
		nas.Conn.Close()
		nas.network.NAS(t, nasAddr, "192.0.2.1:1645", secret).Send(p)

		synctest.Wait()
		if n := len(requests); n != 5 {
			t.Errorf("%d requests reached the handler, want 5", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A NAS under load has an identifier free as soon as it is answered.
func TestIdentifierReusedAtOnceIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		nas := start(t, &server.Server{Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				runs++ // one at a time: the NAS waits for the reply
				return r.Response(radius.CodeAccessAccept), nil
			})})
		const n = 20_000
		for i := range n {
			p := nas.PAP("alice", "123456")
			p.Identifier = byte(i % 2)
			nas.Send(p)
			if nas.Receive(soon) == nil {
				t.Fatalf("no reply to request %d", i)
			}
		}
		if runs != n {
			t.Errorf("%d requests, %d runs of the handler", n, runs)
		}
	})
}
