package pipush

import (
	"encoding/base32"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// What a form may have. The longest that the app sends is an enrolment: a key of 740
// characters, and a token of Firebase of some 200.
const (
	maxForm   = 16 << 10 // octets, as they arrive
	maxFields = 16
	maxField  = 4096 // octets, decoded
)

var errForm = errors.New("pipush: malformed form")

// A Form is what the app sends: application/x-www-form-urlencoded, in a query or a body.
type Form map[string]string

// ParseForm reads a form. It is strict: a field that is there twice would let two readers see
// two requests.
func ParseForm(s string) (Form, error) {
	if len(s) > maxForm || strings.Count(s, "&") >= maxFields {
		return nil, errForm
	}
	values, err := url.ParseQuery(s)
	if err != nil { // which quotes it
		return nil, errForm
	}
	f := make(Form, len(values))
	for name, all := range values {
		if len(all) != 1 || len(name) > maxField || len(all[0]) > maxField || !utf8.ValidString(name+all[0]) {
			return nil, errForm
		}
		f[name] = all[0]
	}
	return f, nil
}

// Has reports whether a field is there.
func (f Form) Has(name string) bool { _, ok := f[name]; return ok }

// Signature returns the signature that came with a request.
func (f Form) Signature() ([]byte, error) {
	signature, err := base32.StdEncoding.DecodeString(f["signature"])
	if err != nil || len(signature) > maxBits/8 {
		return nil, errForm
	}
	return signature, nil
}

// Enrolment reads the form of an enrolment. It does not look at the key: see CheckKey.
func (f Form) Enrolment() (Enrolment, error) {
	key, err := base64.StdEncoding.DecodeString(f["pubkey"])
	e := Enrolment{Serial: f["serial"], Credential: f["enrollment_credential"], Key: key}
	if err != nil || !isPlain(e.Serial) || !isPlain(e.Credential) || len(key) == 0 {
		return Enrolment{}, errForm
	}
	return e, nil
}

// Poll reads the form of a poll.
func (f Form) Poll() (Poll, error) {
	p := Poll{Serial: f["serial"], Timestamp: f["timestamp"]}
	if !isPlain(p.Serial) || strings.Contains(p.Timestamp, "|") {
		return Poll{}, errForm
	}
	return p, nil
}

// Update reads the form of an update.
func (f Form) Update() (Update, error) {
	u := Update{Token: f["new_fb_token"], Serial: f["serial"], Timestamp: f["timestamp"]}
	if !isPlain(u.Serial) || strings.Contains(u.Token+u.Timestamp, "|") {
		return Update{}, errForm
	}
	return u, nil
}

// Answer reads the form of an answer. The number of an approval is two digits, so that the
// signature of a denial, whose third field is a word, is that of no approval.
func (f Form) Answer() (Answer, error) {
	a := Answer{Nonce: f["nonce"], Serial: f["serial"], Reason: Reason(f["decline_reason"]), Presence: f["presence_answer"]}
	switch {
	case !isPlain(a.Serial), !isPlain(a.Nonce):
		return Answer{}, errForm
	case !f.Has("decline"):
		if f.Has("decline_reason") || f.Has("presence_answer") && !isNumber(a.Presence) {
			return Answer{}, errForm
		}
		return a, nil
	case f["decline"] != "1", f.Has("presence_answer"):
		return Answer{}, errForm
	}
	a.Decline = true
	switch a.Reason {
	case NoReason, UnknownTrigger, Cancelled:
		return a, nil
	}
	return Answer{}, errForm
}

// isPlain reports whether s is what radpush makes: letters and digits, not too many.
func isPlain(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z')
	})
}

func isNumber(s string) bool {
	return len(s) == 2 && s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9'
}
