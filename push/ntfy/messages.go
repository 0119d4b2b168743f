package ntfy

// What the phone shows. It is on lock screens, and the server can read it.
const (
	sayTitle   = "Sign-in request"
	sayMessage = "Open your authenticator to answer it."
	sayOpen    = "Open the authenticator"
)
