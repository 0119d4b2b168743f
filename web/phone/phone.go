// Package phone is the device's side of a push: an authenticator without a screen, for
// the terminal, the demo and tests.
//
// A [Phone] comes from an enrolment link ([Enrol]) or from its key file ([Load]). It makes
// its key pair itself and signs every request with it (see package wire). It hands out what it
// is asked ([Phone.Wait], [Phone.Open]) or what a notification has brought ([Phone.Unseal]),
// and answers only what it has handed out: the signature of [Phone.Approve] and [Phone.Deny]
// covers exactly the bytes that came from the server. The one-time password of an approval it
// makes by itself.
//
// A server with a certificate of its own is known by the pin in the link, any other by
// what the system trusts.
package phone

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"radpush/otp"
	"radpush/push"
	"radpush/web/wire"
)

// A Phone is an enrolled device. Its methods may be called at once.
type Phone struct {
	URL          string // of the server
	Name         string
	User         string // whom it speaks for
	Organization string
	DemandsPIN   bool // said at enrolment: the server's policy wants SetPIN before Save

	pin    []byte
	device string
	key    *ecdsa.PrivateKey
	token  otp.Token // Used is the step of the newest code that was sent
	client *http.Client
	path   string // of the key file, "" as long as there is none
	lock   lock   // of the key file; zero for none

	mu      sync.Mutex
	tokenOf string // the challenge that the newest code was sent for
	etag    string // of the set that Wait knows
	shown   map[string]Request
	waited  map[string]bool // challenges of the set that Wait has returned
}

// A Request asks the user: is this you?
type Request struct {
	ID      string
	Shown   string // as the server sent it: what an answer signs
	Prompt  push.Prompt
	Expires time.Time
}

// Enrol makes a terminal of a link (statement 9.1). The link is good once; Save what
// comes back.
func Enrol(ctx context.Context, link, name string) (*Phone, error) {
	return EnrolAs(ctx, link, wire.Enrolment{Name: name, Kind: "terminal"})
}

// EnrolAs is Enrol for a device of any kind, which may have an address. Code and key are the
// Phone's own.
func EnrolAs(ctx context.Context, link string, as wire.Enrolment) (*Phone, error) {
	l, err := wire.ParseEnrolLink(link)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("phone: make key: %w", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("phone: make key: %w", err)
	}
	p := &Phone{URL: l.URL, Name: as.Name, pin: l.Pin, key: key}
	p.connect()
	as.Code, as.Key = l.Code, spki
	var out wire.Enrolled
	if _, err = p.send(ctx, call{method: http.MethodPost, path: wire.PathEnrol, in: as, out: &out}); err != nil {
		return nil, err
	}
	p.device, p.User, p.Organization, p.DemandsPIN = out.Device, out.User, out.Organization, out.PIN
	if p.token, err = token(out.OTP); err != nil {
		return nil, err
	}
	return p, nil
}

func token(o wire.OTP) (otp.Token, error) {
	algorithm, ok := otp.ParseAlgorithm(o.Algorithm)
	t := otp.Token{Secret: o.Secret, Algorithm: algorithm, Digits: o.Digits, Period: time.Duration(o.Period) * time.Second}
	if !ok {
		return t, fmt.Errorf("phone: the server wants one-time passwords by %q, which is not known here", o.Algorithm)
	}
	if err := t.Check(); err != nil {
		return t, fmt.Errorf("phone: one-time passwords: %w", err)
	}
	return t, nil
}

// Code returns the one-time password of a moment and how long it stays. A person types it
// only where the server asks for it: to resynchronize this device's clock (statement 3.4).
func (p *Phone) Code(now time.Time) (code string, stays time.Duration) {
	step := p.token.Step(now)
	ends := time.Unix(int64(step+1)*int64(p.token.Period/time.Second), 0)
	return p.token.Code(step), ends.Sub(now)
}

// Open returns what the user may answer now.
func (p *Phone) Open(ctx context.Context) ([]Request, error) {
	open, _, err := p.list(ctx, "", 0)
	return open, err
}

// list asks for the open challenges; with an ETag and a wait, for a change of them. It is
// nil when the set is still the same.
func (p *Phone) list(ctx context.Context, etag string, wait time.Duration) ([]Request, *http.Response, error) {
	header := http.Header{}
	if etag != "" {
		header.Set("If-None-Match", etag)
		header.Set("Prefer", fmt.Sprintf("wait=%d", wait/time.Second))
	}
	var out wire.Challenges
	resp, err := p.send(ctx, call{method: http.MethodGet, path: wire.PathChallenges, header: header, wait: wait, out: &out})
	if err != nil || resp.StatusCode == http.StatusNotModified {
		return nil, resp, err
	}
	open := make([]Request, len(out.Challenges))
	for i, c := range out.Challenges {
		if open[i], err = p.show(c); err != nil {
			return nil, resp, err
		}
	}
	return open, resp, nil
}

// Unseal opens what a notification has brought, with the key that the server seals to. It can
// then be answered without being asked for: see package wire.
func (p *Phone) Unseal(key *ecdh.PrivateKey, sealed []byte) (Request, error) {
	c, err := wire.Unseal(key, p.device, sealed)
	if err != nil {
		return Request{}, fmt.Errorf("phone: %w", err)
	}
	return p.show(c)
}

// show reads what is asked, and remembers it for the answer.
func (p *Phone) show(c wire.Challenge) (Request, error) {
	r := Request{ID: c.ID, Shown: c.Shown, Expires: c.Expires}
	if err := json.Unmarshal([]byte(c.Shown), &r.Prompt); err != nil {
		return Request{}, fmt.Errorf("phone: read request: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown == nil {
		p.shown = make(map[string]Request)
	}
	maps.DeleteFunc(p.shown, func(_ string, old Request) bool { return time.Since(old.Expires) > remembered })
	p.shown[r.ID] = r
	return r, nil
}

// remembered is how long a request can be answered after its end: the server then says
// that it was too late.
const remembered = 10 * time.Minute

// Approve lets the login in, with a one-time password (statement 2.6). It is MatchNumber
// where the request has numbers to choose from.
func (p *Phone) Approve(ctx context.Context, id string) (push.Result, error) {
	return p.MatchNumber(ctx, id, "")
}

// MatchNumber approves with the number that the user chose (statement 2.12).
func (p *Phone) MatchNumber(ctx context.Context, id, number string) (push.Result, error) {
	code, err := p.code(id)
	if err != nil {
		return "", err
	}
	return p.answer(ctx, id, push.Approved, wire.Answer{Decision: "approve", OTP: code, Number: number})
}

// Deny keeps the login out, because it is not the user's (push.DeniedNotMe) or was made by
// mistake (push.DeniedMistake): statements 2.7 and 2.8.
func (p *Phone) Deny(ctx context.Context, id string, reason push.Outcome) (push.Result, error) {
	switch reason {
	case push.DeniedNotMe:
		return p.answer(ctx, id, reason, wire.Answer{Decision: "deny", Reason: "not-me"})
	case push.DeniedMistake:
		return p.answer(ctx, id, reason, wire.Answer{Decision: "deny", Reason: "mistake"})
	}
	return "", fmt.Errorf("phone: %v is no denial", reason)
}

func (p *Phone) answer(ctx context.Context, id string, decision push.Outcome, body wire.Answer) (push.Result, error) {
	p.mu.Lock()
	r, ok := p.shown[id]
	p.mu.Unlock()
	if !ok {
		return "", fmt.Errorf("phone: no request %q was shown", id)
	}
	signature, err := wire.Sign(p.key, push.Statement(id, decision, body.Number, []byte(r.Shown)))
	if err != nil {
		return "", fmt.Errorf("phone: sign: %w", err)
	}
	body.Signature = base64.RawURLEncoding.EncodeToString(signature)
	var out wire.Answered
	_, err = p.send(ctx, call{method: http.MethodPost, path: wire.PathAnswer(id), in: body, out: &out})
	return push.Result(out.Result), err
}

// code returns the one-time password for a challenge. A code is good for one challenge:
// for a second one in the same step it is that of the next step, which the server takes
// as a clock that is ahead. What was used is saved before it is sent.
func (p *Phone) code(id string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	step := p.token.Step(time.Now())
	switch {
	case step > p.token.Used:
	case id == p.tokenOf:
		step = p.token.Used
	default:
		step = p.token.Used + 1
	}
	if step != p.token.Used {
		p.token.Used, p.tokenOf = step, id
		if p.path != "" {
			if err := p.save(p.path); err != nil {
				return "", err
			}
		}
	}
	return p.token.Code(step), nil
}

// Leave removes the device from the server (statement 9.3). Its key file is of no use
// any more.
func (p *Phone) Leave(ctx context.Context) error {
	_, err := p.send(ctx, call{method: http.MethodDelete, path: wire.PathDevice})
	return err
}
