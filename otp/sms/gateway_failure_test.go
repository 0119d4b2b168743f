package sms_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radpush/otp/sms"
)

// gateways are of both kinds: what goes unanswered Go's transport would repeat for one of
// them.
func gateways() map[string]*sms.Gateway {
	return map[string]*sms.Gateway{
		"GET":  sms.Kannel("https://h/cgi-bin/sendsms", "radpush", password, ""),
		"POST": sms.Twilio(account, password, "Example"),
	}
}

// What was refused is tried again, and then taken.
func TestGateway_4_1_RefusedIsTriedAgain(t *testing.T) {
	for _, status := range []int{429, 503} {
		for method, g := range gateways() {
			t.Run(fmt.Sprint(method, status), func(t *testing.T) {
				t.Parallel()
				var n atomic.Int32
				p := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if n.Add(1) < 3 {
						w.WriteHeader(status)
						io.WriteString(w, "Temporal failure, try again later.")
						return
					}
					if r.FormValue("text")+r.FormValue("Body") != text {
						t.Errorf("the third request has no text")
					}
					w.WriteHeader(g.Status[0])
				})
				begun := time.Now()
				if err := p.at(g).Send(t.Context(), number, text); err != nil || n.Load() != 3 {
					t.Errorf("%d requests: %v", n.Load(), err)
				}
				if d := time.Since(begun); d < time.Second {
					t.Errorf("three tries in %v", d)
				}
			})
		}
	}
}

// But not for ever, not when told to wait for longer than there is time, and not if anything
// else than a refusal came.
func TestGateway_4_1_TriesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		after  string
		want   int32
	}{
		"429":             {429, "", 3},
		"503":             {503, "0", 3},
		"503, later":      {503, "60", 1},
		"429, much later": {429, "99999999999999999999", 1},
		"429, nonsense":   {429, "-5", 3},
		"500":             {500, "", 1},
		"502":             {502, "", 1},
		"504":             {504, "", 1},
		"408":             {408, "", 1},
		"425":             {425, "", 1},
	} {
		for method, g := range gateways() {
			t.Run(method+name, func(t *testing.T) {
				t.Parallel()
				p := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if c.after != "" {
						w.Header().Set("Retry-After", c.after)
					}
					w.WriteHeader(c.status)
				})
				begun := time.Now()
				err := p.at(g).Send(t.Context(), number, text)
				if !strings.Contains(fails(t, err), fmt.Sprintf("answer %d", c.status)) || p.requests.Load() != c.want || time.Since(begun) > 8*time.Second {
					t.Errorf("%d requests in %v, want %d: %v", p.requests.Load(), time.Since(begun), c.want, err)
				}
			})
		}
	}
}

func TestGateway_4_1_RetryAfterIsKept(t *testing.T) {
	t.Parallel()
	var first atomic.Bool
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(false, true) {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(429)
			return
		}
		w.WriteHeader(201)
	})
	begun := time.Now()
	if err := p.at(sms.Twilio(account, password, "x")).Send(t.Context(), number, text); err != nil || time.Since(begun) < 2*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}

// What may have been taken is not sent again: the request was read, and then the connection
// broke, before or in the middle of the answer.
func TestGateway_4_1_BrokenAnswersAreNotRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   string // in the error; "" if the answer says enough
	}{
		"nothing":             {"", "no answer, the text may have been sent"},
		"half a status":       {"HTTP/1.1 20", "may have been sent"},
		"half a header":       {"HTTP/1.1 200 OK\r\nContent-Le", "may have been sent"},
		"no HTTP":             {"SSH-2.0-OpenSSH_9.9\r\n\r\n", "may have been sent"},
		"half a body":         {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"messages\":[{\"sta", "(and broke off)"},
		"half a chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{\"mess", "(and broke off)"},
		"half a failure":      {"HTTP/1.1 500 Oops\r\nContent-Length: 500\r\n\r\nThe data", "it said: The data (and broke off)"},
		"enough of a success": {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"messages\":[{\"status\":\"0\"}]}  ", ""},
		"a large header":      {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), "exceeded 65536 bytes"},
	} {
		for method, g := range gateways() {
			t.Run(method+name, func(t *testing.T) {
				p := serve(t, func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					conn, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					io.WriteString(conn, c.answer)
				})
				g.Status, g.JSON = []int{200}, map[string]string{"messages.*.status": "0"}
				for n := range int32(2) { // the second send would find a kept connection
					err := p.at(g).Send(t.Context(), number, text)
					if c.want == "" && err != nil || c.want != "" && !strings.Contains(fails(t, err), c.want) {
						t.Errorf("%v, want %q", err, c.want)
					}
					if p.requests.Load() != n+1 {
						t.Errorf("%d requests for %d texts", p.requests.Load(), n+1)
					}
				}
			})
		}
	}
}

// A connection that was kept, from a try that was refused, and dies under the next one: the
// case in which net/http repeats a GET by itself.
func TestGateway_4_1_KeptConnectionsAreNotTrusted(t *testing.T) {
	p := new(provider)
	p = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if p.requests.Load() == 1 {
			w.WriteHeader(503)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})
	s := fails(t, p.at(gateways()["GET"]).Send(t.Context(), number, text))
	if n := p.requests.Load(); n != 2 || !strings.Contains(s, "may have been sent") {
		t.Errorf("%d requests: %s", n, s)
	}
}

func TestGateway_4_1_NoConnection(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		p := serve(t, says(201, ""))
		g := p.at(gateways()["POST"])
		p.Close()
		begun := time.Now()
		if s := fails(t, g.Send(t.Context(), number, text)); !strings.Contains(s, "connection refused; check the URL") || time.Since(begun) < time.Second {
			t.Errorf("after %v: %s", time.Since(begun), s)
		}
	})
	t.Run("refused, then not", func(t *testing.T) {
		t.Parallel()
		p := serve(t, says(201, ""))
		g := p.at(gateways()["POST"])
		g.URL = strings.Replace(g.URL, p.URL, "https://"+breaksOnce(t, p.Listener.Addr().String()), 1)
		if err := g.Send(t.Context(), number, text); err != nil || p.requests.Load() != 1 {
			t.Errorf("%d requests: %v", p.requests.Load(), err)
		}
	})
	t.Run("certificate", func(t *testing.T) {
		t.Parallel()
		p := serve(t, says(201, ""))
		g := p.at(gateways()["POST"])
		g.RootCAs = nil
		s := fails(t, g.Send(t.Context(), number, text))
		if !strings.Contains(s, "unknown authority; if it is the right one, configure the authority") || p.connections.Load() != 1 || p.requests.Load() != 0 {
			t.Errorf("%d connections, %d requests: %s", p.connections.Load(), p.requests.Load(), s)
		}
	})
	t.Run("name", func(t *testing.T) {
		t.Parallel()
		p := serve(t, says(201, ""))
		g := p.at(gateways()["POST"])
		g.URL = strings.Replace(g.URL, "127.0.0.1", "localhost", 1)
		if s := fails(t, g.Send(t.Context(), number, text)); !strings.Contains(s, "not localhost") || p.requests.Load() != 0 {
			t.Error(s)
		}
	})
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var requests atomic.Int32
		go http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
		g := gateways()["POST"]
		g.URL = "https://" + l.Addr().String() + "/{{text}}{{number}}"
		if s := fails(t, g.Send(t.Context(), number, text)); !strings.Contains(s, "connect: http: server gave HTTP response to HTTPS client") || requests.Load() != 0 {
			t.Error(s)
		}
	})
}

// breaksOnce is a way to the server that breaks down under the first TLS handshake.
func breaksOnce(t *testing.T, server string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if n == 0 {
				conn.Close()
				continue
			}
			back, err := net.Dial("tcp", server)
			if err != nil {
				conn.Close()
				continue
			}
			go func() { io.Copy(back, conn); back.(*net.TCPConn).CloseWrite() }()
			go func() { io.Copy(conn, back); conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func TestGateway_4_1_SlowAnswers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no answer": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"dripping": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		},
	} {
		for method, g := range gateways() {
			t.Run(method+name, func(t *testing.T) {
				t.Parallel()
				p := serve(t, func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
					answer(w, r)
				})
				g.Timeout, g.Status, g.JSON = time.Second, nil, map[string]string{"ok": "true"}
				begun := time.Now()
				err := p.at(g).Send(t.Context(), number, text)
				if fails(t, err); time.Since(begun) > 20*time.Second || p.requests.Load() != 1 {
					t.Errorf("%d requests in %v: %v", p.requests.Load(), time.Since(begun), err)
				}
				if name == "no answer" && (!errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "may have been sent: not done within 1s")) {
					t.Error(err)
				}
				g.Timeout = time.Minute
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				begun = time.Now()
				if fails(t, g.Send(ctx, number, text)); time.Since(begun) > 20*time.Second {
					t.Errorf("the caller's deadline is passed over: %v", time.Since(begun))
				}
			})
		}
	}
}

func TestGateway_4_1_HugeAnswers(t *testing.T) {
	var written atomic.Int64
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		for chunk := strings.Repeat("lots of it ", 1000); written.Load() < 1<<28; {
			n, err := io.WriteString(w, chunk)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	})
	s := fails(t, p.at(gateways()["POST"]).Send(t.Context(), number, text))
	if _, said, _ := strings.Cut(s, "it said: "); len([]rune(said)) != 201 {
		t.Errorf("%d characters: %s", len([]rune(said)), s)
	}
	p.Close() // waits for the handler
	if n := written.Load(); n > 64<<20 {
		t.Errorf("%d octets were read", n)
	}
}

func TestGateway_4_1_NoRedirects(t *testing.T) {
	other := serve(t, says(201, ""))
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/?password="+url.QueryEscape(password), status)
		})
		if s := fails(t, p.at(gateways()["POST"]).Send(t.Context(), number, text)); !strings.Contains(s, "redirects are not followed") {
			t.Error(s)
		}
	}
	if n := other.requests.Load(); n != 0 {
		t.Errorf("%d requests were redirected", n)
	}
}

// Gateways like to repeat what they were asked, in one spelling or another.
func TestGateway_4_1_EchoesAreRedacted(t *testing.T) {
	ascii := func(s string) string { // as json_encode of PHP and json.dumps of Python do
		var b strings.Builder
		for _, r := range s {
			switch {
			case r > 126:
				fmt.Fprintf(&b, `\u%04x`, r)
			case strings.ContainsRune(`"/\`, r):
				b.WriteString(`\` + string(r))
			default:
				b.WriteRune(r)
			}
		}
		return b.String()
	}
	inJSON := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for name, spell := range map[string]func(string) string{
		"as it is":      func(s string) string { return s },
		"JSON":          inJSON,
		"ASCII JSON":    ascii,
		"form":          url.QueryEscape,
		"path":          url.PathEscape,
		"lower percent": func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
		"HTML":          html.EscapeString,
		"HTML in JSON":  func(s string) string { return inJSON(html.EscapeString(s)) },
		"form in JSON":  func(s string) string { return inJSON(url.QueryEscape(s)) },
	} {
		for method, g := range gateways() {
			var answer string
			p := serve(t, func(w http.ResponseWriter, r *http.Request) { says(400, answer)(w, r) })
			p.at(g)
			basic := base64.StdEncoding.EncodeToString([]byte(g.User + ":" + g.Password)) // of the GET: nothing
			for _, echo := range []string{password, text, number, "0" + number[3:], "Basic " + basic,
				"?username=radpush&password=" + password + "&text=" + text, "code=" + code + "&x", strings.Repeat("x", 190) + password, text[:20]} {
				answer = "reason first: " + spell(echo)
				s := fails(t, g.Send(t.Context(), number, text))
				if !strings.Contains(s, "it said: reason first: ") || g.User != "" && strings.Contains(s, basic[len(basic)-20:]) {
					t.Errorf("%s, %s: %s", method, name, s)
				}
			}
		}
	}
}

// Whatever the text is, the request goes where the description says.
func TestGateway_4_1_HostIsNotForTemplates(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			asked <- r.RequestURI
			io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	g := &sms.Gateway{URL: "http://" + l.Addr().String() + "/{{number}}/{{text}}"}
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	if err := g.Send(t.Context(), number, "@evil.example/../x?y#z"); err != nil {
		t.Fatal(err)
	}
	if got, want := <-asked, "/%2B491701234567/%40evil.example%2F..%2Fx%3Fy%23z"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
