package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrLocked is returned by Open when another process has the file open.
var ErrLocked = errors.New("another process has it open")

var (
	bucketName = []byte("radpush") // holds all records
	trialName  = []byte("trial")   // there only while the writer tries the disk
)

const (
	lockTimeout = time.Second // a server that is being replaced may still be closing

	// So much address space is given to the file: see snapshots. The reserve is more
	// than any one commit can need.
	mapSize    = 256 << 30
	mapReserve = 64 << 30

	// Files up to this size are read through by Open. Reading through a larger one could
	// keep a server from starting for minutes; damage in it shows where it is read.
	checkSize = 256 << 20
)

// Open opens the store in the file at path, or makes it, readable by its owner only, if
// there is none or an empty one. It returns an error that is ErrLocked if another
// process has it open, and one that says so if the file is damaged or is something else;
// such a file is left as it is.
func Open(path string) (*DB, error) {
	b, mapped, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("bolt: open %s: %w", path, err)
	}
	if err := guarded(func() error { return load(b, path) }); err != nil {
		b.Close()
		return nil, fmt.Errorf("bolt: open %s: %w", path, err)
	}
	d := &DB{
		bolt:      b,
		snapshots: snapshots{bolt: b, mapped: mapped},
		watches:   watches{seed: maphash.MakeSeed()},
		commit:    (*bbolt.Tx).Commit,
		queue:     make(chan *request, maxQueue),
		drained:   make(chan struct{}),
	}
	go (&writer{db: d}).serve()
	return d, nil
}

// open opens the file with bbolt and reports how much of it is mapped for sure.
func open(path string) (b *bbolt.DB, mapped int64, err error) {
	options := &bbolt.Options{
		Timeout:      lockTimeout,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
	}
	if runtime.GOOS != "windows" { // where the file itself would be made as large
		options.InitialMmapSize = int(min(mapSize, math.MaxInt))
	}
	try := func() (err error) {
		b, err = bbolt.Open(path, 0o600, options)
		return err
	}
	err = guarded(try)
	if errors.Is(err, syscall.ENOMEM) {
		options.InitialMmapSize = 0
		err = guarded(try)
	}
	_, system := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		err = ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid):
		err = damaged(errors.New("no store"))
	case err != nil && !system:
		err = damaged(err)
	}
	return b, int64(options.InitialMmapSize), err
}

// load checks the file and makes the bucket if there is nothing in it yet.
func load(b *bbolt.DB, path string) error {
	var fresh bool
	err := b.View(func(tx *bbolt.Tx) (err error) {
		fresh, err = check(tx, path)
		return err
	})
	if err != nil || !fresh {
		return err
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(bucketName)
		return err
	})
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path)) // the file's name has to last as well
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// check returns an error if the file is damaged or another program's, as far as can be
// told, and reports whether there is nothing in it yet.
func check(tx *bbolt.Tx, path string) (fresh bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if info.Size() < tx.Size() {
		return false, damaged(fmt.Errorf("%d of %d bytes are there", info.Size(), tx.Size()))
	}
	b := tx.Bucket(bucketName)
	if b == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return false, fmt.Errorf("the file is another program's, it holds %q", name)
		}
		return true, nil
	}
	c := b.Cursor()
	if tx.Size() > checkSize {
		c.First()
		c.Last()
		return false, nil
	}
	var last []byte
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if bytes.Compare(last, k) >= 0 || len(k) > maxKey || v == nil || len(v) > maxValue {
			return false, damaged(fmt.Errorf("after key %q", last))
		}
		last = k
	}
	return false, nil
}

// guarded calls do, and makes an error of bbolt's panic on a page that makes no sense and
// of a fault in reading one.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged(fmt.Errorf("%v", p))
		}
	}()
	return do()
}

var errDamaged = errors.New("the file is damaged or not a store, put a backup in its place")

// damaged returns an error that tells an operator what to do.
func damaged(why error) error {
	if errors.Is(why, errDamaged) {
		return why
	}
	return fmt.Errorf("%w: %w", errDamaged, why)
}

// closedOr gives bbolt's error for a closed file its general name.
func closedOr(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fs.ErrClosed
	}
	return err
}
