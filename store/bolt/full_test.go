//go:build unix

package bolt_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

const fullEnv = "BOLT_TEST_FULL"

// When the disk is full updates fail, reads go on, and what was acknowledged is kept;
// when there is room again updates succeed.
//
// A limit to the size of files stands for the end of the disk, set in a process of its
// own.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(fullEnv); dir != "" {
		fillDisk(t, dir)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(exe, "-test.run=^TestDiskFull$", "-test.v")
	cmd.Env = append(os.Environ(), fullEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestDiskFull") {
		t.Fatalf("%v\n%s", err, out)
	}
	intact(t, filepath.Join(dir, "db"))
	db := open(t, filepath.Join(dir, "db"))
	for in := bufio.NewScanner(strings.NewReader(string(out))); in.Scan(); {
		if key, ok := strings.CutPrefix(in.Text(), "wrote "); ok {
			if _, err := db.Get(t.Context(), key); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

// intact lets bbolt check its file.
func intact(t *testing.T, path string) {
	t.Helper()
	b, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		return nil
	})
}

func fillDisk(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ) // writing beyond the limit is EFBIG, then
	path := filepath.Join(dir, "db")
	db := open(t, path)
	write(t, db, 500)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for round, size := range []uint64{
		1 << 20,                     // less than the file has been extended to: a page cannot be written
		uint64(info.Size()) + 1<<20, // more: it cannot be extended
	} {
		limit(t, size)
		var mu sync.Mutex
		var wrote []string
		var failed error
		var wg sync.WaitGroup
		for g := range 20 {
			wg.Go(func() {
				for i := range 10000 {
					key := fmt.Sprintf("round %d/%d/%d", round, g, i)
					err := db.Update(t.Context(), key, func([]byte) ([]byte, error) { return make([]byte, 10000), nil })
					mu.Lock()
					if err == nil {
						wrote = append(wrote, key)
					} else {
						failed = err
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		wg.Wait()
		if failed == nil {
			t.Fatal("the disk did not fill")
		}
		if len(wrote) == 0 {
			t.Errorf("limit %d: nothing was written before %v", size, failed)
		}
		for _, key := range wrote {
			if _, err := db.Get(t.Context(), key); err != nil {
				t.Errorf("reading while the disk is full: %v", err)
			}
			fmt.Println("wrote", key)
		}
		if db.Err() == nil {
			// A commit that needed no more room may have followed the one that failed.
			err := db.Update(t.Context(), "large", func([]byte) ([]byte, error) { return make([]byte, 1<<20), nil })
			if err == nil || db.Err() == nil {
				t.Errorf("a large value: %v, Err: %v", err, db.Err())
			}
		}
		limit(t, unix.RLIM_INFINITY)
		for deadline := time.Now().Add(time.Minute); db.Err() != nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("there is room again, but %v", db.Err())
			}
		}
		write(t, db, 500)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// limit sets how large a file this process may write.
func limit(t *testing.T, size uint64) {
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}); err != nil {
		t.Fatal(err)
	}
}
