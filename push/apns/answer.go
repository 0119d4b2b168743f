package apns

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/sideshow/apns2"

	"radpush/push"
)

const maxAnswer = 16 << 10 // octets of a header, and of a body; Apple's have some hundred

// reasons are what Apple's look like: they go to the log, and others do not.
var reasons = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// careful reads answers in place of the library, which reads on without a bound, and loses
// the status when the body is not the JSON that it expects, as that of a proxy's 502.
type careful struct{ *http.Transport }

func (t careful) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	var said struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(body, &said) != nil || !reasons.MatchString(said.Reason) {
		said.Reason = ""
	}
	if body, err = json.Marshal(said); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// judge returns what Apple's answer means: nil if it has taken the notification.
func judge(a *apns2.Response) error {
	said := errors.New(strings.TrimSpace(fmt.Sprintf("%d %s", a.StatusCode, a.Reason)))
	switch {
	case a.Sent():
		return nil
	case a.Reason == apns2.ReasonBadDeviceToken:
		return fmt.Errorf("%w: %w; if it is so with every device, the app is of the other host, sandbox or not", said, push.ErrGone)
	case a.Reason == apns2.ReasonDeviceTokenNotForTopic:
		return fmt.Errorf("%w: %w; if it is so with every device, the topic is that of another app", said, push.ErrGone)
	case a.StatusCode == http.StatusGone: // Unregistered, ExpiredToken
		return fmt.Errorf("%w: %w", said, push.ErrGone)
	case a.Reason == apns2.ReasonExpiredProviderToken:
		return fmt.Errorf("%w: check this machine's clock", said)
	case a.Reason == apns2.ReasonTooManyProviderTokenUpdates:
		return fmt.Errorf("%w: another server uses a key of this team, or radpush was started again and again; it passes after %v", said, renewAfter)
	case a.StatusCode == http.StatusTooManyRequests, a.StatusCode/100 == 5:
		return push.Temporary{Err: said}
	case a.StatusCode/100 == 3:
		return fmt.Errorf("%w: redirects are not followed", said)
	case a.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: check the key, its ID and the team ID, this machine's clock, "+
			"and that Apple has not revoked the key or made it for the other host", said)
	case strings.Contains(a.Reason, "Topic"):
		return fmt.Errorf("%w: check that the topic is the app's bundle ID, and that the key is good for it", said)
	}
	return said
}
