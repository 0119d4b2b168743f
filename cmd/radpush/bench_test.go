package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	wire "layeh.com/radius"

	"radpush/login"
	"radpush/otp"
	"radpush/push"
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
	cfg     *Config
	metrics *prometheus.Registry
	users   int // made so far
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
	yaml := fmt.Sprintf("state: state\nlisten: [\"127.0.0.1:%d\"]\naccounting: []\nweb: {listen: \"127.0.0.1:0\"}\npush: {hold: 5m}\nclients: [{name: bench, address: 127.0.0.0/8, secret: %s}]\n", port, benchSecret)
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
	metrics := prometheus.NewRegistry()
	server, err := core.radius(cfg, metrics, log)
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
	return &bench{core: core, cfg: cfg, metrics: metrics}
}

// addUsers makes n users, each with a token, and returns the number of the first.
func (s *bench) addUsers(b *testing.B, n int) (first int) {
	b.Helper()
	first, s.users = s.users, s.users+n
	parallel(n, func(i int) {
		i += first
		u := login.User{Name: benchUser(i), Added: time.Now().Unix(), Tokens: []otp.Token{benchToken(i)}}
		err := s.engine.Users.Update(b.Context(), benchUser(i), func(*login.User) (*login.User, error) { return &u, nil })
		if err != nil {
			b.Error(err)
		}
	})
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

// A hundred thousand logins that wait for their users, in the whole process: the request,
// its place in the duplicate table, goroutine and stack, watch and timer. Bbolt's file is
// mapped and counts in rss-MB only.
func BenchmarkHeld(b *testing.B) {
	const held = 100_000
	s := newBench(b)
	s.addUsers(b, held)
	s.addDevices(b, held)
	before := memory()
	sender := newLoader(b)
	l := load{Server: s.cfg.Listen[0], Protocol: "pap", Logins: held, Hold: true}
	for s.inFlight(b) < held { // what the socket had no room for is sent again
		var report loadReport
		if err := errors.Join(sender.in.Encode(l), sender.out.Decode(&report)); err != nil {
			b.Fatal(err)
		}
		for before := 0; ; time.Sleep(time.Second) { // until those that came have all begun to wait
			if now := s.challenges(b); now == before {
				break
			} else {
				before = now
			}
		}
	}
	m := memory()
	b.ReportMetric(float64(m.heap-before.heap)/held, "heap-B/held")
	b.ReportMetric(float64(m.stack-before.stack)/held, "stack-B/held")
	b.ReportMetric(float64(m.heap+m.stack-ballast)/1e6, "heap+stack-MB")
	b.ReportMetric(float64(m.anon)/1e6, "rss-anon-MB")
	b.ReportMetric(float64(m.rss)/1e6, "rss-MB")
	b.ReportMetric(0, "ns/op") // once, whatever b.N
}

// addDevices gives the first n users a device that nobody rings, all with one key.
func (s *bench) addDevices(b *testing.B, n int) *ecdsa.PrivateKey {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		b.Fatal(err)
	}
	parallel(n, func(i int) {
		d := push.Device{ID: benchUser(i) + "/phone", User: benchUser(i), Name: "phone", Kind: "terminal", Key: spki}
		err := s.broker.Devices.Update(b.Context(), d.ID, func(*push.Device) (*push.Device, error) { return &d, nil })
		if err == nil {
			err = s.engine.Users.Update(b.Context(), d.User, func(u *login.User) (*login.User, error) {
				u.Tokens[0].Device = d.ID
				return u, nil
			})
		}
		if err != nil {
			b.Error(err)
		}
	})
	return key
}

// inFlight returns the number of requests in flight.
func (s *bench) inFlight(b *testing.B) (n float64) {
	families, err := s.metrics.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "radpush_radius_requests_in_flight" {
			n += f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return n
}

// challenges returns the number of challenges.
func (s *bench) challenges(b *testing.B) (n int) {
	for _, err := range s.broker.Challenges.All(b.Context(), "") {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}

// parallel calls f for 0 to n-1, many at a time.
func parallel(n int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 512 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// used is the memory in use, in octets.
type used struct{ heap, stack, rss, anon uint64 }

func memory() (u used) {
	for range 4 { // each halves stacks that are too large
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.heap, u.stack = m.HeapAlloc, m.StackInuse
	status, _ := os.ReadFile("/proc/self/status") // zero where there is none
	for line := range strings.Lines(string(status)) {
		var kb uint64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			u.rss = kb << 10
		} else if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kb); n == 1 {
			u.anon = kb << 10
		}
	}
	return u
}

// From the device's answer, its signature still to be verified, to the Access-Accept at
// the NAS, at 1,000 answers a second: what happens behind the HTTPS request.
func BenchmarkApproval(b *testing.B) {
	s := newBench(b)
	n := b.N
	s.addUsers(b, n)
	key := s.addDevices(b, n)
	accepted := s.hold(b, n)
	answers := s.sign(b, key, n)

	asked := make([]time.Time, n) // by user
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var wg sync.WaitGroup
	before := cpu()
	b.ResetTimer()
	for i, a := range answers {
		<-tick.C
		wg.Go(func() {
			user := a.user
			a.Answer.At, asked[user] = time.Now(), time.Now()
			token := benchToken(user)
			a.Answer.OTP = token.Code(token.Step(a.Answer.At))
			if r, err := s.engine.Answer(b.Context(), a.Answer); r != push.Accepted || err != nil {
				b.Errorf("answer %d: %s %v", i, r, err)
			}
		})
	}
	wg.Wait()
	took := make([]time.Duration, n)
	for i := range n {
		select {
		case at := <-accepted:
			took[i] = at.time.Sub(asked[at.user])
		case <-time.After(5 * time.Second):
			b.Fatalf("%d of %d accepted", i, n)
		}
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(n), "cpu-us/op")
	b.ReportMetric(float64(took[n/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(took[n*99/100].Microseconds())/1e3, "p99-ms")
	b.ReportMetric(float64(took[n-1].Microseconds())/1e3, "max-ms")
	b.ReportMetric(0, "ns/op") // 1 ms, by the ticker
}

// An arrival is an Access-Accept at the NAS.
type arrival struct {
	user int
	time time.Time
}

// hold sends the first n users' logins, and returns when they are held. The channel
// receives the Access-Accepts as they arrive.
func (s *bench) hold(b *testing.B, n int) <-chan arrival {
	b.Helper()
	arrivals := make(chan arrival, n)
	l := load{Server: s.cfg.Listen[0], Protocol: "pap"}
	for first := 0; first < n; first += 256 {
		conn, err := net.Dial("udp", l.Server)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		go func() {
			reply := make([]byte, 4096)
			for {
				if _, err := conn.Read(reply); err != nil {
					return
				}
				if wire.Code(reply[0]) == wire.CodeAccessAccept {
					arrivals <- arrival{first + int(reply[1]), time.Now()}
				}
			}
		}()
		for i := first; i < min(n, first+256); i++ {
			request, err := l.request(i)
			if err != nil {
				b.Fatal(err)
			}
			setIdentifier(request, byte(i-first))
			if _, err := conn.Write(request); err != nil {
				b.Fatal(err)
			}
		}
		for s.inFlight(b) < float64(min(n, first+256)) {
			time.Sleep(time.Millisecond)
		}
	}
	return arrivals
}

// A signed is an answer that lacks its time and its one-time password.
type signed struct {
	push.Answer
	user int
}

// sign returns an approval for each of n open challenges.
func (s *bench) sign(b *testing.B, key *ecdsa.PrivateKey, n int) (answers []signed) {
	b.Helper()
	for len(answers) < n { // a request is in flight a little before its challenge is there
		answers = answers[:0]
		for c, err := range s.broker.Challenges.All(b.Context(), "") {
			if err != nil {
				b.Fatal(err)
			}
			sum := sha256.Sum256(push.Statement(c.ID, push.Approved, "", c.Shown))
			signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
			if err != nil {
				b.Fatal(err)
			}
			user, err := strconv.Atoi(strings.TrimPrefix(c.User, "user-"))
			if err != nil {
				b.Fatal(err)
			}
			answers = append(answers, signed{user: user, Answer: push.Answer{Challenge: c.ID, Device: c.User + "/phone",
				Decision: push.Approved, Signature: signature}})
		}
	}
	return answers
}
