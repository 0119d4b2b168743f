// Package access turns an Access-Request into a login attempt and the verdict into an
// Access-Accept, Access-Reject or Access-Challenge.
//
// It alone knows both sides: the attributes of RFC 2865 and RFC 2548, and package
// login. A passcode comes as PAP, CHAP or MS-CHAPv2; the engine sees a
// [login.Passcode] and does not know which. With MS-CHAPv2 the text that matched is
// kept, because MS-CHAP2-Success and the MPPE keys are made from it.
//
// A login may take several rounds: an Access-Challenge asks, and the next Access-Request
// answers with the State that it carried. Each round stands for itself, with challenges
// and a response of its own; what holds them together is in the engine.
//
// What is no login, an EAP-Message for one, is rejected here and recorded as activity
// like any other rejection. What could be a forgery or a fault of the NAS gets no answer.
// No reply carries anything that the user typed.
//
// Accounting-Requests are answered too, because some NAS end the session otherwise; the
// start and the stop of a session become activity.
package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	layeh "layeh.com/radius"

	"radpush/dictionary"
	"radpush/login"
	"radpush/radius"
)

// A Handler answers Access-Requests and Accounting-Requests. Its fields are set before
// first use and not changed after.
type Handler struct {
	Engine   Engine
	Clients  map[string]login.Client // the engine's: which of them can show an Access-Challenge
	Activity Activity

	// Reply are the attributes of an Access-Accept, by the client's name. They are the
	// same however the user came to be accepted (statement 7.4). Each has passed
	// CheckReply.
	Reply map[string][]dictionary.Value
	Log   *slog.Logger

	inTheClear warnings
}

// An Engine decides logins. *login.Engine is one.
type Engine interface {
	// Begin returns a verdict, or what waits for one.
	Begin(ctx context.Context, a login.Attempt) (login.Verdict, *login.Held, error)
}

// Activity records what happened and never reaches the engine. *login.Journal is one.
type Activity interface {
	// Append has the row written when it returns. A row with the Time and ID of one that
	// is there already is the same row.
	Append(ctx context.Context, r login.Row) error
}

// ServeRADIUS implements radius.Handler. An error of the engine or the store is silence.
func (h *Handler) ServeRADIUS(ctx context.Context, r *radius.Request) (*layeh.Packet, error) {
	switch r.Code {
	case layeh.CodeAccessRequest:
		return h.decide(ctx, r)
	case layeh.CodeAccountingRequest:
		return h.account(ctx, r)
	}
	return nil, fmt.Errorf("access: nothing answers a %v", r.Code)
}

// decide answers an Access-Request.
func (h *Handler) decide(ctx context.Context, r *radius.Request) (*layeh.Packet, error) {
	a, err := newAttempt(r)
	if why, ok := errors.AsType[refusal](err); ok {
		return h.refuse(ctx, r, a, why)
	}
	if err != nil {
		return nil, err
	}
	if a.Protocol == msCHAPv2 && h.inTheClear.first(a.Client) {
		// draft-ietf-radext-deprecating-radius: 56 bits of DES are found in hours.
		h.Log.Warn("whoever reads the traffic of MS-CHAPv2 over UDP can find the passwords: use PAP, or a tunnel", "client", a.Client)
	}
	v, held, err := h.Engine.Begin(ctx, a)
	if held == nil {
		return h.decided(r, a.Passcode, v, err)
	}
	passcode := a.Passcode // all of a that is kept
	r.Later = &radius.Later{Wait: held.Wait, Reply: func() (*layeh.Packet, error) {
		v, err := held.Verdict()
		return h.decided(r, passcode, v, err)
	}}
	return nil, nil
}

// decided answers a request with the engine's verdict.
func (h *Handler) decided(r *radius.Request, p login.Passcode, v login.Verdict, err error) (*layeh.Packet, error) {
	if err != nil {
		return nil, err
	}
	r.AtOnce = v.AtOnce
	h.Log.LogAttrs(context.Background(), slog.LevelDebug, "login decided",
		slog.String("client", r.Client.Name), slog.String("reason", string(v.Reason)))
	return h.reply(r, p, v)
}

// A refusal is why a request is rejected before the engine sees it. It is the reason in
// the activity row.
type refusal login.Reason

func (r refusal) Error() string { return string(r) }

const (
	noUserName    refusal = "request carries no user name"
	badUserName   refusal = "user name is empty, too long or not printable"
	noPasscode    refusal = refusal(login.NoPasscode)
	twoPasscodes  refusal = "request carries more than one passcode"
	badPasscode   refusal = "passcode is malformed"
	noEAP         refusal = "EAP is not supported"
	noMSCHAPv1    refusal = "MS-CHAPv1 is not supported"
	otherPasscode refusal = "passcode is of a protocol that is not supported"
)

// refuse rejects what is no login. The row is written as for any rejection: a failure to
// write it is logged, and the rejection stands.
func (h *Handler) refuse(ctx context.Context, r *radius.Request, a login.Attempt, why refusal) (*layeh.Packet, error) {
	v := login.Verdict{Reason: login.Reason(why), Message: sayFailed}
	switch why {
	case noEAP, noMSCHAPv1, otherPasscode:
		v.Message = sayUnsupported
	}
	row := rowOf(a)
	row.Result, row.Reason, row.Message = login.ResultFailure, v.Reason, v.Message
	if err := h.Activity.Append(context.WithoutCancel(ctx), row); err != nil {
		h.Log.Error("access: record refusal", "user", row.User, "client", a.Client, "reason", why, "err", err)
	}
	return h.reply(r, nil, v)
}

// rowOf returns what every activity row says of a request.
func rowOf(a login.Attempt) login.Row {
	return login.Row{
		Time: a.Received, User: printable(a.User), Client: a.Client, Protocol: a.Protocol,
		NAS: printable(a.NAS), Station: printable(a.Station), From: a.From,
	}
}
