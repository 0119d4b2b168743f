// Package ntfy rings bells by way of an ntfy server: the public one, or an organization's own.
//
// A user has a topic, a name that nobody guesses, and subscribes to it in the ntfy app or in a
// browser. To ring is to publish a message to the topic (https://docs.ntfy.sh/publish): a POST
// of JSON to the server's root.
//
//	{"topic":"radpush-…","title":"Sign-in request for Example Ltd","message":"Open your authenticator to answer it.",
//	 "priority":4,"tags":["bell"],"sequence_id":"<id>","click":"https://…/app/","actions":[{"action":"view",…}]}
//
// The link is there if it leads to one of the user's devices. Who taps on it opens the
// authenticator page, and answers there: a message of ntfy approves nothing, so whoever knows
// the topic, the server included, learns that there is a sign-in, can ring as well, and can do
// no more (statement 9.4).
//
// When the challenge has ended, a DELETE of the message's sequence takes it from the phones,
// those too that were off line meanwhile. Servers before version 2.16 do not know that; on their
// phones it stays until somebody wipes it away.
package ntfy

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"radpush/push"
)

// A Publisher publishes to the topics of one server. Its fields are set before first use and
// not changed after.
type Publisher struct {
	URL          string // of the server: "https://ntfy.example.com"
	Token        Secret // of an account that may write to the topics; "" for none
	User         string // of such an account, in place of a token
	Password     Secret
	Organization string // "Example Ltd"; "" for none
	Page         string // URL of the authenticator page

	RootCAs *x509.CertPool // who may have signed the server's certificate; nil: whom the system trusts

	// Dial connects in place of TCP, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	once   sync.Once
	client *http.Client
}

// A Secret is a token or a password. It prints, logs and marshals as "[secret]".
type Secret string

func (s Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, s.String()) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(s.String()) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
func (Secret) String() string                 { return "[secret]" }

const maxOrganization = 200 // octets; a title may have 1,024, a lock screen shows some 150

var topics = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`) // as the server has them; they become part of a URL

// Check returns what is wrong with the fields, every fault of them.
func (p *Publisher) Check() error {
	var faults []error
	fault := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, fmt.Errorf("ntfy: check: "+format, args...))
		}
	}
	u, err := url.Parse(p.URL)
	fault(err != nil || u.Host == "" || p.URL != "https://"+u.Host, "the server's URL is more or less than https:// and a name, as in https://ntfy.example.com")
	fault(p.Token != "" && p.User != "", "there is a token and a user: want one of the two")
	fault((p.User == "") != (p.Password == ""), "user and password come together or not at all")
	fault(strings.ContainsFunc(string(p.Token), func(r rune) bool { return r <= ' ' || r > '~' }), "the token is not one word of ASCII, such as tk_…")
	fault(strings.Contains(p.User, ":"), "the user has a colon, which no account of ntfy can have")
	fault(len(p.Organization) > maxOrganization || !utf8.ValidString(p.Organization) || strings.ContainsFunc(p.Organization, unicode.IsControl),
		"the organization has more than %d octets or is not plain text", maxOrganization)
	return errors.Join(faults...)
}

// NewTopic returns a topic that nobody guesses.
func NewTopic() string { return "radpush-" + strings.ToLower(rand.Text()) }

// CheckTopic returns an error unless a server can have the topic.
func CheckTopic(topic string) error {
	if !topics.MatchString(topic) {
		return errors.New("ntfy: a topic has 1 to 64 letters, digits, - and _")
	}
	return nil
}

// Web returns the address at which a browser subscribes to a topic.
func (p *Publisher) Web(topic string) string { return p.URL + "/" + topic }

// App returns the link by which the app on Android subscribes to a topic
// (https://docs.ntfy.sh/subscribe/phone/#ntfy-links).
func (p *Publisher) App(topic string) string {
	return "ntfy://" + strings.TrimPrefix(p.Web(topic), "https://")
}

// Bell returns the bell at a topic.
func (p *Publisher) Bell(topic string) push.Bell { return bell{p, topic} }

type bell struct {
	*Publisher
	topic string
}

// A message is what ntfy publishes.
type message struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"` // without one the phone shows the topic
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags"`
	Sequence string   `json:"sequence_id"`
	Click    string   `json:"click,omitempty"`
	Actions  []action `json:"actions,omitempty"`
}

type action struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
	Clear  bool   `json:"clear"`
}

const high = 4 // of 5

// Ring publishes a message. If the server does not answer, or asks for patience, it is tried
// again, four times in all and never beyond the end of ctx.
func (b bell) Ring(ctx context.Context, c push.Challenge, page bool) error {
	m := message{Topic: b.topic, Title: sayTitle, Message: sayMessage, Priority: high, Tags: []string{"bell"}, Sequence: c.ID}
	if b.Organization != "" {
		m.Title += " for " + b.Organization
	}
	if page {
		m.Click, m.Actions = b.Page, []action{{"view", sayOpen, b.Page, true}}
	}
	body, err := json.Marshal(m)
	if err == nil {
		err = b.send(ctx, request{method: http.MethodPost, path: "/", body: body, tries: 4}, b.topic)
	}
	if err != nil {
		return fmt.Errorf("ntfy: ring: %w", err)
	}
	return nil
}

// Withdraw deletes the message. It is tried once.
func (b bell) Withdraw(ctx context.Context, c push.Challenge) error {
	path := "/" + b.topic + "/" + url.PathEscape(c.ID)
	if err := b.send(ctx, request{method: http.MethodDelete, path: path, tries: 1}, b.topic); err != nil {
		return fmt.Errorf("ntfy: withdraw: %w", err)
	}
	return nil
}
