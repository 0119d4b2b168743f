package radius_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
)

// later returns a handler that leaves the hold to Later.
func later(wait func(context.Context), reply func(*server.Request) (*radius.Packet, error)) handler {
	return func(ctx context.Context, r *server.Request) (*radius.Packet, error) {
		r.Later = &server.Later{
			Wait:  func() { wait(ctx) },
			Reply: func() (*radius.Packet, error) { return reply(r) },
		}
		return nil, nil
	}
}

func TestLaterIsLikeAHandlerThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: later(
			func(ctx context.Context) {
				select {
				case <-time.After(20 * time.Second):
				case <-ctx.Done():
				}
			},
			func(r *server.Request) (*radius.Packet, error) { return r.Response(radius.CodeAccessAccept), nil },
		)})
		p := nas.PAP("alice", "")
		p.Add(rfc2865.ProxyState_Type, radius.Attribute("one"))
		p.Add(rfc2865.ProxyState_Type, radius.Attribute("two"))
		b := nas.Send(p)
		time.Sleep(10 * time.Second)
		nas.SendBytes(b) // ignored
		time.Sleep(9 * time.Second)
		if got := nas.Receive(soon); got != nil {
			t.Fatalf("reply %x before its time", got)
		}
		got := nas.Receive(2 * time.Second)
		if !radius.IsAuthenticResponse(got, b, []byte(secret)) || string(got[38:]) != "\x21\x05one\x21\x05two" {
			t.Errorf("reply %x", got)
		}

		// A new request with the identifier ends the wait of the older one.
		p.Authenticator[0]++
		nas.Send(p)
		time.Sleep(time.Second)
		p.Authenticator[0]++
		b = nas.Send(p)
		got = nas.Receive(time.Minute)
		if !radius.IsAuthenticResponse(got, b, []byte(secret)) {
			t.Errorf("reply %x does not answer the newest request", got)
		}
		if got := nas.Receive(time.Minute); got != nil {
			t.Errorf("second reply %x", got)
		}
	})
}

func TestPanicInLaterCostsOneRequest(t *testing.T) {
	accept := func(r *server.Request) (*radius.Packet, error) { return r.Response(radius.CodeAccessAccept), nil }
	for name, fault := range map[string]handler{
		"Wait": later(func(context.Context) { panic("boom") }, accept),
		"Reply": later(func(context.Context) {}, func(*server.Request) (*radius.Packet, error) {
			panic("boom")
		}),
	} {
		inTime(t, name, func(t *testing.T) {
			runs := 0
			nas := start(t, &server.Server{MaxInFlight: 1, Handler: handler(
				func(ctx context.Context, r *server.Request) (*radius.Packet, error) {
					if runs++; runs == 1 {
						return fault(ctx, r)
					}
					return accept(r)
				})})
			b := nas.Send(nas.PAP("alice", ""))
			if got := nas.Receive(time.Second); got != nil {
				t.Errorf("reply %x", got)
			}
			nas.SendBytes(b)
			if got := nas.Receive(soon); got == nil {
				t.Error("no reply to the retransmission")
			}
		})
	}
}
