// Package login decides whether a user is let in.
//
// An [Engine] is given an [Attempt] and returns a [Verdict]. On the way it looks
// whether the user is locked, applies the rules of simple mode (what an empty passcode,
// one letter or a code asks for), has the second factor checked, and writes one row of
// activity. It never sees a packet and never sees a database.
//
// A try is spent before it is checked and given back when it succeeds, so that parallel
// guesses cannot get past the limit. Whatever fails on the way is an error, and an
// error is neither an acceptance nor a rejection: the caller stays silent.
package login

import (
	"context"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"radpush/otp"
	"radpush/password"
	"radpush/push"
)

// An Attempt is one request to be let in.
type Attempt struct {
	User     string // as typed
	Client   string // name of the RADIUS client, a key of Engine.Clients
	NAS      string // NAS-Identifier, "" when absent
	Station  string // Calling-Station-Id as sent, "" when absent
	Passcode Passcode
	Protocol string     // "PAP", "CHAP", "MS-CHAPv2": for the activity row
	State    string     // State of the Access-Challenge that this answers, "" when none
	From     netip.Addr // the user's address, never the NAS's; the zero Addr when not known
	Received time.Time

	// Request tells true retransmissions from new requests: a digest of the peer's
	// address and port, the code, the identifier and the authenticator.
	Request string
}

// A Passcode is what the user typed, as far as the protocol lets the server see it.
type Passcode interface {
	// Equal reports in constant time whether candidate is what was typed. With
	// MS-CHAPv2 the candidate that matched is remembered for the reply.
	Equal(candidate string) bool
	// Text returns what was typed, and false where it cannot be known (CHAP, MS-CHAPv2).
	Text() (string, bool)
}

// A Client is what the engine has to know of a RADIUS client.
type Client struct {
	Name      string
	Resource  string        // what the user logs in to, shown by the device; the name if empty
	Group     string        // clients of one group share their logins (statement 2.13); "" for none
	Hold      time.Duration // how long a request is held for the tap; 30 s if zero
	NoPush    bool
	Challenge bool     // it can show an Access-Challenge
	Match     bool     // a push asks for the number that its Access-Challenge shows (statement 2.12)
	Methods   []Method // those that are allowed besides push; all if nil

	// JoinAnyStation lets requests without a Calling-Station-Id join an open challenge,
	// not only true retransmissions. A stranger who starts a login for the same user is
	// then let in by that user's approval.
	JoinAnyStation bool
}

// allows reports whether the client's policy has a method.
func (c Client) allows(m Method) bool { return c.Methods == nil || slices.Contains(c.Methods, m) }

// allowed returns what the client's policy leaves of what a user has.
func (c Client) allowed(has Enrolled) Enrolled {
	has.Push = has.Push && !c.NoPush
	has.SMS = has.SMS && c.allows(BySMS)
	has.Email = has.Email && c.allows(ByEmail)
	has.Grid = has.Grid && c.allows(ByGrid)
	return has
}

// An Outcome is what becomes of an attempt. The zero Outcome rejects.
type Outcome uint8

const (
	Reject Outcome = iota
	Accept
	Challenge
)

// A Reason says why, for operators: activity, log and metrics. Users read Verdict.Message.
type Reason string

const (
	Approved        Reason = "approved on the device"
	LateApproval    Reason = "approved on the device after an earlier try"
	CodeAccepted    Reason = "code accepted"
	Resynchronized  Reason = "code accepted, token resynchronized"
	OuterWindow     Reason = "Outer Window Authentication"
	CodeSent        Reason = "sending a code"
	GridShown       Reason = "grid shown"
	NotSent         Reason = "code could not be sent"
	TooManySent     Reason = "too many codes sent"
	UnseenPIN       Reason = "PIN cannot be checked with this protocol, only with PAP"
	WrongPasscode   Reason = "wrong passcode"
	WrongPIN        Reason = "PIN wrong or missing"
	ReplayedCode    Reason = "code used before"
	DeniedNotMe     Reason = "user rejected the sign-in: it wasn't me"
	WrongNumber     Reason = "wrong number chosen on the device"
	NumberShown     Reason = "number shown"
	DeniedMistake   Reason = "user rejected the sign-in: by mistake"
	TimedOut        Reason = "no answer in time"
	Undelivered     Reason = "no device could be reached"
	Locked          Reason = "account locked"
	UnknownUser     Reason = "unknown user"
	NothingEnrolled Reason = "nothing enrolled that this passcode asks for"
	NotAllowed      Reason = "the client's push and methods do not allow it"
	PushElsewhere   Reason = "another sign-in of this user waits for an answer"
	PushPaused      Reason = "too many unanswered pushes"
	CoolingDown     Reason = "recently denied by the user"
	UnknownState    Reason = "unknown or expired challenge"
	NoPasscode      Reason = "request carries no passcode"
)

// A Verdict is the engine's answer. The zero Verdict rejects.
type Verdict struct {
	Outcome Outcome
	Reason  Reason
	Message string // what the user reads, at most 253 octets; "" for nothing
	State   string // of a Challenge
	Secret  bool   // of a Challenge: the answer is not to be shown while it is typed
	Retry   bool   // a Reject after which another try makes sense (MS-CHAP-Error R=1)
	AtOnce  bool   // a Reject or Challenge that answers no guess and need not be delayed
}

// Records keeps values of one kind by key; store.Table is one. Missing is fs.ErrNotExist.
type Records[T any] interface {
	Get(ctx context.Context, key string) (T, error)
	Update(ctx context.Context, key string, fn func(old *T) (*T, error)) error
	All(ctx context.Context, prefix string) iter.Seq2[T, error]
}

// Push rings the user's devices and waits. *push.Broker is one.
type Push interface {
	Available(ctx context.Context, user string) (bool, error)
	Begin(ctx context.Context, q push.Question) (*push.Pending, error)
	Start(ctx context.Context, q push.Question) (push.Challenge, error)
	Rejoin(ctx context.Context, id string) (*push.Pending, error)
	Check(ctx context.Context, a push.Answer) (push.Challenge, push.Device, error)
	Decide(ctx context.Context, a push.Answer) (push.Result, error)
}

// A Carrier takes a text to a telephone number. The carriers of package otp/sms are some.
type Carrier interface {
	// Send returns when the carrier has taken the text, or an error: it may still arrive.
	Send(ctx context.Context, number, text string) error
}

// A Post sends letters.
type Post interface {
	// SendCode returns when the mail server has taken the letter.
	SendCode(ctx context.Context, to string, c CodeLetter) error
	// Queue has the letter sent later, whatever happens to this server meanwhile.
	Queue(ctx context.Context, l AlertLetter) error
}

// An Engine decides logins. Its fields are set before first use and not changed after.
type Engine struct {
	Users    Records[User]
	Stock    *Stock
	Activity *Journal
	Push     Push
	Devices  Devices
	Clients  map[string]Client
	Lockout  Lockout
	Window   otp.Window // in which codes are accepted, and resynchronize (statements 3.3, 3.4)
	Hasher   *password.Hasher
	Log      *slog.Logger

	SMS      Carrier          // nil: no SMS codes
	Post     Post             // nil: no e-mailed codes and no alerts
	Codes    Codes            // that are sent
	Sent     Records[Tally]   // by method: how much is sent in all
	Pictures Records[Picture] // of grids; nil: none are linked to
	Lessons  Records[Lesson]  // open ones, by their ID
	URL      string           // https://host:port, where a Picture is at /grid/ and its Key
	Alerts   Alerts

	Organization string                    // shown by the device
	Place        func(a netip.Addr) string // where an address is, shown beside it (statement 2.3); nil: nobody knows

	// SelfService lets a device of a user add, replace and remove others (statements 9.1, 9.3).
	SelfService bool
}
