package web_test

import (
	"strings"
	"testing"

	"radpush/push"
	"radpush/web"
	"radpush/web/wire"
)

// A device may send whatever it likes: the answer is never the server's own fault, is
// always JSON, and a body that is no answer never answers.
func FuzzDeviceAPI(f *testing.F) {
	w := newWorld(f)
	w.handler = web.Unlimited(w.server)
	d := w.raw(f, "alice")
	w.login(f, "alice")
	c := d.open(f)
	calls := []struct{ method, path string }{
		{"POST", wire.PathAnswer(c.ID)}, {"POST", wire.PathAnswer("x")}, {"PUT", wire.PathAddress},
		{"POST", wire.PathEnrol}, {"GET", wire.PathChallenges}, {"PATCH", wire.PathDevice},
	}
	f.Add(0, []byte(`{"decision":"deny","reason":"not-me","signature":"`+strings.Repeat("A", 86)+`"}`))
	f.Add(0, []byte(`{"decision":"approve","otp":"12345678","signature":"`+strings.Repeat("_", 86)+`"}`))
	f.Add(1, encode(f, d.answerBody(f, c, push.DeniedMistake, "")))
	f.Add(2, []byte(`{"service":"webpush","token":"{}"}`))
	f.Add(2, encode(f, wire.Address{Service: "fcm", Token: "x", SealingKey: spki(f, d.key)}))
	f.Add(3, encode(f, wire.Enrolment{Code: "x", Key: spki(f, d.key), Name: "x", Kind: "page"}))
	f.Add(4, []byte(`[[[[[[{"":null}]]]]]]`))
	f.Add(5, []byte("\xff{\"\\ud800\":1e999}"))
	f.Fuzz(func(t *testing.T, call int, body []byte) {
		to := calls[uint(call)%uint(len(calls))]
		got := d.send(t, to.method, to.path, body)
		if got.status >= 500 || got.status == 401 {
			t.Errorf("%s %s: %d %s", to.method, to.path, got.status, got.body)
		}
		if got.body != "" && got.body[0] != '{' {
			t.Errorf("%s %s: %q", to.method, to.path, got.body)
		}
		stored, err := w.broker.Challenges.Get(t.Context(), c.ID)
		if err != nil || stored.Answer != nil {
			t.Errorf("%q answered the challenge: %+v, %v", body, stored.Answer, err)
		}
	})
}
