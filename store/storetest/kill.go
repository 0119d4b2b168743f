package storetest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"radpush/store"
)

func testReopen(t *testing.T, open func(t *testing.T, dir string) store.Backend) {
	dir := t.TempDir()
	for i := range 3 {
		b := open(t, dir)
		if i > 0 {
			want(t, b, "user/alice", strconv.Itoa(i))
			wantMissing(t, b, "user/bob")
		}
		put(t, b, "user/bob", "1")
		if err := b.Update(t.Context(), "user/bob", func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		put(t, b, "user/alice", strconv.Itoa(i+1))
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	killRounds = 5
	counters   = 8
	victimEnv  = "STORETEST_VICTIM"
)

// victimDir returns the directory of the store that this process is to write to until it
// is killed, or "" if it is not such a process.
func victimDir() string { return os.Getenv(victimEnv) }

// count increments counters for ever and says so on standard output after each: "3 17"
// when counter 3 is known to stand at 17.
func count(t *testing.T, b store.Backend) {
	var wg sync.WaitGroup
	for c := range counters {
		wg.Go(func() {
			for {
				var n string
				err := b.Update(t.Context(), counter(c), func(old []byte) ([]byte, error) {
					v, err := increment(old)
					n = string(v)
					return v, err
				})
				if err != nil {
					t.Errorf("update: %v", err)
					return
				}
				fmt.Fprintf(os.Stdout, "%d %s\n", c, n) // one write
			}
		})
	}
	wg.Wait()
}

func counter(c int) string { return "counter/" + strconv.Itoa(c) }

// testKill kills a process that writes, at a random moment, and looks whether what it had
// been told is there, round after round on the same records.
func testKill(t *testing.T, open func(t *testing.T, dir string) store.Backend) {
	dir := t.TempDir()
	var acknowledged [counters]int
	for range killRounds {
		for c, n := range victim(t, dir, 1+rand.N(300)) {
			acknowledged[c] = max(acknowledged[c], n)
		}
		b := open(t, dir)
		for c, n := range acknowledged {
			// At most one more had been committed when it was killed.
			got, _ := strconv.Atoi(get(t, b, counter(c)))
			if got != n && got != n+1 {
				t.Errorf("counter %d stands at %d, but %d was acknowledged", c, got, n)
			}
			acknowledged[c] = got
		}
		put(t, b, "after the kill", "1")
		want(t, b, "after the kill", "1")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// victim starts a process that counts in dir, kills it after so many acknowledgments and
// returns the last of each counter.
func victim(t *testing.T, dir string, lines int) (last [counters]int) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^"+parent(t)+"$")
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for in := bufio.NewScanner(out); in.Scan(); n++ {
		if n == lines {
			cmd.Process.Kill()
		}
		var c, v int
		if _, err := fmt.Sscanf(in.Text(), "%d %d", &c, &v); err != nil || c >= counters {
			t.Errorf("the process said %q", in.Text())
			continue
		}
		last[c] = max(last[c], v)
	}
	cmd.Wait() // it was killed: its status says nothing
	if n < lines {
		t.Fatalf("the process ended by itself after %d acknowledgments", n)
	}
	return last
}

// parent returns the name of the test that called Run.
func parent(t *testing.T) string {
	name := t.Name()
	return name[:len(name)-len("/Kill")]
}
