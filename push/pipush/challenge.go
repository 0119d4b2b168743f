package pipush

import "strings"

// A Question is what an app is to ask its user. Nothing in it is secret: whoever reads it can
// answer only with the app's key.
type Question struct {
	Nonce   string // see Nonce
	URL     string // where the answer goes: it begins with an Endpoint
	Serial  string
	Title   string
	Text    string
	Choices []string // numbers, of which the user chooses the one that the login shows; nil: none
}

// A Challenge is a Question as the app takes it. All values are texts.
type Challenge struct {
	Nonce     string `json:"nonce"`
	URL       string `json:"url"`
	Serial    string `json:"serial"`
	Question  string `json:"question"`
	Title     string `json:"title"`
	SSLVerify string `json:"sslverify"`
	Presence  string `json:"require_presence,omitempty"`
	Signature string `json:"signature"`

	Capabilities          capabilities `json:"capabilities"`
	CapabilitiesSignature string       `json:"capabilities_signature"`
}

// capabilities are what the server understands. An app that finds DeclineReason asks whether
// it was the user at all, and says so.
type capabilities struct {
	DeclineReason bool `json:"decline_reason"`
}

// Sign makes a Question a Challenge. It makes two signatures, some milliseconds of work.
func (k ServerKey) Sign(q Question) (Challenge, error) {
	key, err := k.parse()
	if err != nil {
		return Challenge{}, err
	}
	c := Challenge{
		Nonce: q.Nonce, URL: q.URL, Serial: q.Serial, Question: q.Text, Title: q.Title, SSLVerify: "1",
		Presence: strings.Join(q.Choices, ","), Capabilities: capabilities{DeclineReason: true},
	}
	fields := []string{c.Nonce, c.URL, c.Serial, c.Question, c.Title, c.SSLVerify}
	if c.Presence != "" {
		fields = append(fields, c.Presence)
	}
	if c.Signature, err = sign(key, strings.Join(fields, "|")); err != nil {
		return Challenge{}, err
	}
	// RFC 8785: the names in order, no space. A nonce has nothing to escape.
	c.CapabilitiesSignature, err = sign(key, `{"capabilities":{"decline_reason":true},"nonce":"`+c.Nonce+`"}`)
	return c, err
}

// A Reply is what the app reads: JSON-RPC in its looks alone.
type Reply struct {
	Version string  `json:"jsonrpc"`
	ID      int     `json:"id"`
	Result  Result  `json:"result"`
	Detail  *Detail `json:"detail,omitempty"`
}

// A Result has a value, or it has a fault.
type Result struct {
	Status bool   `json:"status"` // whether it has a value
	Value  any    `json:"value,omitempty"`
	Error  *Fault `json:"error,omitempty"`
}

// A Fault's message is shown to the user.
type Fault struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// A Detail answers an Enrolment.
type Detail struct {
	PublicKey string `json:"public_key"` // see ServerKey.Public
}

// Done returns a reply with a value: a list of Challenge for a Poll, true for an Enrolment and
// an Update. For an Answer it is whether it counts; after either the app forgets the challenge.
func Done(value any) Reply {
	return Reply{Version: "2.0", ID: 1, Result: Result{Status: true, Value: value}}
}

// Enrolled returns the reply to an Enrolment.
func Enrolled(publicKey string) Reply {
	r := Done(true)
	r.Detail = &Detail{PublicKey: publicKey}
	return r
}

// Failed returns a reply with a fault. The app keeps the challenge that it wanted to answer.
func Failed(message string) Reply {
	const code = 303 // as privacyIDEA numbers what a device may not
	return Reply{Version: "2.0", ID: 1, Result: Result{Error: &Fault{Code: code, Message: message}}}
}
