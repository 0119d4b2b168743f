package login

import (
	"net/netip"
	"time"
)

// A Row is one event of the activity record (statements 6.1 to 6.4). Rows are only ever
// added.
type Row struct {
	ID        string // makes the row's key, after its time; random if empty
	Time      time.Time
	User      string // as typed
	Client    string
	Method    Method
	Result    Result
	Reason    Reason
	Message   string        `cbor:",omitempty"` // what the user read
	Protocol  string        `cbor:",omitempty"`
	NAS       string        `cbor:",omitempty"` // NAS-Identifier
	Station   string        `cbor:",omitempty"` // Calling-Station-Id
	From      netip.Addr    `cbor:",omitzero"`  // the user's address
	Challenge string        `cbor:",omitempty"` // ID of the push challenge
	Shown     string        `cbor:",omitempty"` // JSON of the prompt, on a Challenge row
	Device    string        `cbor:",omitempty"` // ID of the device that answered
	Took      time.Duration `cbor:",omitempty"` // from request to verdict
	Repeats   int           `cbor:",omitempty"` // further rows like this one that were folded into it (statement 6.6)
	Session   string        `cbor:",omitempty"` // Acct-Session-Id, on an accounting row
}

// A Result is what a row records.
type Result string

const (
	ResultChallenge Result = "Challenge" // a push or an Access-Challenge went out
	ResultSuccess   Result = "Success"
	ResultFailure   Result = "Failure"
	ResultStart     Result = "Start" // a session, told by accounting
	ResultStop      Result = "Stop"
	ResultChange    Result = "Change" // an operator or a device changed something
)

// A Method is a second factor.
type Method string

const (
	NoMethod Method = ""
	ByPush   Method = "push"
	ByOTP    Method = "otp"
	BySMS    Method = "sms"
	ByEmail  Method = "email"
	ByGrid   Method = "grid"
	ByBackup Method = "backup"
)
