package ntfy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"radpush/push"
)

// judge returns what the answer of a server means: nil if it has done what it was asked. Of its
// words none goes to the log but the number of its error.
func judge(method string, r *http.Response, body []byte, now time.Time) error {
	var said struct {
		Code  int    `json:"code"`  // of an error: 40301
		Event string `json:"event"` // of a message: "message", "message_delete"
	}
	isOurs := json.Unmarshal(body, &said) == nil
	status := strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))
	if said.Code > 0 {
		status += fmt.Sprintf(" (ntfy's error %d)", said.Code)
	}
	advise := func(what string) error { return fmt.Errorf("%s: %s", status, what) }
	switch code := r.StatusCode; {
	case code/100 == 2 && method != http.MethodDelete && (!isOurs || said.Event == ""):
		return advise("the answer is not ntfy's: check that the URL is that of an ntfy server, and that nothing in front of it asks to log in")
	case code/100 == 2:
		return nil
	case method == http.MethodDelete && (code == http.StatusNotFound || code == http.StatusMethodNotAllowed):
		return nil // before version 2.16
	case code == http.StatusTooManyRequests:
		return push.Temporary{Err: advise("the server limits how much this machine sends: use an account with a higher limit, or a server of your own"),
			After: push.RetryAfter(r.Header.Get("Retry-After"), now)}
	case code/100 == 5:
		return push.Temporary{Err: advise("the server is out of order"), After: push.RetryAfter(r.Header.Get("Retry-After"), now)}
	case code/100 == 3:
		return advise("redirects are not followed: let the URL be where this one leads")
	case code == http.StatusUnauthorized:
		return advise("check the token, or user and password")
	case code == http.StatusForbidden:
		return advise("this account, or anybody without one, may not write to the user's topic: allow it on the server (ntfy access)")
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return advise("check that the URL is that of an ntfy server")
	case code == http.StatusRequestEntityTooLarge:
		return advise("shorten the name of the organization")
	case code == http.StatusBadRequest:
		return advise("the server does not take the topic or the message: set another topic")
	}
	return advise("the server does not take the message")
}
