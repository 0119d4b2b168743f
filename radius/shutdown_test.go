package radius_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"

	server "radpush/radius"
	"radpush/radius/radiustest"
)

func TestShutdownAnswersWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler, Drain: 5 * time.Second})
		nas.Send(nas.PAP("alice", ""))
		h := <-requests
		begin := time.Now()
		go nas.stop()
		synctest.Wait()
		nas.Send(nas.PAP("bob", "")) // too late
		time.Sleep(3 * time.Second)
		if h.ctx.Err() != nil {
			t.Error("the held request's context has ended")
		}
		h.answer <- radius.CodeAccessAccept
		if got := nas.Receive(soon); got == nil || got[0] != 2 {
			t.Errorf("reply %x, want an Access-Accept", got)
		}
		nas.stop()
		if d := time.Since(begin); d >= 4*time.Second {
			t.Errorf("Serve returned %v after the last reply", d-3*time.Second)
		}
		if len(requests) != 0 {
			t.Error("a request was read during the shutdown")
		}
		if _, err := nas.conn.WriteTo(nil, nas.Conn.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the conn is open: %v", err)
		}
	})
}

// Statement 2.17: the NAS retransmits to the next server.
func TestShutdownLeavesWhatIsHeldForLongInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan context.Context, 1)
		nas := start(t, &server.Server{Drain: 5 * time.Second, Handler: handler(
			func(ctx context.Context, r *server.Request) (*radius.Packet, error) {
				requests <- ctx
				<-ctx.Done()
				return r.Response(radius.CodeAccessReject), nil // a wrong answer to the end of ctx
			})})
		nas.Send(nas.PAP("alice", ""))
		ctx := <-requests
		begin := time.Now()
		nas.stop()
		if d := time.Since(begin); d != 5*time.Second || ctx.Err() == nil {
			t.Errorf("Serve returned after %v, the context's error is %v", d, ctx.Err())
		}
		if got := nas.Receive(time.Minute); got != nil {
			t.Errorf("reply %x", got)
		}
	})
}

func TestShutdownDoesNotWaitIfToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler, Drain: -1})
		nas.Send(nas.PAP("alice", ""))
		<-requests
		begin := time.Now()
		nas.stop()
		if d := time.Since(begin); d != 0 {
			t.Errorf("Serve returned after %v", d)
		}
	})
}

// The verdict is there; the user must not have to try again.
func TestShutdownSendsDelayedRejects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: always(radius.CodeAccessReject), RejectDelay: time.Hour, Drain: time.Second})
		nas.Send(nas.PAP("alice", "123456"))
		synctest.Wait()
		nas.stop()
		if got := nas.Receive(soon); got == nil || got[0] != 3 {
			t.Errorf("reply %x, want an Access-Reject", got)
		}
	})
}

func TestShutdownDoesNotHangOnAHandlerThatDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		nas := start(t, &server.Server{Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				<-release
				return r.Response(radius.CodeAccessAccept), nil
			})})
		nas.Send(nas.PAP("alice", ""))
		synctest.Wait()
		begin := time.Now()
		nas.stop()
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("Serve returned after %v", d)
		}
		close(release)
		if got := nas.Receive(time.Second); got != nil {
			t.Errorf("reply %x", got)
		}
	})
}

func TestServeReturnsWhenTheSocketFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		s := &server.Server{Handler: handler, Clients: clients(t, nil)}
		network := new(radiustest.Network)
		conn := network.Listen(serverAddr)
		done := make(chan error)
		go func() { done <- s.Serve(t.Context(), conn) }()
		nas := network.NAS(t, nasAddr, serverAddr, secret)
		nas.Send(nas.PAP("alice", ""))
		h := <-requests
		conn.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v, want net.ErrClosed", err)
		}
		if h.ctx.Err() == nil {
			t.Error("the held request's context goes on")
		}
	})
}

// A flaky conn fails some reads.
type flaky struct {
	net.PacketConn
	failures int
}

func (f *flaky) ReadFrom(b []byte) (int, net.Addr, error) {
	if f.failures > 0 {
		f.failures--
		return 0, nil, errors.New("the network is down")
	}
	return f.PacketConn.ReadFrom(b)
}

func TestServeOutlivesAFewFailuresOfTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server.Server{Handler: always(radius.CodeAccessAccept)}
		nas := startWith(t, s, func(ctx context.Context, conn net.PacketConn) error {
			return s.Serve(ctx, &flaky{conn, 3})
		})
		nas.Send(nas.PAP("alice", "123456"))
		if got := nas.Receive(time.Second); got == nil {
			t.Error("no reply")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &server.Server{Handler: always(radius.CodeAccessAccept), Clients: clients(t, nil)}
		if err := s.Serve(t.Context(), &flaky{new(radiustest.Network).Listen(serverAddr), 1000}); err == nil {
			t.Error("Serve returned nil from a socket that fails for good")
		}
	})
}
