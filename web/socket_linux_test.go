package web_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"radpush/web"
	"radpush/web/wire"
)

// Whoever gets as far as the socket without being its owner is turned away there.
func TestSocketTurnsOthersAway(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	w := newWorld(t)
	path := w.socket(t)
	for name, mode := range map[string]os.FileMode{path: 0o666, filepath.Dir(path): 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		const nobody = 65534
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); errno != 0 {
			done <- errno
			return
		}
		conn, err := net.Dial("unix", path) // the kernel notes who connects
		if err != nil {
			done <- err
			return
		}
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
		defer transport.CloseIdleConnections()
		_, err = (&web.OperatorClient{Transport: transport}).ListUsers(t.Context())
		done <- err
	}()
	var p *wire.Problem
	if err := <-done; !errors.As(err, &p) || p.Status != 403 {
		t.Errorf("somebody else was answered: %v", err)
	}
	if !strings.Contains(w.log.String(), "uid=65534") {
		t.Errorf("the log does not say who it was:\n%s", w.log)
	}
}
