package radius_test

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
	"radpush/radius/radiustest"
)

func TestWhatIsDiscarded(t *testing.T) {
	pap := unhex(t, papVector)
	shorter := func(n uint16) []byte {
		b := append([]byte(nil), pap...)
		binary.BigEndian.PutUint16(b[2:], n)
		return b
	}
	code := func(c byte) []byte {
		b := append([]byte(nil), pap...)
		b[0] = c
		return b
	}
	mac := "\x50\x12" + strings.Repeat("\x00", 16)
	signed := sign(with(pap, mac), secret)
	for _, tt := range []struct {
		name string
		send []byte
		want bool // a reply
	}{
		{"a request", pap, true},
		{"a request with padding", append(append([]byte(nil), pap...), 0, 0, 0, 1, 2, 3), true},
		{"200 attributes", with(pap, strings.Repeat("\x1a\x02", 196)), true},
		{"a Message-Authenticator", signed, true},
		{"a Message-Authenticator that is not last", append(sign(with(pap, mac), secret), 0), true},
		{"EAP-Message with Message-Authenticator", sign(with(pap, "\x4f\x03e"+mac), secret), true},

		{"nothing", nil, false},
		{"19 octets", pap[:19], false},
		{"Length below 20", shorter(19), false},
		{"Length of 20 and an attribute behind it", shorter(20), true}, // that is padding
		{"Length above the datagram", pap[:len(pap)-1], false},
		{"Length above 4096", with(pap, strings.Repeat("\x1a\xff"+strings.Repeat("x", 253), 16)), false},
		{"an attribute's length of 0", with(pap, "\x1a\x00"), false},
		{"an attribute's length of 1", with(pap, "\x1a\x01"), false},
		{"one octet behind the last attribute", with(pap, "\x1a"), false},
		{"an attribute longer than the packet", with(pap, "\x1a\x05xx"), false},
		{"attribute 0", with(pap, "\x00\x03x"), false},
		{"201 attributes", with(pap, strings.Repeat("\x1a\x02", 197)), false},
		{"a wrong Message-Authenticator", flip(signed, len(signed)-1), false},
		{"something changed under a Message-Authenticator", flip(signed, 24), false},
		{"a Message-Authenticator of another secret", sign(with(pap, mac), "other"), false},
		{"a Message-Authenticator of 15 octets", with(pap, "\x50\x11"+strings.Repeat("x", 15)), false},
		{"a Message-Authenticator of 17 octets", with(pap, "\x50\x13"+strings.Repeat("x", 17)), false},
		{"two Message-Authenticators", sign(with(signed, mac), secret), false},
		{"EAP-Message without Message-Authenticator", with(pap, "\x4f\x03e"), false},
		{"CHAP-Password beside User-Password", with(pap, "\x03\x13"+strings.Repeat("x", 17)), false},
		{"Access-Accept", code(2), false},
		{"Accounting-Request", code(4), false},
		{"Disconnect-Request", code(40), false},
		{"code 0", code(0), false},
	} {
		inTime(t, tt.name, func(t *testing.T) {
			reached := false
			nas := start(t, &server.Server{Handler: handler(
				func(_ context.Context, r *server.Request) (*radius.Packet, error) {
					reached = true
					return r.Response(radius.CodeAccessAccept), nil
				})})
			nas.SendBytes(tt.send)
			got := nas.Receive(5 * time.Second)
			if (got != nil) != tt.want || reached != tt.want {
				t.Fatalf("reply %x, handler reached: %v; want %v", got, reached, tt.want)
			}
			if !tt.want {
				// It has left no trace: the request it resembles is a new one.
				nas.SendBytes(pap)
				if got := nas.Receive(5 * time.Second); got == nil {
					t.Error("afterwards the request is not answered")
				}
			}
		})
	}
}

func TestUnknownClientIsMetWithSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: always(radius.CodeAccessAccept)})
		stranger := nas.network.NAS(t, "198.51.100.8:4000", serverAddr, secret)
		stranger.Send(stranger.PAP("alice", "123456"))
		if got := stranger.Receive(5 * time.Second); got != nil {
			t.Errorf("reply %x", got)
		}
	})
}

func TestRequestTellsWhereItCameFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []server.Request
		nas := start(t, &server.Server{Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				got = append(got, *r)
				return r.Response(radius.CodeAccessAccept), nil
			})})
		nas.Send(nas.PAP("alice", "123456"))
		nas.Receive(soon)
		nas.Login(t.Context(), nas.PAP("alice", "123456"))
		for i, r := range got {
			if r.Peer.String() != nasAddr || r.Local.String() != serverAddr || !r.Received.Equal(time.Now()) ||
				r.Client.Name != "vpn" || string(r.Secret) != secret || r.Authenticated != (i == 1) {
				t.Errorf("request %d: %+v", i, r)
			}
		}
	})
}

// accounting returns an Accounting-Request with a right Request Authenticator.
func accounting(t *testing.T, attributes string) []byte {
	p := radius.New(radius.CodeAccountingRequest, []byte(secret))
	if err := rfc2865.UserName_SetString(p, "alice"); err != nil {
		t.Fatal(err)
	}
	return authenticate(with(encode(t, p), attributes))
}

// authenticate computes the Request Authenticator of RFC 2866, section 3.
func authenticate(b []byte) []byte {
	clear(b[4:20])
	sum := md5.Sum(append(b[:len(b):len(b)], secret...))
	copy(b[4:20], sum[:])
	return b
}

func TestAccounting(t *testing.T) {
	mac := "\x50\x12" + strings.Repeat("\x00", 16)
	unsigned := accounting(t, mac)
	clear(unsigned[4:20])
	signed := authenticate(sign(unsigned, secret))
	for _, tt := range []struct {
		name string
		send []byte
		want bool
	}{
		{"an Accounting-Request", accounting(t, ""), true},
		{"with a Message-Authenticator", signed, true},
		{"with a wrong Message-Authenticator", accounting(t, mac), false},
		{"with a changed authenticator", flip(accounting(t, ""), 4), false},
		{"with a changed attribute", flip(accounting(t, ""), 23), false},
		{"an Access-Request", unhex(t, papVector), false},
	} {
		inTime(t, tt.name, func(t *testing.T) {
			s := &server.Server{Handler: always(radius.CodeAccountingResponse)}
			nas := startWith(t, s, s.ServeAccounting)
			nas.SendBytes(tt.send)
			got := nas.Receive(time.Minute)
			switch {
			case !tt.want && got == nil:
			case !tt.want || got == nil:
				t.Errorf("reply %x, want one: %v", got, tt.want)
			case !radius.IsAuthenticResponse(got, tt.send, []byte(secret)):
				t.Errorf("reply %x is not authentic", got)
			case len(got) != 20: // RFC 3579, section 3.3
				t.Errorf("reply %x has attributes", got)
			}
		})
	}
}

func TestDigestTellsTrueRetransmissions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		digest := ""
		nas := start(t, &server.Server{Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				digest = r.Digest()
				return nil, nil
			})})
		other := nas.network.NAS(t, "198.51.100.7:4001", serverAddr, secret)
		send := func(nas *radiustest.NAS, change func(*radius.Packet)) string {
			p := nas.PAP("alice", "")
			p.Identifier, p.Authenticator = 7, [16]byte{7}
			change(p)
			nas.Send(p)
			synctest.Wait()
			return digest
		}
		same := func(*radius.Packet) {}
		first := send(nas.NAS, same)
		if again := send(nas.NAS, same); again != first || len(first) > 64 {
			t.Errorf("digests of the same request: %q, %q", first, again)
		}
		for name, d := range map[string]string{
			"port":          send(other, same),
			"identifier":    send(nas.NAS, func(p *radius.Packet) { p.Identifier++ }),
			"authenticator": send(nas.NAS, func(p *radius.Packet) { p.Authenticator[15]++ }),
		} {
			if d == first {
				t.Errorf("another %s, but the same digest", name)
			}
		}
	})
}
