package webpush_test

import (
	"encoding/json"
	"strings"
	"testing"

	"radpush/push/webpush"
)

// A subscription as a browser would send it; the keys are those of RFC 8291, appendix A.
const (
	p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	auth   = "BTBZMqHH6r4Tts7J_aSIgg"
)

func subscription(endpoint, p256dh, auth string) string {
	b, err := json.Marshal(map[string]any{"endpoint": endpoint, "expirationTime": nil, "keys": map[string]string{"p256dh": p256dh, "auth": auth}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestCheckToken_Endpoints(t *testing.T) {
	r := &webpush.Ringer{Hosts: []string{"push.example.com", ".Shard.example.com"}}
	for _, good := range []string{
		"https://fcm.googleapis.com/fcm/send/cXYZ:APA91b", "https://fcm.googleapis.com/wp/cXYZ:APA91b", "https://jmt17.google.com/fcm/send/x",
		"https://updates.push.services.mozilla.com/wpush/v2/gAAA", "https://autopush.eu.push.services.mozilla.com/wpush/v1/x",
		"https://wns2-par02p.notify.windows.com/w/?token=BQYA%2f%2b", "https://web.push.apple.com/QGuQyavXutnMH9cA", "https://api.push.apple.com/x",
		"https://fcm.googleapis.com:443/x", "https://FCM.GoogleAPIs.com/x", "HTTPS://fcm.googleapis.com/x",
		"https://push.example.com/x", "https://a.shard.example.com/x",
	} {
		if err := r.CheckToken(subscription(good, p256dh, auth)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "x", "//fcm.googleapis.com/x", "http://fcm.googleapis.com/x", "ftp://fcm.googleapis.com/x", "https:fcm.googleapis.com", "https:///x",
		"https://fcm.googleapis.com:8443/x", "https://fcm.googleapis.com:0443/x", "https://fcm.googleapis.com:80/x", "https://fcm.googleapis.com:http/x",
		"https://user@fcm.googleapis.com/x", "https://user:secret@fcm.googleapis.com/x", "https://fcm.googleapis.com/x#y",
		"https://127.0.0.1/x", "https://[::1]/x", "https://2130706433/x", "https://0x7f.1/x", "https://localhost/x", "https://169.254.169.254/latest/meta-data",
		"https://fcm.googleapis.com.evil.example/x", "https://evil-fcm.googleapis.com/x", "https://googleapis.com/x", "https://storage.googleapis.com/x",
		"https://notify.windows.com/x", "https://evilnotify.windows.com/x", "https://push.apple.com/x", "https://.push.apple.com/x", "https://a..push.apple.com/x", "https://evil.example。push.apple.com/x", "https://a_b.push.apple.com/x", "https://a%20b.push.apple.com/x", "https://.push.apple.com@evil.example/x",
		"https://push.services.mozilla.com.evil.example/x", "https://x.push.example.com/x", "https://shard.example.com/x", "https://evilshard.example.com/x",
		"https://fcm.googleapis.com./x", "https://evil.example\\@fcm.googleapis.com/x", "https://evil.example/?https://fcm.googleapis.com/", "https://evil.example#@fcm.googleapis.com/",
		"https://fcm.googleapis.com%2f.evil.example/x", "https://fcm.googleapis.com\n/x", "https://fcm.googleapis.com\x00.evil.example/", " https://fcm.googleapis.com/x",
		"https://fcm.googleapis.com/" + strings.Repeat("x", 2048),
	} {
		err := r.CheckToken(subscription(bad, p256dh, auth))
		if err == nil {
			t.Errorf("%q is let through", bad)
			continue
		}
		if s := err.Error(); strings.ContainsAny(s, "\n\x00") || strings.Contains(s, "secret") || strings.Contains(s, "meta-data") || len(s) > 500 {
			t.Errorf("%q: %s", bad, s)
		}
	}
}

func TestCheckToken_TellsWhy(t *testing.T) {
	const endpoint = "https://fcm.googleapis.com/x"
	for _, c := range []struct{ token, want string }{
		{"", "not the JSON of a PushSubscription"},
		{"secret", "not the JSON of a PushSubscription"},
		{"null", "not the JSON of a PushSubscription"},
		{`{"endpoint":7,"keys":"secret"}`, "not the JSON of a PushSubscription"},
		{subscription(endpoint, p256dh, auth) + "{}", "not the JSON of a PushSubscription"},
		{strings.Repeat(`{"endpoint":`, 300), "not the JSON of a PushSubscription"},
		{subscription("http://push.example.net", p256dh, auth), "not an https URL of at most 2048 octets, without user or fragment"},
		{subscription("https://push.example.net/secret", p256dh, auth), `at "push.example.net", which is no push service that this server knows; an operator can name it`},
		{subscription("https://fcm.googleapis.com:444/secret", p256dh, auth), "at port 444 of fcm.googleapis.com; only 443 is called"},
		{`{"endpoint":"` + endpoint + `"}`, "p256dh"},
		{subscription(endpoint, "secret", auth), "p256dh"},
		{subscription(endpoint, p256dh+"=", auth), "p256dh"},
		{subscription(endpoint, p256dh[:len(p256dh)-1]+"5", auth), "p256dh"},                                       // bits that do not count
		{subscription(endpoint, p256dh[:len(p256dh)-2]+"jA", auth), "p256dh"},                                      // not on the curve
		{subscription(endpoint, "AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", auth), "p256dh"},                   // compressed
		{subscription(endpoint, "AA", auth), "p256dh"},                                                             // infinity
		{subscription(endpoint, p256dh, ""), "auth is not 16 octets"},                                              //
		{subscription(endpoint, p256dh, auth[:20]), "auth is not 16 octets"},                                       //
		{subscription(endpoint, p256dh, "AAAAAAAAAAAAAAAAAAAAAAAA"), "auth is not 16 octets"},                      //
		{subscription(endpoint, p256dh, strings.ReplaceAll(auth, "_", "/")), "auth is not 16 octets in base64url"}, // standard alphabet
	} {
		err := new(webpush.Ringer).CheckToken(c.token)
		if err == nil || !strings.HasPrefix(err.Error(), "webpush: check subscription: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.100s: %v, want %q", c.token, err, c.want)
		}
	}
}

// However an endpoint is written, it is called, and signed for, as the origin it is.
func TestRinger_EndpointsAreCalledByTheirOrigin(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		token := w.device.Address.Token
		for _, written := range []string{"https://fcm.googleapis.com:443/", "https://FCM.googleapis.com/", "HTTPS://fcm.googleapis.COM:443/", "https://fcm.googleapis.com:/"} {
			w.device.Address.Token = strings.Replace(token, "https://fcm.googleapis.com/", written, 1)
			if _, err := w.ring(t, challenge()); err != nil {
				t.Errorf("%s: %v", written, err)
			}
		}
	})
}

func FuzzCheckToken(f *testing.F) {
	f.Add(subscription("https://fcm.googleapis.com/x", p256dh, auth))
	f.Add(subscription("https://a.push.apple.com:443/x?y=%2f#", p256dh, auth))
	f.Add(subscription("https://u@fcm.googleapis.com\\.evil.example", p256dh, auth))
	f.Fuzz(func(t *testing.T, token string) {
		r := new(webpush.Ringer)
		if r.CheckToken(token) != nil {
			return
		}
		endpoint, err := r.Endpoint(token)
		if err != nil {
			t.Fatal(err)
		}
		// The form that is called is one that no reader of URLs understands otherwise.
		rest, https := strings.CutPrefix(endpoint, "https://")
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, "?")
		if !https || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || !known(host) {
			t.Errorf("%q becomes %q", token, endpoint)
		}
		if again, err := r.Endpoint(subscription(endpoint, p256dh, auth)); err != nil || again != endpoint {
			t.Errorf("%q, once more: %q, %v", endpoint, again, err)
		}
	})
}

func known(host string) bool {
	if host == "fcm.googleapis.com" || host == "jmt17.google.com" {
		return true
	}
	for _, domain := range []string{".push.services.mozilla.com", ".notify.windows.com", ".push.apple.com"} {
		if strings.HasSuffix(host, domain) {
			return true
		}
	}
	return false
}
