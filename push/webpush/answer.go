package webpush

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"radpush/push"
)

// judge returns what the answer of a push service means: nil if it has taken the message
// (RFC 8030, section 5).
func judge(r *http.Response, now time.Time) error {
	said := errors.New(strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))) // its own words could be anything
	switch code := r.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusNotFound, code == http.StatusGone: // RFC 8030, section 7.3
		return fmt.Errorf("%w: %w", said, push.ErrGone)
	case code == http.StatusTooManyRequests, // RFC 8030, section 8.4
		code == http.StatusNotAcceptable, // how Windows' says "too many"
		code/100 == 5:
		return push.Temporary{Err: said, After: push.RetryAfter(r.Header.Get("Retry-After"), now)}
	case code/100 == 3:
		return fmt.Errorf("%w: redirects are not followed", said)
	case code == http.StatusUnauthorized, code == http.StatusForbidden: // RFC 8292, section 4.2
		return fmt.Errorf("%w: check that the subject is a real address, that this machine's clock is right, "+
			"and that the keys are those that the device subscribed with", said)
	case code == http.StatusBadRequest: // some say so for 401 and 403
		return fmt.Errorf("%w: check the subject, this machine's clock and the keys; "+
			"if they are right, the service speaks something else than RFC 8030", said)
	case code == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: no push service refuses %d octets; check that this is one", said, messageSize)
	}
	return said
}
