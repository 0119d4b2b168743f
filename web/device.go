package web

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/time/rate"

	"radpush/push"
	"radpush/web/page"
	"radpush/web/wire"
)

// A deviceAPI serves devices (statements 9.1 to 9.3). What it remembers lives as long as
// it does.
type deviceAPI struct {
	*Server
	closing <-chan struct{} // ends the polls
	nobody  push.Device     // whose key fits nobody's signature
	nonces  *nonces
	polls   polls

	anybody   limits // all other requests, by address: many devices share one
	pages     limits // for files of the page, by address: a phone asks for some 70 at its first visit
	enrolling limits // tries of codes, by address
	devices   limits // signed requests, by device
	changes   limits // of a user's devices by one of them, but for removals, by user
}

// keysKept is how many addresses, and devices, have their tries counted.
const keysKept = 50_000

func (s *Server) api(closing <-chan struct{}) *deviceAPI {
	return &deviceAPI{
		Server:    s,
		closing:   closing,
		nobody:    stranger(),
		nonces:    newNonces(time.Now()),
		polls:     polls{max: cmp.Or(s.MaxPolls, 10_000)},
		anybody:   limits{rate: 50, burst: 300, max: keysKept},
		pages:     limits{rate: 500, burst: 5000, max: keysKept},
		enrolling: limits{rate: rate.Every(2 * time.Second), burst: 30, max: keysKept},
		devices:   limits{rate: 5, burst: 30, max: keysKept},
		changes:   limits{rate: rate.Every(time.Minute), burst: 20, max: keysKept},
	}
}

func (a *deviceAPI) handler() http.Handler {
	calls, openapi := a.register()
	mux := http.NewServeMux()
	mux.Handle("POST "+wire.PathEnrol, limited(&a.enrolling, bounded(calls)))
	mux.Handle(wire.Prefix, a.signed(calls))
	mux.HandleFunc("GET /openapi.json", serve("application/openapi+json", openapi))
	mux.HandleFunc("GET /enrol", toPage)
	mux.HandleFunc("GET /{$}", toPage)
	mux.HandleFunc("GET /healthz", a.health)
	if a.Grids != nil {
		a.addGridPages(mux)
	}
	a.addApp(mux)
	mux.HandleFunc("/", notFound)
	files := page.Handler(pagePrefix, page.Config{Organization: a.Organization, VAPID: a.VAPID, PIN: a.DevicePIN})
	all := http.NewServeMux()
	all.Handle("GET "+pagePrefix, limited(&a.pages, files))
	all.Handle("/", limited(&a.anybody, mux))
	return a.watched(hardened(all))
}

// answerTime bounds the work on an answer, or on a change of devices, which goes on when the device
// hangs up.
const answerTime = 10 * time.Second

const deviceDescription = `What an authenticator speaks. A device enrols with a code and a key of its own, asks for open challenges, and answers them.

Every call but enrol has an Authorization header, ` + "`Radpush-ES256 device.time.nonce.signature`" + `: the device's id as enrolment returned it; the time in milliseconds since 1970, UTC; 16 to 64 random characters of the base64url alphabet, good once; and an ES256 signature (RFC 7518, section 3.4: r and s, 32 octets each) in base64url without padding. What is signed is seven lines, each but the last ended by one line feed: ` + "`radpush request v1`" + `, the method, path and query behind the base URL, the SHA-256 of the body (which may be empty) in base64url without padding, the device, the time and the nonce.

A device whose clock is more than two minutes off is told the server's time (/problem/clock-skewed). A request that was seen before, or was signed before the server started, is refused (/problem/sign-again): sign it again. An unknown, suspended or removed device and a wrong signature look the same (/problem/not-authentic).

A notification is the JSON ` + "`{\"challenge\":\"<id>\"}`" + ` when the device is asked, and ` + "`{\"withdraw\":\"<id>\"}`" + ` when it is not asked any more; by APNs beside ` + "`aps`" + `, by FCM as data. An app that has given a sealing_key with its address may find ` + "`sealed`" + ` beside challenge: in base64 with padding, a Challenge, as the list of open challenges has it, that it can show and answer without asking for it. It is sealed by HPKE (RFC 9180) in base mode, with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM; info is ` + "`radpush notification v1`" + `, one line feed and the device's id; aad is empty. The octets are the encapsulated key (65) and the ciphertext of one message: the JSON, with spaces at its end up to a multiple of 1,024 octets. Where sealed is absent or cannot be opened, the app asks for the open challenges.`

// register returns the handler of all calls, and their OpenAPI document.
func (a *deviceAPI) register() (http.Handler, []byte) {
	mux := http.NewServeMux()
	config := apiConfig("radpush device API", deviceDescription)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"device": {Type: "http", Scheme: wire.Scheme, Description: "A signature by the device's key: see the description of the API."},
	}
	api := humago.New(mux, config)
	operation := func(id, method, path, summary string, statuses ...int) huma.Operation {
		op := huma.Operation{
			OperationID: id, Method: method, Path: path, Summary: summary,
			BodyReadTimeout: -1, // it has been read
			Responses:       problems(api, append(statuses, 408, 413, 429, 503)...),
		}
		if path != wire.PathEnrol {
			op.Security = []map[string][]string{{"device": {}}}
			op.Responses["401"] = problems(api, 401)["401"]
			op.Responses["403"] = problems(api, 403)["403"]
		}
		return op
	}
	huma.Register(api, operation("enrol", http.MethodPost, wire.PathEnrol,
		"Become a device of the user that the code is for", 400, 404, 415, 422), a.enrol)
	list := operation("challenges", http.MethodGet, wire.PathChallenges,
		"List the open challenges, now or when they change", 409, 422)
	list.Responses["304"] = &huma.Response{Description: "The set is the one that the device knows."}
	huma.Register(api, list, a.challenges)
	huma.Register(api, operation("answer", http.MethodPost, wire.PathAnswer("{id}"),
		"Approve or deny a challenge", 400, 404, 415, 422), a.answer)
	huma.Register(api, operation("set-address", http.MethodPut, wire.PathAddress,
		"Say how to ring the device from now on", 400, 415, 422), a.setAddress)
	huma.Register(api, operation("remove-address", http.MethodDelete, wire.PathAddress,
		"Ring the device no more; it asks by itself"), a.removeAddress)
	huma.Register(api, operation("leave", http.MethodDelete, wire.PathDevice,
		"Remove the device itself"), a.leave)
	a.registerDevices(api, operation)
	mux.HandleFunc("/", notFound)
	return mux, document(api)
}

// stranger returns a device that nobody has the key of.
func stranger() push.Device {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // rand.Reader does not fail
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err) // it knows the curve
	}
	return push.Device{Key: der}
}

type enrolInput struct{ Body wire.Enrolment }
type enrolOutput struct{ Body wire.Enrolled }

func (a *deviceAPI) enrol(ctx context.Context, in *enrolInput) (*enrolOutput, error) {
	d := push.Device{Name: plainName(in.Body.Name), Kind: in.Body.Kind, Key: in.Body.Key}
	if in.Body.Address != nil {
		d.Address = address(*in.Body.Address)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	d, token, err := a.Engine.Enrol(ctx, in.Body.Code, d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem(http.StatusNotFound, wire.BadCode, sayBadCode)
	case errors.Is(err, push.ErrInvalid):
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, err.Error())
	case err != nil:
		return nil, a.broken(err)
	}
	a.Log.Info("web: device enrolled", "user", d.User, "device", d.ID, "kind", d.Kind, "name", d.Name, "from", from(ctx))
	return &enrolOutput{Body: wire.Enrolled{
		Device: encodeID(d.ID), User: d.User, Organization: a.Organization, PIN: a.DevicePIN,
		OTP: wire.OTP{Secret: token.Secret, Algorithm: token.Algorithm.String(),
			Digits: token.Digits, Period: int(token.Period / time.Second)},
	}}, nil
}

// plainName takes out of a name what would confuse whoever reads it in a list or a log.
func plainName(name string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, name))
}

type answerInput struct {
	ID   string `path:"id" maxLength:"64" doc:"The challenge."`
	Body wire.Answer
}
type answerOutput struct{ Body wire.Answered }

// decisions by decision and reason, as devices say them.
var decisions = map[[2]string]push.Outcome{
	{"approve", ""}:     push.Approved,
	{"deny", "not-me"}:  push.DeniedNotMe,
	{"deny", "mistake"}: push.DeniedMistake,
}

func (a *deviceAPI) answer(ctx context.Context, in *answerInput) (*answerOutput, error) {
	decision, ok := decisions[[2]string{in.Body.Decision, in.Body.Reason}]
	if approves := decision == push.Approved; !ok || approves != (in.Body.OTP != "") || !approves && in.Body.Number != "" {
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, "approve goes with otp, and number where there are numbers; deny goes with reason")
	}
	signature, err := base64.RawURLEncoding.DecodeString(in.Body.Signature)
	if err != nil {
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, "signature is not base64url without padding")
	}
	dev := signer(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	result, err := a.Engine.Answer(ctx, push.Answer{Challenge: in.ID, Device: dev.ID,
		Decision: decision, OTP: in.Body.OTP, Number: in.Body.Number, Signature: signature, At: time.Now()})
	switch {
	case errors.Is(err, push.ErrUnauthentic):
		return nil, problem(http.StatusNotFound, wire.NoChallenge, sayNoChallenge)
	case err != nil:
		return nil, a.broken(err)
	}
	a.Log.Info("web: answer", "device", dev.ID, "challenge", in.ID, "decision", decision, "result", result)
	return &answerOutput{Body: wire.Answered{Result: string(result), Text: sayResult[result]}}, nil
}

type addressInput struct{ Body wire.Address }

func (a *deviceAPI) setAddress(ctx context.Context, in *addressInput) (*struct{}, error) {
	return nil, a.changed(a.Push.SetAddress(ctx, signer(ctx).ID, address(in.Body)))
}

func address(a wire.Address) push.Address {
	return push.Address{Service: a.Service, Token: a.Token, SealingKey: a.SealingKey}
}

func (a *deviceAPI) removeAddress(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, a.changed(a.Push.SetAddress(ctx, signer(ctx).ID, push.Address{}))
}

func (a *deviceAPI) leave(ctx context.Context, _ *struct{}) (*struct{}, error) {
	d := signer(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	err := a.Engine.RemoveDevice(ctx, d, d.Name)
	if err == nil {
		a.Log.Info("web: device removed", "user", d.User, "device", d.ID, "name", d.Name, "by", d.ID, "from", from(ctx))
	}
	return nil, a.changed(err)
}

// changed is the answer to a change of the device itself.
func (a *deviceAPI) changed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist): // removed at the same moment
		return problem(http.StatusUnauthorized, wire.NotAuthentic, sayNotAuthentic)
	case errors.Is(err, push.ErrInvalid):
		return wire.NewProblem(http.StatusUnprocessableEntity, err.Error())
	}
	return a.broken(err)
}
