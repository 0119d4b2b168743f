package bolt_test

import (
	"path/filepath"
	"testing"

	"radpush/store"
	"radpush/store/bolt"
	"radpush/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string) store.Backend { return open(t, filepath.Join(dir, "db")) })
}

func open(t testing.TB, path string) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
