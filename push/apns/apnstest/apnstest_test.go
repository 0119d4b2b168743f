package apnstest_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"radpush/push/apns/apnstest"
)

// bearer signs a provider token by hand.
func bearer(t *testing.T, p8 []byte, header, claims string) string {
	t.Helper()
	block, _ := pem.Decode(p8)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	rs := make([]byte, 64)
	r.FillBytes(rs[:32])
	s.FillBytes(rs[32:])
	return "bearer " + text + "." + encode(rs)
}

// A request is one that Apple takes, until it is changed.
type request struct {
	method, path, body string
	http.Header
}

// The stand-in refuses what Apple refuses, or it would prove nothing.
func TestServiceIsAsStrictAsApple(t *testing.T) {
	now := time.Now().Unix()
	claims := func(iat int64) string { return fmt.Sprintf(`{"iss":"DEF123GHIJ","iat":%d}`, iat) }
	const header = `{"alg":"ES256","kid":"ABC123DEFG"}`
	for name, c := range map[string]struct {
		change func(r request, key []byte) request
		want   string
	}{
		"as it should be": {func(r request, _ []byte) request { return r }, "200 "},
		"method":          {func(r request, _ []byte) request { r.method = "PUT"; return r }, "405 MethodNotAllowed"},
		"path":            {func(r request, _ []byte) request { r.path = "/3/devices/x"; return r }, "404 BadPath"},
		"device token":    {func(r request, _ []byte) request { r.path = "/3/device/abcd"; return r }, "400 BadDeviceToken"},
		"no bearer":       {func(r request, _ []byte) request { r.Del("authorization"); return r }, "403 MissingProviderToken"},
		"empty bearer":    {func(r request, _ []byte) request { r.Set("authorization", "bearer "); return r }, "403 MissingProviderToken"},
		"no token":        {func(r request, _ []byte) request { r.Set("authorization", "bearer a.b"); return r }, "403 InvalidProviderToken"},
		"signature": {func(r request, _ []byte) request {
			h := r.Get("authorization")
			r.Set("authorization", h[:len(h)-86]+strings.Repeat("A", 86))
			return r
		}, "403 InvalidProviderToken"},
		"alg": {func(r request, key []byte) request {
			r.Set("authorization", bearer(t, key, `{"alg":"none","kid":"ABC123DEFG"}`, claims(now)))
			return r
		}, "403 InvalidProviderToken"},
		"kid": {func(r request, key []byte) request {
			r.Set("authorization", bearer(t, key, `{"alg":"ES256","kid":"ZZZ123DEFG"}`, claims(now)))
			return r
		}, "403 InvalidProviderToken"},
		"iss": {func(r request, key []byte) request {
			r.Set("authorization", bearer(t, key, header, fmt.Sprintf(`{"iss":"ZZZ123GHIJ","iat":%d}`, now)))
			return r
		}, "403 InvalidProviderToken"},
		"old": {func(r request, key []byte) request {
			r.Set("authorization", bearer(t, key, header, claims(now-3700)))
			return r
		}, "403 ExpiredProviderToken"},
		"ahead": {func(r request, key []byte) request {
			r.Set("authorization", bearer(t, key, header, claims(now+600)))
			return r
		}, "403 InvalidProviderToken"},
		"no topic":    {func(r request, _ []byte) request { r.Del("apns-topic"); return r }, "400 MissingTopic"},
		"topic":       {func(r request, _ []byte) request { r.Set("apns-topic", "com.example.other"); return r }, "400 DeviceTokenNotForTopic"},
		"two topics":  {func(r request, _ []byte) request { r.Add("apns-topic", "com.example.signin"); return r }, "400 DuplicateHeaders"},
		"id":          {func(r request, _ []byte) request { r.Set("apns-id", "1"); return r }, "400 BadMessageId"},
		"collapse ID": {func(r request, _ []byte) request { r.Set("apns-collapse-id", strings.Repeat("x", 65)); return r }, "400 BadCollapseId"},
		"expiration":  {func(r request, _ []byte) request { r.Set("apns-expiration", "soon"); return r }, "400 BadExpirationDate"},
		"priority":    {func(r request, _ []byte) request { r.Set("apns-priority", "7"); return r }, "400 BadPriority"},
		"push type":   {func(r request, _ []byte) request { r.Set("apns-push-type", "background"); return r }, "400 InvalidPushType"},
		"urgent background": {func(r request, _ []byte) request {
			r.Set("apns-push-type", "background")
			r.body = `{"aps":{"content-available":1}}`
			return r
		}, "400 BadPriority"},
		"empty":   {func(r request, _ []byte) request { r.body = ""; return r }, "400 PayloadEmpty"},
		"no aps":  {func(r request, _ []byte) request { r.body = "{}"; return r }, "400 PayloadEmpty"},
		"too big": {func(r request, _ []byte) request { r.body = strings.Repeat(" ", 4097); return r }, "413 PayloadTooLarge"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s, err := apnstest.Start(l, "")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.RootCAs}, ForceAttemptHTTP2: true}}
			good := request{"POST", "/3/device/" + s.Register().Token, `{"aps":{"alert":"hello"}}`, make(http.Header)}
			good.Set("authorization", bearer(t, s.Key, header, claims(now)))
			good.Set("apns-topic", s.Topic)
			good.Set("apns-push-type", "alert")
			r := c.change(good, s.Key)
			q, err := http.NewRequestWithContext(t.Context(), r.method, s.Origin+r.path, strings.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			q.Header = r.Header
			response, err := client.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var said struct{ Reason string }
			json.NewDecoder(response.Body).Decode(&said) // a 200 has none
			if got := fmt.Sprintf("%d %s", response.StatusCode, said.Reason); got != c.want || response.ProtoMajor != 2 {
				t.Errorf("%s by %s, want %s", got, response.Proto, c.want)
			}
		})
	}
}
