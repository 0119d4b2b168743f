package radius_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/ipv4"
	"golang.org/x/sync/errgroup"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
)

// In these benchmarks the load is made by a process of its own, so that the system knows
// whose work is whose. "cpu-ns/op" is what one datagram costs the server, user and system
// time, from the socket back to the socket; "ns/op" is the time of both together and says
// little.

// papHandler is a login and nothing else.
func papHandler(_ context.Context, r *server.Request) (*radius.Packet, error) {
	if rfc2865.UserPassword_GetString(r.Packet) != "123456" {
		return r.Response(radius.CodeAccessReject), nil
	}
	return r.Response(radius.CodeAccessAccept), nil
}

func BenchmarkPAP(b *testing.B) {
	b.Run("signed", func(b *testing.B) { benchmark(b, papHandler, "127.0.0.1:0", load{Signed: true, Wait: true}) })
	b.Run("plain", func(b *testing.B) { benchmark(b, papHandler, "127.0.0.1:0", load{Wait: true}) })
	b.Run("wildcard", func(b *testing.B) { benchmark(b, papHandler, "0.0.0.0:0", load{Signed: true, Wait: true}) })
}

// BenchmarkDuplicateOfHeldRequest is about a NAS that does not want to wait. What the
// kernel drops, because nobody waits for a reply, is not counted.
func BenchmarkDuplicateOfHeldRequest(b *testing.B) {
	hold := func(ctx context.Context, _ *server.Request) (*radius.Packet, error) {
		<-ctx.Done()
		return nil, nil
	}
	benchmark(b, hold, "127.0.0.1:0", load{Signed: true, Again: true})
}

// benchmark serves b.N datagrams. The ballast stands for the records, held logins and
// replies of a server at work: with an empty heap the garbage collector would run all the
// time.
func benchmark(b *testing.B, h handler, bind string, l load) {
	ballast := make([]byte, 64<<20)
	conn, err := net.ListenPacket("udp4", bind)
	if err != nil {
		b.Fatal(err)
	}
	_, l.Port, _ = net.SplitHostPort(conn.LocalAddr().String())
	l.Datagrams = b.N
	registry := prometheus.NewRegistry()
	s := &server.Server{Handler: h, Clients: loopback(b), Drain: -1, Metrics: server.NewMetrics(registry)}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.Serve(ctx, conn); err != nil {
			b.Error(err)
		}
	})
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	l.run(b)
	took := cpuTime(b) - before
	b.StopTimer()
	cancel()
	group.Wait()
	b.ReportMetric(float64(took)/float64(received(b, registry)), "cpu-ns/op")
	runtime.KeepAlive(ballast)
}

// received returns how many requests and retransmissions have come.
func received(b *testing.B, registry *prometheus.Registry) (n int) {
	for _, line := range counted(b, registry) {
		fields := strings.Fields(line)
		if fields[0] == "requests" || fields[0] == "retransmissions" {
			k, _ := strconv.ParseFloat(fields[2], 64)
			n += int(k)
		}
	}
	return n
}

func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// A load says what the other process sends.
type load struct {
	Port      string
	Datagrams int
	Signed    bool // with Message-Authenticator
	Wait      bool // for the replies, before the next requests
	Again     bool // the same datagrams again and again
}

const (
	loadSockets = 8
	loadWindow  = 64 // requests in flight on each
)

// run starts the other process, which is this program again (see TestMain), and waits for it.
func (l load) run(b *testing.B) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RADIUS_LOAD="+strings.Join([]string{l.Port, strconv.Itoa(l.Datagrams),
		strconv.FormatBool(l.Signed), strconv.FormatBool(l.Wait), strconv.FormatBool(l.Again)}, " "))
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("load: %v\n%s", err, out)
	}
}

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv("RADIUS_LOAD")); len(args) > 0 {
		l := load{Port: args[0], Signed: args[2] == "true", Wait: args[3] == "true", Again: args[4] == "true"}
		l.Datagrams, _ = strconv.Atoi(args[1])
		if err := l.sendAll(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// sendAll is the other process.
func (l load) sendAll() error {
	var group errgroup.Group
	for i := range loadSockets {
		share := (l.Datagrams + i) / loadSockets
		group.Go(func() error { return l.send(share) })
	}
	return group.Wait()
}

// send sends datagrams from one socket.
func (l load) send(datagrams int) error {
	conn, err := net.Dial("udp4", "127.0.0.1:"+l.Port)
	if err != nil {
		return err
	}
	defer conn.Close()
	batch := ipv4.NewPacketConn(conn.(*net.UDPConn))
	in := make([]ipv4.Message, loadWindow)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, 4096)}
	}
	var out []ipv4.Message
	for identifier := byte(0); datagrams > 0; datagrams -= len(out) {
		if out == nil || !l.Again {
			out = nil
			for range min(loadWindow, datagrams) {
				identifier++
				request, err := l.request(identifier)
				if err != nil {
					return err
				}
				out = append(out, ipv4.Message{Buffers: [][]byte{request}})
			}
		}
		for sent := 0; sent < len(out); {
			n, err := batch.WriteBatch(out[sent:], 0)
			if err != nil {
				return err
			}
			sent += n
		}
		for got := 0; l.Wait && got < len(out); {
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			n, err := batch.ReadBatch(in, 0)
			if err != nil {
				return fmt.Errorf("%d replies are missing: %w", len(out)-got, err)
			}
			got += n
		}
	}
	return nil
}

// request returns what a VPN concentrator might send.
func (l load) request(identifier byte) ([]byte, error) {
	p := radius.New(radius.CodeAccessRequest, []byte(secret))
	p.Identifier = identifier
	_, _ = rand.Read(p.Authenticator[:])
	_ = rfc2865.UserName_SetString(p, "alice@example.com")
	_ = rfc2865.UserPassword_SetString(p, "123456")
	_ = rfc2865.NASIPAddress_Set(p, net.IPv4(192, 0, 2, 1))
	_ = rfc2865.NASPort_Set(p, 7)
	_ = rfc2865.CallingStationID_SetString(p, "198.51.100.7")
	_ = rfc2865.NASIdentifier_SetString(p, "vpn1")
	b, err := p.Encode()
	if err == nil && l.Signed {
		b = sign(with(b, "\x50\x12"+string(make([]byte, 16))), secret)
	}
	return b, err
}

// BenchmarkHeldRequest measures the memory that a held request takes, with its goroutine,
// after a handler that has been 6 KB deep: when it waits itself, and when it leaves that to
// Later.
func BenchmarkHeldRequest(b *testing.B) {
	b.Run("in the handler", func(b *testing.B) {
		benchmarkHeld(b, func(ctx context.Context, _ *server.Request, began func()) (*radius.Packet, error) {
			dig(6)
			began()
			<-ctx.Done()
			return nil, nil
		})
	})
	b.Run("in Later", func(b *testing.B) {
		benchmarkHeld(b, func(ctx context.Context, r *server.Request, began func()) (*radius.Packet, error) {
			dig(6)
			r.Later = &server.Later{
				Wait:  func() { began(); <-ctx.Done() },
				Reply: func() (*radius.Packet, error) { return nil, nil },
			}
			return nil, nil
		})
	})
}

//go:noinline
func dig(kilobytes int) byte {
	var b [1024]byte
	_, _ = rand.Read(b[:8])
	if kilobytes > 1 {
		b[1] = dig(kilobytes - 1)
	}
	return b[0] ^ b[1]
}

func benchmarkHeld(b *testing.B, hold func(_ context.Context, _ *server.Request, began func()) (*radius.Packet, error)) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var held atomic.Int64
	s := &server.Server{Clients: loopback(b), Drain: -1, MaxInFlight: b.N, Handler: handler(
		func(ctx context.Context, r *server.Request) (*radius.Packet, error) {
			return hold(ctx, r, func() { held.Add(1) })
		})}
	before := memory()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = s.Serve(ctx, conn) })
	var nas net.Conn
	for i := range b.N {
		if i%256 == 0 { // a socket has 256 identifiers
			if nas, err = net.Dial("udp4", conn.LocalAddr().String()); err != nil {
				b.Fatal(err)
			}
			defer nas.Close()
		}
		request, err := load{Signed: true}.request(byte(i))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = nas.Write(request)
		for i-int(held.Load()) > 100 {
			time.Sleep(time.Millisecond)
		}
	}
	for int(held.Load()) < b.N {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(memory()-before)/float64(b.N), "B/held")
	b.ReportMetric(0, "ns/op")
	cancel()
	group.Wait()
}

// memory returns the bytes in use, stacks included, without garbage.
func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // twice: the first shrinks stacks and leaves what pools had
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
