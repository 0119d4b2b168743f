package bolt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"

	"radpush/store/bolt"
)

func TestOpenMakesAFileForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := open(t, path)
	synctest.Test(t, func(t *testing.T) { // for it waits
		if _, err := bolt.Open(path); !errors.Is(err, bolt.ErrLocked) {
			t.Errorf("got error %v, want ErrLocked", err)
		}
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestOpenErrorsOfTheSystem(t *testing.T) {
	if _, err := bolt.Open(filepath.Join(t.TempDir(), "no", "db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such directory: %v", err)
	}
	if _, err := bolt.Open(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}

// A file that is something else is refused and left as it is.
func TestOpenSomethingElse(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	b, err := bbolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("mail"))
		return err
	})
	if err != nil || b.Close() != nil {
		t.Fatal(err)
	}
	another, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"one byte":              {0},
		"text":                  []byte(strings.Repeat("listen: 0.0.0.0:1812\n", 3000)),
		"zeros":                 make([]byte, 1<<16),
		"bbolt file of another": another,
	} {
		refused(t, name, content)
	}
}

// page is a page of bbolt's file: an id (8 bytes), flags (2) that say its kind, the count
// of its elements (2), and more.
type page []byte

const (
	pageSize     = 4096
	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
)

func (p page) kind() uint16        { return binary.NativeEndian.Uint16(p[8:]) }
func (p page) setKind(kind uint16) { binary.NativeEndian.PutUint16(p[8:], kind) }

// damages are things that happen to files. The pages 0 and 1 are the meta pages.
var damages = map[string]func(file []byte) []byte{
	"cut after 100 pages": func(f []byte) []byte { return f[:100*pageSize] },
	"cut in a page":       func(f []byte) []byte { return f[:5*pageSize+100] },
	"cut after one page":  func(f []byte) []byte { return f[:pageSize] },
	"cut in one page":     func(f []byte) []byte { return f[:10] },
	"meta pages": func(f []byte) []byte {
		f[60] ^= 1 // in what the checksum covers
		f[pageSize+60] ^= 1
		return f
	},
	"no data":    func(f []byte) []byte { clear(f[2*pageSize:]); return f },
	"branches":   eachPage(branchPage, func(p page) { p.setKind(0xffff) }),
	"leaves":     eachPage(leafPage, func(p page) { p.setKind(0) }),
	"free list":  eachPage(freelistPage, func(p page) { p.setKind(0) }),
	"page ids":   eachPage(leafPage, func(p page) { p[3] ^= 0x40 }),
	"key places": eachPage(leafPage, func(p page) { p[16+4+2] ^= 0x7f }), // far outside the page
	"key order":  eachPage(leafPage, func(p page) { copy(p[16:32], p[32:48]) }),
	"children":   eachPage(branchPage, func(p page) { p[16+8+4] ^= 0x01 }),
}

func eachPage(kind uint16, do func(p page)) func(file []byte) []byte {
	return func(file []byte) []byte {
		for i := 2 * pageSize; i+pageSize <= len(file); i += pageSize {
			if p := page(file[i : i+pageSize]); p.kind() == kind {
				do(p)
			}
		}
		return file
	}
}

func TestOpenDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	write(t, open(t, path), 3000)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			file := damage(bytes.Clone(whole))
			if bytes.Equal(file, whole) {
				t.Fatal("nothing was damaged")
			}
			refused(t, name, file)
		})
	}
}

// refused fails the test if a file can be opened, or is changed by the attempt.
func refused(t *testing.T, name string, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path)
	switch {
	case err == nil:
		t.Errorf("%s: opened", name)
		db.Close()
	case !strings.Contains(err.Error(), "backup") && !strings.Contains(err.Error(), "another program"):
		t.Errorf("%s: error %q does not say what to do", name, err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(content, after) {
		t.Errorf("%s: the file was changed, error %v", name, err)
	}
}

// What is damaged while the store is open are errors to those who come across it, and
// nothing is written any more.
func TestDamagedWhileOpen(t *testing.T) {
	for name, damage := range damages {
		if strings.HasPrefix(name, "meta") || strings.HasPrefix(name, "cut ") && name != "cut after 100 pages" {
			continue // no page is left to begin at: bbolt cannot be helped
		}
		if name == "free list" || name == "key order" {
			continue // the one is in memory, the other hides keys and is no error
		}
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			db := open(t, path)
			write(t, db, 3000)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file = damage(file)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := errors.Join(f.Truncate(int64(len(file))), writeAt(f, file[2*pageSize:], 2*pageSize)); err != nil {
				t.Fatal(err)
			}

			failed := 0
			for _, err := range db.Scan(t.Context(), "") {
				if err != nil {
					failed++
				}
			}
			if failed != 1 {
				t.Errorf("scan yielded %d errors", failed)
			}
			errs := make([]error, 3000)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { errs[i] = db.Update(t.Context(), key(i), touch) })
			}
			wg.Wait()
			if err := errors.Join(errs...); err == nil {
				t.Error("all updates succeeded")
			}
		})
	}
}

func writeAt(f *os.File, b []byte, off int64) error {
	_, err := f.WriteAt(b, off)
	return err
}

func key(i int) string { return fmt.Sprintf("user/%06d", i) }

// write puts n records of 300 bytes and waits for them.
func write(t testing.TB, db *bolt.DB, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for g := range 100 {
		wg.Go(func() {
			for i := g; i < n; i += 100 {
				if err := db.Update(context.Background(), key(i), touch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// touch counts in a record of 300 bytes, as a login does.
func touch(old []byte) ([]byte, error) {
	v := make([]byte, 300)
	copy(v, old)
	binary.BigEndian.PutUint64(v, binary.BigEndian.Uint64(v)+1)
	return v, nil
}
