package radius_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"

	server "radpush/radius"
	"radpush/radius/radiustest"
)

// The tests of the server are in virtual time and on a network in memory, but for those
// of sockets. The server is at serverAddr, its one client at nasAddr.
const (
	serverAddr = "192.0.2.1:1812"
	nasAddr    = "198.51.100.7:4000"
	secret     = "xyzzy5461"

	// soon is time enough for a reply that waits for nothing: virtual time stands still
	// while anything happens.
	soon = time.Millisecond
)

// A handler is a Handler made of a function.
type handler func(ctx context.Context, r *server.Request) (*radius.Packet, error)

func (h handler) ServeRADIUS(ctx context.Context, r *server.Request) (*radius.Packet, error) {
	return h(ctx, r)
}

// always returns a handler that answers all requests with a code.
func always(code radius.Code) handler {
	return func(_ context.Context, r *server.Request) (*radius.Packet, error) { return r.Response(code), nil }
}

// clients returns a list of one client, that at nasAddr, changed by change.
func clients(t testing.TB, change func(*server.Client)) *server.ClientList {
	t.Helper()
	c := server.Client{Name: "vpn", Prefix: netip.MustParsePrefix("198.51.100.7/32"), Secret: server.Secret(secret)}
	if change != nil {
		change(&c)
	}
	l, err := server.NewClients([]server.Client{c})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A rig is a server under test. Stop ends it and waits until Serve has returned.
type rig struct {
	*radiustest.NAS
	network *radiustest.Network
	conn    net.PacketConn
	stop    func()
}

// start serves until the test ends.
func start(t *testing.T, s *server.Server) *rig {
	t.Helper()
	return startWith(t, s, s.Serve)
}

func startWith(t *testing.T, s *server.Server, serve func(context.Context, net.PacketConn) error) *rig {
	t.Helper()
	if s.Clients == nil {
		s.Clients = clients(t, nil)
	}
	r := &rig{network: new(radiustest.Network)}
	r.conn = r.network.Listen(serverAddr)
	r.NAS = r.network.NAS(t, nasAddr, serverAddr, secret)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(ctx, r.conn); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	r.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(r.stop)
	return r
}

// inTime runs a test of a table in virtual time.
func inTime(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}
