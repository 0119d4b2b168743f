package bolt_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"radpush/store/bolt"
)

// A backup is the store at one moment, and however slow its writer is it holds up nobody.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "db"))
	write(t, db, 1000)
	copied := new(bytes.Buffer)
	n, err := db.WriteTo(writerFunc(func(b []byte) (int, error) {
		if copied.Len() < 1<<16 { // in the middle
			write(t, db, 1000)
			if err := db.Update(t.Context(), "late", touch); err != nil {
				t.Error(err)
			}
		}
		return copied.Write(b)
	}))
	if err != nil || n != int64(copied.Len()) {
		t.Fatalf("%d of %d bytes, error %v", n, copied.Len(), err)
	}
	path := filepath.Join(dir, "backup")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	backup := open(t, path)
	seen := 0
	for e, err := range backup.Scan(t.Context(), "") {
		if err != nil || e.Key != key(seen) || e.Value[7] != 1 {
			t.Fatalf("%q counts %d, error %v", e.Key, e.Value[7], err)
		}
		seen++
	}
	if seen != 1000 {
		t.Errorf("%d records", seen)
	}
}

func TestBackupErrors(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "db"))
	full := errors.New("full")
	if _, err := db.WriteTo(writerFunc(func([]byte) (int, error) { return 0, full })); err == nil {
		t.Error("an error of the writer is lost")
	}
	db.Close()
	if _, err := db.WriteTo(new(bytes.Buffer)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// An update that changes nothing does not touch the file.
func TestUnchangedIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := open(t, path)
	write(t, db, 100)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same := func(db *bolt.DB, key string) {
		err := db.Update(t.Context(), key, func(old []byte) ([]byte, error) { return bytes.Clone(old), nil })
		if err != nil {
			t.Error(err)
		}
	}
	same(db, key(1))
	same(db, "missing")
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, error %v", err)
	}
}
