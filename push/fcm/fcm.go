// Package fcm rings native apps on Android, by way of Firebase Cloud Messaging.
//
// An app gets a registration token from Google, and that is the Token of the device's
// address. To ring is to send a message to it by the FCM v1 API of a Firebase project. Google
// knows us by a service account of the project: for an assertion that is signed by its key
// (RFC 7523), Google's OAuth server hands out an access token, which is good for an hour.
//
// There are two messages:
//
//	{"challenge":"<id>"}    look what you are asked
//	{"withdraw":"<id>"}     you are not asked any more
//
// They are data messages: nothing is shown but by the app, which fetches the challenge first,
// and Google is told that there is a login, and nothing of it (statement 9.4). With [Ringer.Seal]
// the first has what the challenge shows in it all the same, sealed so that the app alone can
// read it: beside "challenge" there is "sealed", in base64. The first has a high priority, which
// wakes a phone that sleeps. The second has not: Google lets those wait whose urgent messages
// show nothing. Neither is kept longer than the challenge lasts.
//
// They have no collapse key, by which one would take the place of the other on a phone that
// is off line. Google keeps messages of four keys for a phone, and lets only twenty of such
// messages through in quick succession: enough to keep somebody out who logs in often. So an
// app may get both, in any order, and learns from this server that the challenge has ended.
package fcm

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"firebase.google.com/go/v4/messaging"

	"radpush/push"
)

// A Ringer rings apps. It is a push.Ringer for the service "fcm". Its fields are set before
// first use and not changed after.
type Ringer struct {
	Credentials Credentials

	// Seal, if set, returns what a message carries of a challenge, sealed so that the device
	// alone can read it; nil for a device that has no key for that.
	Seal func(push.Device, push.Challenge) ([]byte, error)

	Host    string         // origin of the API; "" stands for Google's
	RootCAs *x509.CertPool // who may have signed its certificate and the OAuth server's; nil: whom the system trusts

	// Dial connects in place of TCP, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	once   sync.Once
	client *messaging.Client
	access *access
	broken error // why there is no client
}

// Check returns what is wrong with the fields, every fault of them. It asks nobody.
func (r *Ringer) Check() error {
	var faults []error
	if r.Credentials.config == nil {
		faults = append(faults, errors.New("fcm: check: there are no credentials"))
	}
	if r.Host != "" && !isOrigin(r.Host) {
		faults = append(faults, fmt.Errorf("fcm: check: the host %q is not like %q", r.Host, googleHost))
	}
	return errors.Join(faults...)
}

// isOrigin reports whether a text is https:// and a host, and no more.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && text == "https://"+u.Host
}

// maxToken is in octets. Tokens have some 150 today; Google says that they may become longer.
const maxToken = 4096

var errToken = errors.New("the token is not 1 to 4096 printable ASCII characters")

// CheckToken returns an error if no registration token looks like this. It asks nobody:
// whether Google knows the token, Ring finds out.
func (r *Ringer) CheckToken(token string) error {
	if !plausible(token) {
		return fmt.Errorf("fcm: check token: %w", errToken)
	}
	return nil
}

func plausible(token string) bool {
	return token != "" && len(token) <= maxToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Ring sends {"challenge":"<id>"}. If Google does not answer, or asks for patience, it is
// tried again, four times in all and never beyond the end of ctx.
func (r *Ringer) Ring(ctx context.Context, d push.Device, c push.Challenge) error {
	m := message(d, c, "challenge", "high")
	if r.Seal != nil {
		sealed, err := r.Seal(d, c)
		if err != nil {
			return fmt.Errorf("fcm: ring: %w", err)
		}
		seal(m.Data, sealed)
	}
	if err := r.send(ctx, m, 4); err != nil {
		return fmt.Errorf("fcm: ring: %w", err)
	}
	return nil
}

// maxData is in octets, of all keys and values.
const maxData = 4096

// seal adds what is sealed, unless that would be more than Google takes: then the app asks the
// server.
func seal(data map[string]string, sealed []byte) {
	if len(sealed) == 0 {
		return
	}
	data["sealed"] = base64.StdEncoding.EncodeToString(sealed)
	size := 0
	for key, value := range data {
		size += len(key) + len(value)
	}
	if size > maxData {
		delete(data, "sealed")
	}
}

// Withdraw sends {"withdraw":"<id>"}, once.
func (r *Ringer) Withdraw(ctx context.Context, d push.Device, c push.Challenge) error {
	if err := r.send(ctx, message(d, c, "withdraw", "normal"), 1); err != nil {
		return fmt.Errorf("fcm: withdraw: %w", err)
	}
	return nil
}

func message(d push.Device, c push.Challenge, kind, priority string) *messaging.Message {
	// With 0, Google would try to deliver it only once; without, for four weeks.
	ttl := max(time.Second, time.Until(c.Expires).Truncate(time.Second))
	return &messaging.Message{
		Token:   d.Address.Token,
		Data:    map[string]string{kind: c.ID},
		Android: &messaging.AndroidConfig{Priority: priority, TTL: &ttl},
	}
}
