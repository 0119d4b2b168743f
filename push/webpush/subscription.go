package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	webpush "github.com/SherClockHolmes/webpush-go"
)

// browsers are the hosts of browsers' push services.
var browsers = []string{
	"fcm.googleapis.com",         // Chrome and most of its kin
	"jmt17.google.com",           // Chromium that was built without Google's keys, as Linux distributions do
	".push.services.mozilla.com", // Firefox: updates.push.services.mozilla.com
	".notify.windows.com",        // Edge: one name for each site, as wns2-par02p.notify.windows.com
	".push.apple.com",            // Safari: web.push.apple.com; Apple names the whole domain
}

// maxEndpoint is in octets. Those in use have some hundreds.
const maxEndpoint = 2048

var errNotSubscription = errors.New("it is not the JSON of a PushSubscription")

// subscription reads a token, and refuses what must not or cannot be rung. Host is the
// one of the endpoint; errors have nothing else of a subscription in them.
func (r *Ringer) subscription(token string) (s *webpush.Subscription, host string, err error) {
	s = new(webpush.Subscription)
	if json.Unmarshal([]byte(token), s) != nil {
		return nil, "", errNotSubscription // json's error may quote
	}
	u, err := r.endpoint(s.Endpoint)
	if err != nil {
		return nil, "", err
	}
	s.Endpoint = u.String()
	// RFC 8291, section 3.1 and 3.2. Decoded strictly, as PushSubscription.toJSON encodes.
	point, err := base64.RawURLEncoding.Strict().DecodeString(s.Keys.P256dh)
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(point)
	}
	if err != nil {
		return nil, "", errors.New("its p256dh is not a point of P-256, uncompressed, in base64url without padding")
	}
	if auth, err := base64.RawURLEncoding.Strict().DecodeString(s.Keys.Auth); err != nil || len(auth) != 16 {
		return nil, "", errors.New("its auth is not 16 octets in base64url without padding")
	}
	return s, u.Host, nil
}

// endpoint returns an endpoint that may be called, with its origin in the form that the
// signature names it in: in lower case, and without the default port (RFC 8292, section 2,
// and RFC 6454, section 6.1).
func (r *Ringer) endpoint(text string) (*url.URL, error) {
	if text == "" {
		return nil, errNotSubscription
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > maxEndpoint || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("its endpoint is not an https URL of at most %d octets, without user or fragment", maxEndpoint)
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if !hostname(host) || !among(host, browsers) && !among(host, r.Hosts) {
		return nil, fmt.Errorf("its endpoint is at %.253q, which is no push service that this server knows; an operator can name it", host)
	}
	u.Host = host
	if port != "" && port != "443" {
		if !r.AnyPort {
			return nil, fmt.Errorf("its endpoint is at port %.5s of %s; only 443 is called", port, host)
		}
		u.Host = net.JoinHostPort(host, port)
	}
	return u, nil
}

// among reports whether a name is in the list, or below one that begins with a dot.
func among(host string, hosts []string) bool {
	return slices.ContainsFunc(hosts, func(known string) bool {
		known = strings.ToLower(known)
		if strings.HasPrefix(known, ".") {
			return strings.HasSuffix(host, known)
		}
		return host == known
	})
}

// checkHost says what is wrong with one of Ringer.Hosts.
func checkHost(host string) error {
	name, below := strings.CutPrefix(host, ".")
	switch {
	case !hostname(strings.ToLower(name)):
		return fmt.Errorf("%q is not the name of a push service; push.example.com is one, and .push.example.com all below it", host)
	case below && !strings.Contains(name, "."):
		return fmt.Errorf("%q would let in every name below a top-level domain", host)
	}
	return nil
}

// hostname reports whether a name has nothing in it that anybody could read otherwise:
// labels of letters, digits and hyphens (RFC 1123, section 2.1).
func hostname(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
