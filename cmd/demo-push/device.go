package main

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"radpush/push/apns/apnstest"
	"radpush/web/phone"
	"radpush/web/wire"
)

// A device is one of alice's: the device's side of the API, and an address of a push service.
type device struct {
	*phone.Phone
	name    string // "iPhone"
	service string // "APNs"
	kind    string
	address wire.Address
	key     *ecdh.PrivateKey // of an app, for what is sealed

	receive func(ctx context.Context) (notice, error) // waits

	// Of the iPhone alone: the app is removed from it, and whether APNs has been told of a
	// challenge for it, however it answered.
	remove func()
	told   func(id string) bool
}

// A notice is what a push service received for a device, and what the device got.
type notice struct {
	seen [][2]string // by the service: names and values

	Challenge string
	Withdraw  string
	Sealed    []byte
}

// see adds what the service has seen.
func (n *notice) see(name, value string) { n.seen = append(n.seen, [2]string{name, value}) }

// seeHeaders adds those that say who sends, how urgently, and for how long.
func (n *notice) seeHeaders(h http.Header, names ...string) {
	n.see("authorization", authorization(h.Get("Authorization")))
	for _, name := range names {
		n.see(name, h.Get(name))
	}
}

// authorization shows what kind of Authorization it is, and what a JWT in it says.
func authorization(header string) string {
	scheme, rest, _ := strings.Cut(header, " ")
	token, _, _ := strings.Cut(strings.TrimPrefix(rest, "t="), ",") // of vapid (RFC 8292)
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return scheme + " " + shortened(token, 10)
	}
	for _, part := range parts[:2] {
		if b, err := base64.RawURLEncoding.DecodeString(part); err == nil {
			scheme += " " + string(b)
		}
	}
	return scheme + ", signed"
}

// iPhone returns a phone with an app that APNs rings.
func (s services) iPhone() (*device, error) {
	p := s.apple.Register()
	d := &device{name: "iPhone", service: "APNs", kind: "native", address: wire.Address{Service: "apns", Token: p.Token}, remove: p.Unregister}
	d.told = func(id string) bool {
		return slices.ContainsFunc(p.Posts(), func(post apnstest.Post) bool { return bytes.Contains(post.Body, []byte(id)) })
	}
	d.receive = func(ctx context.Context) (n notice, err error) {
		got, err := p.Receive(ctx)
		if err != nil {
			return n, err
		}
		n.seeHeaders(newest(p.Posts()).Header, "apns-topic", "apns-push-type", "apns-priority", "apns-collapse-id")
		n.see("apns-expiration", fmt.Sprintf("%d, in %v", got.Expires.Unix(), time.Until(got.Expires).Round(time.Second)))
		n.see("payload", string(got.Payload))
		return n, json.Unmarshal(got.Payload, &n)
	}
	return d, d.makeKey()
}

// android returns a phone with an app that FCM rings.
func (s services) android() (*device, error) {
	p := s.google.Register()
	d := &device{name: "Android phone", service: "FCM", kind: "native", address: wire.Address{Service: "fcm", Token: p.Token}}
	d.receive = func(ctx context.Context) (n notice, err error) {
		got, err := p.Receive(ctx)
		if err != nil {
			return n, err
		}
		post := newest(p.Posts())
		n.seeHeaders(post.Header)
		n.see("body", string(post.Body))
		n.Challenge, n.Withdraw = got.Data["challenge"], got.Data["withdraw"]
		n.Sealed, err = base64.StdEncoding.DecodeString(got.Data["sealed"])
		return n, err
	}
	return d, d.makeKey()
}

// browser returns a browser with the authenticator page, which Web Push rings.
func (s services) browser() (*device, error) {
	b, err := s.browsers.Subscribe(s.vapid.Public())
	if err != nil {
		return nil, err
	}
	d := &device{name: "browser", service: "Web Push", kind: "page", address: wire.Address{Service: "webpush", Token: b.Token()}}
	d.receive = func(ctx context.Context) (n notice, err error) {
		got, err := b.Receive(ctx)
		if err != nil {
			return n, err
		}
		post := newest(b.Posts())
		n.seeHeaders(post.Header, "ttl", "topic", "urgency", "content-encoding")
		n.see("body", fmt.Sprintf("%d octets, which the browser alone decrypts (RFC 8291):", len(post.Body)))
		n.see("", string(got.Text))
		return n, json.Unmarshal(got.Text, &n)
	}
	return d, nil
}

func newest[T any](posts []T) T { return posts[len(posts)-1] }

// makeKey makes what the server may seal to, as an app does before it enrols.
func (d *device) makeKey() (err error) {
	if d.key, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		return err
	}
	d.address.SealingKey, err = x509.MarshalPKIXPublicKey(d.key.PublicKey())
	return err
}

// enrol makes it a device of alice, with a link as she would be given one.
func (d *device) enrol(ctx context.Context, s *server) error {
	code, err := s.engine.NewEnrolment(ctx, "alice", "", time.Hour)
	if err != nil {
		return err
	}
	link := wire.EnrolLink{URL: s.url, Code: code, Pin: s.pin}
	d.Phone, err = phone.EnrolAs(ctx, link.String(), wire.Enrolment{Name: d.name, Kind: d.kind, Address: &d.address})
	return err
}
