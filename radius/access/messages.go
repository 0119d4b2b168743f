package access

// What users read when the engine was not asked, or said nothing where something has to
// be said. All other texts are in login/messages.go.
const (
	sayFailed      = "Sign-in failed."
	sayUnsupported = "This way of signing in is not supported. Please ask your administrator."
	sayAnswer      = "Please answer."
)
