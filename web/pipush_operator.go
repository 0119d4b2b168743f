package web

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"radpush/push/pipush"
	"radpush/web/wire"
)

// appPrivacyIDEA is the app in an EnrolmentRequest that package pipush speaks to.
const appPrivacyIDEA = "privacyidea"

// pair makes a QR code for a privacyIDEA Authenticator. That app believes only in certificates
// that its phone does: a pin means nothing to it, and to have it verify none would give the
// credential to whoever stands in between.
func (o *Operator) pair(ctx context.Context, user string, in EnrolmentRequest) (*body[Enrolment], error) {
	switch {
	case in.Mail:
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, "a privacyIDEA Authenticator enrols by a QR code that is shown, not by mail")
	case in.Replaces != "":
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, "a privacyIDEA Authenticator replaces no device: remove the other one when it has enrolled")
	case o.Pin != nil:
		return nil, wire.NewProblem(http.StatusUnprocessableEntity,
			"a privacyIDEA Authenticator does not trust a certificate of radpush's own making: the server needs one that phones trust, see web in the configuration")
	}
	endpoint, err := pipush.Endpoint(o.URL)
	if err != nil {
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, err.Error())
	}
	valid := time.Duration(in.Valid) * time.Second
	expires := time.Now().Add(valid)
	serial, credential, err := o.People.NewPairing(ctx, user, valid)
	if err != nil {
		return nil, aboutUser(user, err)
	}
	link := pipush.Link{Endpoint: endpoint, Serial: serial, Credential: credential, Issuer: cmp.Or(o.Organization, "radpush"),
		User: user, Valid: valid, PIN: o.DevicePIN}
	return reply(Enrolment{Code: credential, Link: link.String(), Expires: expires}, nil)
}
