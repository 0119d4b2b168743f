package fcmtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	scope     = "https://www.googleapis.com/auth/firebase.messaging"
	lifetime  = time.Hour - time.Second
	clockSkew = 5 * time.Minute // a clock may be ahead
)

// An account is what the OAuth server knows of the service account.
type account struct {
	project, email, tokenURL, keyID string
	public                          *rsa.PublicKey
}

// NextToken says what the next requests for an access token get in place of one.
func (s *Service) NextToken(answers ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, answers...)
}

// Asked returns how many access tokens have been asked for.
func (s *Service) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Revoke makes the access tokens so far worthless.
func (s *Service) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// token hands out an access token for an assertion (RFC 7523, section 2.1).
func (s *Service) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	s.mu.Lock()
	s.asked++
	var instead http.HandlerFunc
	if len(s.next) > 0 {
		instead, s.next = s.next[0], s.next[1:]
	}
	s.mu.Unlock()
	if instead != nil {
		instead(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		RefuseToken(http.StatusBadRequest, "unsupported_grant_type")(w, r)
		return
	}
	now := time.Now()
	if err := s.account.verify(r.PostFormValue("assertion"), now); err != nil {
		RefuseToken(http.StatusBadRequest, "invalid_grant")(w, r)
		return
	}
	token := "ya29." + rand.Text() + rand.Text()
	s.mu.Lock()
	s.access[token] = now.Add(lifetime)
	s.mu.Unlock()
	json.NewEncoder(w).Encode(map[string]any{"access_token": token, "expires_in": int(lifetime / time.Second), "token_type": "Bearer"})
}

// RefuseToken is an answer of the OAuth server (RFC 6749, section 5.2).
func RefuseToken(code int, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(map[string]string{"error": name, "error_description": "What was sent: " + r.PostFormValue("assertion")}) // it must not get into a log
	}
}

// mayUse reports whether a request has an access token that is good.
func (s *Service) mayUse(authorization []string, now time.Time) bool {
	if len(authorization) != 1 {
		return false
	}
	token, ok := strings.CutPrefix(authorization[0], "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	expires, known := s.access[token]
	return ok && known && now.Before(expires)
}

// verify checks an assertion: a JWT that is signed with RS256 by the account's key (RFC 7515,
// RFC 7518, section 3.3).
func (a account) verify(assertion string, now time.Time) error {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return fmt.Errorf("the assertion has %d parts", len(parts))
	}
	var head struct{ Alg, Kid string }
	var claims struct {
		Iss, Scope, Aud string
		Iat, Exp        int64
	}
	for part, v := range map[string]any{parts[0]: &head, parts[1]: &claims} {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			return fmt.Errorf("the assertion is no JWT: %w", err)
		}
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(a.public, crypto.SHA256, sum[:], signature); err != nil {
		return err
	}
	issued, expires := time.Unix(claims.Iat, 0), time.Unix(claims.Exp, 0)
	switch {
	case head.Alg != "RS256" || head.Kid != a.keyID:
		return fmt.Errorf("alg is %q, kid %q", head.Alg, head.Kid)
	case claims.Iss != a.email || claims.Aud != a.tokenURL:
		return fmt.Errorf("iss is %q, aud %q", claims.Iss, claims.Aud)
	case !slices.Contains(strings.Fields(claims.Scope), scope):
		return fmt.Errorf("scope is %q", claims.Scope)
	case issued.After(now.Add(clockSkew)), !expires.After(now), expires.Sub(issued) > time.Hour:
		return fmt.Errorf("from %v to %v", issued, expires)
	}
	return nil
}
