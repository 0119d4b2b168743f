package login

// All that users read. Each fits a Reply-Message (253 octets) and says what to do next;
// none tells a stranger whether a user exists, but sayLocked: whoever is locked out has to
// hear it, and MS-CHAP says it too. What operators read is a Reason.
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
)
