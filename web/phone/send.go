package phone

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"radpush/web/wire"
)

// callTime is how long one call may take; a poll takes as much longer as it waits.
const callTime = 20 * time.Second

// maxAnswer bounds what is read of an answer, in octets.
const maxAnswer = 1 << 20

// ErrNotKnown: the server does not know this device. It was removed or suspended, or the
// key file is another server's.
var ErrNotKnown = errors.New("phone: the server does not know this device (any more), or it is suspended; ask your operator, or enrol again")

// A ClockError says that this machine's clock is too far from the server's.
type ClockError struct {
	Behind time.Duration // negative: ahead
}

func (e *ClockError) Error() string {
	way := "behind"
	if e.Behind < 0 {
		way = "ahead of"
	}
	return fmt.Sprintf("phone: the clock of this machine is %v %s the server's; set it right, best by NTP, and try again",
		e.Behind.Abs().Round(time.Second), way)
}

// connect makes the client: the server is known by its pin, if there is one.
func (p *Phone) connect() {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if p.pin != nil {
		t.TLSClientConfig.InsecureSkipVerify = true // VerifyConnection does it: the key is all that counts
		t.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
			if subtle.ConstantTimeCompare(wire.Pin(s.PeerCertificates[0]), p.pin) != 1 {
				return errors.New("phone: the server's key is not the one that the enrolment link named; somebody may be in between")
			}
			return nil
		}
	}
	p.client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("phone: the server redirects, which radpush does not")
	}}
}

// A call is one request to the server.
type call struct {
	method, path string
	header       http.Header
	wait         time.Duration // how much longer it may take than others
	in, out      any           // bodies; nil for none
}

// send makes a call, signed once there is a device, and decodes the answer into c.out. A
// stamp that the server cannot take is replaced once.
func (p *Phone) send(ctx context.Context, c call) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.wait+callTime)
	defer cancel()
	resp, err := p.once(ctx, c)
	problem, ok := errors.AsType[*wire.Problem](err)
	if ok && problem.Type == wire.SignAgain {
		resp, err = p.once(ctx, c)
		problem, ok = errors.AsType[*wire.Problem](err)
	}
	untrusted, isUntrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case err == nil:
		return resp, nil
	case isUntrusted:
		return nil, fmt.Errorf("phone: this machine does not trust the certificate of %s: give the enrolment link whole, in quotes, or have the certificate's authority installed: %w", p.URL, untrusted.Err)
	case ok && problem.Type == wire.NotAuthentic:
		return nil, ErrNotKnown
	case ok && problem.Type == wire.ClockSkewed && problem.ServerTime != nil:
		return nil, &ClockError{Behind: time.Until(*problem.ServerTime)}
	}
	return nil, fmt.Errorf("phone: %w", err)
}

func (p *Phone) once(ctx context.Context, c call) (*http.Response, error) {
	var body []byte
	if c.in != nil {
		var err error
		if body, err = json.Marshal(c.in); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, c.method, p.URL+c.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	for key, values := range c.header {
		r.Header[key] = values
	}
	if p.device != "" {
		stamp := wire.NewStamp(p.device)
		signature, err := wire.Sign(p.key, stamp.Message(c.method, c.path, body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", stamp.Authorization(signature))
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode >= http.StatusBadRequest:
		problem := wire.NewProblem(resp.StatusCode, "")
		_ = answer.Decode(problem) // a proxy's page has no more to say than the status
		return nil, problem
	case c.out == nil, resp.StatusCode == http.StatusNoContent, resp.StatusCode == http.StatusNotModified:
		return resp, nil
	}
	return resp, answer.Decode(c.out)
}
