package sms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// judge returns nil if the answer means that the text was taken, and otherwise what an
// operator can do about it.
func (g *Gateway) judge(status int, body []byte) error {
	if taken := slices.Contains(g.Status, status) || len(g.Status) == 0 && status/100 == 2; !taken {
		return fmt.Errorf("answer %d %s%s", status, http.StatusText(status), advice(status))
	}
	if g.Answer != "" {
		if wanted, err := regexp.Compile(g.Answer); err != nil || !wanted.Match(body) {
			return fmt.Errorf("answer %d, but it does not match %q", status, g.Answer)
		}
	}
	if len(g.JSON) == 0 {
		return nil
	}
	var answer any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // 0 is "0", and not 0e+00
	if decoder.Decode(&answer) != nil {
		return fmt.Errorf("answer %d, but it is not JSON", status)
	}
	for _, path := range slices.Sorted(maps.Keys(g.JSON)) {
		if want := g.JSON[path]; !has(answer, strings.Split(path, "."), want) {
			return fmt.Errorf("answer %d, but its %s is not %q", status, path, want)
		}
	}
	return nil
}

// advice says what a refusal mostly means.
func advice(status int) string {
	switch {
	case status/100 == 3:
		return ": redirects are not followed; put the new address into the URL"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ": check the user, the password and what the account may do"
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return ": check the URL and the method"
	case status == http.StatusTooManyRequests:
		return ": the account's limit is reached; raise it, or send less at once"
	case status/100 == 4:
		return ": check the number, the sender and the description of the gateway"
	case status/100 == 5:
		return ": the gateway is in trouble; ask its operator if this lasts"
	}
	return ""
}

// has reports whether the value at the path is want: a string, a number, true, false or null.
func has(v any, path []string, want string) bool {
	if len(path) == 0 {
		switch v.(type) {
		case nil:
			return want == "null"
		case string, json.Number, bool:
			return fmt.Sprint(v) == want
		}
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		inner, ok := v[path[0]]
		return ok && has(inner, path[1:], want)
	case []any:
		if path[0] == "*" {
			return len(v) > 0 && !slices.ContainsFunc(v, func(each any) bool { return !has(each, path[1:], want) })
		}
		i, err := strconv.Atoi(path[0])
		return err == nil && i >= 0 && i < len(v) && has(v[i], path[1:], want)
	}
	return false
}

// checkAnswer returns the faults of what is to mean success.
func (g *Gateway) checkAnswer() (faults []error) {
	for _, status := range g.Status {
		if status < 200 || status > 599 {
			faults = append(faults, fmt.Errorf("status %d: 200 to 599 are possible", status))
		}
	}
	if _, err := regexp.Compile(g.Answer); err != nil {
		faults = append(faults, fmt.Errorf("answer: %w", err))
	}
	for path := range g.JSON {
		if slices.Contains(strings.Split(path, "."), "") {
			faults = append(faults, fmt.Errorf("json %q: a path is names and numbers with dots between, such as messages.0.status", path))
		}
	}
	if slices.ContainsFunc(g.Status, func(s int) bool { return s == 429 || s == 503 }) {
		faults = append(faults, errors.New("status: 429 and 503 say that a request was refused"))
	}
	return faults
}
