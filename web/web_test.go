package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/web"
	"radpush/web/wire"
)

// pipes is a listener in memory, for a server in virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (p pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

// listenInMemory serves devices without TLS until stop is called.
func (w *world) listenInMemory(t *testing.T) (p pipes, stop func()) {
	p = pipes{make(chan net.Conn), make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Serve(ctx, p) }()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A client that is slow to ask, or slow to say what, does not keep its connection.
func TestSlowClientsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, stop := w.listenInMemory(t)
		defer stop()
		for name, row := range map[string]struct {
			begin string
			most  time.Duration
		}{
			"says nothing": {"", 20 * time.Second},
			"slow header":  {"POST " + wire.PathEnrol + " HTTP/1.1\r\nHost: x\r\nX: ", 10 * time.Second},
			"slow body":    {"POST " + wire.PathEnrol + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", 20 * time.Second},
		} {
			conn, err := p.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			var slow sync.WaitGroup
			slow.Go(func() {
				if row.begin == "" {
					return
				}
				for next := row.begin; ; next = "x" { // for as long as it is let
					if _, err := io.WriteString(conn, next); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			answer, err := io.ReadAll(conn)
			if took := time.Since(began); took > row.most || err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%s: after %v: %q %v", name, took, answer, err)
			}
			conn.Close()
			slow.Wait()
		}
	})
}

// A poll outlives the deadlines that strangers have, and the end of the server ends it.
func TestPollOverAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, stop := w.listenInMemory(t)
		d := w.raw(t, "alice")
		transport := &http.Transport{DialContext: p.dial}
		defer transport.CloseIdleConnections()
		d.transport = plain{transport}
		etag := d.send(t, "GET", wire.PathChallenges, nil).want(t, 200).header.Get("ETag")
		began := time.Now()
		d.poll(t, etag, 60).want(t, 304)
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("waited %v", waited)
		}
		answer := d.polling(t, etag, 60)
		began = time.Now()
		stop()
		(<-answer).want(t, 304)
		if time.Since(began) > time.Second {
			t.Errorf("the server took %v to stop", time.Since(began))
		}
	})
}

// plain turns https into http.
type plain struct{ http.RoundTripper }

func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return p.RoundTripper.RoundTrip(r)
}

// Thirty who open the page at once, behind one address, get all of it, and can enrol.
func TestThePageIsThereForAClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		transport := web.InProcess(w.handler)
		get := func(path string) got { return do(t, transport, request(t, "GET", path, nil)) }
		_, list, _ := strings.Cut(get("/app/sw.js").want(t, 200).body, "const files = ")
		list, _, _ = strings.Cut(list, ";")
		var files []string
		if err := json.Unmarshal([]byte(list), &files); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			for range 2 { // the page, and its service worker
				for _, name := range files {
					get("/app/"+strings.TrimPrefix(name, "./")).want(t, 200)
				}
			}
		}
		w.raw(t, "alice").send(t, "GET", wire.PathChallenges, nil).want(t, 200)
		n := 0
		for ; get("/app/").status == 200 && n < 10_000; n++ {
		}
		if n >= 10_000 {
			t.Error("files of the page are not limited")
		}
		get("/healthz").want(t, 200)
	})
}

func TestStrangersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		transport := web.InProcess(w.handler)
		get := func(path string) got { return do(t, transport, request(t, "GET", path, nil)) }
		enrol := func() got {
			return do(t, transport, request(t, "POST", wire.PathEnrol, encode(t, wire.Enrolment{Code: "x"})))
		}
		for enrol().status != 429 {
		}
		wait := enrol().want(t, 429).header.Get("Retry-After")
		if wait != "2" && wait != "3" {
			t.Errorf("Retry-After: %s", wait)
		}
		get("/healthz").want(t, 200)
		n := 0
		for ; get(wire.PathChallenges).status == 401 && n < 1000; n++ {
		}
		if n >= 1000 {
			t.Error("an address is not limited")
		}
		time.Sleep(10 * time.Second)
		if got := enrol(); got.status == 429 {
			t.Error("the limit does not end")
		}
	})
}

// One device that asks too much does not keep another from asking.
func TestDevicesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, other := w.raw(t, "alice"), w.raw(t, "bob")
		n := 0
		for ; d.send(t, "GET", wire.PathChallenges, nil).status == 200 && n < 200; n++ {
		}
		d.send(t, "GET", wire.PathChallenges, nil).want(t, 429)
		if n >= 200 {
			t.Error("a device is not limited")
		}
		other.send(t, "GET", wire.PathChallenges, nil).want(t, 200)
		// A stranger who names the device spends nothing of it.
		time.Sleep(time.Minute)
		forger := *other
		forger.id = d.id
		for range 100 {
			forger.send(t, "GET", wire.PathChallenges, nil).want(t, 401)
		}
		d.send(t, "GET", wire.PathChallenges, nil).want(t, 200)
	})
}

func TestPlainHTTPIsForTheReverseProxyOnly(t *testing.T) {
	w := newWorld(t)
	for _, address := range []string{"0.0.0.0:0", "[::]:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err)
			continue
		}
		if err := w.server.Serve(t.Context(), ln); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTLS(t *testing.T) {
	w := newWorld(t)
	w.listen(t)
	address := strings.TrimPrefix(w.operator.URL, "https://")
	dial := func(c *tls.Config) (tls.ConnectionState, error) {
		c.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", address, c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	if s, err := dial(&tls.Config{NextProtos: []string{"h2", "http/1.1"}}); err != nil || s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "h2" {
		t.Errorf("version %x, protocol %q, %v", s.Version, s.NegotiatedProtocol, err)
	}
	if s, err := dial(&tls.Config{MaxVersion: tls.VersionTLS12}); err != nil || s.Version != tls.VersionTLS12 {
		t.Errorf("version %x, %v", s.Version, err)
	}
	if _, err := dial(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is served")
	}
}

func TestHeadersForBrowsers(t *testing.T) {
	w := newWorld(t)
	for path, contentType := range map[string]string{
		"/enrol":            "",
		"/healthz":          "text/plain; charset=utf-8",
		"/openapi.json":     "application/openapi+json",
		"/":                 "",
		"/nothing":          "application/problem+json",
		wire.PathChallenges: "application/problem+json",
	} {
		got := do(t, web.InProcess(w.handler), request(t, "GET", path, nil))
		for header, want := range map[string]string{
			"Content-Type":            contentType,
			"Cache-Control":           "no-store",
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		} {
			if got.header.Get(header) != want {
				t.Errorf("%s: %s: %q", path, header, got.header.Get(header))
			}
		}
	}
	// A browser takes the fragment of the link along; what it gets to, package page tests.
	for _, path := range []string{"/enrol", "/"} {
		if got := do(t, web.InProcess(w.handler), request(t, "GET", path, nil)).want(t, 303); got.header.Get("Location") != "app/" {
			t.Errorf("%s leads to %q", path, got.header.Get("Location"))
		}
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	w.server.Health = func(context.Context) error { return errors.New("no disk") }
	got := do(t, web.InProcess(w.handler), request(t, "GET", "/healthz", nil)).want(t, 503)
	if strings.Contains(got.body, "disk") || !strings.Contains(w.log.String(), "no disk") {
		t.Errorf("strangers read %q, operators\n%s", got.body, w.log)
	}
}

// The OpenAPI document names everything there is and nothing that is elsewhere.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	device := do(t, web.InProcess(w.handler), request(t, "GET", "/openapi.json", nil)).want(t, 200).body
	operator := do(t, web.InProcess(w.operator.Handler()), request(t, "GET", "/operator/v1/openapi.json", nil)).want(t, 200).body
	type operation struct {
		OperationID string                                   `json:"operationId"`
		Summary     string                                   `json:"summary"`
		Parameters  []struct{ Name, In, Description string } `json:"parameters"`
		Security    []map[string][]string                    `json:"security"`
		Responses   map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		} `json:"responses"`
	}
	type document struct {
		OpenAPI    string
		Info       struct{ Title, Version, Description string }
		Servers    []any
		Paths      map[string]map[string]operation
		Components struct {
			Schemas         map[string]any
			SecuritySchemes map[string]struct{ Type, Scheme string }
		}
	}
	read := func(text string) (d document) {
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info.Title == "" || d.Info.Version == "" || d.Servers != nil {
			t.Errorf("%s %+v %v", d.OpenAPI, d.Info, d.Servers)
		}
		if at := strings.Index(strings.ReplaceAll(text, "otpauth://", ""), "://"); at >= 0 {
			t.Errorf("it names a host: …%s…", text[max(at-50, 0):at+50])
		}
		for _, ref := range regexp.MustCompile(`"\$ref": "([^"]*)"`).FindAllStringSubmatch(text, -1) {
			name, ok := strings.CutPrefix(ref[1], "#/components/schemas/")
			if _, there := d.Components.Schemas[name]; !ok || !there {
				t.Errorf("%s leads nowhere", ref[1])
			}
		}
		var ids []string
		for path, operations := range d.Paths {
			for method, o := range operations {
				ids = append(ids, o.OperationID)
				if o.Summary == "" || o.Responses["422"].Content["application/problem+json"].Schema["$ref"] != "#/components/schemas/Problem" && method != "delete" && path != wire.PathDevices {
					t.Errorf("%s %s is not complete: %+v", method, path, o)
				}
				for _, p := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
					if !slices.ContainsFunc(o.Parameters, func(q struct{ Name, In, Description string }) bool { return q.Name == p[1] && q.In == "path" }) {
						t.Errorf("%s: %s is not described", path, p[0])
					}
				}
			}
		}
		slices.Sort(ids)
		if len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("operations share an id: %v", ids)
		}
		return d
	}
	d := read(device)
	for path, methods := range map[string][]string{
		wire.PathEnrol: {"post"}, wire.PathChallenges: {"get"}, wire.PathAnswer("{id}"): {"post"},
		wire.PathAddress: {"put", "delete"}, wire.PathDevice: {"delete"},
		wire.PathDevices: {"get"}, wire.PathDeviceOf("{id}"): {"patch", "delete"}, wire.PathInvite: {"post"},
	} {
		for _, method := range methods {
			o, ok := d.Paths[path][method]
			if signed := len(o.Security) == 1; !ok || signed != (path != wire.PathEnrol) {
				t.Errorf("%s %s: there %v, signed %v", method, path, ok, signed)
			}
		}
	}
	if len(d.Paths) != 8 || d.Components.SecuritySchemes["device"].Scheme != wire.Scheme {
		t.Errorf("%d paths, %+v", len(d.Paths), d.Components.SecuritySchemes)
	}
	if n := len(read(operator).Paths); n < 16 {
		t.Errorf("%d operator paths", n)
	}
	if _, ok := d.Components.Schemas["ErrorModel"]; ok {
		t.Error("it describes errors that are not sent")
	}
}

// A browser that trusts the certificate needs no pin: its names are those of the host.
func TestOwnCertificateNamesItsHosts(t *testing.T) {
	w := newWorld(t)
	w.listen(t)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.operator.URL, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	roots := x509.NewCertPool()
	cert := conn.ConnectionState().PeerCertificates[0]
	roots.AddCert(cert)
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if _, err := cert.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every octet of a request may be wrong; what the server answers is never its own fault.
func TestGarbageOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, stop := w.listenInMemory(t)
		defer stop()
		for _, text := range []string{
			"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n",
			"GET " + wire.PathChallenges + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + strings.Repeat("A", 40<<10) + "\r\n\r\n",
			"GET //device/v1/../v1/challenges HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			"POST " + wire.PathEnrol + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nfffffffff\r\n",
		} {
			conn, err := p.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			go io.WriteString(conn, text)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil && resp.StatusCode >= 500 && resp.StatusCode != http.StatusHTTPVersionNotSupported {
				t.Errorf("%.40q: %s", text, resp.Status)
			}
			conn.Close()
		}
		if strings.Contains(w.log.String(), "panic") {
			t.Error(w.log)
		}
	})
}

// broken is a Push with a fault of ours.
type broken struct{ web.Push }

func (broken) Device(context.Context, string) (push.Device, error) { panic("out of ideas") }

func TestPanicEndsOneRequestAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.Push = broken{w.broker}
		p, stop := w.listenInMemory(t)
		defer stop()
		transport := &http.Transport{DialContext: p.dial}
		defer transport.CloseIdleConnections()
		d := w.raw(t, "alice")
		r := d.sign(t, wire.NewStamp(d.id), request(t, "GET", wire.PathChallenges, nil))
		if resp, err := (plain{transport}).RoundTrip(r); err == nil {
			t.Errorf("answered %s", resp.Status)
		}
		if !strings.Contains(w.log.String(), "level=ERROR msg=\"web: panic\" value=\"out of ideas\"") {
			t.Errorf("the operator is not told:\n%s", w.log)
		}
		do(t, plain{transport}, request(t, "GET", "/healthz", nil)).want(t, 200)
	})
}
