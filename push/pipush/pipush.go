// Package pipush is the protocol of the privacyIDEA Authenticator, an app of the stores that
// radpush takes as it is: what its messages say, what is signed in them, and by which keys.
//
// It is pure. It reads texts and makes texts; the server behind it, package web, reads the
// network, and package push keeps the records. What the protocol is has been read from the
// source of the app (versions 4.5 to 4.8).
//
// # One token
//
//	server ──► app      [Link], as a QR code: where, which serial, a credential that is good once
//	app ──► server      POST /pipush: [Enrolment], with an RSA key that the app has made
//	server ──► app      [ServerKey.Public], with which the app checks what it is asked
//	app ──► server      GET /pipush: [Poll], every three seconds while the app is open
//	server ──► app      [Challenge]: what to show, signed by the server's key
//	app ──► server      POST to the challenge's URL: [Answer], signed by the app's key
//
// There are two keys for each token: the app knows the server by one, the server the app by
// the other. Neither side ever sends a secret but the credential.
//
// # What is signed
//
// Signatures are RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2) over fields that are
// joined by "|", in base32 with padding (RFC 4648, section 6). Nothing is escaped, so what is
// read here is narrow: no field of an answer can hold a "|", and no number can be the word
// that declines.
//
// The app signs no hash of what it showed, as radpush's own devices do. It signs the nonce: so
// [Nonce] is a hash of it.
package pipush

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"
)

// Path is where the app is served, behind the server's base URL. The answer to a challenge
// goes to Path, a slash and the challenge's ID.
const Path = "/pipush"

// Skew is how far the clock of a phone may be off.
const Skew = time.Minute

// NewSerial returns what one token is called: the app tells its tokens, of all servers, apart
// by that alone. 100 bits are random.
func NewSerial() string { return "RADPUSH" + rand.Text()[:20] }

// Nonce returns the nonce of a challenge for one token: 160 bits of a hash over the challenge,
// the token and exactly what is shown, as 32 letters and digits. It is the same whenever and
// by whichever server it is computed, nobody can guess it who cannot guess the ID of the
// challenge, and an answer that signs it has signed what was shown.
func Nonce(challenge, serial string, shown []byte) string {
	what := sha256.Sum256(shown)
	sum := sha256.Sum256(append([]byte("radpush pipush nonce v1\n"+challenge+"\n"+serial+"\n"), what[:]...))
	return base32.StdEncoding.EncodeToString(sum[:20])
}

// A Reason is why the user declined, as the app says it.
type Reason string

const (
	NoReason       Reason = ""                // the app is older than reasons; taken as UnknownTrigger
	UnknownTrigger Reason = "unknown_trigger" // it wasn't me
	Cancelled      Reason = "cancelled"       // a mistake
)

// An Answer is what the user decided.
type Answer struct {
	Nonce, Serial string
	Decline       bool
	Reason        Reason // with Decline
	Presence      string // without Decline: the number chosen, of those the challenge had; "" if it had none
}

// Statement returns what the signature of an answer covers.
func (a Answer) Statement() string {
	fields := []string{a.Nonce, a.Serial}
	if a.Decline {
		fields = append(fields, "decline")
	}
	if a.Reason != NoReason {
		fields = append(fields, string(a.Reason))
	}
	if a.Presence != "" {
		fields = append(fields, a.Presence)
	}
	return strings.Join(fields, "|")
}

// A Poll asks for open challenges.
type Poll struct {
	Serial    string
	Timestamp string // RFC 3339 as sent: see Fresh
}

// Statement returns what the signature of a poll covers.
func (p Poll) Statement() string { return p.Serial + "|" + p.Timestamp }

// An Update brings a new address at Firebase. An app that only polls sends it too, with
// "no_firebase_token".
type Update struct {
	Token     string
	Serial    string
	Timestamp string // RFC 3339 as sent: see Fresh
}

// Statement returns what the signature of an update covers.
func (u Update) Statement() string { return u.Token + "|" + u.Serial + "|" + u.Timestamp }

// Fresh returns the time that a timestamp says, and whether it is within Skew of now.
func Fresh(timestamp string, now time.Time) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, timestamp)
	return t, err == nil && now.Sub(t).Abs() <= Skew
}

// An Enrolment makes the phone that scanned a Link a device.
type Enrolment struct {
	Serial     string
	Credential string
	Key        []byte // the app's public key, DER SubjectPublicKeyInfo (RFC 5280, section 4.1): see CheckKey
}
