package radius_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"

	server "radpush/radius"
	"radpush/radius/radiustest"
)

func TestExchangeSendsTheSameBytesOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Duration
		var datagrams [][]byte
		begin := time.Now()
		network := &radiustest.Network{Deliver: func(from, _ netip.AddrPort, b []byte) int {
			if from.String() == nasAddr {
				sent = append(sent, time.Since(begin))
				datagrams = append(datagrams, slices.Clone(b))
			}
			return 0
		}}
		nas := network.NAS(t, nasAddr, serverAddr, secret)
		_, resent, err := server.Exchange(t.Context(), nas.Conn, nas.PAP("alice", ""),
			2*time.Second, 2800*time.Millisecond, 3900*time.Millisecond)
		if !errors.Is(err, server.ErrNoReply) || resent != 2 || time.Since(begin) != 8700*time.Millisecond {
			t.Errorf("%v after %v and %d retransmissions", err, time.Since(begin), resent)
		}
		if want := []time.Duration{0, 2 * time.Second, 4800 * time.Millisecond}; !slices.Equal(sent, want) {
			t.Fatalf("sent at %v, want %v", sent, want)
		}
		for _, b := range datagrams {
			if !slices.Equal(b, datagrams[0]) || b[20] != 80 || b[21] != 18 {
				t.Errorf("sent %x", b)
			}
		}
	})
}

func TestExchangeTellsHowOftenItSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := 2
		nas := start(t, &server.Server{Handler: always(radius.CodeAccessAccept)})
		nas.network.Deliver = func(netip.AddrPort, netip.AddrPort, []byte) int {
			if lost > 0 {
				lost--
				return 0
			}
			return 2 // and every datagram is duplicated
		}
		reply, resent, err := server.Exchange(t.Context(), nas.Conn, nas.PAP("alice", ""),
			slices.Repeat([]time.Duration{5 * time.Second}, 3)...)
		if err != nil || reply.Code != radius.CodeAccessAccept || resent != 2 {
			t.Errorf("%v, %d retransmissions, %v", reply, resent, err)
		}
	})
}

func TestExchangeOfAccounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server.Server{Handler: always(radius.CodeAccountingResponse)}
		nas := startWith(t, s, s.ServeAccounting)
		p := radius.New(radius.CodeAccountingRequest, []byte(secret))
		if got := nas.Login(t.Context(), p); got.Code != radius.CodeAccountingResponse {
			t.Errorf("%v", got.Code)
		}
	})
}

func TestExchangeIgnoresForgedReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(radiustest.Network)
		conn := network.Listen(serverAddr)
		defer conn.Close()
		go func() {
			b := make([]byte, 4096)
			n, nas, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			p, _ := radius.Parse(b[:n], []byte(secret))
			forge := func(code radius.Code, change func(*radius.Packet), macSecret string) {
				q := p.Response(code)
				change(q)
				if macSecret != "" {
					q.Add(80, make(radius.Attribute, 16))
				}
				reply, err := q.MarshalBinary()
				if err != nil {
					return
				}
				if macSecret != "" {
					sign(reply, macSecret)
				}
				copy(reply[4:], mustResponse(q, reply))
				_, _ = conn.WriteTo(reply, nas)
			}
			same := func(*radius.Packet) {}
			_, _ = conn.WriteTo([]byte("hello"), nas)
			forge(radius.CodeAccessAccept, same, "") // no Message-Authenticator
			forge(radius.CodeAccessAccept, same, "other")
			forge(radius.CodeAccessAccept, func(q *radius.Packet) { q.Identifier++ }, secret)
			forge(radius.CodeAccessAccept, func(q *radius.Packet) { q.Secret = []byte("other") }, secret)
			forge(radius.CodeAccessAccept, func(q *radius.Packet) { q.Authenticator[0]++ }, secret)
			forge(radius.CodeAccountingResponse, same, secret)
			time.Sleep(time.Second)
			forge(radius.CodeAccessChallenge, same, secret)
		}()
		nas := network.NAS(t, nasAddr, serverAddr, secret)
		reply, resent, err := server.Exchange(t.Context(), nas.Conn, nas.PAP("alice", ""), 5*time.Second)
		if err != nil || reply.Code != radius.CodeAccessChallenge || resent != 0 {
			t.Errorf("%v, %v", reply, err)
		}
		_, _, err = server.Exchange(t.Context(), nas.Conn, nas.PAP("alice", ""), 5*time.Second)
		if !errors.Is(err, server.ErrNoReply) {
			t.Errorf("without a reply: %v", err)
		}
	})
}

// mustResponse returns the Response Authenticator of a reply whose own field holds the
// request's.
func mustResponse(q *radius.Packet, reply []byte) []byte {
	p := *q
	p.Attributes, _ = radius.ParseAttributes(reply[20:])
	b, _ := p.Encode()
	return b[4:20]
}

func TestExchangeHintsAtADifferentSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: always(radius.CodeAccessAccept)})
		nas.network.Deliver = func(from, _ netip.AddrPort, b []byte) int {
			if from.String() == serverAddr {
				b[25] ^= 1
			}
			return 1
		}
		_, _, err := server.Exchange(t.Context(), nas.Conn, nas.PAP("alice", ""), time.Second)
		if !errors.Is(err, server.ErrNoReply) || !strings.Contains(err.Error(), "is the secret the same?") {
			t.Errorf("error %v", err)
		}
	})
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := new(radiustest.Network).NAS(t, nasAddr, serverAddr, secret)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		_, _, err := server.Exchange(ctx, nas.Conn, nas.PAP("alice", ""), time.Minute)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		_, _, err = server.Exchange(ctx, nas.Conn, nas.PAP("alice", ""), time.Minute)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that has ended: %v", err)
		}
	})
}

func TestExchangeWithClosedPort(t *testing.T) {
	port := func() string {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.LocalAddr().String()
	}()
	conn, err := net.Dial("udp4", port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	nas := &radiustest.NAS{T: t, Conn: conn, Secret: secret}
	_, _, err = server.Exchange(t.Context(), conn, nas.PAP("alice", ""), 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), "nothing listens at "+port) {
		t.Errorf("error %v", err)
	}
}
