package radius_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"

	server "radpush/radius"
)

// Silence lets the NAS retransmit or turn to another server (statement 5.5).
func TestHandlerWithoutReplyIsSilenceAndCanBeTriedAgain(t *testing.T) {
	for name, fault := range map[string]handler{
		"panic": func(context.Context, *server.Request) (*radius.Packet, error) { panic("boom") },
		"error": func(context.Context, *server.Request) (*radius.Packet, error) {
			return nil, errors.New("store is down")
		},
		"error with reply": func(_ context.Context, r *server.Request) (*radius.Packet, error) {
			return r.Response(2), errors.New("store is down")
		},
		"no reply":          func(context.Context, *server.Request) (*radius.Packet, error) { return nil, nil },
		"no such reply":     always(radius.CodeAccountingResponse),
		"too long":          replyWith(attributes(17, 26, 253)),
		"attribute too big": replyWith(attributes(1, 26, 254)),
		"attribute 0":       replyWith(attributes(1, 0, 4)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				nas := start(t, &server.Server{Handler: handler(
					func(ctx context.Context, r *server.Request) (*radius.Packet, error) {
						if runs++; runs == 1 {
							return fault(ctx, r)
						}
						return r.Response(radius.CodeAccessAccept), nil
					})})
				b := nas.Send(nas.PAP("alice", "123456"))
				if got := nas.Receive(5 * time.Second); got != nil {
					t.Fatalf("reply %x, want silence", got)
				}
				nas.SendBytes(b)
				if got := nas.Receive(soon); got == nil || got[0] != 2 {
					t.Errorf("reply to the retransmission: %x, want an Access-Accept", got)
				}
			})
		})
	}
}

func attributes(n int, kind radius.Type, length int) (a radius.Attributes) {
	for range n {
		a.Add(kind, make(radius.Attribute, length))
	}
	return a
}

// replyWith returns a handler that accepts with attributes.
func replyWith(a radius.Attributes) handler {
	return func(_ context.Context, r *server.Request) (*radius.Packet, error) {
		p := r.Response(radius.CodeAccessAccept)
		p.Attributes = a
		return p, nil
	}
}
