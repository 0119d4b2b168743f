package access

import (
	"log/slog"

	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc5090"

	"radpush/login"
	"radpush/radius"
)

// A passcode is what an Access-Request carries as proof. Each protocol has a file.
type passcode interface {
	login.Passcode
	protocol() string // as in login.Attempt.Protocol
}

// An unprintable passcode stays out of logs and errors: it is a secret until it has been
// used, and so is what was computed from it, because a code is soon guessed from that.
type unprintable struct{}

func (unprintable) String() string       { return "[passcode]" }
func (unprintable) GoString() string     { return "[passcode]" }
func (unprintable) LogValue() slog.Value { return slog.StringValue("[passcode]") }

// readPasscode returns the passcode of an Access-Request, a refusal, or an error for one
// that is to be discarded.
func readPasscode(r *radius.Request) (passcode, error) {
	password, hasPAP := r.Lookup(rfc2865.UserPassword_Type)
	chapPassword, hasCHAP := r.Lookup(rfc2865.CHAPPassword_Type)
	ms := readMicrosoft(r.Attributes)
	_, hasEAP := r.Lookup(rfc2869.EAPMessage_Type)
	_, hasARAP := r.Lookup(rfc2869.ARAPPassword_Type)
	_, hasDigest := r.Lookup(rfc5090.DigestResponse_Type)

	kinds := 0
	for _, has := range [...]bool{hasPAP, hasCHAP, ms.response2 != nil, ms.other, hasEAP, hasARAP, hasDigest} {
		if has {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return nil, twoPasscodes
	case hasEAP:
		// RFC 3579, section 2.1: a server that does not support EAP must answer with an
		// Access-Reject. It carries no EAP-Message; the NAS makes the EAP-Failure itself.
		return nil, noEAP
	case ms.response2 != nil:
		m, err := newMSCHAP2(ms.challenge, ms.response2, r.Get(rfc2865.UserName_Type))
		if err != nil {
			return nil, err
		}
		m.clear = answerInClear(r, ms.response2)
		return m, nil
	case ms.other:
		return nil, noMSCHAPv1
	case hasCHAP:
		return newCHAP(r, chapPassword)
	case hasARAP, hasDigest:
		return nil, otherPasscode
	case len(password) > 0:
		p, err := newPAP(password, r.Secret, r.Authenticator)
		if err != nil || p.text != "" {
			return p, err
		}
	case ms.challenge != nil || r.Get(rfc2865.CHAPChallenge_Type) != nil:
		return nil, badPasscode // a challenge, and no response to it
	}
	// An empty passcode, in one of its shapes (statement 1.12): no attribute, one of no
	// length (which RFC 2865 does not allow and ocserv sends), NULs.
	switch s, _ := rfc2865.ServiceType_Lookup(r.Packet); s {
	case serviceAuthorizeOnly, rfc2865.ServiceType_Value_CallCheck:
		return nil, noPasscode // such a request has none, which is not the same
	}
	return pap{}, nil
}

// RFC 5176, section 3.2.
const serviceAuthorizeOnly = rfc2865.ServiceType(17)
