package web_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"radpush/web"
)

// socket serves operators on a unix socket until the test ends.
func (w *world) socket(t *testing.T) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "radpush") // TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "radpush.sock")
	ln, err := web.ListenSocket(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	serveInBackground(t, func(ctx context.Context) error { return w.operator.Serve(ctx, ln) })
	return path
}

func TestSocketIsForItsOwner(t *testing.T) {
	w := newWorld(t)
	path := w.socket(t)
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	users, err := (&web.OperatorClient{Transport: web.OverSocket(path)}).ListUsers(t.Context())
	if err != nil || len(users) != 2 {
		t.Errorf("%+v, %v", users, err)
	}
	if _, err := web.ListenSocket(t.Context(), path); err == nil {
		t.Error("a second server took the socket over")
	}
}

func TestSocketThatWasLeftBehindIsReplaced(t *testing.T) {
	w := newWorld(t)
	path := w.socket(t)
	left := path + ".left"
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: left, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	again, err := web.ListenSocket(t.Context(), left)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := os.WriteFile(left, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := web.ListenSocket(t.Context(), left); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}
