package sms_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"radpush/otp/sms"
)

const (
	number = "+491701234567"
	code   = "483920"
	text   = code + " is your code for Größe & Co. It is good for 5 minutes."

	account  = "AC0123456789abcdef0123456789abcdef"
	password = `to"ken/&%41+ <ß>` // breaks out of whatever does not escape it
)

// A provider is an HTTPS server that speaks as one of them does, and counts.
type provider struct {
	*httptest.Server
	connections, requests atomic.Int32
}

func serve(t *testing.T, answer http.HandlerFunc) *provider {
	p := new(provider)
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		answer(w, r)
	}))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // broken handshakes are meant
	p.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			p.connections.Add(1)
		}
	}
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

// at points a gateway to the server.
func (p *provider) at(g *sms.Gateway) *sms.Gateway {
	_, path, _ := strings.Cut(strings.TrimPrefix(g.URL, "https://"), "/")
	g.URL = p.URL + "/" + path
	g.RootCAs = p.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return g
}

// says is a handler that always answers the same.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// fails checks what every error has to hold: it is one readable line that begins with the
// package and has nothing secret in it, however deep one looks.
func fails(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if s := err.Error(); !strings.HasPrefix(s, "sms: ") || strings.ContainsAny(s, "\n\r\x1b\x00") || len(s) > 1000 {
		t.Errorf("not a readable line: %q", s)
	}
	logged := new(strings.Builder)
	slog.New(slog.NewJSONHandler(logged, nil)).Error("send", "err", err)
	said := err.Error() + fmt.Sprintf("%+v", err) + logged.String()
	for _, secret := range []string{password, "to\"ken", "ken/", "%41", "%2541", code, number, number[1:], "1234567"} {
		if strings.Contains(said, secret) {
			t.Errorf("the error has %q in it: %s", secret, said)
		}
	}
	return err.Error()
}

// twilio answers as POST /2010-04-01/Accounts/{sid}/Messages.json does.
func twilio(t *testing.T) http.HandlerFunc {
	refuse := func(w http.ResponseWriter, status, code int, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]any{"code": code, "message": message, "status": status,
			"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code)})
	}
	return func(w http.ResponseWriter, r *http.Request) {
		user, token, _ := r.BasicAuth()
		switch {
		case r.Method != "POST" || r.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json":
			refuse(w, 404, 20404, "The requested resource was not found")
		case user != account || token != password:
			refuse(w, 401, 20003, "Authenticate")
		case r.ParseForm() != nil || len(r.PostForm) != 3:
			refuse(w, 400, 21603, "A 'From' phone number is required.")
		case !strings.HasPrefix(r.PostForm.Get("To"), "+49"):
			refuse(w, 400, 21211, "Invalid 'To' Phone Number: "+r.PostForm.Get("To"))
		default:
			if r.PostForm.Get("Body") != text {
				t.Errorf("the text arrived as %q", r.PostForm.Get("Body"))
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(map[string]any{"sid": "SM0123", "status": "queued", "body": text, "error_code": nil})
		}
	}
}

func TestGateway_4_1_Twilio(t *testing.T) {
	p := serve(t, twilio(t))
	for name, c := range map[string]struct {
		token, from, to string
		want            string // in the error; "" for none
	}{
		"taken":             {password, "+12025550100", number, ""},
		"messaging service": {password, "MG0123456789abcdef0123456789abcdef", number, ""},
		"invalid number":    {password, "Example", "+12025550123", `400 Bad Request: check the number, the sender and the description of the gateway; it said: {"code":21211,"message":"Invalid 'To' Phone Number: …"`},
		"wrong token":       {"wrong", "Example", number, `401 Unauthorized: check the user, the password and what the account may do; it said: {"code":20003,"message":"Authenticate"`},
	} {
		t.Run(name, func(t *testing.T) {
			p.requests.Store(0)
			g := p.at(sms.Twilio(account, c.token, c.from))
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			err := g.Send(t.Context(), c.to, text)
			if c.want == "" && err != nil || c.want != "" && !strings.Contains(fails(t, err), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if n := p.requests.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestGateway_4_1_TwilioSender(t *testing.T) {
	for from, want := range map[string]string{"+12025550100": "From", "MGTOW": "From", "MG0123456789abcdef0123456789abcdef": "MessagingServiceSid"} {
		p := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue(want) != from {
				t.Errorf("%s is not in %s", from, want)
			}
			w.WriteHeader(201)
		})
		if err := p.at(sms.Twilio(account, password, from)).Send(t.Context(), number, text); err != nil {
			t.Error(err)
		}
	}
}

func TestGateway_4_1_Vonage(t *testing.T) {
	part := func(status string) string {
		return fmt.Sprintf(`{"to":"%s","message-id":"0C00","status":%q,"remaining-balance":"3.14"}`, number[1:], status)
	}
	for name, c := range map[string]struct{ answer, want string }{
		"taken":          {`{"message-count":"1","messages":[` + part("0") + `]}`, ""},
		"two parts":      {`{"message-count":"2","messages":[` + part("0") + `,` + part("0") + `]}`, ""},
		"half of it":     {`{"message-count":"2","messages":[` + part("0") + `,` + part("5") + `]}`, `its messages.*.status is not "0"`},
		"no credit":      {`{"message-count":"1","messages":[{"status":"9","error-text":"Quota Exceeded - rejected"}]}`, `is not "0"; it said: {"message-count":"1","messages":[{"status":"9","error-text":"Quota Exceeded - rejected"}]}`},
		"throttled":      {`{"message-count":"1","messages":[{"status":"1","error-text":"Throughput Rate Exceeded - please wait"}]}`, "Throughput Rate Exceeded"},
		"no messages":    {`{"message-count":"0","messages":[]}`, "is not"},
		"a number":       {`{"messages":[{"status":0}]}`, ""},
		"not JSON":       {`<html>Down for maintenance`, "not JSON; it said: <html>Down for maintenance"},
		"other JSON":     {`[{"status":"0"}]`, "is not"},
		"deep":           {`{"messages":[{"status":{"status":"0"}}]}`, "is not"},
		"nothing":        {``, "not JSON; it said: nothing"},
		"very deep":      {strings.Repeat("[", 50000), "not JSON"},
		"terminal codes": {"\x1b[2J\x07ok", "it said: [2J ok"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				key, secret, _ := r.BasicAuth()
				if r.Method != "POST" || r.URL.Path != "/sms/json" || key != "abcd1234" || secret != password || r.FormValue("to") != number[1:] ||
					r.FormValue("from") != "Example" || r.FormValue("text") != text || r.FormValue("type") != "text" {
					t.Errorf("%s %s %v", r.Method, r.URL, r.Form)
				}
				io.WriteString(w, c.answer)
			})
			g := p.at(sms.Vonage("abcd1234", password, "Example"))
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			err := g.Send(t.Context(), number, text)
			if c.want == "" && err != nil || c.want != "" && !strings.Contains(fails(t, err), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if n := p.requests.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestGateway_4_1_Kannel(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		answer, want string
	}{
		"accepted":  {202, "0: Accepted for delivery", ""},
		"queued":    {202, "3: Queued for later delivery", ""},
		"immediate": {202, "Sent.", ""},
		"forbidden": {403, "Authorization failed for sendsms", "403 Forbidden: check the user, the password and what the account may do; it said: Authorization failed for sendsms"},
		"no route":  {403, "Not routable. Do not try again.", "Do not try again"},
		"wrong URL": {404, "Unknown request.", "check the URL"},
		"not it":    {200, "<html>It works!", "answer 200 OK; it said"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if r.Method != "GET" || len(q) != 7 || q.Get("username") != "radpush" || q.Get("password") != password || q.Get("from") != "1234" ||
					q.Get("to") != number || q.Get("text") != text || q.Get("charset") != "UTF-8" || q.Get("coding") != "0" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.answer)
			})
			g := p.at(sms.Kannel("https://kannel/cgi-bin/sendsms", "radpush", password, "1234"))
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			err := g.Send(t.Context(), number, text)
			if c.want == "" && err != nil || c.want != "" && !strings.Contains(fails(t, err), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if n := p.requests.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// What the alphabet of telephones does not have is sent in Unicode, or it arrives as "???".
func TestGateway_4_1_OtherAlphabets(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.FormValue("text") + r.FormValue("type") + r.FormValue("coding"); got != "483920 — код unicode" && got != "483920 — код 2" {
			t.Errorf("%q", got)
		}
		w.WriteHeader(map[string]int{"GET": 202, "POST": 200}[r.Method])
		io.WriteString(w, `{"messages":[{"status":"0"}]}`)
	})
	for _, g := range []*sms.Gateway{sms.Vonage("k", "s", "x"), sms.Kannel("https://h/", "k", "s", "")} {
		if err := p.at(g).Send(t.Context(), number, "483920 — код "); err != nil {
			t.Error(err)
		}
	}
}

// Others are described by what they answer.
func TestGateway_4_1_OtherProviders(t *testing.T) {
	for name, c := range map[string]struct {
		gateway *sms.Gateway
		yes, no string // answers
	}{
		"OK: 42":       {&sms.Gateway{Answer: "^OK"}, "OK: 42", "ERROR: 102"},
		"an ID":        {&sms.Gateway{Answer: `^\s*[0-9]+\s*$`}, "8123456\r\n", "Invalid login"},
		"a boolean":    {&sms.Gateway{JSON: map[string]string{"success": "true"}}, `{"success":true}`, `{"success":false}`},
		"null":         {&sms.Gateway{JSON: map[string]string{"error": "null"}}, `{"error":null}`, `{"error":{"code":1}}`},
		"two fields":   {&sms.Gateway{JSON: map[string]string{"code": "200", "data.0.status": "SUCCESS"}}, `{"code":200,"data":[{"status":"SUCCESS"}]}`, `{"code":200,"data":[{"status":"INVALID"}]}`},
		"both":         {&sms.Gateway{Answer: "queued", JSON: map[string]string{"n": "1"}}, `{"n":1,"s":"queued"}`, `{"n":1,"s":"failed"}`},
		"a big number": {&sms.Gateway{JSON: map[string]string{"id": "9007199254740993"}}, `{"id":9007199254740993}`, `{"id":9007199254740992}`},
		"index":        {&sms.Gateway{JSON: map[string]string{"1": "a"}}, `["b","a"]`, `["a"]`},
	} {
		t.Run(name, func(t *testing.T) {
			answer := c.yes
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+password {
					t.Error(r.Header)
				}
				io.WriteString(w, answer)
			})
			g := c.gateway
			g.URL, g.Body = "https://h/send", `{"to":"{{number}}","text":"{{text}}"}`
			g.Header = map[string]string{"Authorization": "Bearer {{token}}", "Content-Type": "application/json"}
			g.Secrets = map[string]string{"token": password}
			if err := p.at(g).Check(); err != nil {
				t.Fatal(err)
			}
			if err := g.Send(t.Context(), number, text); err != nil {
				t.Errorf("%s: %v", answer, err)
			}
			answer = c.no
			fails(t, g.Send(t.Context(), number, text))
		})
	}
}

func TestGateway_4_1_NothingIsAskedInVain(t *testing.T) {
	p := serve(t, says(201, ""))
	g := p.at(sms.Twilio(account, password, "x"))
	for _, c := range [][2]string{{"", text}, {"0170 123", text}, {"+49 170 1234567", text}, {"-f", text}, {"+0170123456", text}, {"+1234567890123456", text},
		{number, ""}, {number, " \n"}, {number, strings.Repeat("x", 1601)}, {number + "\n", text}} {
		fails(t, g.Send(t.Context(), c[0], c[1]))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Send(ctx, number, text); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n := p.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
	if err := g.Send(t.Context(), number[1:], text); err != nil {
		t.Errorf("digits alone: %v", err)
	}
}

func TestGatewayPrintsNoSecrets(t *testing.T) {
	g := sms.Kannel("https://kannel.example.com:13013/cgi-bin/sendsms", "radpush", password, "")
	logged := new(strings.Builder)
	slog.New(slog.NewTextHandler(logged, nil)).Info("carrier", "gateway", g)
	for _, s := range []string{fmt.Sprint(g), fmt.Sprintf("%+v", g), fmt.Sprintf("%#v", g), logged.String()} {
		if strings.Contains(s, "ken/") || !strings.Contains(s, "gateway kannel.example.com:13013") {
			t.Errorf("%s", s)
		}
	}
}
