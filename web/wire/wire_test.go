package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"radpush/push"
	"radpush/web/wire"
)

// What an authenticator in another language has to come to.
func TestMessage(t *testing.T) {
	s := wire.Stamp{Device: "YWxpY2UvQUFBQQ", Time: 1_700_000_000_123, Nonce: "0123456789abcdef"}
	for _, row := range []struct{ method, target, body, want string }{
		{"GET", "/device/v1/challenges", "",
			"radpush request v1\nGET\n/device/v1/challenges\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\nYWxpY2UvQUFBQQ\n1700000000123\n0123456789abcdef"},
		{"PUT", "/device/v1/address?x=%20y", `{"service":"fcm"}`,
			"radpush request v1\nPUT\n/device/v1/address?x=%20y\n3DC4gc0Cx6J-fLzQEjvT-G9AMKcdhQpJY9ornWvc5sE\nYWxpY2UvQUFBQQ\n1700000000123\n0123456789abcdef"},
	} {
		if got := string(s.Message(row.method, row.target, []byte(row.body))); got != row.want {
			t.Errorf("got  %q\nwant %q", got, row.want)
		}
	}
}

func TestSignatureIsWhatTheServerVerifies(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	device := push.Device{Key: der}
	for i := range 300 { // among them r and s with zeros in front
		message := fmt.Append(nil, i)
		signature, err := wire.Sign(key, message)
		if err != nil || len(signature) != 64 || !device.Verify(message, signature) {
			t.Fatalf("%d: %x, %v", i, signature, err)
		}
	}
}

func TestAuthorization(t *testing.T) {
	signature := []byte(strings.Repeat("\xff\x00", 32))
	want := wire.NewStamp("YWxpY2UvQUFBQQ")
	header := want.Authorization(signature)
	got, sig, ok := wire.ParseAuthorization(header)
	if !ok || got != want || string(sig) != string(signature) {
		t.Errorf("%s: %+v %x %v", header, got, sig, ok)
	}
	if _, _, ok := wire.ParseAuthorization("radpush-es256" + header[len(wire.Scheme):]); !ok {
		t.Error("the scheme's name depends on case") // RFC 9110, section 11.1
	}
	for _, bad := range []string{"", wire.Scheme, "Bearer x", header + " ", header + ".x", header[:len(header)-1],
		strings.Replace(header, ".", "..", 1), strings.Replace(header, want.Nonce, "short", 1),
		strings.Replace(header, want.Nonce, strings.Repeat("x", 65), 1),
		strings.Replace(header, want.Device, strings.Repeat("x", 701), 1),
		strings.Replace(header, fmt.Sprint(want.Time), "0", 1), strings.Replace(header, fmt.Sprint(want.Time), "1e9", 1)} {
		if _, _, ok := wire.ParseAuthorization(bad); ok {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestEnrolLink(t *testing.T) {
	pin := []byte(strings.Repeat("\xfb", 32))
	for _, l := range []wire.EnrolLink{
		{URL: "https://radpush.example.com:8443", Code: "K3ZK2V4QYBX5TTQH6KEGV7L2DA"},
		{URL: "https://radpush.example.com/behind/a/proxy", Code: "x_-", Pin: pin},
		{URL: "https://[2001:db8::1]:8443", Code: "x", Pin: pin},
		{URL: "http://localhost:8080", Code: "x"},
		{URL: "http://127.0.0.1:8080", Code: "x"},
	} {
		got, err := wire.ParseEnrolLink(l.String())
		if err != nil || got.URL != l.URL || got.Code != l.Code || string(got.Pin) != string(l.Pin) {
			t.Errorf("%v: %+v, %v", l, got, err)
		}
	}
	link := wire.EnrolLink{URL: "https://radpush.example.com", Code: "SWORDFISH", Pin: pin}
	if shown := link.LogValue().String(); strings.Contains(shown, link.Code) {
		t.Errorf("logged as %s", shown)
	}
	for _, bad := range []string{
		"", "SWORDFISH", "https://radpush.example.com/#code=SWORDFISH", "https://radpush.example.com/enrol",
		"https://radpush.example.com/enrol#code=", "https://radpush.example.com/enrol#code=SWORDFISH&code=x",
		"https://radpush.example.com/enrol#code=SWORDFISH%20x", "https://radpush.example.com/enrol?code=SWORDFISH",
		"https://radpush.example.com/enrol#code=SWORDFISH&pin=", "https://radpush.example.com/enrol#code=SWORDFISH&pin=AAAA",
		strings.TrimRight(link.String(), "s") + "!", link.String() + "&pin=x",
		"http://radpush.example.com/enrol#code=SWORDFISH", "ftp://radpush.example.com/enrol#code=SWORDFISH",
		"https:///enrol#code=SWORDFISH", "https://user@radpush.example.com/enrol#code=SWORDFISH",
		"https://radpush.example.com//enrol#code=SWORDFISH", "/enrol#code=SWORDFISH", "https://%zz/enrol#code=SWORDFISH",
	} {
		if l, err := wire.ParseEnrolLink(bad); err == nil || strings.Contains(err.Error(), "SWORD") {
			t.Errorf("%q: %+v, %v", bad, l, err)
		}
	}
}

func TestProblemIsAnErrorAcrossTheNetwork(t *testing.T) {
	if err := error(wire.NewProblem(404, "no such user")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		t.Error("404 is not fs.ErrNotExist")
	}
	if err := error(wire.NewProblem(409, "")); !errors.Is(err, fs.ErrExist) || err.Error() != "Conflict" {
		t.Errorf("409 is %v", err)
	}
	p := wire.NewProblem(422, "validation failed")
	p.Errors = []wire.ProblemDetail{{Location: "body.key", Message: "expected string"}}
	if got := p.Error(); got != "validation failed; body.key: expected string" {
		t.Error(got)
	}
}

func FuzzParseEnrolLink(f *testing.F) {
	f.Add("https://radpush.example.com:8443/enrol#code=K3ZK2V4QYBX5TTQH6KEGV7L2DA&pin=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
	f.Add("http://[::1]/x/enrol#pin=&code=1")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := wire.ParseEnrolLink(s)
		if err != nil {
			return
		}
		again, err := wire.ParseEnrolLink(l.String())
		if err != nil || again.URL != l.URL || again.Code != l.Code || string(again.Pin) != string(l.Pin) {
			t.Errorf("%q: %+v, then %+v, %v", s, l, again, err)
		}
	})
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add(wire.NewStamp("YWxpY2UvQUFBQQ").Authorization(make([]byte, 64)))
	f.Fuzz(func(t *testing.T, header string) {
		s, signature, ok := wire.ParseAuthorization(header)
		if !ok {
			return
		}
		again, sig, ok := wire.ParseAuthorization(s.Authorization(signature))
		if !ok || again != s || string(sig) != string(signature) {
			t.Errorf("%q: %+v, then %+v", header, s, again)
		}
	})
}
