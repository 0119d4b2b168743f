// Package push asks users on their devices: "is this you?"
//
// The [Broker] keeps five kinds of record. An [Enrolment] is a code, and a [Device] the
// phone, browser or terminal that has enrolled a key with it; a [Pairing] is both for an app
// that is not ours. A [Challenge] is one question,
// with exactly what is shown to the user and, in the end, how it was answered. A [Recent]
// lists the newest challenges of one user, so that one login is one push.
//
// The life of a challenge:
//
//	open ──► approved        a device said so; signature and OTP were good
//	     ──► denied          not me, or a mistake
//	     ──► out of step     approved with an OTP that only a second one could prove
//	     ──► mismatch        approved with a number that the login did not show
//	     ──► undelivered     no device could be rung
//	     ──► (expired)       nobody answered by Expires: not written, it follows from the clock
//
// The first to leave "open" wins, by an atomic update of the record; everything later is
// told "already answered" or "expired". Requests that wait are woken by the record's
// change, on whichever server they wait; nothing that matters is only in memory, so a
// restart or a second server takes over where the first one stopped.
//
// The answer is judged where it arrives: the signature by [Broker.Check], the OTP by
// package login between Check and [Broker.Decide]. A request that waits only reads.
package push

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"
)

// A Device can approve or deny for its user. Its record's key is its ID.
type Device struct {
	ID      string // UserKey, a slash, a random text: the devices of a user are one prefix
	User    string // key of the user's record
	Name    string // "alice's phone"
	Kind    string // "terminal", "page", "native", PIPush
	Key     []byte // P-256 public key, of a PIPush an RSA key, DER SubjectPublicKeyInfo (RFC 5480)
	Address Address
	Created time.Time

	Suspended bool
	Invites   string // ID of the Enrolment that the device has made, as long as it is good
}

// An Address is where a push service reaches a device. The zero Address is a device
// that asks for itself while it is on line.
type Address struct {
	Service string // "apns", "fcm", "webpush"; "" for none
	Token   string // in the service's own form
	Gone    bool   // the service says nobody is there (statement 9.5)

	// SealingKey is a native app's, which content can be sealed to (statement 9.4): P-256
	// public key, DER SubjectPublicKeyInfo; nil for none.
	SealingKey []byte
}

// A Prompt is what the device shows (statement 2.2).
type Prompt struct {
	Resource     string    `json:"resource"`
	Organization string    `json:"organization,omitempty"`
	User         string    `json:"user"` // exactly as typed
	Started      time.Time `json:"started"`
	IP           string    `json:"ip,omitempty"`       // the user's, never the gateway's
	Location     string    `json:"location,omitempty"` // only with a GeoIP database
	Numbers      []string  `json:"numbers,omitempty"`  // to choose from, with number matching (statement 2.12)
}

// A Challenge is one question put to a user. Its record's key is its ID.
type Challenge struct {
	ID      string // 26 random characters (130 bits)
	User    string // key of the user's record
	Login   string // digest of what makes two requests the same login (statement 2.13)
	Source  string // digest of client and calling station, for the cool-down (2.15); "" without a station
	Request string // digest of the datagram that began it
	Join    bool   // requests of the same login may join, see Question.Join
	Number  string // the one of the prompt's that the login shows; "" without number matching
	Created time.Time
	Expires time.Time // end of the hold

	// Shown is the JSON of a Prompt, byte for byte what every device is given: the
	// signature of an answer covers its hash (statement 2.4).
	Shown []byte

	Outcome Outcome
	Ended   time.Time // when Outcome left Open
	Answer  *Answer   // the signed answer that decided, the proof of the activity row
	Reused  bool      // an approval has been used by a late request (statement 2.14)

	// Late is set on what Ask returns to that one late request. It is not stored.
	Late bool `cbor:"-"`
}

// Prompt returns what Shown says.
func (c *Challenge) Prompt() (Prompt, error) {
	var p Prompt
	if err := json.Unmarshal(c.Shown, &p); err != nil {
		return p, fmt.Errorf("push: read prompt of %s: %w", c.ID, err)
	}
	return p, nil
}

// An Outcome is how a challenge ended.
type Outcome uint8

const (
	Open Outcome = iota
	Approved
	DeniedNotMe
	DeniedMistake
	Undelivered
	Expired   // never stored: see Challenge.At
	OutOfStep // approved, with an OTP of the outer window: lets nobody in
	Mismatch  // approved, with a number that the login did not show
)

// At returns the outcome as it stands at a time: an open challenge expires by itself.
func (c *Challenge) At(now time.Time) Outcome {
	if c.Outcome == Open && !now.Before(c.Expires) {
		return Expired
	}
	return c.Outcome
}

// settle writes into c how it stands at a time, so that Outcome and Ended can be read
// as they are.
func (c *Challenge) settle(now time.Time) {
	if c.At(now) == Expired {
		c.Outcome, c.Ended = Expired, c.Expires
	}
}

// A Question is a login that asks for a push.
type Question struct {
	User    string // key of the user's record
	Login   string // see Challenge.Login
	Source  string // see Challenge.Source
	Request string // see Challenge.Request
	Join    bool   // requests of the same login may join; else true retransmissions only
	Match   bool   // the device asks which number the login shows (statement 2.12)
	Prompt  Prompt
	Expires time.Time // end of the hold

	// Asked, if set, is called for each challenge that is made, before a device is rung. If
	// it fails, nobody is rung, the challenge is taken back and Ask returns its error. It
	// is called again for a retransmission of the datagram that began a challenge: the
	// server that made it may have died before the call.
	Asked func(ctx context.Context, c Challenge) error
}

// An Answer is what a device said.
type Answer struct {
	Challenge string // ID
	Device    string // ID
	Decision  Outcome
	OTP       string    `cbor:"-"` // approve only; never stored
	Number    string    // approve only: the one that the user chose, with number matching
	OutOfStep bool      // approve only: the OTP is of the outer window, see Broker.Decide
	Signature []byte    // by the device's key over Statement, see Device.Verify; of a PIPush over pipush.Answer
	At        time.Time // when it arrived here, by this server's clock; Decide fills in a zero one
}

// A Result tells the device what became of its answer.
type Result string

const (
	Accepted    Result = "accepted"
	WrongOTP    Result = "wrong-otp"
	OuterWindow Result = "outer-window" // the device's clock is off
	TooLate     Result = "expired"
	Already     Result = "already-answered"
	Refused     Result = "refused" // the account is locked
	WrongNumber Result = "wrong-number"
)

// Statement returns the bytes that the signature of an answer covers: challenge,
// decision with the chosen number, if there is one, and a hash of exactly what was shown,
// so that the answer can be proven later and cannot be used for another question.
func Statement(challenge string, decision Outcome, number string, shown []byte) []byte {
	sum := sha256.Sum256(shown)
	said := decision.String()
	if number != "" {
		said += " " + number
	}
	return append([]byte("radpush answer v1\n"+challenge+"\n"+said+"\n"), sum[:]...)
}

func (o Outcome) String() string {
	switch o {
	case Open:
		return "open"
	case Approved:
		return "approve"
	case DeniedNotMe:
		return "deny not-me"
	case DeniedMistake:
		return "deny mistake"
	case Undelivered:
		return "undelivered"
	case Expired:
		return "expired"
	case OutOfStep:
		return "out of step"
	case Mismatch:
		return "wrong number"
	}
	return "unknown"
}

// Errors that callers branch on.
var (
	// ErrElsewhere: another login of this user waits for an answer (statement 2.15).
	ErrElsewhere = errors.New("push: another challenge is open")
	// ErrPaused: too many pushes of this user came to nothing (2.15).
	ErrPaused = errors.New("push: too many unanswered pushes")
	// ErrCoolingDown: the user denied this client and station a moment ago (2.15).
	ErrCoolingDown = errors.New("push: recently denied")
	// ErrNoDevice: the user has no active device.
	ErrNoDevice = errors.New("push: no active device")
	// ErrUnauthentic: unknown, suspended or removed device, wrong signature, or a
	// challenge of somebody else. They look the same from outside.
	ErrUnauthentic = errors.New("push: not authentic")
	// ErrInvalid is wrapped by what says why a device cannot be as it is asked to be.
	ErrInvalid = errors.New("push: invalid device")
)

// A Ringer wakes devices through one push service.
type Ringer interface {
	// Ring wakes a device for a challenge. Ctx ends with the challenge. An error that
	// wraps ErrGone says that nobody is at the address any more.
	Ring(ctx context.Context, d Device, c Challenge) error
	// Withdraw tells a device that the challenge has ended elsewhere. Best effort.
	Withdraw(ctx context.Context, d Device, c Challenge) error
}

// ErrGone is wrapped by a Ringer whose push service does not know the address any more.
var ErrGone = errors.New("push: address is gone")

// Records keeps values of one kind by key; store.Table is one. Missing is fs.ErrNotExist.
type Records[T any] interface {
	Get(ctx context.Context, key string) (T, error)
	Update(ctx context.Context, key string, fn func(old *T) (*T, error)) error
	All(ctx context.Context, prefix string) iter.Seq2[T, error]
	Watch(ctx context.Context, key string) <-chan struct{}
}

// A Recent is what is remembered of one user's pushes. Its record's key is the user's.
// The newest challenge, if it has not ended, is the user's one open challenge.
type Recent struct {
	Challenges []Ref // newest last; those that can still matter to Limits
}

// A Ref points to a challenge.
type Ref struct {
	ID      string
	Created time.Time
}

// Limits bounds push fatigue (statement 2.15) and late approvals (2.14). A zero field
// means its default.
type Limits struct {
	Unanswered int           // pushes in Window that came to nothing, before push pauses; 5
	Window     time.Duration // 10 min
	CoolDown   time.Duration // after "it wasn't me"; 5 min
	Grace      time.Duration // after an approval; 30 s
}

// A Broker asks and waits. Its fields are set before first use and not changed after.
type Broker struct {
	Devices    Records[Device]
	Challenges Records[Challenge]
	Recent     Records[Recent]
	Enrolments Records[Enrolment]
	Pairings   Records[Pairing]  // nil: no privacyIDEA Authenticator can enrol
	Ringers    map[string]Ringer // by Address.Service
	Bells      Bells             // nil: there are none
	Limits     Limits
	Log        *slog.Logger // nil: nothing is logged
	reach      sync.Map     // how many devices, an *atomic.Int64, by ID of the challenge that rings them

	running sync.WaitGroup // rings, bells, withdrawals and watches
	joined  joined

	made, shut sync.Once
	closed     chan struct{} // see closing
}

// Close waits until everything has ended that the Broker has running: rings end with
// their Ask, bells at once, watches with their context, withdrawals after 5 seconds at the
// latest. It is called last, when nobody uses the Broker any more.
func (b *Broker) Close() {
	b.shut.Do(func() { close(b.closing()) })
	b.running.Wait()
}

// closing returns what Close closes.
func (b *Broker) closing() chan struct{} {
	b.made.Do(func() { b.closed = make(chan struct{}) })
	return b.closed
}

func (b *Broker) log() *slog.Logger {
	if b.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return b.Log
}

// errKeep ends an Update that has nothing to change. It does not leave the package.
var errKeep = errors.New("push: keep the record")

func unlessKept(err error) error {
	if err == errKeep {
		return nil
	}
	return err
}

// An Enrolment is a code that lets one device enrol for a user. Its record's key is the
// SHA-256 of the code, in hex: the code itself is not kept.
type Enrolment struct {
	ID       string // its record's key
	User     string
	Expires  time.Time
	By       string // ID of the device that made it, see Device.Invites; "": an operator did
	Replaces string // ID of the device whose place the new one takes; "": none
}
