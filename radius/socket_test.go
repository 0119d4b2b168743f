package radius_test

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"

	server "radpush/radius"
	"radpush/radius/radiustest"
)

// loopback returns clients for all addresses of the host itself.
func loopback(t testing.TB) *server.ClientList {
	t.Helper()
	l, err := server.NewClients([]server.Client{
		{Name: "IPv4", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: server.Secret(secret)},
		{Name: "IPv6", Prefix: netip.MustParsePrefix("::1/128"), Secret: server.Secret(secret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listen serves on a real socket until the test ends and returns its port.
func listen(t *testing.T, s *server.Server, network, addr string) string {
	t.Helper()
	conn, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Skipf("no socket at %s: %v", addr, err)
	}
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.Serve(ctx, conn); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	return port
}

// A connected socket hears nothing from another address than the one it asked.
func TestReplyLeavesFromTheAddressAsked(t *testing.T) {
	for _, tt := range []struct {
		network, bind string
		asked         []string
	}{
		{"udp4", "0.0.0.0", []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}},
		{"udp4", "127.0.0.2", []string{"127.0.0.2"}},
		{"udp6", "::1", []string{"::1"}},
		{"udp6", "::", []string{"::1"}},
		{"udp", "::", []string{"::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"}}, // dual stack
	} {
		t.Run(tt.network+" "+tt.bind, func(t *testing.T) {
			locals := make(chan netip.Addr, 10)
			s := &server.Server{Clients: loopback(t), Drain: -1, Handler: handler(
				func(_ context.Context, r *server.Request) (*radius.Packet, error) {
					locals <- r.Local.Addr()
					if r.Peer.Addr().Is4In6() {
						t.Errorf("peer %v is IPv4-mapped", r.Peer)
					}
					return r.Response(radius.CodeAccessAccept), nil
				})}
			port := listen(t, s, tt.network, net.JoinHostPort(tt.bind, "0"))
			for _, asked := range tt.asked {
				if runtime.GOOS != "linux" && asked != tt.asked[0] {
					continue // other systems do not answer to all of 127.0.0.0/8
				}
				conn, err := net.Dial("udp", net.JoinHostPort(asked, port))
				if err != nil {
					t.Skipf("no route to %s: %v", asked, err)
				}
				defer conn.Close()
				nas := &radiustest.NAS{T: t, Conn: conn, Secret: secret}
				b := nas.Send(nas.PAP("alice", "123456"))
				first := nas.Receive(10 * time.Second)
				if first == nil {
					t.Fatalf("no reply from %s", asked)
				}
				nas.SendBytes(b)
				if nas.Receive(10*time.Second) == nil {
					t.Errorf("no second reply from %s", asked)
				}
				if local := <-locals; local.String() != asked && runtime.GOOS == "linux" {
					t.Errorf("Local is %v, want %s", local, asked)
				}
				nas.Login(t.Context(), status(0))
			}
		})
	}
}

// Many sockets of the NAS, identifiers used again at once, retransmissions: no request
// is lost and none is handled twice.
func TestManyRequestsAtOnce(t *testing.T) {
	var mu sync.Mutex
	runs := make(map[string]int)
	s := &server.Server{Clients: loopback(t), Drain: -1, RejectDelay: -1, Handler: handler(
		func(_ context.Context, r *server.Request) (*radius.Packet, error) {
			mu.Lock()
			defer mu.Unlock()
			runs[r.Digest()]++
			if r.Identifier%3 == 0 {
				return r.Response(radius.CodeAccessReject), nil
			}
			return r.Response(radius.CodeAccessAccept), nil
		})}
	port := listen(t, s, "udp4", "127.0.0.1:0")
	const sockets, rounds, window = 4, 25, 64
	var group sync.WaitGroup
	for range sockets {
		group.Go(func() {
			conn, err := net.Dial("udp4", "127.0.0.1:"+port)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			buffer := make([]byte, 4096)
			for range rounds {
				waiting := make(map[byte][]byte)
				for i := range window {
					p := radius.New(radius.CodeAccessRequest, []byte(secret))
					p.Identifier = byte(i)
					b, _ := p.Encode()
					waiting[p.Identifier] = b
				}
				for len(waiting) > 0 {
					for _, b := range waiting {
						_, _ = conn.Write(b)
					}
					// Longer than any reply takes, if nothing is lost: what is sent
					// again then has been dropped by the kernel.
					_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
					for len(waiting) > 0 {
						n, err := conn.Read(buffer)
						if err != nil {
							break
						}
						id := buffer[1]
						if b := waiting[id]; b != nil && radius.IsAuthenticResponse(buffer[:n], b, []byte(secret)) {
							delete(waiting, id)
						}
					}
				}
			}
		})
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(runs) != sockets*rounds*window {
		t.Errorf("%d requests were handled, want %d", len(runs), sockets*rounds*window)
	}
	for _, n := range runs {
		if n != 1 {
			t.Fatalf("a request was handled %d times", n)
		}
	}
}
