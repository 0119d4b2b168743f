package phone

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/otp"
	"radpush/push"
	"radpush/web/wire"
)

// newPhone returns an enrolled phone whose server is a function.
func newPhone(tb testing.TB, server func(*http.Request) (*http.Response, error)) *Phone {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Phone{URL: "https://radpush.example", Name: "x", User: "alice", Organization: "Example Ltd", pin: make([]byte, 32),
		device: "YWxpY2U", key: key, token: otp.New("x", otp.SHA256, 8, 30*time.Second)}
	p.connect()
	p.client.Transport = roundTripper(server)
	return p
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a response with a body of JSON.
func answer(status int, body any, header ...string) (*http.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(string(b)))}, nil
}

func problem(status int, kind string) (*http.Response, error) {
	p := wire.NewProblem(status, "detail")
	p.Type = kind
	return answer(status, p)
}

func challenges(ids ...string) wire.Challenges {
	var c wire.Challenges
	for _, id := range ids {
		c.Challenges = append(c.Challenges, wire.Challenge{ID: id, Shown: `{"user":"alice"}`, Expires: time.Now().Add(time.Minute)})
	}
	return c
}

// Wait comes back after whatever goes wrong, each time later, and returns each request
// once.
func TestWaitGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		var etags []string
		steps := []func() (*http.Response, error){
			func() (*http.Response, error) { return nil, errors.New("connection refused") },
			func() (*http.Response, error) { return problem(503, "") },
			func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
			func() (*http.Response, error) { return answer(200, challenges(), "ETag", `"none"`) },
			func() (*http.Response, error) { return answer(304, nil) }, // too busy to let us wait
			func() (*http.Response, error) {
				time.Sleep(time.Minute)
				return answer(304, nil, "Preference-Applied", "wait=60")
			},
			func() (*http.Response, error) { return answer(200, challenges("1", "2"), "ETag", `"12"`) },
			func() (*http.Response, error) { return answer(200, challenges("1", "2"), "ETag", `"12"`) },
			func() (*http.Response, error) { return answer(200, challenges("2", "3"), "ETag", `"23"`) },
		}
		p := newPhone(t, func(r *http.Request) (*http.Response, error) {
			asked = append(asked, time.Now())
			etags = append(etags, r.Header.Get("If-None-Match"))
			if len(asked) > len(steps) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return steps[len(asked)-1]()
		})
		for _, want := range []string{"1", "2", "3"} {
			r, err := p.Wait(t.Context())
			if err != nil || r.ID != want || r.Prompt.User != "alice" {
				t.Fatalf("%+v, %v, want %s", r, err, want)
			}
		}
		for i, least := range []time.Duration{firstPause / 2, firstPause, 2 * firstPause, 0, maxPause / 10, time.Minute} {
			if pause := asked[i+1].Sub(asked[i]); pause < least || pause > 2*least {
				t.Errorf("after step %d: %v, want %v at least and twice that at most", i, pause, least)
			}
		}
		if got, want := strings.Join(etags, " "), `    "none" "none" "none"  "12"`; got != want {
			t.Errorf("asked with %s, want %s", got, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait ended with %v", err)
		}
		if n := len(asked) - len(steps); n > 100 {
			t.Errorf("asked %d times in an hour of silence", n)
		}
	})
}

// A proxy that takes ETags away, or changes them, is not asked without a pause.
func TestWaitBehindAProxyThatChangesETags(t *testing.T) {
	for _, etag := range []string{"", `"changed"`} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			p := newPhone(t, func(*http.Request) (*http.Response, error) {
				if asked++; asked > 100 {
					return nil, errors.New("enough")
				}
				return answer(200, challenges(), "ETag", etag)
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || asked > 30 {
				t.Errorf("ETag %q: asked %d times in a minute, and ended with %v", etag, asked, err)
			}
		})
	}
}

// What does not get better by itself ends Wait.
func TestWaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone(t, func(*http.Request) (*http.Response, error) { return problem(401, wire.NotAuthentic) })
		if _, err := p.Wait(t.Context()); !errors.Is(err, ErrNotKnown) {
			t.Errorf("unknown: %v", err)
		}
		for off, want := range map[time.Duration]string{
			10*time.Minute + 5*time.Second: "is 10m5s behind the server's",
			-3 * time.Minute:               "is 3m0s ahead of the server's",
		} {
			p = newPhone(t, func(*http.Request) (*http.Response, error) {
				out := wire.NewProblem(403, "")
				out.Type, out.ServerTime = wire.ClockSkewed, new(time.Now().Add(off))
				return answer(403, out)
			})
			var clock *ClockError
			if _, err := p.Wait(t.Context()); !errors.As(err, &clock) || clock.Behind != off || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v", off, err)
			}
		}
	})
}

// A stamp that the server has seen is replaced, once.
func TestSignAgain(t *testing.T) {
	var stamps []string
	again := 1
	p := newPhone(t, func(r *http.Request) (*http.Response, error) {
		stamps = append(stamps, r.Header.Get("Authorization"))
		if len(stamps) <= again {
			return problem(403, wire.SignAgain)
		}
		return answer(200, challenges("1"))
	})
	if open, err := p.Open(t.Context()); err != nil || len(open) != 1 || len(stamps) != 2 || stamps[0] == stamps[1] {
		t.Errorf("%v, %v, %v", open, err, stamps)
	}
	stamps, again = nil, 9
	if _, err := p.Open(t.Context()); err == nil || len(stamps) != 2 {
		t.Errorf("%v after %d tries", err, len(stamps))
	}
}

// Only what was shown is answered, and each challenge gets a code of its own; the same
// answer again has the same code.
func TestCodesAreNotUsedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []wire.Answer
		p := newPhone(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return answer(200, challenges("1", "2"))
			}
			var a wire.Answer
			if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
				return nil, err
			}
			sent = append(sent, a)
			return answer(200, wire.Answered{Result: "accepted"})
		})
		if _, err := p.Approve(t.Context(), "1"); err == nil || len(sent) != 0 {
			t.Fatal("what was not shown was approved")
		}
		path := filepath.Join(t.TempDir(), "phone.json")
		if err := p.Save(path); err != nil {
			t.Fatal(err)
		}
		approve := func(p *Phone, id string) string {
			t.Helper()
			if _, err := p.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			if result, err := p.Approve(t.Context(), id); result != push.Accepted || err != nil {
				t.Fatalf("%q, %v", result, err)
			}
			return sent[len(sent)-1].OTP
		}
		step := p.token.Step(time.Now())
		codes := []string{approve(p, "1"), approve(p, "1"), approve(p, "2")}
		loaded, err := Load(path, noPIN)
		if err != nil {
			t.Fatal(err)
		}
		loaded.client = p.client
		codes = append(codes, approve(loaded, "2"), approve(loaded, "1"))
		time.Sleep(5 * 30 * time.Second)
		codes = append(codes, approve(loaded, "1"))
		for i, want := range []uint64{0, 0, 1, 1, 2, 5} {
			if codes[i] != p.token.Code(step+want) {
				t.Errorf("code %d is not that of step %d", i, want)
			}
		}
		if _, err := p.Deny(t.Context(), "1", push.Expired); err == nil {
			t.Error("denied for no reason that there is")
		}
	})
}

func TestKeyFile(t *testing.T) {
	p := newPhone(t, nil)
	path := filepath.Join(t.TempDir(), "phone.json")
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := Load(path, noPIN)
	if err != nil {
		t.Fatal(err)
	}
	if got.URL != p.URL || got.User != p.User || got.Name != p.Name || got.Organization != p.Organization || got.device != p.device ||
		string(got.pin) != string(p.pin) || !got.key.Equal(p.key) ||
		got.token.Code(7) != p.token.Code(7) {
		t.Errorf("loaded %+v", got)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, noPIN); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for name, text := range map[string]string{"empty": "", "no key": `{"url":"https://x","device":"x"}`, "not JSON": "x"} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(bad, noPIN); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(path+".not", noPIN); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// The pin is all that counts, and without one nobody vouches for such a server.
func TestPin(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"device":"x","user":"alice","organization":"","otp":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","algorithm":"SHA256","digits":8,"period":30}}`))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are broken off
	server.StartTLS()
	defer server.Close()
	link := wire.EnrolLink{URL: server.URL, Code: "x", Pin: wire.Pin(server.Certificate())}
	if p, err := Enrol(t.Context(), link.String(), "x"); err != nil || p.User != "alice" {
		t.Errorf("right pin: %+v, %v", p, err)
	}
	link.Pin[0] ^= 1
	if _, err := Enrol(t.Context(), link.String(), "x"); err == nil || !strings.Contains(err.Error(), "somebody may be in between") {
		t.Errorf("wrong pin: %v", err)
	}
	link.Pin = nil
	if _, err := Enrol(t.Context(), link.String(), "x"); err == nil || !strings.Contains(err.Error(), "give the enrolment link whole, in quotes") {
		t.Errorf("no pin, and a certificate that the system does not know: %v", err)
	}
}

// A redirect could lead the code and the signatures elsewhere.
func TestNoRedirect(t *testing.T) {
	p := newPhone(t, func(r *http.Request) (*http.Response, error) {
		return answer(307, nil, "Location", "https://elsewhere.example"+r.URL.Path)
	})
	if _, err := p.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Error(err)
	}
}

// What a proxy or a broken server answers is an error, never an acceptance.
func TestNonsenseIsAnError(t *testing.T) {
	for name, body := range map[string]string{
		"a page": "<html>", "no list": `{"challenges":7}`, "no prompt": `{"challenges":[{"id":"1","shown":"x","expires":"2030-01-01T00:00:00Z"}]}`,
	} {
		p := newPhone(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
		})
		if open, err := p.Open(t.Context()); err == nil {
			t.Errorf("%s: %+v", name, open)
		}
	}
	for _, o := range []wire.OTP{{}, {Secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", Algorithm: "MD5", Digits: 8, Period: 30},
		{Secret: "x", Algorithm: "SHA1", Digits: 8, Period: 30}} {
		if _, err := token(o); err == nil {
			t.Errorf("%+v makes a token", o)
		}
	}
}

func noPIN() (string, error) { return "", errors.New("there should be no PIN") }

// What a stolen key file shows, and what it takes to use it.
func TestPush_2_11_ThePhoneAsksForItsPIN(t *testing.T) {
	p := newPhone(t, nil)
	path := filepath.Join(t.TempDir(), "phone.json")
	if err := p.SetPIN("123"); err == nil {
		t.Error("a PIN of three characters was taken")
	}
	if err := p.SetPIN("2580"); err != nil {
		t.Fatal(err)
	}
	if err := p.Save(path); err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	locked := func() {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), p.token.Secret) || strings.Contains(string(b), base64.StdEncoding.EncodeToString(key)) {
			t.Errorf("the key file shows its secrets: %s", b)
		}
	}
	locked()
	for _, wrong := range []string{"", "2581"} {
		if _, err := Load(path, func() (string, error) { return wrong, nil }); !errors.Is(err, ErrPIN) {
			t.Errorf("PIN %q: %v", wrong, err)
		}
	}
	if _, err := Load(path, noPIN); err == nil {
		t.Error("loaded without a PIN")
	}
	got, err := Load(path, func() (string, error) { return "2580", nil })
	if err != nil {
		t.Fatal(err)
	}
	if !got.key.Equal(p.key) || got.token.Code(7) != p.token.Code(7) {
		t.Error("what was loaded is another phone")
	}
	if _, err := got.code("a challenge"); err != nil { // saves what was used, and keeps the lock
		t.Fatal(err)
	}
	locked()

	// A file whose lock was put on another device's id does not open.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.Replace(string(b), `"device": "`, `"device": "x`, 1)
	if err := os.WriteFile(path, []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, func() (string, error) { return "2580", nil }); !errors.Is(err, ErrPIN) {
		t.Errorf("moved to another device: %v", err)
	}
}

func TestCode(t *testing.T) {
	p := newPhone(t, nil)
	now := time.Unix(1_700_000_011, 0) // a step began at …010
	code, stays := p.Code(now)
	if want := p.token.Code(1_700_000_010 / 30); code != want || stays != 29*time.Second {
		t.Errorf("%s for %v, want %s for 29s", code, stays, want)
	}
}

// It looks until there is a device that was not there, whatever goes wrong meanwhile.
func TestDevices_9_1_WaitForDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		old := wire.Devices{Devices: []wire.Device{{ID: "old", This: true}, {ID: "lost"}}}
		steps := []func() (*http.Response, error){
			func() (*http.Response, error) { return answer(200, old) },
			func() (*http.Response, error) { return nil, errors.New("connection refused") },
			func() (*http.Response, error) { return problem(503, "") },
			func() (*http.Response, error) { return answer(200, wire.Devices{Devices: old.Devices[:1]}) },
			func() (*http.Response, error) {
				return answer(200, wire.Devices{Devices: []wire.Device{old.Devices[0], {ID: "new", Name: "tablet"}}})
			},
			func() (*http.Response, error) { return problem(401, wire.NotAuthentic) },
			func() (*http.Response, error) { return answer(200, old) },
		}
		p := newPhone(t, func(*http.Request) (*http.Response, error) {
			looks++
			return steps[min(looks, len(steps))-1]()
		})
		began := time.Now()
		if d, err := p.WaitForDevice(t.Context(), old); err != nil || d.Name != "tablet" || looks != 5 || time.Since(began) != 4*lookPause {
			t.Errorf("%+v, %v after %d looks and %v", d, err, looks, time.Since(began))
		}
		if _, err := p.WaitForDevice(t.Context(), old); !errors.Is(err, ErrNotKnown) {
			t.Errorf("removed: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := p.WaitForDevice(ctx, old); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody came: %v", err)
		}
	})
}
