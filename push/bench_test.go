package push_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"radpush/push"
	"radpush/store/bolt"
)

// cpu returns what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func boltServer(b *testing.B) *server {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	s := newServer(db)
	b.Cleanup(func() {
		s.Close()
		db.Close()
	})
	return s
}

// parallel calls fn for 0 to n-1 from 256 goroutines.
func parallel(n int, fn func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, 256) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				fn(int(i))
			}
		})
	}
	all.Wait()
}

// memory returns the heap and the stacks in use after the collector has shrunk them.
func memory() (heap, stacks uint64) {
	for range 6 { // a stack is halved at each collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse, m.StackInuse
}

// BenchmarkHeld measures what a login costs that waits for its user: goroutine, stack,
// timer and watch, and what is left of what has rung the user.
func BenchmarkHeld(b *testing.B) {
	for name, c := range map[string]struct {
		at    push.Address
		bells push.Bells
	}{
		"asks": {},
		"rung": {at: push.Address{Service: "apns", Token: "x"}},
		"bell": {bells: new(belfry)},
	} {
		b.Run(name, func(b *testing.B) { benchmarkHeld(b, c.at, c.bells) })
	}
}

func benchmarkHeld(b *testing.B, at push.Address, bells push.Bells) {
	const held = 100_000
	s := boltServer(b)
	s.Bells = bells
	_, spki := newKey(b)
	user := func(i int) string { return fmt.Sprint("user", i) }
	parallel(held, func(i int) {
		d := push.Device{User: user(i), Name: "phone", Kind: "native", Key: spki, Address: at}
		if _, err := s.AddDevice(context.Background(), d); err != nil {
			b.Error(err)
		}
	})
	heap, stacks := memory()
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	began, used := time.Now(), cpu()
	parallel(held, func(i int) {
		q := question()
		q.User, q.Expires = user(i), time.Now().Add(time.Hour)
		p, err := s.Begin(ctx, q)
		if err != nil {
			b.Error(err)
			return
		}
		all.Go(func() {
			p.Wait()
			if _, err := p.End(); !errors.Is(err, context.Canceled) {
				b.Error(err)
			}
		})
	})
	b.ReportMetric(float64(cpu()-used)/held, "cpu-ns/ask")
	b.ReportMetric(held/time.Since(began).Seconds(), "ask/s")
	heap2, stacks2 := memory()
	b.ReportMetric(float64(heap2-heap)/held, "heap-B/held")
	b.ReportMetric(float64(stacks2-stacks)/held, "stack-B/held")
	stop()
	all.Wait()
	b.ReportMetric(0, "ns/op") // once, whatever b.N
}

// openChallenges makes challenges and leaves them open.
func openChallenges(b *testing.B, s *server, n int) ([]push.Challenge, phone) {
	p := s.enrol(b, "alice", "")
	open := make([]push.Challenge, n)
	parallel(n, func(i int) {
		open[i] = push.Challenge{ID: fmt.Sprintf("CHALLENGE%017d", i), User: "alice", Shown: make([]byte, 200),
			Created: time.Now(), Expires: time.Now().Add(time.Hour)}
		err := s.Challenges.Update(context.Background(), open[i].ID, func(*push.Challenge) (*push.Challenge, error) { return &open[i], nil })
		if err != nil {
			b.Error(err)
		}
	})
	return open, p
}

func BenchmarkCheck(b *testing.B) {
	s := boltServer(b)
	open, p := openChallenges(b, s, 1)
	a := p.sign(open[0], push.Approved)
	b.ReportAllocs()
	used := cpu()
	for b.Loop() {
		if _, _, err := s.Check(context.Background(), a); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
}

// BenchmarkDecide is with 256 devices that answer at once.
func BenchmarkDecide(b *testing.B) {
	s := boltServer(b)
	open, p := openChallenges(b, s, b.N)
	a := p.sign(open[0], push.Approved)
	b.ReportAllocs()
	runtime.GC()
	b.ResetTimer()
	used := cpu()
	parallel(b.N, func(i int) {
		a := a
		a.Challenge = open[i].ID
		if r, err := s.Decide(context.Background(), a); r != push.Accepted || err != nil {
			b.Error(r, err)
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
}
