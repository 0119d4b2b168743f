package radius

// A discard is why a datagram was dropped by the checks, without a word.
type discard uint8

const (
	passed discard = iota
	unknownClient
	malformed
	tooManyAttributes
	unexpectedCode
	notAuthentic
	lacksAuthenticator
	proxied
	twoPasswords
	statusRefused
	notReady
	overloaded
	crashedCheck
	discards // how many there are
)

func (d discard) String() string {
	return [discards]string{
		passed:             "passed",
		unknownClient:      "unknown client",
		malformed:          "malformed",
		tooManyAttributes:  "too many attributes",
		unexpectedCode:     "unexpected code",
		notAuthentic:       "not authentic",
		lacksAuthenticator: "no Message-Authenticator",
		proxied:            "Proxy-State without Message-Authenticator",
		twoPasswords:       "User-Password beside CHAP-Password",
		statusRefused:      "Status-Server not wanted or too frequent",
		notReady:           "not ready",
		overloaded:         "too many requests in flight",
		crashedCheck:       "panic in a check",
	}[d]
}

// A silence is why a request that passed the checks got no reply.
type silence uint8

const (
	failed     silence = iota // the handler returned an error, or no possible reply
	crashed                   // it panicked
	declined                  // it wanted no reply
	superseded                // the NAS used the identifier for a new request
	shutDown                  // the shutdown could wait no longer
	silences                  // how many there are
)

func (s silence) String() string {
	return [silences]string{
		failed:     "error",
		crashed:    "panic",
		declined:   "declined",
		superseded: "superseded",
		shutDown:   "shutdown",
	}[s]
}
