package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"radpush/push"
	"radpush/web/wire"
)

// signed lets requests through that a device has signed (statement 9.2): see package wire
// for how. Behind it the context holds the device and the body is in memory.
//
// Who has no good signature always gets the same 401, after the same work: an unknown
// device is checked against a key that nobody has. What else may be wrong is told only to
// who holds the key.
func (a *deviceAPI) signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stamp, signature, ok := wire.ParseAuthorization(r.Header.Get("Authorization"))
		if !ok {
			notAuthentic(w)
			return
		}
		body, ok := readBody(w, r)
		if !ok {
			return
		}
		dev, known, err := a.lookup(r.Context(), stamp.Device)
		if err != nil {
			writeProblem(w, a.broken(err))
			return
		}
		if !dev.Verify(stamp.Message(r.Method, r.RequestURI, body), signature) || !known {
			a.Log.Debug("web: request is not authentic", "from", remote(r), "known", known)
			notAuthentic(w)
			return
		}
		now := time.Now()
		if wait := a.devices.take(dev.ID, now); wait > 0 {
			tooMany(w, wait)
			return
		}
		if off := now.Sub(time.UnixMilli(stamp.Time)); off.Abs() > wire.Skew {
			a.Log.Info("web: clock of device is off", "device", dev.ID, "behind", off.Round(time.Second))
			p := problem(http.StatusForbidden, wire.ClockSkewed, sayClock)
			p.ServerTime = &now
			writeProblem(w, p)
			return
		}
		switch err := a.nonces.use(stamp, now); {
		case errors.Is(err, errSeen):
			writeProblem(w, problem(http.StatusForbidden, wire.SignAgain, saySignAgain))
			return
		case errors.Is(err, errEarly):
			writeProblem(w, problem(http.StatusForbidden, wire.SignAgain, sayStarted))
			return
		case err != nil:
			writeProblem(w, a.broken(err))
			return
		}
		patient(w, now)
		r = r.WithContext(context.WithValue(r.Context(), deviceKey{}, dev))
		next.ServeHTTP(w, withBody(r, body))
	})
}

// patient lets a request of a device take as long as a poll may: the server's deadlines
// are for strangers. A read deadline that passes would end the request's context.
func patient(w http.ResponseWriter, now time.Time) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // the body has been read
	_ = c.SetWriteDeadline(now.Add(wire.MaxWait + writeTimeout))
}

// deviceKey is the context's key for the device that has signed the request.
type deviceKey struct{}

func signer(ctx context.Context) push.Device { return ctx.Value(deviceKey{}).(push.Device) }

// lookup returns the device that a request claims to be from and true, or a device whose
// key fits nobody's signature and false.
func (a *deviceAPI) lookup(ctx context.Context, encoded string) (dev push.Device, known bool, err error) {
	id, err := decodeID(encoded)
	if err == nil {
		dev, err = a.Push.Device(ctx, id)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.nobody, false, nil
	case err != nil:
		return dev, false, err
	}
	return dev, !dev.Suspended, nil
}

// Device ids hold what a header or a URL may not.
func encodeID(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

func decodeID(s string) (string, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return "", fs.ErrNotExist
	}
	return string(b), nil
}

// bounded lets requests through whose body is in memory, for who has no signature yet.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := readBody(w, r)
		if !ok {
			return
		}
		next.ServeHTTP(w, withBody(r, body))
	})
}

// withBody returns a request whose body is in memory, with where it comes from in its context.
func withBody(r *http.Request, body []byte) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), fromKey{}, remote(r)))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

// fromKey is the context's key for the address that the request comes from.
type fromKey struct{}

func from(ctx context.Context) netip.Addr { return ctx.Value(fromKey{}).(netip.Addr) }

// readBody reads at most wire.MaxBody octets, for as long as the server's ReadTimeout
// lets it. If there is no body to go on with, it has answered.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeProblem(w, wire.NewProblem(http.StatusRequestEntityTooLarge, sayTooLong))
	case err != nil:
		w.Header().Set("Connection", "close") // the rest of the body may still come
		writeProblem(w, wire.NewProblem(http.StatusRequestTimeout, sayNoBody))
	}
	return body, err == nil
}

func notAuthentic(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", wire.Scheme) // RFC 9110, section 15.5.2
	writeProblem(w, problem(http.StatusUnauthorized, wire.NotAuthentic, sayNotAuthentic))
}

// limited keeps one address from asking too much.
func limited(l *limits, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := l.take(network(remote(r)).String(), time.Now()); wait > 0 {
			tooMany(w, wait)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1)) // RFC 9110, section 10.2.3
	writeProblem(w, wire.NewProblem(http.StatusTooManyRequests, sayTooMany))
}

// broken logs what is wrong with us and says nothing of it.
func (a *deviceAPI) broken(err error) *wire.Problem {
	if !errors.Is(err, context.Canceled) { // the device has hung up
		a.Log.Error("web: answer device", "err", err)
	}
	return wire.NewProblem(http.StatusServiceUnavailable, sayBroken)
}
