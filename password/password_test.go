package password

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPassword_3_5_HashVerifiesItsTextOnly(t *testing.T) {
	var h Hasher
	hash, err := h.Hash(t.Context(), "4711")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, "4711") {
		t.Errorf("hash %q", hash)
	}
	for text, want := range map[string]bool{"4711": true, "4712": false, "": false, "4711\x00": false, "47 11": false} {
		if got, err := h.Verify(t.Context(), hash, text); got != want || err != nil {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	if again, _ := h.Hash(t.Context(), "4711"); again == hash {
		t.Error("two hashes of a text are equal: they have one salt")
	}
}

// Who is not there costs as much as who is, and has no password that is right.
func TestPassword_7_3_EmptyHashIsNeverRight(t *testing.T) {
	var h Hasher
	for _, text := range []string{"", "4711"} {
		if ok, err := h.Verify(t.Context(), "", text); ok || err != nil {
			t.Errorf("%q: %v, %v", text, ok, err)
		}
	}
	if i, err := h.Find(t.Context(), nil, ""); i != -1 || err != nil {
		t.Errorf("none of no hashes: %d, %v", i, err)
	}
	if n := computations(func() { h.Verify(t.Context(), "", "4711") }); n != 1 {
		t.Errorf("%d computations for nobody, want 1", n)
	}
	if n := computations(func() { h.Find(t.Context(), nil, "4711") }); n != 1 {
		t.Errorf("%d computations among no hashes, want 1", n)
	}
}

func TestPassword_4_3_FindsACodeAmongMany(t *testing.T) {
	var h Hasher
	codes := []string{"k7f2-9qmd", "x4tw-3hzc", "p8rn-6vbj"}
	hashes, err := h.HashAll(t.Context(), codes)
	if err != nil {
		t.Fatal(err)
	}
	salts := make(map[string]bool)
	for _, hash := range hashes {
		salts[strings.Split(hash, "$")[4]] = true
	}
	if len(hashes) != len(codes) || len(salts) != 1 {
		t.Fatalf("%d hashes with %d salts, want %d with 1", len(hashes), len(salts), len(codes))
	}
	alone, err := h.Hash(t.Context(), "alone")
	if err != nil {
		t.Fatal(err)
	}
	hashes = append(hashes, alone, hashes[1]) // another salt; a second "x4tw-3hzc"
	for i, text := range append(slices.Clone(codes), "alone") {
		if got, err := h.Find(t.Context(), hashes, text); got != i || err != nil {
			t.Errorf("%q: %d, %v, want %d", text, got, err, i)
		}
	}
	if got, err := h.Find(t.Context(), hashes, "k7f2-9qme"); got != -1 || err != nil {
		t.Errorf("a wrong code: %d, %v", got, err)
	}
	if got, err := h.Find(t.Context(), append(hashes, "broken"), codes[0]); got != -1 || err == nil {
		t.Errorf("with a broken hash: %d, %v", got, err)
	}
}

func TestPassword_4_3_OneComputationForOneSalt(t *testing.T) {
	var h Hasher
	hashes, err := h.HashAll(t.Context(), strings.Fields("0 1 2 3 4 5 6 7 8 9"))
	if err != nil {
		t.Fatal(err)
	}
	var found int
	if n := computations(func() { found, err = h.Find(t.Context(), hashes, "9") }); n != 1 || found != 9 || err != nil {
		t.Errorf("%d computations, found %d, %v; want 1 and 9", n, found, err)
	}
}

// computations tells by the memory that they take how many hashes f computes.
func computations(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(standard.memory<<10)
}

func TestHasherTakesTurns(t *testing.T) {
	for _, tt := range []struct {
		hasher *Hasher
		atOnce int
	}{{new(Hasher), 2}, {&Hasher{AtOnce: 5, Queue: 100}, 5}, {&Hasher{AtOnce: -1}, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var running, most int
			count := func(n int) {
				mu.Lock()
				running += n
				most = max(most, running)
				mu.Unlock()
			}
			const callers = 60
			start := time.Now()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					done, err := tt.hasher.turn(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					count(1)
					time.Sleep(time.Second) // a computation
					count(-1)
					done()
				})
			}
			wg.Wait()
			if most != tt.atOnce || time.Since(start) != callers/time.Duration(tt.atOnce)*time.Second {
				t.Errorf("%d at once, %v for %d callers; want %d at once", most, time.Since(start), callers, tt.atOnce)
			}
		})
	}
}

func TestHasherTurnsAwayWhoCannotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hasher{AtOnce: 1, Queue: 3}
		done := hold(t, h)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if done, err := h.turn(t.Context()); err != nil {
					t.Error(err)
				} else {
					done()
				}
			})
		}
		synctest.Wait()
		hash := standard.format(make([]byte, 32))
		for name, call := range map[string]func() error{
			"Hash":    func() error { _, err := h.Hash(t.Context(), "1"); return err },
			"HashAll": func() error { _, err := h.HashAll(t.Context(), []string{"1", "2"}); return err },
			"Verify":  func() error { _, err := h.Verify(t.Context(), hash, "1"); return err },
			"Find":    func() error { _, err := h.Find(t.Context(), nil, "1"); return err },
		} {
			if err := call(); !errors.Is(err, ErrBusy) {
				t.Errorf("%s beside a full queue: %v", name, err)
			}
		}
		done()
		wg.Wait()
		hold(t, h)() // and there is room again
	})
}

func TestHasherWaitingEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hasher{AtOnce: 1, Queue: 1}
		done := hold(t, h)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := h.Hash(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if time.Since(start) != 3*time.Second {
			t.Errorf("after %v", time.Since(start))
		}
		done()
		hold(t, h)() // who gave up has left neither the queue nor a turn in use
		if _, err := h.Hash(ctx, "1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a hash for nobody: %v", err)
		}
		if _, err := h.Find(ctx, nil, "1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a search for nobody: %v", err)
		}
	})
}

func TestHasherWithoutQueue(t *testing.T) {
	h := &Hasher{AtOnce: 1, Queue: -1}
	defer hold(t, h)()
	if _, err := h.Hash(t.Context(), "1"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}

func hold(t *testing.T, h *Hasher) (done func()) {
	t.Helper()
	done, err := h.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}
