package login

import (
	"fmt"
	"strings"
	"time"

	"radpush/push"
)

// All that users read. Each fits a Reply-Message (253 octets) and says what to do next. A
// rejection tells no stranger whether a user exists, but sayLocked: whoever is locked out
// has to hear it, and MS-CHAP says it too. A push and a prompt tell it by being there.
// What operators read is a Reason.
const (
	sayFailed    = "Sign-in failed."
	sayLocked    = "This account is locked. Please ask your administrator."
	sayNothing   = "No push sign-in is set up for this name. Type a one-time code instead, or ask your administrator."
	sayTimedOut  = "No answer came from your phone in time. Try again, or type a one-time code."
	sayDenied    = "The sign-in was denied on your phone."
	sayMistake   = "The sign-in was cancelled on your phone. Try again when you are ready."
	sayNoDevice  = "Your phone could not be reached. Type a one-time code instead."
	sayElsewhere = "Another sign-in with this name is waiting for an answer on your phone. Answer it, then try again."
	sayPaused    = "Push is paused after too many unanswered requests. Type a one-time code, or try again later."
	sayExpired   = "This sign-in has expired. Please start again."
	sayNotSent   = "The code could not be sent. Try again later, or sign in another way."

	sayTooManySent = "Too many codes have been sent. Try again later, or type the code of a token."

	sayWrong    = "That was not right."
	sayRecent   = "A code was sent a moment ago."
	sayNextCode = "Your token is out of step. Wait for its next code, then "
	sayNumber   = "Choose %s on your phone, then go on here and leave the answer empty"
	sayMismatch = "Another number was chosen on your phone than the sign-in showed."
	sayPattern  = "the digits on your pattern"
	sayPicture  = "Or see it at"
)

// asking is the prompt of a round, up to where the answer begins: a terminal shows both in
// one line.
func asking(r Round) string {
	begin := "Type "
	if r.Secret {
		begin = "Type your PIN and "
	}
	switch r.Method {
	case BySMS, ByEmail:
		return begin + r.Prompt + ", or nothing for a new one: "
	case ByGrid:
		return begin + sayPattern + ":\n" + r.Prompt + "\nDigits: "
	case ByOTP:
		return sayNextCode + "type that: "
	}
	return r.Prompt + ": "
}

// again asks for the same where the client cannot: at the next sign-in.
func again(r Round) string {
	begin := "Sign in again with "
	if r.Secret {
		begin = "Sign in again with your PIN and "
	}
	switch r.Method {
	case ByGrid:
		return begin + sayPattern + ":\n" + r.Prompt
	case ByOTP:
		return sayNextCode + "sign in again with that."
	}
	return begin + r.Prompt + " as the passcode."
}

// saySent names a code by where it went.
func saySent(m Method, to string) string {
	if m == BySMS {
		return "the code sent by SMS to the number that ends in " + to[max(0, len(to)-2):]
	}
	return "the code sent by e-mail to " + masked(to)
}

// masked returns an address that its owner recognizes and others do not.
func masked(address string) string {
	name, domain, _ := strings.Cut(address, "@")
	first := ""
	for _, r := range name {
		first = string(r)
		break
	}
	return first + "…@" + domain
}

// sayCode is the text of an SMS.
func sayCode(resource, code string, valid time.Duration) string {
	return fmt.Sprintf("%s is your code for %s. It is good for %s. Nobody will ask you for it.", code, resource, minutes(valid))
}

// sayKind names the kinds of device.
var sayKind = map[string]string{
	"terminal":  "a terminal",
	"page":      "a browser",
	"native":    "an app",
	push.PIPush: "the privacyIDEA Authenticator",
}

func minutes(d time.Duration) string {
	if n := int(d.Round(time.Minute) / time.Minute); n > 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "a minute"
}

// join puts sentences together, as long as they fit a Reply-Message. The last is the one
// that matters.
func join(before, message string) string {
	if before == "" || len(before)+1+len(message) > 253 {
		return message
	}
	return before + " " + message
}
