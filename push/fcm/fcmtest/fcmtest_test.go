package fcmtest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"radpush/push/fcm/fcmtest"
)

// start serves on loopback.
func start(t *testing.T) (*fcmtest.Service, *http.Client) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := fcmtest.Start(l, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.RootCAs}, ForceAttemptHTTP2: true}}
}

// assertion signs a JWT by hand.
func assertion(t *testing.T, file map[string]string, header, claims map[string]any) string {
	t.Helper()
	block, _ := pem.Decode([]byte(file["private_key"]))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	text := encode(h) + "." + encode(c)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}

// post returns status and body of an answer.
func post(t *testing.T, client *http.Client, q *http.Request) (int, string) {
	t.Helper()
	response, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// access asks for an access token; change is what is different from what it should be.
func access(t *testing.T, s *fcmtest.Service, client *http.Client, change map[string]any) (int, string) {
	t.Helper()
	var file map[string]string
	if err := json.Unmarshal(s.Credentials, &file); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	header := map[string]any{"alg": "RS256", "kid": file["private_key_id"]}
	claims := map[string]any{"iss": file["client_email"], "aud": file["token_uri"], "iat": now, "exp": now + 3600, "scope": "https://www.googleapis.com/auth/firebase.messaging"}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}}
	for name, v := range change {
		switch name {
		case "alg", "kid":
			header[name] = v
		case "grant_type", "assertion":
			form.Set(name, v.(string))
		default:
			claims[name] = v
		}
	}
	if form.Get("assertion") == "" {
		form.Set("assertion", assertion(t, file, header, claims))
	}
	q, err := http.NewRequestWithContext(t.Context(), "POST", file["token_uri"], strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return post(t, client, q)
}

// The stand-in refuses what Google refuses, or it would prove nothing.
func TestOAuthIsAsStrictAsGoogle(t *testing.T) {
	s, client := start(t)
	now := time.Now().Unix()
	for name, change := range map[string]map[string]any{
		"grant type": {"grant_type": "client_credentials"},
		"no JWT":     {"assertion": "a.b"},
		"signature":  {"assertion": "e30.e30.AAAA"},
		"alg":        {"alg": "none"},
		"kid":        {"kid": "other"},
		"iss":        {"iss": "other@example.com"},
		"aud":        {"aud": "https://example.com/token"},
		"scope":      {"scope": "https://www.googleapis.com/auth/drive"},
		"ahead":      {"iat": now + 600, "exp": now + 1200},
		"expired":    {"iat": now - 3600, "exp": now - 1},
		"long":       {"exp": now + 3700},
	} {
		t.Run(name, func(t *testing.T) {
			if code, body := access(t, s, client, change); code != 400 || strings.Contains(body, "access_token") {
				t.Errorf("%d %s", code, body)
			}
		})
	}
	if code, body := access(t, s, client, nil); code != 200 || !strings.Contains(body, "access_token") {
		t.Errorf("as it should be: %d %s", code, body)
	}
}

func TestServiceIsAsStrictAsGoogle(t *testing.T) {
	s, client := start(t)
	_, body := access(t, s, client, nil)
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &token); err != nil {
		t.Fatal(err)
	}
	phone, removed := s.Register(), s.Register()
	removed.Unregister()
	const path = "/v1/projects/example-signin/messages:send"
	for name, c := range map[string]struct {
		path, bearer string
		message      map[string]any
		want         string
	}{
		"as it should be": {path, token.Access, nil, "200"},
		"access token":    {path, "ya29.other", nil, "401 UNAUTHENTICATED"},
		"project":         {"/v1/projects/other/messages:send", token.Access, nil, "403 PERMISSION_DENIED"},
		"no phone":        {path, token.Access, map[string]any{"token": "x"}, "400 INVALID_ARGUMENT fcm INVALID_ARGUMENT"},
		"removed":         {path, token.Access, map[string]any{"token": removed.Token}, "404 NOT_FOUND fcm UNREGISTERED"},
		"no token":        {path, token.Access, map[string]any{"token": ""}, "400 INVALID_ARGUMENT"},
		"number":          {path, token.Access, map[string]any{"data": map[string]any{"challenge": 1}}, "400 INVALID_ARGUMENT"},
		"reserved":        {path, token.Access, map[string]any{"data": map[string]any{"from": "x"}}, "400 INVALID_ARGUMENT"},
		"too big":         {path, token.Access, map[string]any{"data": map[string]any{"x": strings.Repeat("x", 4096)}}, "400 INVALID_ARGUMENT"},
		"priority":        {path, token.Access, map[string]any{"android": map[string]any{"priority": "urgent"}}, "400 INVALID_ARGUMENT"},
		"TTL":             {path, token.Access, map[string]any{"android": map[string]any{"ttl": "30"}}, "400 INVALID_ARGUMENT"},
	} {
		t.Run(name, func(t *testing.T) {
			message := map[string]any{"token": phone.Token, "data": map[string]any{"challenge": "x"}}
			maps.Copy(message, c.message)
			b, err := json.Marshal(map[string]any{"message": message})
			if err != nil {
				t.Fatal(err)
			}
			q, err := http.NewRequestWithContext(t.Context(), "POST", s.Origin+c.path, strings.NewReader(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("Authorization", "Bearer "+c.bearer)
			code, body := post(t, client, q)
			var said struct {
				Error struct {
					Status  string
					Details []struct{ ErrorCode string }
				}
			}
			if err := json.Unmarshal([]byte(body), &said); err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSpace(fmt.Sprintf("%d %s", code, said.Error.Status))
			for _, d := range said.Error.Details {
				if d.ErrorCode != "" {
					got += " fcm " + d.ErrorCode
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s: %s", got, c.want, body)
			}
		})
	}
}
