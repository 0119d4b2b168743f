package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"radpush/push"
	"radpush/web/wire"
)

// polls are the requests that wait for a change: one of each device, and max in all.
type polls struct {
	max int

	mu       sync.Mutex
	byDevice map[string]chan struct{} // closed when another poll of the device begins
}

// begin enters a poll and ends an older one of the same device. Without room for one
// more it returns false. End is called when the poll has ended.
func (p *polls) begin(device string) (replaced <-chan struct{}, end func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byDevice == nil {
		p.byDevice = make(map[string]chan struct{})
	}
	older, replaces := p.byDevice[device]
	switch {
	case replaces:
		close(older)
	case len(p.byDevice) >= p.max:
		return nil, nil, false
	}
	mine := make(chan struct{})
	p.byDevice[device] = mine
	return mine, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.byDevice[device] == mine {
			delete(p.byDevice, device)
		}
	}, true
}

type challengesInput struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"100" doc:"The ETag of the set that the device knows. If it is still the set, the answer is 304."`
	Prefer      string `header:"Prefer" maxLength:"200" doc:"wait=N, with If-None-Match: wait up to N seconds, 60 at most, for the set to change (RFC 7240)."`
}

type challengesOutput struct {
	Status  int
	ETag    string `header:"ETag" doc:"Names the set of challenges."`
	Applied string `header:"Preference-Applied" doc:"wait=N, if the server was ready to wait. Otherwise the device waits before it asks again."`
	Body    wire.Challenges
}

// challenges lists what a device may answer, at once or when it changes.
func (a *deviceAPI) challenges(ctx context.Context, in *challengesInput) (*challengesOutput, error) {
	dev := signer(ctx)
	wait := preferredWait(in.Prefer)
	out := &challengesOutput{Status: http.StatusOK}
	var changed, replaced <-chan struct{}
	var over <-chan time.Time
	for {
		open, err := a.Push.OpenFor(ctx, dev)
		if err != nil {
			return nil, a.broken(err)
		}
		if out.ETag = etag(open); out.ETag != strings.TrimPrefix(in.IfNoneMatch, "W/") {
			out.Body.Challenges = make([]wire.Challenge, len(open))
			for i, c := range open {
				out.Body.Challenges[i] = told(c)
			}
			return out, nil
		}
		if changed == nil && wait > 0 { // watch, then look again: nothing is missed
			var end func()
			var ok bool
			if replaced, end, ok = a.polls.begin(dev.ID); ok {
				defer end()
				watch, cancel := context.WithCancel(ctx)
				defer cancel()
				changed, over = a.Push.Watch(watch, dev.User), time.After(wait)
				out.Applied = "wait=" + strconv.Itoa(int(wait/time.Second))
				continue
			}
		}
		if changed == nil {
			out.Status = http.StatusNotModified
			return out, nil
		}
		select {
		case <-changed:
			if dev, err = a.stillThere(ctx, dev); err != nil {
				return nil, err
			}
		case <-replaced:
			return nil, problem(http.StatusConflict, wire.Replaced, sayReplaced)
		case <-over:
			out.Status = http.StatusNotModified
			return out, nil
		case <-a.closing: // the device comes back to whoever takes over
			out.Status = http.StatusNotModified
			return out, nil
		case <-ctx.Done():
			return nil, a.broken(ctx.Err())
		}
	}
}

// stillThere looks again at the device of a request that has waited.
func (a *deviceAPI) stillThere(ctx context.Context, dev push.Device) (push.Device, error) {
	dev, err := a.Push.Device(ctx, dev.ID)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && dev.Suspended:
		return dev, problem(http.StatusUnauthorized, wire.NotAuthentic, sayNotAuthentic)
	case err != nil:
		return dev, a.broken(err)
	}
	return dev, nil
}

// etag names a set of challenges. What one of them shows never changes.
func etag(open []push.Challenge) string {
	h := sha256.New()
	for _, c := range open {
		h.Write([]byte(c.ID + "\n"))
	}
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]) + `"`
}

// preferredWait returns how long a Prefer header wants to wait, 0 for not at all (RFC
// 7240, section 4.3).
func preferredWait(prefer string) time.Duration {
	for p := range strings.SplitSeq(prefer, ",") {
		p, _, _ = strings.Cut(p, ";")
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "wait") {
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 16)
			if err != nil {
				return 0
			}
			return min(time.Duration(n)*time.Second, wire.MaxWait)
		}
	}
	return 0
}
