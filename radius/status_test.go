package radius_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"

	server "radpush/radius"
)

// status returns a Status-Server request without Message-Authenticator.
func status(identifier byte) *radius.Packet {
	p := radius.New(radius.CodeStatusServer, []byte(secret))
	p.Identifier = identifier
	return p
}

func noHandler(t *testing.T) handler {
	return func(context.Context, *server.Request) (*radius.Packet, error) {
		t.Error("Status-Server reached the handler")
		return nil, nil
	}
}

func TestStatusServerIsAnsweredByTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: noHandler(t)})
		if got := nas.Login(t.Context(), status(1)); got.Code != radius.CodeAccessAccept {
			t.Errorf("%v, want Access-Accept", got.Code)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &server.Server{Handler: noHandler(t)}
		nas := startWith(t, s, s.ServeAccounting)
		if got := nas.Login(t.Context(), status(1)); got.Code != radius.CodeAccountingResponse {
			t.Errorf("%v on the accounting port, want Accounting-Response", got.Code)
		}
	})
}

func TestStatusServerIsMetWithSilence(t *testing.T) {
	never := func(context.Context) bool { return false }
	signed := unhex(t, statusVector)
	for _, tt := range []struct {
		name   string
		ready  func(context.Context) bool
		change func(*server.Client)
		send   []byte
	}{
		{name: "without Message-Authenticator", send: encode(t, status(1))},
		{name: "with a wrong one", send: flip(signed, len(signed)-1)},
		{name: "with a changed authenticator", send: flip(signed, 4)},
		{name: "where the client may not ask", send: signed, change: func(c *server.Client) { c.NoStatusServer = true }},
		{name: "while not ready", send: signed, ready: never},
	} {
		inTime(t, tt.name, func(t *testing.T) {
			nas := start(t, &server.Server{Handler: noHandler(t), Clients: clients(t, tt.change), Ready: tt.ready})
			nas.SendBytes(tt.send)
			if got := nas.Receive(5 * time.Second); got != nil {
				t.Errorf("reply %x", got)
			}
		})
	}
}

func TestStatusServerIsRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: noHandler(t)})
		burst := func() (answers int) {
			for range 1000 {
				nas.SendBytes(unhex(t, statusVector))
			}
			for nas.Receive(soon) != nil {
				answers++
			}
			return answers
		}
		if n := burst(); n < 50 || n > 200 {
			t.Errorf("%d of 1000 were answered", n)
		}
		time.Sleep(time.Minute)
		if n := burst(); n < 50 || n > 200 {
			t.Errorf("a minute later %d of 1000 were answered", n)
		}
	})
}

// The store that Ready looks at can hang.
func TestReadyMayBlockWithoutHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		nas := start(t, &server.Server{
			Handler: always(radius.CodeAccessAccept),
			Ready: func(ctx context.Context) bool {
				asked.Add(1)
				<-ctx.Done()
				return false
			}})
		for i := range 100 {
			p := status(byte(i))
			b := encodeSigned(t, p)
			nas.SendBytes(b)
		}
		synctest.Wait()
		if n := asked.Load(); n == 0 || n > 20 {
			t.Errorf("Ready was asked %d times at once", n)
		}
		nas.Send(nas.PAP("alice", "123456"))
		if got := nas.Receive(soon); got == nil {
			t.Error("a login was not answered meanwhile")
		}
		if got := nas.Receive(10 * time.Second); got != nil {
			t.Errorf("reply %x though not ready", got)
		}
	})
}

func TestStatusServerInMidHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler, Ready: func(context.Context) bool { return true }})
		p := nas.PAP("alice", "")
		nas.Send(p)
		h := <-requests
		// The same identifier: the code tells them apart.
		if got := nas.Login(t.Context(), status(p.Identifier)); got.Code != radius.CodeAccessAccept {
			t.Errorf("%v", got.Code)
		}
		h.answer <- radius.CodeAccessAccept
		if got := nas.Receive(soon); !bytes.Equal(got[:2], []byte{2, p.Identifier}) {
			t.Errorf("reply %x", got)
		}
	})
}
