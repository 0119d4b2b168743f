package web

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"net/http"
	"time"

	"radpush/push"
	"radpush/push/pipush"
	"radpush/web/wire"
)

// An appAPI serves privacyIDEA Authenticators: see package pipush. It says no more than it has
// to: whatever is wrong with a request, the answer is one and the same.
type appAPI struct {
	*deviceAPI
	endpoint string // where apps find it, and with a slash and its ID a challenge
	nobody   []byte // the public key of no app, of the length that apps have
	signed   signedChallenges
}

// addApp serves the app, unless nobody could reach it.
func (a *deviceAPI) addApp(mux *http.ServeMux) {
	if a.URL == "" {
		return
	}
	endpoint, err := pipush.Endpoint(a.URL)
	if err != nil {
		a.Log.Info("web: no privacyIDEA Authenticator can enrol", "err", err)
		return
	}
	app := &appAPI{deviceAPI: a, endpoint: endpoint, nobody: nobodysApp()}
	mux.HandleFunc("GET "+pipush.Path, app.poll)
	mux.HandleFunc("POST "+pipush.Path, app.post)
	mux.HandleFunc("POST "+pipush.Path+"/{challenge}", app.answer)
}

// nobodysApp returns a public key that nobody has the private half of: an odd number is as much
// work as a product of two primes, and found sooner.
func nobodysApp() []byte {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 4095))
	if err != nil {
		panic(err) // rand.Reader does not fail
	}
	n.SetBit(n.SetBit(n, 4095, 1), 0, 1)
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: 65537})
	if err != nil {
		panic(err) // it knows RSA
	}
	return der
}

// post takes what has no challenge.
func (a *appAPI) post(w http.ResponseWriter, r *http.Request) {
	form, ok := a.form(w, r)
	switch {
	case !ok:
	case form.Has("enrollment_credential"):
		a.enrol(w, r, form)
	case form.Has("new_fb_token"):
		a.update(w, r, form)
	case len(form) == 0: // from an iPhone, whose user is asked now whether the app may use the network
		writeReply(w, http.StatusOK, pipush.Done(true))
	default:
		refuse(w, sayNotAuthentic)
	}
}

// form returns the form in a body. If there is none, it has answered.
func (a *appAPI) form(w http.ResponseWriter, r *http.Request) (pipush.Form, bool) {
	body, ok := readBody(w, r)
	if !ok {
		return nil, false
	}
	form, err := pipush.ParseForm(string(body))
	if err != nil {
		refuse(w, sayNotAuthentic)
	}
	return form, err == nil
}

func (a *appAPI) enrol(w http.ResponseWriter, r *http.Request, form pipush.Form) {
	if wait := a.enrolling.take(network(remote(r)).String(), time.Now()); wait > 0 {
		tooMany(w, wait)
		return
	}
	e, err := form.Enrolment()
	if err != nil {
		refuse(w, sayBadCode)
		return
	}
	p, err := a.Engine.Pair(r.Context(), e.Serial, e.Credential, e.Key)
	var public string
	if err == nil {
		public, err = p.Server.Public()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, push.ErrInvalid):
		a.Log.Debug("web: privacyIDEA Authenticator not enrolled", "serial", e.Serial, "from", remote(r), "err", err)
		refuse(w, sayBadCode)
		return
	case err != nil:
		a.fails(w, err)
		return
	}
	a.Log.Info("web: device enrolled", "user", p.User, "device", p.Device(), "kind", push.PIPush, "from", remote(r))
	writeReply(w, http.StatusOK, pipush.Enrolled(public))
}

// poll tells an app what is open. It is asked every three seconds: nothing is written.
func (a *appAPI) poll(w http.ResponseWriter, r *http.Request) {
	form, err := pipush.ParseForm(r.URL.RawQuery)
	var p pipush.Poll
	if err == nil {
		p, err = form.Poll()
	}
	if err != nil {
		refuse(w, sayNotAuthentic)
		return
	}
	pairing, dev, ok := a.signer(w, r, form, p.Serial, p.Statement())
	if !ok || !a.once(w, dev, p.Timestamp, p.Statement()) {
		return
	}
	open, err := a.Push.OpenFor(r.Context(), dev)
	if err != nil {
		a.fails(w, err)
		return
	}
	challenges := make([]pipush.Challenge, len(open))
	for i := range open {
		if challenges[i], err = a.sign(&pairing, &dev, &open[i]); err != nil {
			a.fails(w, err)
			return
		}
	}
	writeReply(w, http.StatusOK, pipush.Done(challenges))
}

// update hears that an app has no address at Firebase, as before.
func (a *appAPI) update(w http.ResponseWriter, r *http.Request, form pipush.Form) {
	u, err := form.Update()
	if err != nil {
		refuse(w, sayNotAuthentic)
		return
	}
	if _, dev, ok := a.signer(w, r, form, u.Serial, u.Statement()); ok && a.once(w, dev, u.Timestamp, u.Statement()) {
		writeReply(w, http.StatusOK, pipush.Done(true))
	}
}

// answer takes a decision. What the app does not hear in 15 seconds it says once more, in the
// same words: they are told the same again, and change nothing.
func (a *appAPI) answer(w http.ResponseWriter, r *http.Request) {
	form, ok := a.form(w, r)
	if !ok {
		return
	}
	said, err := form.Answer()
	if err != nil {
		refuse(w, sayNotAuthentic)
		return
	}
	_, dev, ok := a.signer(w, r, form, said.Serial, said.Statement())
	if !ok {
		return
	}
	answer := push.Answer{Challenge: r.PathValue("challenge"), Device: dev.ID, Decision: push.Approved, Number: said.Presence, At: time.Now()}
	if said.Decline {
		answer.Decision = push.DeniedNotMe
	}
	if said.Reason == pipush.Cancelled {
		answer.Decision = push.DeniedMistake
	}
	answer.Signature, _ = form.Signature() // signer has read it
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerTime)
	defer cancel()
	result, err := a.Engine.Answer(ctx, answer) // it verifies anew, over what was shown
	switch {
	case errors.Is(err, push.ErrUnauthentic):
		refuse(w, sayNotAuthentic)
		return
	case err != nil:
		a.fails(w, err)
		return
	}
	a.Log.Info("web: answer", "device", dev.ID, "challenge", answer.Challenge, "decision", answer.Decision, "result", result)
	writeReply(w, http.StatusOK, pipush.Done(result == push.Accepted))
}

// signer returns who has signed a statement, if it was an app that may ask. An unknown serial
// is as much work as a wrong signature. If it was nobody, it has answered.
func (a *appAPI) signer(w http.ResponseWriter, r *http.Request, form pipush.Form, serial, statement string) (p push.Pairing, dev push.Device, ok bool) {
	signature, err := form.Signature()
	if err != nil {
		refuse(w, sayNotAuthentic)
		return p, dev, false
	}
	if p, err = a.Push.Pairing(r.Context(), serial); err == nil {
		dev, err = a.Push.Device(r.Context(), p.Device())
	}
	known, key := err == nil && !dev.Suspended, dev.Key
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = a.nobody
	case err != nil:
		a.fails(w, err)
		return p, dev, false
	}
	if !pipush.Verify(key, statement, signature) || !known {
		a.Log.Debug("web: request of an app is not authentic", "from", remote(r), "known", known)
		refuse(w, sayNotAuthentic)
		return p, dev, false
	}
	if wait := a.devices.take(dev.ID, time.Now()); wait > 0 {
		tooMany(w, wait)
		return p, dev, false
	}
	return p, dev, true
}

// once lets a statement through whose time is now, and which was not seen before (statement
// 9.2). If it lets none through, it has answered.
func (a *appAPI) once(w http.ResponseWriter, dev push.Device, timestamp, statement string) bool {
	now := time.Now()
	at, fresh := pipush.Fresh(timestamp, now)
	if !fresh {
		a.Log.Info("web: clock of app is off", "device", dev.ID)
	} else if err := a.nonces.use(wire.Stamp{Device: dev.ID, Time: at.UnixMilli(), Nonce: statement}, now); err == nil {
		return true
	}
	refuse(w, sayNotAuthentic)
	return false
}

func writeReply(w http.ResponseWriter, status int, r pipush.Reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(r) // nobody to tell: the peer has gone
}

// refuse is the answer to everything that is wrong with a request.
func refuse(w http.ResponseWriter, why string) {
	writeReply(w, http.StatusForbidden, pipush.Failed(why))
}

// fails is the answer when something is wrong with us.
func (a *appAPI) fails(w http.ResponseWriter, err error) {
	p := a.broken(err)
	writeReply(w, p.Status, pipush.Failed(p.Detail))
}
