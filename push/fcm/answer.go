package fcm

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"

	"radpush/push"
)

// quotaWait is how long to wait if Google says "too many" and not how long.
const quotaWait = time.Minute

// status returns what was said, as an error. The words of an answer are not repeated: they
// may have the token in them.
func status(code int, name string) error {
	return errors.New(strings.TrimSpace(strconv.Itoa(code) + " " + cmp.Or(name, http.StatusText(code))))
}

// judge returns what an error of Google's library means.
func (r *Ringer) judge(err error, now time.Time) error {
	response := errorutils.HTTPResponse(err)
	if response == nil {
		return errors.New("the answer is not one of FCM")
	}
	code := response.StatusCode
	switch {
	case messaging.IsUnregistered(err):
		return fmt.Errorf("%w: %w", status(code, "UNREGISTERED"), push.ErrGone)
	case messaging.IsInvalidArgument(err) && !blamesMessage(response):
		return fmt.Errorf("%w: no registration token: %w", status(code, "INVALID_ARGUMENT"), push.ErrGone)
	case messaging.IsSenderIDMismatch(err):
		return fmt.Errorf("%w: the app is of another Firebase project than %q, whose credentials these are",
			status(code, "SENDER_ID_MISMATCH"), r.Credentials.project)
	case messaging.IsThirdPartyAuthError(err):
		return fmt.Errorf("%w: the device is Apple's or a browser, and the Firebase project has no right key for them; ring it by apns or webpush",
			status(code, "THIRD_PARTY_AUTH_ERROR"))
	case code == http.StatusTooManyRequests:
		after := cmp.Or(push.RetryAfter(response.Header.Get("Retry-After"), now), quotaWait)
		return push.Temporary{Err: status(code, ""), After: after}
	case code/100 == 5:
		return unavailable(response, now)
	case code == http.StatusUnauthorized:
		r.access.token.Store(nil) // it may have been revoked
		return push.Temporary{Err: fmt.Errorf("%w: check this machine's clock, and that the service account still exists", status(code, ""))}
	case code == http.StatusForbidden:
		return fmt.Errorf("%w: check that the Firebase Cloud Messaging API is enabled in project %q, and that the service account may send messages",
			status(code, ""), r.Credentials.project)
	case code == http.StatusNotFound:
		return fmt.Errorf("%w: check that project %q exists", status(code, ""), r.Credentials.project)
	}
	return status(code, "")
}

// blamesMessage reports whether Google finds fault with another field than the token. It
// says INVALID_ARGUMENT to both, and names the field (google.rpc.BadRequest) only of others.
func blamesMessage(response *http.Response) bool {
	var said struct {
		Error struct {
			Details []struct {
				FieldViolations []struct{ Field string }
			}
		}
	}
	if json.NewDecoder(response.Body).Decode(&said) != nil {
		return true
	}
	for _, detail := range said.Error.Details {
		for _, violation := range detail.FieldViolations {
			if violation.Field != "message.token" {
				return true
			}
		}
	}
	return false
}

// unavailable returns what an answer of 500 and above means.
func unavailable(response *http.Response, now time.Time) error {
	return push.Temporary{Err: status(response.StatusCode, ""), After: push.RetryAfter(response.Header.Get("Retry-After"), now)}
}

// unanswered returns what became of a try that got no answer.
func (r *Ringer) unanswered(err error) error {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.error
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%.200w; something between here and Google may be reading along", untrusted)
	}
	problem := errors.New("the connection broke")
	if op, ok := errors.AsType[*net.OpError](err); ok {
		problem = op
	} else if errors.Is(err, context.DeadlineExceeded) {
		problem = fmt.Errorf("no answer within %v", tryTime)
	}
	return push.Temporary{Err: fmt.Errorf("%w; this server has to reach %s and %s", problem, cmp.Or(r.Host, googleHost), r.Credentials.config.TokenURL)}
}
