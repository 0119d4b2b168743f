package email

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The kinds of letter that Render knows, each with the type of its data.
const (
	KindCode              = "code"               // Code
	KindRejectionUser     = "rejection-user"     // Rejection
	KindRejectionOperator = "rejection-operator" // Rejection
	KindLockoutUser       = "lockout-user"       // Lockout
	KindLockoutOperator   = "lockout-operator"   // Lockout
	KindEnrolment         = "enrolment"          // Enrolment
	KindBell              = "bell"               // Bell
	KindDevice            = "device"             // Device
)

// A Code is sent to a user who has to type it (statement 4.1). It prints, logs and
// marshals to text as "[code]".
type Code struct {
	Organization string
	Resource     string // what the user logs in to
	Code         string // 6 to 8 digits
	Valid        int    // minutes
	User         string // as typed
}

func (c Code) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, c.String()) }
func (c Code) LogValue() slog.Value         { return slog.StringValue(c.String()) }
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
func (Code) String() string                 { return "[code]" }

// A Rejection tells of a user who answered a push with "it wasn't me" (statement 5.3).
// What is not known is empty and not shown.
type Rejection struct {
	Organization string
	Resource     string // what the stranger wanted to log in to
	User         string // as typed
	IP           string // where the login came from
	Location     string // of IP
	Client       string // name of the RADIUS client
	NAS          string // NAS-Identifier
	Station      string // Calling-Station-Id
	Time         time.Time
	Device       string // name of the device that the user answered on
}

// A Lockout tells of an account that is locked (statement 5.4).
type Lockout struct {
	Organization string
	User         string
	Until        time.Time  // zero: until an operator unlocks it
	Failures     int        // wrong tries since the last success
	Time         time.Time  // when it was locked
	Reason       string     // of the last try's failure
	Rejection    *Rejection // the denial that locked it; nil if it was something else
}

// An Enrolment invites a user to enrol a device. It prints, logs and marshals to text as
// "[enrolment]": whoever has the link can enrol.
type Enrolment struct {
	Organization string
	User         string
	Link         string // https
	Expires      time.Time
}

func (e Enrolment) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, e.String()) }
func (e Enrolment) LogValue() slog.Value         { return slog.StringValue(e.String()) }
func (e Enrolment) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
func (Enrolment) String() string                 { return "[enrolment]" }

// A Bell tells a user that there is a sign-in, and nothing of it (statement 9.4).
type Bell struct {
	Organization string
	Link         string // to the authenticator page; "": no device of the user is one
}

// A Device tells a user of a device that was enrolled, or removed (statement 9.3).
type Device struct {
	Organization string
	User         string
	Name         string // of the device, which whoever enrolled it has chosen
	Kind         string // in words
	Removed      bool   // else it was enrolled
	Replaced     string // name of the device whose place it has taken; "": none
	By           string // name of the user's device that asked for it; "": an administrator did
	Time         time.Time
}

// A letter is data of a letter.
type letter interface {
	// shown returns the data as templates get it: what a stranger can choose is inert, and
	// everything else one line, but for secrets, which are as they have to be typed.
	shown() letter
}

func (c Code) shown() letter {
	c.Organization, c.Resource, c.User = oneLine(c.Organization), oneLine(c.Resource), inert(c.User)
	return c
}

func (r Rejection) shown() letter { return r.inert() }

func (r Rejection) inert() Rejection {
	r.Organization, r.Resource, r.Client = oneLine(r.Organization), oneLine(r.Resource), oneLine(r.Client)
	for _, chosen := range []*string{&r.User, &r.IP, &r.Location, &r.NAS, &r.Station, &r.Device} {
		*chosen = inert(*chosen)
	}
	return r
}

func (l Lockout) shown() letter {
	l.Organization, l.User, l.Reason = oneLine(l.Organization), inert(l.User), oneLine(l.Reason)
	if l.Rejection != nil {
		l.Rejection = new(l.Rejection.inert())
	}
	return l
}

func (e Enrolment) shown() letter {
	e.Organization, e.User = oneLine(e.Organization), inert(e.User)
	return e
}

func (b Bell) shown() letter {
	b.Organization = oneLine(b.Organization)
	return b
}

func (d Device) shown() letter {
	d.Organization, d.Kind = oneLine(d.Organization), oneLine(d.Kind)
	for _, chosen := range []*string{&d.User, &d.Name, &d.Replaced, &d.By} {
		*chosen = inert(*chosen)
	}
	return d
}

// oneLine returns a value of ours or the operator's.
func oneLine(s string) string { return line(s, 120) }

// inert returns a value that a stranger can choose as one short printable line that mail
// programs make no link of, not even of what looks like the name of a host: in a letter
// of ours users would trust it. Dots and colons that make a link get brackets around
// them, in the way of those who write about attacks; an address stays as it is.
func inert(s string) string {
	s = line(s, 80)
	if name, _, _ := strings.Cut(s, "@"); isAddress(s) && !strings.ContainsAny(name, "!#$%&'*/=?^`{|}~") && !strings.HasPrefix(strings.ToLower(name), "www.") {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case strings.ContainsRune(".。．｡", r) && unicode.IsLetter(next):
			b.WriteString("[.]")
		case r == ':' && (next == '/' || next == '\\'):
			b.WriteString("[:]")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isAddress(s string) bool {
	_, err := Address(s)
	return err == nil
}
