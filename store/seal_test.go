package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpush/store"
)

// newSealer returns a Sealer with a key of equal octets.
func newSealer(t testing.TB, octet byte) *store.Sealer {
	t.Helper()
	s, err := store.NewSealer(bytes.Repeat([]byte{octet}, store.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seal(t testing.TB, s *store.Sealer, name, record string) []byte {
	t.Helper()
	b, err := s.Seal(name, []byte(record))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal(t *testing.T) {
	s := newSealer(t, 1)
	for _, record := range []string{"", "seed", strings.Repeat("long", 1000)} {
		one, two := seal(t, s, "user/alice", record), seal(t, s, "user/alice", record)
		if len(one) != len(record)+4+12+16 || bytes.Equal(one, two) {
			t.Errorf("record of %d octets sealed as %x and %x", len(record), one, two)
		}
		for _, b := range [][]byte{one, two} {
			got, err := newSealer(t, 1).Open("user/alice", b)
			if err != nil || string(got) != record {
				t.Errorf("opened as %q, error %v; want %q", got, err, record)
			}
		}
	}
}

// What was sealed with another key or name, or is not what was sealed, is refused by an
// error that shows nothing of it.
func TestSealRefuses(t *testing.T) {
	s := newSealer(t, 1)
	const record = "secret seed"
	b := seal(t, s, "user/alice", record)
	refused := func(what, name string, s *store.Sealer, b []byte) {
		got, err := s.Open(name, b)
		if err != store.ErrSealed || got != nil {
			t.Errorf("%s: opened as %q, error %v", what, got, err)
		}
	}
	refused("another key", "user/alice", newSealer(t, 2), b)
	refused("another name", "user/bob", s, b)
	refused("no name", "", s, b)
	for n := range len(b) {
		refused("truncated", "user/alice", s, b[:n])
	}
	refused("longer", "user/alice", s, append(bytes.Clone(b), 0))
	for i := range len(b) * 8 {
		tampered := bytes.Clone(b)
		tampered[i/8] ^= 1 << (i % 8)
		refused("tampered", "user/alice", s, tampered)
	}
	if strings.Contains(store.ErrSealed.Error(), "seed") {
		t.Error(store.ErrSealed)
	}
}

// Nobody who can write the file can give one user another one's record.
func TestTableRefusesMovedRecord(t *testing.T) {
	table, backend := tokens(t, newSealer(t, 1))
	put(t, table, "mallory", token{Seed: []byte("known")})
	put(t, table, "alice", token{Seed: []byte("secret")})
	b, err := backend.Get(t.Context(), "token/mallory")
	if err != nil {
		t.Fatal(err)
	}
	raw(t, backend, "token/alice", b)
	if v, err := table.Get(t.Context(), "alice"); !errors.Is(err, store.ErrSealed) {
		t.Errorf("got %+v, error %v", v, err)
	}
}

func TestNewSealerWantsWholeKey(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := store.NewSealer(make([]byte, n)); err == nil {
			t.Errorf("key of %d octets accepted", n)
		}
	}
}

func TestMasterKey(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if _, err := store.MasterKey(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file, not to be made: %v", err)
	}
	s, err := store.MasterKey(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != store.KeySize {
		t.Errorf("file of %d octets, mode %v, error %v", info.Size(), info.Mode(), err)
	}
	b := seal(t, s, "user/alice", "seed")
	for _, create := range []bool{true, false} { // the same key, not another over it
		again, err := store.MasterKey(path, create)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Open("user/alice", b); err != nil {
			t.Errorf("create %v: %v", create, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files left over: %v, error %v", files, err)
	}
	other, err := store.MasterKey(filepath.Join(dir, "other"), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open("user/alice", b); err != store.ErrSealed {
		t.Errorf("two keys that were made are the same: %v", err)
	}
}

func TestMasterKeyLeavesOtherFilesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	const content = "not a key, perhaps a secret"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.MasterKey(path, true)
	if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "perhaps") {
		t.Errorf("error %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != content {
		t.Errorf("file is %q, error %v", b, err)
	}
	if _, err := store.MasterKey(filepath.Join(path, "key"), true); err == nil {
		t.Error("made a key below a file")
	}
}

func FuzzSealerOpen(f *testing.F) {
	s := newSealer(f, 1)
	f.Add("user/alice", seal(f, s, "user/alice", "seed"))
	f.Add("user/alice", []byte("short"))
	f.Add("", seal(f, s, "user/bob", ""))
	f.Fuzz(func(t *testing.T, name string, sealed []byte) {
		got, err := s.Open(name, sealed)
		if err != nil && (err != store.ErrSealed || got != nil) {
			t.Errorf("opened as %q, error %v", got, err)
		}
	})
}
