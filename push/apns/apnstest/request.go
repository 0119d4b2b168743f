package apnstest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxPayload   = 4096 // octets
	maxCollapse  = 64   // octets
	bearerAge    = time.Hour
	renewals     = 20 * time.Minute
	maxRenewals  = 2               // within that time; Apple says one, and does not hold itself to it
	aheadOfApple = 5 * time.Minute // a clock may be
)

var (
	deviceTokens = regexp.MustCompile(`^[0-9a-fA-F]{64,200}$`)
	uuids        = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// read returns the notification of a request, or the status and reason of its refusal.
func (s *Service) read(r *http.Request, body []byte, phone *Phone) (n Notification, status int, reason string) {
	for _, name := range []string{"authorization", "apns-id", "apns-topic", "apns-push-type", "apns-priority", "apns-expiration", "apns-collapse-id"} {
		if len(r.Header.Values(name)) > 1 {
			return n, http.StatusBadRequest, "DuplicateHeaders"
		}
	}
	if r.Method != http.MethodPost {
		return n, http.StatusMethodNotAllowed, "MethodNotAllowed"
	}
	if status, reason = s.authorize(r.Header.Get("authorization"), time.Now()); reason != "" {
		return n, status, reason
	}
	switch {
	case !deviceTokens.MatchString(r.PathValue("token")) || phone == nil:
		return n, http.StatusBadRequest, "BadDeviceToken"
	case r.Header.Get("apns-topic") == "":
		return n, http.StatusBadRequest, "MissingTopic"
	case r.Header.Get("apns-topic") != s.Topic:
		return n, http.StatusBadRequest, "DeviceTokenNotForTopic"
	case !phone.removed().IsZero():
		return n, http.StatusGone, "Unregistered"
	case len(body) > maxPayload:
		return n, http.StatusRequestEntityTooLarge, "PayloadTooLarge"
	}
	n, reason = parse(r.Header, body)
	return n, http.StatusBadRequest, reason
}

// parse reads headers and payload.
func parse(h http.Header, body []byte) (n Notification, reason string) {
	n = Notification{ID: h.Get("apns-id"), PushType: h.Get("apns-push-type"), CollapseID: h.Get("apns-collapse-id"), Payload: body, Priority: 10}
	if n.ID == "" {
		u := make([]byte, 16)
		rand.Read(u)
		n.ID = fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	}
	if text := h.Get("apns-priority"); text != "" {
		n.Priority, _ = strconv.Atoi(text)
	}
	if text := h.Get("apns-expiration"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return n, "BadExpirationDate"
		}
		n.Expires = time.Unix(seconds, 0)
	}
	var payload struct {
		APS *struct {
			Alert     any
			Sound     any
			Badge     any
			Available int `json:"content-available"`
		}
	}
	switch {
	case !uuids.MatchString(n.ID):
		return n, "BadMessageId"
	case len(n.CollapseID) > maxCollapse:
		return n, "BadCollapseId"
	case n.Priority != 10 && n.Priority != 5 && n.Priority != 1:
		return n, "BadPriority"
	case len(body) == 0, json.Unmarshal(body, &payload) != nil, payload.APS == nil:
		return n, "PayloadEmpty"
	}
	shown := payload.APS.Alert != nil || payload.APS.Sound != nil || payload.APS.Badge != nil
	switch {
	case n.PushType == "alert" && shown:
	case n.PushType == "background" && !shown && payload.APS.Available == 1:
		if n.Priority == 10 {
			return n, "BadPriority"
		}
	default:
		return n, "InvalidPushType"
	}
	return n, ""
}

// authorize checks the provider token: a JWT (RFC 7519) that is signed with ES256 by the key
// of the account and not older than an hour.
func (s *Service) authorize(header string, now time.Time) (status int, reason string) {
	bearer, ok := strings.CutPrefix(header, "bearer ")
	if !ok || bearer == "" {
		return http.StatusForbidden, "MissingProviderToken"
	}
	parts := strings.Split(bearer, ".")
	if len(parts) != 3 {
		return http.StatusForbidden, "InvalidProviderToken"
	}
	var head struct{ Alg, Kid string }
	var claims struct {
		Iss string
		Iat int64
	}
	rs, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(rs) != 64 || decode(parts[0], &head) != nil || decode(parts[1], &claims) != nil {
		return http.StatusForbidden, "InvalidProviderToken"
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signed := ecdsa.Verify(s.public, sum[:], new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:])) // RFC 7518, section 3.4
	issued := time.Unix(claims.Iat, 0)
	switch {
	case head.Alg != "ES256", head.Kid != s.KeyID, claims.Iss != s.TeamID, !signed, issued.After(now.Add(aheadOfApple)):
		return http.StatusForbidden, "InvalidProviderToken"
	case now.Sub(issued) > bearerAge:
		return http.StatusForbidden, "ExpiredProviderToken"
	case !s.renewable(bearer, now):
		return http.StatusTooManyRequests, "TooManyProviderTokenUpdates"
	}
	return 0, ""
}

// renewable reports whether a provider token is known, or may be one more.
func (s *Service) renewable(bearer string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.bearers[bearer]; known {
		return true
	}
	recent := 0
	for _, at := range s.bearers {
		if now.Sub(at) < renewals {
			recent++
		}
	}
	if recent > maxRenewals {
		return false
	}
	s.bearers[bearer] = now
	return true
}

func decode(part string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
