package access

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"layeh.com/radius/rfc2865"

	"radpush/login"
	"radpush/radius"
)

// newAttempt reads an Access-Request. With an error, a refusal or a reason to be silent,
// the attempt says as much as could be read.
func newAttempt(r *radius.Request) (login.Attempt, error) {
	a := readAttempt(r)
	switch name, ok := r.Lookup(rfc2865.UserName_Type); {
	case !ok: // RFC 2865, section 4.1, lets it be absent; who is to be asked then?
		return a, noUserName
	case !isUserName(string(name)):
		return a, badUserName
	}
	p, err := readPasscode(r)
	if err != nil {
		return a, err
	}
	a.Passcode, a.Protocol = p, p.protocol()
	return a, nil
}

// readAttempt reads what Access-Request and Accounting-Request have in common.
func readAttempt(r *radius.Request) login.Attempt {
	return login.Attempt{
		User:     string(r.Get(rfc2865.UserName_Type)),
		Client:   r.Client.Name,
		NAS:      string(r.Get(rfc2865.NASIdentifier_Type)),
		Station:  station(r),
		State:    string(r.Get(rfc2865.State_Type)),
		From:     userAddress(r),
		Received: r.Received,
		Request:  r.Digest(),
	}
}

// isUserName reports whether a name can be a user's: nothing in it that is invisible or
// that turns the text around it (the device shows it, logs contain it). A name in another
// encoding than UTF-8 passes.
func isUserName(name string) bool {
	return name != "" && len(name) <= 253 && !strings.ContainsFunc(name, isHidden)
}

// isHidden reports whether a character steers what is shown and is not shown itself.
func isHidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// printable returns what a stranger sent as text for a log: nothing hidden, valid UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if isHidden(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}
