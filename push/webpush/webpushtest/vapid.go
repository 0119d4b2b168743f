package webpushtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// authorize checks who sends (RFC 8292), or returns the status of the refusal: 401 for who
// does not say, 403 for who may not.
func authorize(header []string, origin string, server []byte, now time.Time) (int, error) {
	if len(header) != 1 {
		return http.StatusUnauthorized, fmt.Errorf("%d Authorization headers", len(header))
	}
	rest, vapid := strings.CutPrefix(header[0], "vapid ")
	t, k, both := strings.Cut(rest, ",")
	token, isToken := strings.CutPrefix(strings.TrimSpace(t), "t=")
	key, isKey := strings.CutPrefix(strings.TrimSpace(k), "k=")
	if !vapid || !both || !isToken || !isKey { // section 3
		return http.StatusUnauthorized, errors.New("the Authorization is not: vapid t=…, k=…")
	}
	public, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || !bytes.Equal(public, server) { // section 4.2
		return http.StatusForbidden, errors.New("VapidPkHashMismatch")
	}
	claims, err := verify(token, public)
	if err == nil {
		err = claims.check(origin, now)
	}
	if err != nil {
		return http.StatusForbidden, fmt.Errorf("BadJwtToken: %w", err)
	}
	return 0, nil
}

// Claims of a token (section 2).
type claims struct {
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Subject  string `json:"sub"`
}

// verify reads a JWT that is signed with ES256 (RFC 7515, RFC 7518, section 3.4).
func verify(token string, public []byte) (claims, error) {
	var header struct{ Alg, Typ string }
	var c claims
	signed, signature := token, ""
	if dot := strings.LastIndexByte(token, '.'); dot >= 0 {
		signed, signature = token[:dot], token[dot+1:]
	}
	first, second, _ := strings.Cut(signed, ".")
	if err := errors.Join(decodeJSON(first, &header), decodeJSON(second, &c)); err != nil {
		return c, err
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return c, err
	}
	rs, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(rs) != 64 || header.Alg != "ES256" {
		return c, errors.New("not signed with ES256")
	}
	sum := sha256.Sum256([]byte(signed))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:])) {
		return c, errors.New("the signature is wrong")
	}
	return c, nil
}

func decodeJSON(text string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (c claims) check(origin string, now time.Time) error {
	expires := time.Unix(c.Expires, 0)
	switch {
	case c.Audience != origin:
		return fmt.Errorf("aud is %q, not %q", c.Audience, origin)
	case !expires.After(now) || expires.After(now.Add(24*time.Hour)):
		return fmt.Errorf("exp is %v from now", expires.Sub(now))
	}
	host := ""
	if address, isMail := strings.CutPrefix(c.Subject, "mailto:"); isMail {
		if a, err := mail.ParseAddress(address); err == nil && a.Address == address {
			_, host, _ = strings.Cut(address, "@")
		}
	} else if u, err := url.Parse(c.Subject); err == nil && u.Scheme == "https" {
		host = u.Hostname()
	}
	if !strings.Contains(host, ".") { // Apple refuses a localhost
		return fmt.Errorf("sub is %q", c.Subject)
	}
	return nil
}
