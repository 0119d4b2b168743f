package wire

import (
	"cmp"
	"io/fs"
	"net/http"
	"time"
)

// What can be wrong that a device has to tell apart, as Problem.Type.
const (
	// NotAuthentic: the signature is wrong, or the device unknown, suspended or removed.
	// The server does not say which.
	NotAuthentic = "/problem/not-authentic"
	// ClockSkewed: the signature is good, but the time is too far from ServerTime.
	ClockSkewed = "/problem/clock-skewed"
	// SignAgain: the nonce has been seen, or was signed before the server started, when
	// nobody remembers which were. A new stamp helps.
	SignAgain = "/problem/sign-again"
	// BadCode: the enrolment code is unknown, used or expired.
	BadCode = "/problem/enrolment-code"
	// NoChallenge: no such challenge for this device, or its answer is not signed by it.
	NoChallenge = "/problem/no-challenge"
	// Replaced: another poll of the same device has begun.
	Replaced = "/problem/replaced"
	// NoDevice: the user has no such device.
	NoDevice = "/problem/no-device"
	// NoSelfService: devices may not add, replace and remove one another here.
	NoSelfService = "/problem/no-self-service"
	// Locked: the user's account is locked.
	Locked = "/problem/locked"
)

// A Problem is an error of the API, in the form of RFC 9457.
type Problem struct {
	Type       string          `json:"type,omitempty" doc:"What is wrong, where there is something to tell apart: /problem/not-authentic, /problem/clock-skewed, /problem/sign-again, /problem/enrolment-code, /problem/no-challenge, /problem/replaced, /problem/no-device, /problem/no-self-service or /problem/locked."`
	Title      string          `json:"title" doc:"The HTTP status in words."`
	Status     int             `json:"status" doc:"The HTTP status."`
	Detail     string          `json:"detail,omitempty" doc:"What is wrong, for people."`
	ServerTime *time.Time      `json:"server_time,omitempty" doc:"The server's clock, with /problem/clock-skewed."`
	Errors     []ProblemDetail `json:"errors,omitempty" nullable:"false" doc:"What is wrong with the fields of the body or the parameters."`
}

// A ProblemDetail says what is wrong with one field. It does not repeat what was sent.
type ProblemDetail struct {
	Message  string `json:"message" doc:"What was expected."`
	Location string `json:"location,omitempty" doc:"Which field, as in body.name."`
}

// NewProblem returns a problem without a type of its own.
func NewProblem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

func (p *Problem) Error() string {
	s := cmp.Or(p.Detail, p.Title)
	for _, e := range p.Errors {
		s += "; " + e.Location + ": " + e.Message
	}
	return s
}

// Is makes errors.Is work across the network.
func (p *Problem) Is(target error) bool {
	return p.Status == http.StatusNotFound && target == fs.ErrNotExist ||
		p.Status == http.StatusConflict && target == fs.ErrExist
}

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of a problem (RFC 9457, section 3).
func (p *Problem) ContentType(string) string { return "application/problem+json" }
