package main

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"radpush/login"
	"radpush/otp"
)

// The benchmarks of a whole login, datagram to datagram, on a real bbolt file. A second
// process sends, so that cpu-us/login is the server's alone: user and system time of this
// process, by getrusage. The number of logins is a benchmark's b.N: use -benchtime 100000x
// for figures to compare.

const benchSecret = "a secret for benchmarks"

func benchUser(i int) string { return "user-" + strconv.Itoa(i) }

// benchToken returns the token of a user; the second process knows it too.
func benchToken(i int) otp.Token {
	secret := binary.BigEndian.AppendUint64(make([]byte, 12), uint64(i))
	return otp.Token{ID: "app", Secret: base32.StdEncoding.EncodeToString(secret), Digits: 6, Period: 30 * time.Second}
}

// A bench is a server under a benchmark.
type bench struct {
	*core
	cfg   *Config
	users int // made so far
}

// newBench starts a server on a new store.
func newBench(b *testing.B) *bench {
	b.Helper()
	dir := b.TempDir()
	port, err := freePort("udp")
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(dir, "radpush.yaml")
	yaml := fmt.Sprintf("state: state\nlisten: [\"127.0.0.1:%d\"]\nclients: [{name: bench, address: 127.0.0.1, secret: %s}]\n", port, benchSecret)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, err := LoadConfig(file)
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	core, err := openCore(cfg, log)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	server, err := core.radius(cfg, prometheus.NewRegistry(), log)
	if err != nil {
		b.Fatal(err)
	}
	l, err := listen(ctx, cfg)
	if err != nil {
		b.Fatal(err)
	}
	go func() { ended <- server.Serve(ctx, l.logins[0]) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		core.close(log)
	})
	return &bench{core: core, cfg: cfg}
}

// addUsers makes n users, each with a token, and returns the number of the first.
func (s *bench) addUsers(b *testing.B, n int) (first int) {
	b.Helper()
	first, s.users = s.users, s.users+n
	each := make(chan int)
	var wg sync.WaitGroup
	for range 512 {
		wg.Go(func() {
			for i := range each {
				u := login.User{Name: benchUser(i), Created: time.Now(), Tokens: []otp.Token{benchToken(i)}}
				err := s.engine.Users.Update(b.Context(), benchUser(i), func(*login.User) (*login.User, error) { return &u, nil })
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range n {
		each <- first + i
	}
	close(each)
	wg.Wait()
	return first
}

// A loader is the second process.
type loader struct {
	in  *json.Encoder
	out *json.Decoder
}

func newLoader(b *testing.B) *loader {
	b.Helper()
	c := exec.Command("radpush-load") // this program: see TestMain
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		if err := c.Wait(); err != nil {
			b.Error(err)
		}
	})
	return &loader{json.NewEncoder(in), json.NewDecoder(out)}
}

// cpu returns the user and system time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkLogins(b *testing.B, l load) {
	const others = 10_000 // users who are in the store and do not log in
	s := newBench(b)
	s.addUsers(b, others)
	l.First = s.addUsers(b, b.N)
	l.Server, l.Logins = s.cfg.Listen[0], b.N
	sender := newLoader(b)
	var report loadReport
	before := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	if err := sender.in.Encode(l); err != nil {
		b.Fatal(err)
	}
	if err := sender.out.Decode(&report); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	used := cpu() - before
	if report.Accepted != b.N {
		b.Errorf("%d of %d logins accepted, %d rejected", report.Accepted, b.N, report.Rejected)
	}
	b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(b.N), "cpu-us/login")
	b.ReportMetric(float64(b.N)/report.Took.Seconds(), "logins/s")
	b.ReportMetric(float64(report.Resent)/float64(b.N), "resent/login")
	b.ReportMetric(0, "ns/op") // it has the time in which the second process prepares
}

// A login by a code: the counter used up and the activity row are on the disk before the
// Access-Accept.
func BenchmarkLoginOTP(b *testing.B) {
	for _, inFlight := range []int{1, 256, 2048} {
		for _, protocol := range []string{"pap", "mschapv2"} {
			b.Run(fmt.Sprintf("%s/in-flight=%d", protocol, inFlight), func(b *testing.B) {
				benchmarkLogins(b, load{Protocol: protocol, Code: true, InFlight: inFlight})
			})
		}
	}
}
