package bolt_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"radpush/store/bolt"
)

const users = 10_000

// openBench returns a store of users, 300 bytes each.
func openBench(b *testing.B) *bolt.DB {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	var wg sync.WaitGroup
	for g := range 100 {
		wg.Go(func() {
			for i := g; i < users; i += 100 {
				if err := db.Update(context.Background(), userKey(i), touch); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return db
}

func userKey(i int) string { return fmt.Sprintf("user/%08x", uint32(i)*2654435761) }

func rowKey() string {
	return "activity/" + strconv.FormatUint(^uint64(time.Now().UnixNano()), 16) + "-" + strconv.FormatUint(rand.Uint64(), 36)
}

func putRow(db *bolt.DB) error {
	row := make([]byte, 200)
	return db.Update(context.Background(), rowKey(), func([]byte) ([]byte, error) { return row, nil })
}

// cpu returns what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run shares b.N calls among goroutines.
func run(b *testing.B, goroutines int, op func() error) {
	b.ReportAllocs()
	var n atomic.Int64
	var wg sync.WaitGroup
	runtime.GC()
	b.ResetTimer()
	start := cpu()
	for range goroutines {
		wg.Go(func() {
			for n.Add(1) <= int64(b.N) {
				if err := op(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

func BenchmarkGet(b *testing.B) {
	db := openBench(b)
	keys := make([]string, users)
	for i := range keys {
		keys[i] = userKey(i)
	}
	run(b, 2, func() error {
		_, err := db.Get(context.Background(), keys[rand.N(users)])
		return err
	})
}

func BenchmarkUpdate(b *testing.B) {
	for _, g := range []int{1, 256, 4096} {
		b.Run(strconv.Itoa(g), func(b *testing.B) {
			db := openBench(b)
			run(b, g, func() error { return db.Update(context.Background(), userKey(rand.N(users)), touch) })
		})
	}
}

func BenchmarkRow(b *testing.B) {
	for _, g := range []int{1, 256, 4096} {
		b.Run(strconv.Itoa(g), func(b *testing.B) {
			db := openBench(b)
			run(b, g, func() error { return putRow(db) })
		})
	}
}

func BenchmarkLogin(b *testing.B) {
	for _, g := range []int{1, 256, 4096} {
		b.Run(strconv.Itoa(g), func(b *testing.B) {
			db := openBench(b)
			run(b, g, func() error {
				if err := db.Update(context.Background(), userKey(rand.N(users)), touch); err != nil {
					return err
				}
				return putRow(db)
			})
		})
	}
}

// BenchmarkWatch adds 100,000 watches of as many keys, each with a context of its own,
// and reports the memory they take: without the contexts and the keys, which their owners
// have anyway, and the stack of a goroutine that waits.
func BenchmarkWatch(b *testing.B) {
	const n = 100_000
	ctx := make([]context.Context, n)
	keys := make([]string, n)
	for i := range keys {
		c, cancel := context.WithCancel(b.Context())
		defer cancel()
		c.Done()
		ctx[i], keys[i] = c, "challenge/"+strconv.Itoa(i)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		db := open(b, filepath.Join(b.TempDir(), "db"))
		before := heap()
		for i, key := range keys {
			db.Watch(ctx[i], key)
		}
		b.ReportMetric(float64(heap()-before)/n, "B/watch")
	}
}
