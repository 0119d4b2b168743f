package web

import "radpush/push"

// All that users read in what the device API says.
const (
	sayNotAuthentic = "The server does not know this device, or its signature is wrong. If it was removed, enrol it again."
	sayClock        = "The clock of this device is off. Set it right, automatically if it can."
	saySignAgain    = "The request was made before. Sign it again."
	sayStarted      = "The server has started since this was signed. Sign it again. If that does not help, the clock of this device is slow: set it right, or wait two minutes."
	sayTooMany      = "Too many requests. Wait a little."
	sayTooLong      = "The body of the request is too long."
	sayNoBody       = "The body of the request did not arrive."
	sayBroken       = "The server cannot answer now. Try again."
	sayNotFound     = "There is nothing here."
	sayBadCode      = "The enrolment code is not good, or not any more. Ask for a new one."
	sayNoChallenge  = "This device has no such request to answer."
	sayNoDevice     = "There is no such device of yours, or not any more. List them again."
	sayNoSelf       = "Devices are added, replaced and removed by your administrator here."
	sayLocked       = "The account is locked. Ask your administrator."
	sayReplaced     = "This device asks from somewhere else too."
)

// sayResult tells what became of an answer.
var sayResult = map[push.Result]string{
	push.Accepted:    "Your answer was accepted.",
	push.WrongOTP:    "The one-time password was not accepted. Try again in a minute.",
	push.OuterWindow: "The clock of this device is off. Type its next one-time password where you sign in, and set the clock right.",
	push.WrongNumber: "That is not the number that the sign-in shows. It was rejected: start it again.",
	push.TooLate:     "This request has expired.",
	push.Already:     "This request has been answered already.",
	push.Refused:     sayLocked,
}
