package radius_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/microsoft"

	server "radpush/radius"
)

// CVE-2024-3596; RFC 2865, section 5.33.
func TestReplyHasMessageAuthenticatorFirstAndProxyStateLast(t *testing.T) {
	for _, code := range []radius.Code{radius.CodeAccessAccept, radius.CodeAccessReject, radius.CodeAccessChallenge} {
		inTime(t, code.String(), func(t *testing.T) {
			nas := start(t, &server.Server{RejectDelay: -1, Handler: handler(
				func(_ context.Context, r *server.Request) (*radius.Packet, error) {
					p := r.Response(code)
					p.Add(rfc2865.ProxyState_Type, radius.Attribute("the handler's"))
					p.Add(rfc2865.ReplyMessage_Type, radius.Attribute("hello"))
					p.Add(rfc2869.MessageAuthenticator_Type, make(radius.Attribute, 16))
					p.Add(rfc2865.ReplyMessage_Type, radius.Attribute("world"))
					return p, nil
				})})
			p := nas.PAP("alice", "123456")
			for _, state := range []string{"one", "", "two", "one"} {
				p.Add(rfc2865.ProxyState_Type, radius.Attribute(state))
			}
			b := nas.Send(p)
			got := nas.Receive(soon)
			if !radius.IsAuthenticResponse(got, b, []byte(secret)) {
				t.Fatalf("reply %x is not authentic", got)
			}
			want := "5012" + strings.Repeat("..", 16) + hex.EncodeToString([]byte(
				"\x12\x07hello\x12\x07world\x21\x05one\x21\x02\x21\x05two\x21\x05one"))
			if attributes := hex.EncodeToString(got[20:22]) + strings.Repeat("..", 16) + hex.EncodeToString(got[38:]); attributes != want {
				t.Errorf("attributes\n%s, want\n%s", attributes, want)
			}
			// The Message-Authenticator is that of the reply with the request's
			// authenticator.
			copy(got[4:20], b[4:20])
			given := hex.EncodeToString(got[22:38])
			clear(got[22:38])
			if want := hex.EncodeToString(mac(got, secret)); given != want {
				t.Errorf("Message-Authenticator %s, want %s", given, want)
			}
		})
	}
}

func TestRejectCarriesOnlyWhatItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{RejectDelay: -1, Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				p := r.Response(radius.CodeAccessReject)
				rfc2865.Class_Add(p, []byte("staff"))
				rfc2865.State_Add(p, []byte("state"))
				rfc2865.ReplyMessage_AddString(p, "no")
				microsoft.MSCHAP2Success_Add(p, []byte("S=…"))
				microsoft.MSCHAPError_AddString(p, "\x07E=691 R=0")
				p.Add(rfc2865.VendorSpecific_Type, radius.Attribute("\x00\x00\x01\x37\x02\x03x\x1a\x03y")) // two in one
				return p, nil
			})})
		got := nas.Login(t.Context(), nas.PAP("alice", "123456"))
		if len(got.Attributes) != 3 || rfc2865.ReplyMessage_GetString(got) != "no" ||
			microsoft.MSCHAPError_GetString(got) != "\x07E=691 R=0" {
			t.Errorf("%d attributes in %v", len(got.Attributes), got)
		}
	})
}

func TestRejectIsDelayed(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		name     string
		code     radius.Code
		delay    time.Duration // of the server
		hold     time.Duration // of the handler
		atOnce   bool
		min, max time.Duration // until the reply
	}{
		{"by a second and some jitter", 3, 0, 0, false, second, 1250 * time.Millisecond},
		{"as configured", 3, 4 * second, 0, false, 4 * second, 5 * second},
		{"not at all if so configured", 3, -1, 0, false, 0, 0},
		{"not at all if the handler says so", 3, 0, 0, true, 0, 0},
		{"by what is left", 3, 4 * second, 3 * second, false, 4 * second, 5 * second},
		{"not after a longer hold", 3, 0, 30 * second, false, 30 * second, 30 * second},
		{"an Access-Accept is not", 2, 0, 0, false, 0, 0},
		{"an Access-Challenge too", 11, 0, 0, false, second, 1250 * time.Millisecond},
		{"a prompt is not", 11, 0, 0, true, 0, 0},
	} {
		inTime(t, tt.name, func(t *testing.T) {
			nas := start(t, &server.Server{RejectDelay: tt.delay, Handler: handler(
				func(_ context.Context, r *server.Request) (*radius.Packet, error) {
					time.Sleep(tt.hold)
					r.AtOnce = tt.atOnce
					return r.Response(tt.code), nil
				})})
			begin := time.Now()
			nas.Send(nas.PAP("alice", "123456"))
			got := nas.Receive(time.Minute)
			if d := time.Since(begin); got == nil || d < tt.min || d > tt.max {
				t.Errorf("reply %x after %v, want %v to %v", got, d, tt.min, tt.max)
			}
		})
	}
}

func TestDelayedRejectIsStillARequestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		nas := start(t, &server.Server{MaxInFlight: 1, Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				runs++
				return r.Response(radius.CodeAccessReject), nil
			})})
		p := nas.PAP("alice", "123456")
		b := nas.Send(p)
		synctest.Wait()
		nas.SendBytes(b)                   // ignored
		nas.Send(nas.PAP("bob", "123456")) // no place
		time.Sleep(2 * time.Second)        // the reject leaves
		p.Authenticator = [16]byte{1}      // another request, in its place
		nas.Send(p)                        //
		time.Sleep(500 * time.Millisecond) //
		p.Authenticator = [16]byte{2}      // and while that is delayed, a third:
		nas.Send(p)                        // it has no place yet
		time.Sleep(time.Second)            //
		third := nas.Send(p)               // now it has
		first, second, last := nas.Receive(soon), nas.Receive(soon), nas.Receive(2*time.Second)
		if !radius.IsAuthenticResponse(first, b, []byte(secret)) || second == nil ||
			!radius.IsAuthenticResponse(last, third, []byte(secret)) || runs != 3 {
			t.Errorf("replies %x, %x, %x after %d runs", first, second, last, runs)
		}
	})
}

func TestNewRequestEndsTheDelayOfAReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: always(radius.CodeAccessReject)})
		p := nas.PAP("alice", "123456")
		nas.Send(p)
		time.Sleep(500 * time.Millisecond)
		p.Authenticator[0]++
		b := nas.Send(p)
		if got := nas.Receive(2 * time.Second); !radius.IsAuthenticResponse(got, b, []byte(secret)) {
			t.Errorf("reply %x does not answer the newer request", got)
		}
		if got := nas.Receive(2 * time.Second); got != nil {
			t.Errorf("second reply %x", got)
		}
	})
}
