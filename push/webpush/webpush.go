// Package webpush rings the authenticator page: a browser on a phone or a desktop, by way
// of the push service of the browser's maker.
//
// The page subscribes with the public half of our [Keys]. Its browser gets an endpoint
// from the push service, a URL that stands for this page in this browser and takes
// messages of the keys' owner only, and makes keys to encrypt to. All that is a
// PushSubscription (W3C Push API), and its JSON is the Token of the device's address.
//
// To ring is to POST a message to the endpoint (RFC 8030), encrypted for the browser (RFC
// 8291) and with our name and signature beside it (RFC 8292, "VAPID"). There are two:
//
//	{"challenge":"<id>"}    look what you are asked
//	{"withdraw":"<id>"}     you are not asked any more
//
// The second takes the place of the first if that has not been delivered yet. The push
// service learns that this server rings this browser, and when, but nothing of the login
// (statement 9.4): the messages have one length, and what ties the two together is a digest.
//
// An endpoint is a URL that a stranger chose, and this server may be where strangers would
// like to send requests to. So it has to be https on port 443 of a host that browsers use,
// or one that the operator named. The address is looked at when it is dialled, because a
// name can lead elsewhere a moment after it was looked up: it has to be public. No redirect
// is followed, no proxy is used, and of an answer nothing is read but its header.
package webpush

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"radpush/push"
)

// A Ringer rings browsers. It is a push.Ringer for the service "webpush". Its fields are set
// before first use and not changed after.
type Ringer struct {
	Keys    Keys
	Subject string   // whom a push service can turn to: an e-mail address, or an https URL
	Hosts   []string // push services besides those of browsers: "push.example.com", or ".push.example.com" for all names below

	// For a push service of one's own, and for tests.
	Inside  []netip.Prefix // addresses that may be dialled though they are not public
	AnyPort bool           // not only 443
	RootCAs *x509.CertPool // who may have signed certificates; nil: whom the system trusts

	// Dial connects in place of TCP. Nothing looks at the address then but Dial itself.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	once   sync.Once
	client *http.Client
}

// Check returns what is wrong with the fields, every fault of them.
func (r *Ringer) Check() error {
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("webpush: check: %w", err))
		}
	}
	if r.Keys == (Keys{}) {
		fault(errors.New("there are no keys"))
	}
	fault(checkSubject(r.Subject))
	for _, host := range r.Hosts {
		fault(checkHost(host))
	}
	return errors.Join(faults...)
}

// nowhere are top-level domains that no mail and no browser reaches (RFC 6761, 6762).
// Apple's push service takes no subject there, and says so only when it is rung.
var nowhere = []string{"example", "invalid", "local", "localhost", "test"}

func checkSubject(subject string) error {
	var host string
	if u, err := url.Parse(subject); err == nil && strings.HasPrefix(subject, "https://") {
		host = u.Hostname()
	} else if a, err := mail.ParseAddress(subject); err == nil && a.Address == subject {
		host = subject[strings.LastIndexByte(subject, '@')+1:]
	} else {
		return fmt.Errorf("the subject %q is neither an e-mail address, without mailto:, nor an https URL", subject)
	}
	if dot := strings.LastIndexByte(host, '.'); dot < 0 || slices.Contains(nowhere, strings.ToLower(host[dot+1:])) {
		return fmt.Errorf("the subject %q is nowhere on the internet, and push services refuse it", subject)
	}
	return nil
}

// CheckToken returns what keeps a subscription from being rung, for whoever sent it. It
// asks nobody: whether the push service knows the subscription, Ring finds out.
func (r *Ringer) CheckToken(token string) error {
	if _, _, err := r.subscription(token); err != nil {
		return fmt.Errorf("webpush: check subscription: %w", err)
	}
	return nil
}

// Ring sends {"challenge":"<id>"}. A push service that does not answer, or asks for
// patience, is tried again, four times in all and never beyond the end of ctx.
func (r *Ringer) Ring(ctx context.Context, d push.Device, c push.Challenge) error {
	err := r.send(ctx, d, message{kind: "challenge", id: c.ID, expires: c.Expires, urgency: webpush.UrgencyHigh, tries: 4})
	if err != nil {
		return fmt.Errorf("webpush: ring: %w", err)
	}
	return nil
}

// Withdraw sends {"withdraw":"<id>"}, once. It is not urgent: services count it against a
// sender if what wakes a phone at once shows nothing, and delay what comes after.
func (r *Ringer) Withdraw(ctx context.Context, d push.Device, c push.Challenge) error {
	err := r.send(ctx, d, message{kind: "withdraw", id: c.ID, expires: c.Expires, urgency: webpush.UrgencyNormal, tries: 1})
	if err != nil {
		return fmt.Errorf("webpush: withdraw: %w", err)
	}
	return nil
}

// A message is what a browser is told of a challenge.
type message struct {
	kind    string // "challenge", "withdraw"
	id      string // of the challenge
	expires time.Time
	urgency webpush.Urgency
	tries   int
}

// topic is the same for all messages of a challenge: of those that wait for a browser, the
// newest replaces the others (RFC 8030, section 5.4). It has 32 characters, as many as are
// allowed.
func (m message) topic() string {
	sum := sha256.Sum256([]byte("radpush topic\n" + m.id))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// ttl is how many seconds the service keeps trying to deliver the message (RFC 8030, section
// 5.2). With 0 it would try only once.
func (m message) ttl(now time.Time) int {
	return max(1, int(m.expires.Sub(now)/time.Second))
}
