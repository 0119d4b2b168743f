package webpushtest_test

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"radpush/push/webpush/webpushtest"
)

// RFC 8291, appendix A.
func TestDecrypt_RFC8291AppendixA(t *testing.T) {
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, err := ecdh.P256().NewPrivateKey(decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	auth := decode("BTBZMqHH6r4Tts7J_aSIgg")
	body := decode("DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_" +
		"yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	text, err := webpushtest.Decrypt(key, auth, body)
	if err != nil || string(text) != "When I grow up, I want to be a watermelon" {
		t.Errorf("%q, %v", text, err)
	}
	for i := range body { // salt, record size, length, key, text, tag
		spoiled := append([]byte(nil), body...)
		if i >= 16 && i < 20 {
			copy(spoiled[16:20], []byte{0, 0, 0, 20}) // a record that is too small; more would be none the worse
		} else {
			spoiled[i] ^= 1
		}
		if text, err := webpushtest.Decrypt(key, auth, spoiled); err == nil {
			t.Errorf("octet %d: %q", i, text)
		}
		if text, err := webpushtest.Decrypt(key, auth, body[:i]); err == nil {
			t.Errorf("cut to %d: %q", i, text)
		}
	}
}

// A world is a service on loopback, a browser, and the request that rings it.
type world struct {
	*webpushtest.Service
	browser *webpushtest.Subscription
	client  *http.Client
	private string
	public  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := new(world)
	if w.Service, err = webpushtest.Start(l, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs = w.RootCAs
	w.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if w.private, w.public, err = webpush.GenerateVAPIDKeys(); err != nil {
		t.Fatal(err)
	}
	if w.browser, err = w.Subscribe(w.public); err != nil {
		t.Fatal(err)
	}
	return w
}

// A spoiler is a client that changes a request on its way.
type spoiler struct {
	*http.Client
	spoil func(*http.Request)
}

func (s spoiler) Do(r *http.Request) (*http.Response, error) {
	s.spoil(r)
	return s.Client.Do(r)
}

// send sends a message, spoiled, and returns status and reason.
func (w *world) send(t *testing.T, text string, options webpush.Options, spoil func(*http.Request)) (status int, reason string) {
	t.Helper()
	var s webpush.Subscription
	if err := json.Unmarshal([]byte(w.browser.Token()), &s); err != nil {
		t.Fatal(err)
	}
	options.HTTPClient = spoiler{w.client, spoil}
	response, err := webpush.SendNotificationWithContext(t.Context(), []byte(text), &s, &options)
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

func (w *world) options() webpush.Options {
	return webpush.Options{Subscriber: "ops@example.com", TTL: 30, VAPIDPublicKey: w.public, VAPIDPrivateKey: w.private}
}

func TestService_RefusesWhatTheRFCsDoNotAllow(t *testing.T) {
	w := newWorld(t)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	// claim signs a claim in place of the library's.
	claim := func(name string, value any) func(*http.Request) {
		return func(r *http.Request) {
			claims := map[string]any{"aud": w.Origin, "exp": time.Now().Add(time.Hour).Unix(), "sub": "mailto:ops@example.com", name: value}
			r.Header.Set("Authorization", w.sign(t, claims))
		}
	}
	otherPrivate, otherPublic, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*webpush.Options)
		spoil  func(*http.Request)
		status int
		reason string
	}{
		"good":                 {status: 201},
		"good, own claims":     {spoil: claim("sub", "https://example.com/contact"), status: 201},
		"unknown subscription": {spoil: func(r *http.Request) { r.URL.Path += "x" }, status: 404},
		"not a POST":           {spoil: func(r *http.Request) { r.Method = "PUT" }, status: 405},
		"too long":             {change: func(o *webpush.Options) { o.RecordSize = 4097 }, status: 413},
		"no TTL":               {spoil: func(r *http.Request) { r.Header.Del("TTL") }, status: 400, reason: "TTL"},
		"negative TTL":         {change: func(o *webpush.Options) { o.TTL = -1 }, status: 400, reason: "TTL"},
		"long topic":           {change: func(o *webpush.Options) { o.Topic = strings.Repeat("x", 33) }, status: 400, reason: "Topic"},
		"strange topic":        {change: func(o *webpush.Options) { o.Topic = "a b" }, status: 400, reason: "Topic"},
		"strange urgency":      {spoil: set("Urgency", "highest"), status: 400, reason: "Urgency"},
		"another coding":       {spoil: set("Content-Encoding", "aesgcm"), status: 400, reason: "Content-Encoding"},
		"not encrypted":        {spoil: func(r *http.Request) { replace(r, "{}") }, status: 400, reason: "aes128gcm"},
		"unsigned":             {spoil: func(r *http.Request) { r.Header.Del("Authorization") }, status: 401},
		"the old scheme":       {spoil: set("Authorization", "WebPush x"), status: 401},
		"no key":               {spoil: set("Authorization", "vapid t=x"), status: 401},
		"other key": {change: func(o *webpush.Options) { o.VAPIDPublicKey, o.VAPIDPrivateKey = otherPublic, otherPrivate },
			status: 403, reason: "VapidPkHashMismatch"},
		"other private key": {change: func(o *webpush.Options) { o.VAPIDPrivateKey = otherPrivate }, status: 403, reason: "signature"},
		"no token":          {spoil: set("Authorization", "vapid t=a.b.c, k="+w.public), status: 403, reason: "BadJwtToken"},
		"other service":     {spoil: claim("aud", "https://fcm.googleapis.com"), status: 403, reason: "aud"},
		"with the path":     {spoil: claim("aud", w.browser.Endpoint), status: 403, reason: "aud"},
		"expired":           {spoil: claim("exp", time.Now().Add(-time.Minute).Unix()), status: 403, reason: "exp"},
		"good for too long": {spoil: claim("exp", time.Now().Add(25*time.Hour).Unix()), status: 403, reason: "exp"},
		"no exp":            {spoil: claim("exp", nil), status: 403, reason: "exp"},
		"mailto twice":      {change: func(o *webpush.Options) { o.Subscriber = "mailto:ops@example.com" }, status: 403, reason: "sub"},
		"mailto and a name": {change: func(o *webpush.Options) { o.Subscriber = "<ops@example.com>" }, status: 403, reason: "sub"},
		"localhost":         {change: func(o *webpush.Options) { o.Subscriber = "ops@localhost" }, status: 403, reason: "sub"},
		"nobody":            {spoil: claim("sub", ""), status: 403, reason: "sub"},
	} {
		options, spoil := w.options(), c.spoil
		if c.change != nil {
			c.change(&options)
		}
		if spoil == nil {
			spoil = func(*http.Request) {}
		}
		if status, reason := w.send(t, "{}", options, spoil); status != c.status || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %d %s, want %d and %q", name, status, reason, c.status, c.reason)
		}
	}
}

func TestSubscription_Receive(t *testing.T) {
	w := newWorld(t)
	for _, m := range []struct{ text, topic string }{{"one", ""}, {"two", "a"}, {"three", "b"}, {"four", "a"}, {"five", ""}} {
		options := w.options()
		options.Topic = m.topic
		if status, reason := w.send(t, m.text, options, func(*http.Request) {}); status != 201 {
			t.Fatal(status, reason)
		}
	}
	for _, want := range []string{"one", "three", "four", "five"} {
		m, err := w.browser.Receive(t.Context())
		if err != nil || string(m.Text) != want {
			t.Errorf("got %s, %v; want %s", m.Text, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if m, err := w.browser.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %s, %v", m.Text, err)
	}
	// One that comes while the browser waits.
	got := make(chan string, 1)
	go func() {
		m, err := w.browser.Receive(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- string(m.Text)
	}()
	if status, reason := w.send(t, "six", w.options(), func(*http.Request) {}); status != 201 {
		t.Fatal(status, reason)
	}
	if text := <-got; text != "six" {
		t.Errorf("got %s", text)
	}
}
