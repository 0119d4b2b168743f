// Package web is radpush's HTTP side: the device API that authenticators speak, and the
// operator API behind the commands.
//
// # Devices
//
// A [Server] answers under /device/v1/ over HTTPS. A device enrols once with a code, and
// every later request carries a signature by its key: package wire says over what. The
// signature is checked in front of everything else, with the body already read and
// bounded, so that the calls themselves know who asks. The calls are described by the
// OpenAPI 3.1 document at /openapi.json.
//
// Whoever has no key learns nothing: an unknown device, a suspended one and a wrong
// signature get the same answer after the same work, and an enrolment code that is
// unknown, expired or used is just not good. Nor can a stranger fill the server:
// connections, headers, bodies, times, tries of an address and of a device, requests that
// wait and nonces that are kept are all bounded.
//
// Nonces are remembered in memory. After a restart, requests that were signed before it
// are refused, and a device signs anew; the device with a slow clock waits until its
// clock has passed the start.
//
// A device may list, rename, add, replace and remove the devices of its own user, as far as the
// operator lets it; another user's are as if they were not there. What it adds and renames is
// limited by user, so that whoever has stolen a device fills nothing; what it removes is not, so
// that the owner can always remove that one.
//
// # The authenticator page
//
// An enrolment link that is opened in a browser leads to /app/, which package page serves: a
// device like any other, in the browser.
//
// # Grids
//
// Two pages are for people with a browser, without script (statement 4.2). /grid/ and a key
// shows the picture of a grid that a login prompted with, once. /grid/enrol/ and a code lets
// a user choose a pattern: the numbers on its cells are typed from two sheets, one after the
// other. Key and code are 100 random bits and more in the path, where a reverse proxy logs them: they
// are good once and not for long. What is unknown, used and expired looks the same. To open
// a link uses nothing up, for programs open links before people do: that takes a button.
//
// # The privacyIDEA Authenticator
//
// Under /pipush stands what an app of the stores speaks that is not ours: see package pipush.
// It has no OTP to send with an approval; its signature, by a key that is bound to its kind, is
// all there is.
//
// # Operators
//
// An [Operator] is a handler too, on a unix socket that only root and radpush's own user
// are let in by (see [Operator.Serve]). An [OperatorClient] speaks to it over that socket
// or calls it in the same process, so that a command is the same with and without a
// running server.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"radpush/otp"
	"radpush/push"
	"radpush/web/wire"
)

// Engine judges what devices say. *login.Engine is one.
type Engine interface {
	// Enrol makes a device and a token that it alone uses. A code that is not good is
	// fs.ErrNotExist; a device that cannot be is push.ErrInvalid and leaves the code as it
	// is.
	Enrol(ctx context.Context, code string, d push.Device) (push.Device, otp.Token, error)
	// Answer says what became of an answer, or push.ErrUnauthentic.
	Answer(ctx context.Context, a push.Answer) (push.Result, error)
	// Pair makes a privacyIDEA Authenticator a device, as Enrol does.
	Pair(ctx context.Context, serial, credential string, key []byte) (push.Pairing, error)
	RemoveDevice(ctx context.Context, d push.Device, by string) error

	// What a device may do with the others of its user. One that is not there or another user's
	// is fs.ErrNotExist; what is not allowed is login.ErrNoSelfService and login.ErrLocked.
	DevicesBeside(ctx context.Context, by push.Device) (devices []push.Device, may bool, err error)
	Invite(ctx context.Context, by push.Device, replaces string) (code string, expires time.Time, err error)
	RenameBy(ctx context.Context, by push.Device, id, name string) error
	RemoveBy(ctx context.Context, by push.Device, id string) (push.Device, error)
}

// Push knows the devices and what they are asked. *push.Broker is one.
type Push interface {
	Device(ctx context.Context, id string) (push.Device, error)
	Pairing(ctx context.Context, serial string) (push.Pairing, error)
	OpenFor(ctx context.Context, d push.Device) ([]push.Challenge, error)
	Watch(ctx context.Context, user string) <-chan struct{}
	SetAddress(ctx context.Context, id string, a push.Address) error
}

// A Server is what devices connect to. Its fields are set before first use and not
// changed after.
type Server struct {
	Engine       Engine
	Push         Push
	Grids        Grids  // nil: no pages of the grid
	URL          string // where devices reach the server, for enrolment links; "": no privacyIDEA Authenticators
	Pin          []byte // of the certificate if it is of the server's own making, for enrolment links
	Organization string // shown by the device
	DevicePIN    bool   // devices are told at enrolment to ask for a PIN or a biometric (statement 2.11)
	VAPID        string // public key of Web Push (RFC 8292), base64url, for the authenticator page; "": no push service
	Log          *slog.Logger

	// Certificate is what the server shows. Without it the server speaks plain HTTP and
	// only on this machine, to a reverse proxy, which it believes in X-Forwarded-For.
	Certificate *Certificate

	// Health, if set, fails when /healthz should. It is asked by strangers: it is cheap.
	Health func(context.Context) error

	MaxConns int // connections open at once; 10,000 if zero
	MaxPolls int // requests that wait at once; 10,000 if zero
}

// What a stranger gets.
const (
	readTimeout  = 20 * time.Second // for a whole request
	writeTimeout = 20 * time.Second // for the answer
	connsEach    = 256              // connections open at once from one address
)

// pagePrefix is where the authenticator page stands.
const pagePrefix = "/app/"

// toPage is what an enrolment link opens in a browser, and the server's bare name. The code in the
// link's fragment goes along (RFC 9110, section 10.2.2); the address is relative, because a proxy may have put us below a path.
func toPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", strings.TrimPrefix(pagePrefix, "/"))
	w.WriteHeader(http.StatusSeeOther)
}

// Handler returns all that devices may ask, for tests and for use without a network.
func (s *Server) Handler() http.Handler { return s.api(nil).handler() }

// watched lets a panic end its request alone, and tells the operator, as net/http tells
// only the server's ErrorLog.
func (s *Server) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				s.Log.Error("web: panic", "value", v, "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func serve(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body) // nobody to tell: the peer has gone
	}
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if s.Health != nil {
		if err := s.Health(r.Context()); err != nil {
			s.Log.Debug("web: not healthy", "err", err) // anybody can ask, often
			http.Error(w, "not healthy", http.StatusServiceUnavailable)
			return
		}
	}
	serve("text/plain; charset=utf-8", []byte("ok\n"))(w, r)
}

// hardened tells browsers to keep and to load nothing. There is no
// Strict-Transport-Security: it would bind all that the host serves on other ports.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// Serve answers devices until ctx ends, then lets the requests in flight finish; those
// that wait for a change are answered at once. It closes the listener.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	total := cmp.Or(s.MaxConns, 10_000)
	doors := &crowd{Listener: ln, total: total, each: min(connsEach, total)}
	srv := &http.Server{
		Handler:           s.api(ctx.Done()).handler(),
		ReadHeaderTimeout: readTimeout / 2,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       wire.MaxWait + 30*time.Second, // a device comes back after each poll
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 16},
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), // strangers cause all of it
	}
	if s.Certificate == nil {
		if addr, err := netip.ParseAddrPort(ln.Addr().String()); err != nil || !addr.Addr().IsLoopback() {
			ln.Close()
			return fmt.Errorf("web: plain HTTP on %v: without a certificate only a loopback address is served", ln.Addr())
		}
		doors.each = total // all connections are the reverse proxy's
		return serveUntil(ctx, srv, func() error { return srv.Serve(doors) })
	}
	srv.TLSConfig = s.Certificate.tlsConfig()
	go s.Certificate.warm(ctx)
	return serveUntil(ctx, srv, func() error { return srv.ServeTLS(doors, "", "") })
}

// drainTime is how long requests in flight have to finish.
const drainTime = 10 * time.Second

// serveUntil serves until ctx ends, then drains.
func serveUntil(ctx context.Context, srv *http.Server, serve func() error) error {
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		err := srv.Shutdown(drain)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil // who does not come to an end is cut off
		}
		drained <- errors.Join(err, srv.Close())
	})
	defer stop()
	err := serve()
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("web: serve: %w", err)
	}
	if err := <-drained; err != nil {
		return fmt.Errorf("web: stop: %w", err)
	}
	return nil
}
