package login

import (
	"strings"
	"unicode/utf8"
)

// The rules of simple mode (statements 1.1 to 1.10) are two steps: is the passcode a
// trigger, and if so, which method does it ask for. Both are pure.

// Enrolled says which methods a user has at a client. Push is set when the client's
// policy has push on and the user has an active device.
type Enrolled struct {
	Push, SMS, Email, Grid bool
	Prefers                Method // where push is not available
}

// opaqueTriggers are what a passcode is compared with when only comparing is possible
// (statement 1.9), in both cases (1.8).
var opaqueTriggers = [...]string{"", "p", "P", "s", "S", "g", "G", "e", "E", " "}

// Trigger returns the trigger that was typed, in lower case, and whether it was one: an
// empty passcode or one character (statements 1.1, 1.2, 1.8, 1.9).
func Trigger(p Passcode) (string, bool) {
	if text, ok := p.Text(); ok {
		return strings.ToLower(text), utf8.RuneCountInString(text) <= 1
	}
	for _, t := range opaqueTriggers {
		if p.Equal(t) {
			return strings.ToLower(t), true
		}
	}
	return "", false
}

// Method returns the method that a trigger asks for, NoMethod when nothing that could
// serve is enrolled (statements 1.1 to 1.7).
func (have Enrolled) Method(trigger string) Method {
	switch {
	case trigger == "s" && have.SMS:
		return BySMS
	case trigger == "g" && have.Grid:
		return ByGrid
	case trigger == "e" && have.Email:
		return ByEmail
	case have.Push:
		return ByPush
	}
	for _, m := range [...]Method{have.Prefers, BySMS, ByEmail, ByGrid} {
		if have.has(m) {
			return m
		}
	}
	return NoMethod
}

// has reports whether there is a method that can stand in for push.
func (have Enrolled) has(m Method) bool {
	return m == BySMS && have.SMS || m == ByEmail && have.Email || m == ByGrid && have.Grid
}
