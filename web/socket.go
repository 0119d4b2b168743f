package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"radpush/web/wire"
)

// ListenSocket listens on a unix socket that only its owner may open. A socket that a
// server left behind is replaced; one that answers is an error.
func ListenSocket(ctx context.Context, path string) (net.Listener, error) {
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("web: socket %s: a server answers on it", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("web: old socket: %w", err)
		}
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("web: socket: %w", err)
	}
	// Until here others may connect: Serve asks who they are.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("web: socket: %w", err), ln.Close())
	}
	return ln, nil
}

// Serve answers operators on a unix socket until ctx ends, then lets requests in flight
// finish. Only root and the user that this process runs as are let in, by what the
// kernel says of the peer.
func (o *Operator) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           ownersOnly(o.Log, o.Handler()),
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			uid, err := peerUID(conn)
			return context.WithValue(ctx, peerKey{}, peer{uid, err})
		},
	}
	return serveUntil(ctx, srv, func() error { return srv.Serve(ln) })
}

// A peer is the process at the other end of the socket.
type peer struct {
	uid int
	err error // why it is not known
}

// peerKey is the context's key for the peer of a connection.
type peerKey struct{}

func ownersOnly(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := r.Context().Value(peerKey{}).(peer)
		if !ok || p.err != nil || p.uid != 0 && p.uid != os.Getuid() {
			log.Warn("web: operator refused", "uid", p.uid, "err", p.err)
			writeProblem(w, wire.NewProblem(http.StatusForbidden, "Only root and radpush's own user are operators."))
			return
		}
		next.ServeHTTP(w, r)
	})
}
