// Package apns rings native apps on Apple's devices, by way of the Apple Push Notification
// service.
//
// An app gets a device token from its phone, and that is the Token of the device's address.
// To ring is to POST a notification to /3/device/<token> over HTTP/2. Apple wants to know who
// does: we sign a provider token (a JWT with ES256) by a [Key] that Apple has made for our
// team. One is good for an hour, and Apple refuses who makes a new one for each notification.
//
// There are two notifications:
//
//	{"aps":{"alert":{"body":"Sign-in request for Example Ltd"},"sound":"default","mutable-content":1,
//	        "interruption-level":"time-sensitive"},"challenge":"<id>"}
//	{"aps":{"content-available":1},"withdraw":"<id>"}
//
// The first is shown at once, even where the user has silenced others; the app may fetch the
// challenge before it is (mutable-content). The second wakes the app, when the phone finds
// it convenient, to take the first away again. They have one apns-collapse-id: on a phone
// that is off line, the second takes the place of the first. Neither is kept longer than the
// challenge lasts.
//
// Apple reads all that. So it is told that there is a login, and nothing of it (statement 9.4).
// With [Ringer.Seal] the first has what the challenge shows in it all the same, sealed so that
// the app alone can read it: beside "challenge" there is "sealed", in base64. The app's
// notification service extension opens it (mutable-content) and may put it in the place of the
// text.
package apns

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sideshow/apns2"

	"radpush/push"
)

// Sandbox is the Host for apps that run from Xcode. The tokens of one host mean nothing to
// the other.
const Sandbox = apns2.HostDevelopment

const (
	maxText    = 200  // octets; a lock screen shows some 150
	maxPayload = 4096 // octets, of the JSON
)

// A Ringer rings apps. It is a push.Ringer for the service "apns". Its fields are set before
// first use and not changed after.
type Ringer struct {
	Key          Key
	KeyID        string // of the Key, 10 characters, as in the name of its file: AuthKey_<KeyID>.p8
	TeamID       string // of the developer account, 10 characters
	Topic        string // bundle ID of the app: "com.example.signin"
	Text         string // on the lock screen; "" stands for "Sign-in request", with the organization
	Organization string // "Example Ltd"; "" for none

	// Seal, if set, returns what a notification carries of a challenge, sealed so that the
	// device alone can read it; nil for a device that has no key for that.
	Seal func(push.Device, push.Challenge) ([]byte, error)

	Host    string         // origin of the service; "" stands for that of apps from the store
	RootCAs *x509.CertPool // who may have signed its certificate; nil: whom the system trusts

	// Dial connects in place of TCP, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	once    sync.Once
	client  *apns2.Client
	renewed time.Time // when Apple last had us make a provider token; under client.Token's lock
}

var (
	identifiers = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	bundles     = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	tokens      = regexp.MustCompile(`^([0-9A-Fa-f]{2}){32,100}$`) // they become part of a URL
)

// Check returns what is wrong with the fields, every fault of them.
func (r *Ringer) Check() error {
	var faults []error
	fault := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, fmt.Errorf("apns: check: "+format, args...))
		}
	}
	fault(r.Key == Key{}, "there is no key") // the library would send an empty provider token
	fault(!identifiers.MatchString(r.KeyID), "the key ID %q is not 10 capitals and digits", r.KeyID)
	fault(!identifiers.MatchString(r.TeamID), "the team ID %q is not 10 capitals and digits", r.TeamID)
	fault(len(r.Topic) > 155 || !bundles.MatchString(r.Topic), "the topic %q is not the bundle ID of an app", r.Topic)
	text := r.text()
	fault(len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl),
		"the text has more than %d octets or is not plain text", maxText)
	if r.Host != "" {
		u, err := url.Parse(r.Host)
		fault(err != nil || u.Host == "" || r.Host != "https://"+u.Host, "the host %q is not like %q", r.Host, apns2.HostProduction)
	}
	return errors.Join(faults...)
}

// text returns what stands on the lock screen.
func (r *Ringer) text() string {
	switch {
	case r.Text != "":
		return r.Text
	case r.Organization != "":
		return "Sign-in request for " + r.Organization
	}
	return "Sign-in request"
}

// CheckToken returns an error unless the token is 64 to 200 hexadecimal digits. It asks
// nobody: whether Apple knows the token, Ring finds out.
func (r *Ringer) CheckToken(token string) error {
	if !tokens.MatchString(token) {
		return fmt.Errorf("apns: check token: %w", errToken)
	}
	return nil
}

var errToken = errors.New("the token is not 64 to 200 hexadecimal digits")

// Ring shows the text and hands the app {"challenge":"<id>"}. If Apple does not answer, or
// asks for patience, it is tried again, four times in all and never beyond the end of ctx.
func (r *Ringer) Ring(ctx context.Context, d push.Device, c push.Challenge) error {
	n := r.notification(d, c)
	n.PushType, n.Priority = apns2.PushTypeAlert, apns2.PriorityHigh
	p := payload{
		APS:       aps{Alert: &alert{Body: r.text()}, Sound: "default", Mutable: 1, Level: "time-sensitive"},
		Challenge: c.ID,
	}
	if r.Seal != nil {
		sealed, err := r.Seal(d, c)
		if err != nil {
			return fmt.Errorf("apns: ring: %w", err)
		}
		p.seal(sealed)
	}
	n.Payload = p
	if err := r.send(ctx, n, 4); err != nil {
		return fmt.Errorf("apns: ring: %w", err)
	}
	return nil
}

// Withdraw hands the app {"withdraw":"<id>"} without showing anything. It is tried once.
func (r *Ringer) Withdraw(ctx context.Context, d push.Device, c push.Challenge) error {
	n := r.notification(d, c)
	n.PushType, n.Priority = apns2.PushTypeBackground, apns2.PriorityLow // with the high one Apple refuses it
	n.Payload = payload{APS: aps{Available: 1}, Withdraw: c.ID}
	if err := r.send(ctx, n, 1); err != nil {
		return fmt.Errorf("apns: withdraw: %w", err)
	}
	return nil
}

// notification returns what all notifications of a challenge have.
func (r *Ringer) notification(d push.Device, c push.Challenge) *apns2.Notification {
	return &apns2.Notification{
		DeviceToken: d.Address.Token,
		Topic:       r.Topic,
		CollapseID:  c.ID[:min(len(c.ID), 64)], // more is refused; an ID has 26
		Expiration:  c.Expires,                 // without one, Apple keeps it for 30 days
	}
}

// A payload is the JSON that the app gets.
type payload struct {
	APS       aps    `json:"aps"`
	Challenge string `json:"challenge,omitempty"`
	Sealed    []byte `json:"sealed,omitempty"`
	Withdraw  string `json:"withdraw,omitempty"`
}

// seal adds what is sealed, unless the payload would be longer than Apple takes: then the app
// asks the server.
func (p *payload) seal(sealed []byte) {
	p.Sealed = sealed
	if b, err := json.Marshal(p); err != nil || len(b) > maxPayload {
		p.Sealed = nil
	}
}

type aps struct {
	Alert     *alert `json:"alert,omitempty"`
	Sound     string `json:"sound,omitempty"`
	Mutable   int    `json:"mutable-content,omitempty"`
	Level     string `json:"interruption-level,omitempty"`
	Available int    `json:"content-available,omitempty"`
}

type alert struct {
	Body string `json:"body"`
}
