// Package pipushtest is the app's side of the privacyIDEA Authenticator's protocol, for tests:
// it scans, enrols, polls and answers as the app of the stores does, and is as strict. It
// shares no code with what it is to judge.
//
//	p, err := pipushtest.Scan(link, key)
//	p.HTTP = client            // who trusts the server's certificate
//	p.Enrol(ctx)
//	requests, err := p.Poll(ctx)
//	counts, err := p.Answer(ctx, requests[0], pipushtest.Accept)
//
// A request whose signature is wrong is dropped without a word, as the app drops it.
package pipushtest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Phone is one token in the app.
type Phone struct {
	HTTP *http.Client // http.Client's zero value if nil

	URL, Serial, Credential string // as scanned
	Issuer, Label           string
	TTL                     time.Duration
	PIN                     bool // the app asks for a PIN before it answers

	Key    *rsa.PrivateKey // the app makes one of 4,096 bits
	Server *rsa.PublicKey  // set by Enrol
}

// Scan reads a QR code. What the app would not take is an error.
func Scan(link string, key *rsa.PrivateKey) (*Phone, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	ttl, err := time.ParseDuration(q.Get("ttl") + "m")
	switch {
	case u.Scheme != "otpauth" || u.Host != "pipush":
		return nil, fmt.Errorf("pipushtest: not a push token: %s://%s", u.Scheme, u.Host)
	case q.Get("v") != "1":
		return nil, errors.New("pipushtest: not version 1")
	case q.Get("poll_only") != "True":
		return nil, errors.New("pipushtest: it wants Firebase")
	case q.Get("sslverify") != "1":
		return nil, errors.New("pipushtest: it would take any certificate")
	case err != nil || ttl <= 0:
		return nil, errors.New("pipushtest: no time to live")
	case q.Get("serial") == "" || q.Get("url") == "" || q.Get("enrollment_credential") == "":
		return nil, errors.New("pipushtest: something is missing")
	}
	return &Phone{URL: q.Get("url"), Serial: q.Get("serial"), Credential: q.Get("enrollment_credential"), Issuer: q.Get("issuer"),
		Label: strings.TrimPrefix(u.Path, "/"), TTL: ttl, PIN: q.Get("pin") == "True", Key: key}, nil
}

// Wake is what an iPhone does before it enrols: an empty POST, so that iOS asks its user
// whether the app may use the network. Its answer is not looked at.
func (p *Phone) Wake(ctx context.Context) error {
	_, _, err := p.send(ctx, http.MethodPost, p.URL, "text/plain; charset=utf-8", "")
	return err
}

// Enrol sends the app's key and keeps the server's.
func (p *Phone) Enrol(ctx context.Context) error {
	spki, err := x509.MarshalPKIXPublicKey(&p.Key.PublicKey)
	if err != nil {
		return err
	}
	var reply struct {
		Detail struct {
			Key string `json:"public_key"`
		}
	}
	err = p.post(ctx, p.URL, url.Values{
		"enrollment_credential": {p.Credential}, "serial": {p.Serial}, "fbtoken": {"no_firebase_token"},
		"pubkey": {base64.StdEncoding.EncodeToString(spki)}, "capabilities": {`["decline_reason"]`},
	}, &reply)
	if err != nil {
		return err
	}
	der, err := base64.StdEncoding.DecodeString(reply.Detail.Key)
	if err != nil {
		return err
	}
	p.Server, err = x509.ParsePKCS1PublicKey(der)
	return err
}

// A Request is what the app shows.
type Request struct {
	Title, Question string
	Choices         []string

	nonce, url   string
	knowsReasons bool // the server understands why
}

// Poll returns the requests that the app would show.
func (p *Phone) Poll(ctx context.Context) ([]Request, error) {
	timestamp := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	return p.PollWith(ctx, timestamp, p.Sign(p.Serial+"|"+timestamp))
}

// PollWith is Poll with a timestamp and a signature as they are given.
func (p *Phone) PollWith(ctx context.Context, timestamp, signature string) ([]Request, error) {
	q := url.Values{"serial": {p.Serial}, "timestamp": {timestamp}, "signature": {signature}, "capabilities": {`["decline_reason"]`}}
	status, body, err := p.send(ctx, http.MethodGet, p.URL+"?"+q.Encode(), "", "")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, &Refused{status, body}
	}
	var reply struct {
		Result struct{ Value []map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil {
		return nil, err
	}
	var shown []Request
	for _, data := range reply.Result.Value {
		if r, ok := p.accept(data); ok {
			shown = append(shown, r)
		}
	}
	return shown, nil
}

// accept takes a challenge apart. It is dropped if it is not the server's, or lacks what the
// app needs.
func (p *Phone) accept(data map[string]any) (r Request, ok bool) {
	text := make(map[string]string)
	for _, name := range []string{"nonce", "url", "serial", "question", "title", "sslverify", "signature"} {
		if text[name], ok = data[name].(string); !ok {
			return r, false
		}
	}
	said := strings.Join([]string{text["nonce"], canonical(text["url"]), text["serial"], text["question"], text["title"], text["sslverify"]}, "|")
	if presence, ok := data["require_presence"].(string); ok {
		said += "|" + presence
		r.Choices = strings.Split(presence, ",")
	}
	if text["serial"] != p.Serial || !p.signed(said, text["signature"]) {
		return r, false
	}
	if capabilities, ok := data["capabilities"].(map[string]any); ok {
		// For objects of booleans and texts in ASCII this is the form of RFC 8785.
		said, err := json.Marshal(map[string]any{"capabilities": capabilities, "nonce": text["nonce"]})
		signature, _ := data["capabilities_signature"].(string)
		if err != nil || !p.signed(string(said), signature) {
			return r, false
		}
		_, r.knowsReasons = capabilities["decline_reason"]
	}
	r.Title, r.Question, r.nonce, r.url = text["title"], text["question"], text["nonce"], text["url"]
	return r, true
}

// canonical returns a URL as Dart writes it after it has read it.
func canonical(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	u.Host = strings.ToLower(u.Host)
	if u.Scheme == "https" {
		u.Host = strings.TrimSuffix(u.Host, ":443")
	}
	return u.JoinPath().String()
}

func (p *Phone) signed(said, signature string) bool {
	raw, err := base32.StdEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(said))
	return err == nil && rsa.VerifyPKCS1v15(p.Server, crypto.SHA256, sum[:], raw) == nil
}

// Sign signs a text as the app does.
func (p *Phone) Sign(said string) string {
	sum := sha256.Sum256([]byte(said))
	signature, err := rsa.SignPKCS1v15(nil, p.Key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is the test's
	}
	return base32.StdEncoding.EncodeToString(signature)
}

// A Choice is what the user taps.
type Choice int

const (
	Accept  Choice = iota
	Decline        // it wasn't me
	Cancel         // a mistake
	Bare           // as an app declines that knows no reasons
)

// Form returns what the app sends for a choice, number being "" without number matching.
func (p *Phone) Form(r Request, c Choice, number string) url.Values {
	form, said := url.Values{"serial": {p.Serial}, "nonce": {r.nonce}}, r.nonce+"|"+p.Serial
	if c != Accept {
		form.Set("decline", "1")
		said += "|decline"
	}
	if reason := map[Choice]string{Decline: "unknown_trigger", Cancel: "cancelled"}[c]; reason != "" && r.knowsReasons {
		form.Set("decline_reason", reason)
		said += "|" + reason
	}
	if number != "" {
		form.Set("presence_answer", number)
		said += "|" + number
	}
	form.Set("signature", p.Sign(said))
	return form
}

// Answer sends what the user taps, and returns whether the server says that it counts.
func (p *Phone) Answer(ctx context.Context, r Request, c Choice) (bool, error) {
	return p.SendAnswer(ctx, r, p.Form(r, c, ""))
}

// Choose accepts with a number.
func (p *Phone) Choose(ctx context.Context, r Request, number string) (bool, error) {
	return p.SendAnswer(ctx, r, p.Form(r, Accept, number))
}

// SendAnswer sends a form to where answers to a request go.
func (p *Phone) SendAnswer(ctx context.Context, r Request, form url.Values) (bool, error) {
	var reply struct{ Result struct{ Value bool } }
	err := p.post(ctx, r.url, form, &reply)
	return reply.Result.Value, err
}

// Update tells the server the app's address at Firebase, which an app that polls has not.
func (p *Phone) Update(ctx context.Context) error {
	const token = "no_firebase_token"
	timestamp := time.Now().UTC().Format(time.RFC3339Nano)
	return p.post(ctx, p.URL, url.Values{"new_fb_token": {token}, "serial": {p.Serial}, "timestamp": {timestamp},
		"signature": {p.Sign(token + "|" + p.Serial + "|" + timestamp)}}, nil)
}

// A Refused is an answer of the server that is not 200.
type Refused struct {
	Status int
	Body   string
}

func (r *Refused) Error() string { return fmt.Sprintf("pipushtest: %d %s", r.Status, r.Body) }

// post sends a form and reads the JSON of the answer, which must be as the app wants it.
func (p *Phone) post(ctx context.Context, to string, form url.Values, out any) error {
	status, body, err := p.send(ctx, http.MethodPost, to, "application/x-www-form-urlencoded; charset=utf-8", form.Encode())
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return &Refused{status, body}
	}
	var reply struct {
		Result struct {
			Status bool
			Value  any
		}
		Time any
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil {
		return fmt.Errorf("pipushtest: %w: %s", err, body)
	}
	if !reply.Result.Status || reply.Result.Value == nil {
		return fmt.Errorf("pipushtest: an answer without a value: %s", body)
	}
	if n, ok := reply.Time.(float64); reply.Time != nil && (!ok || n == float64(int(n))) {
		return fmt.Errorf("pipushtest: a time that is no fraction, which Dart reads as an int: %s", body)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal([]byte(body), out)
}

// send makes one request, in the 15 seconds that the app waits.
func (p *Phone) send(ctx context.Context, method, to, contentType, body string) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	client := p.HTTP
	if client == nil {
		client = new(http.Client)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(b), err
}
