//go:build unix

package password

import (
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

func BenchmarkHash(b *testing.B) {
	var h Hasher
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "4711"); err != nil {
			b.Fatal(err)
		}
	}
}

// Ten backup codes, the last of which is right.
func BenchmarkFind(b *testing.B) {
	var h Hasher
	texts := make([]string, 10)
	for i := range texts {
		texts[i] = strconv.Itoa(i)
	}
	hashes, err := h.HashAll(b.Context(), texts)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if i, err := h.Find(b.Context(), hashes, "9"); i != 9 || err != nil {
			b.Fatal(i, err)
		}
	}
}

// Eight callers at once: what AtOnce bounds is the memory and the cores that they take
// together. Garbage counts as memory until it is collected.
func BenchmarkEightCallers(b *testing.B) {
	for _, atOnce := range []int{1, 2, 8} {
		b.Run("AtOnce="+strconv.Itoa(atOnce), func(b *testing.B) {
			h := &Hasher{AtOnce: atOnce}
			hash, err := h.Hash(b.Context(), "4711")
			if err != nil {
				b.Fatal(err)
			}
			runtime.GC()
			stop := make(chan struct{})
			peak := make(chan uint64)
			go func() { peak <- watch(stop) }()
			start, cpu := time.Now(), cpuTime()
			for b.Loop() {
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						if ok, err := h.Verify(b.Context(), hash, "4711"); !ok || err != nil {
							b.Error(ok, err)
						}
					})
				}
				wg.Wait()
			}
			took, used := time.Since(start), cpuTime()-cpu
			close(stop)
			b.ReportMetric(float64(<-peak)/(1<<20), "peak-MiB")
			b.ReportMetric(float64(used)/float64(took), "cores")
		})
	}
}

// watch returns the most memory that objects take until stop.
func watch(stop <-chan struct{}) (peak uint64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		metrics.Read(heap)
		peak = max(peak, heap[0].Value.Uint64())
		select {
		case <-stop:
			return peak
		case <-time.After(time.Millisecond):
		}
	}
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
