package web_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/push/pipush"
	"radpush/push/pipush/pipushtest"
	"radpush/web"
	"radpush/web/wire"
)

const dartTime = "2006-01-02T15:04:05.000000Z"

// Whatever is wrong with a poll, its answer is the same.
func TestPush_9_2_PollsThatAreRefusedLookTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAppWorld(t)
		w.handler = web.Unlimited(w.server)
		p := w.app(t, "alice", 0)
		stranger := *p
		stranger.Serial = "RADPUSHAAAAAAAAAAAAAAAAAAAA"
		time.Sleep(2 * time.Minute) // before the start of the server nothing is good
		at := func(off time.Duration) string { return time.Now().Add(off).UTC().Format(dartTime) }
		good := at(0)
		sign := func(timestamp string) string { return p.Sign(p.Serial + "|" + timestamp) }
		if _, err := p.PollWith(t.Context(), good, sign(good)); err != nil {
			t.Fatal(err)
		}
		for _, off := range []time.Duration{-time.Minute, time.Minute} {
			if _, err := p.PollWith(t.Context(), at(off), sign(at(off))); err != nil {
				t.Errorf("%v off: %v", off, err)
			}
		}
		early, late, now := at(-61*time.Second), at(61*time.Second), at(1)
		var bodies []string
		for what, poll := range map[string]struct {
			p                    *pipushtest.Phone
			timestamp, signature string
		}{
			"replayed":                     {p, good, sign(good)},
			"early":                        {p, early, sign(early)},
			"late":                         {p, late, sign(late)},
			"no time":                      {p, "now", sign("now")},
			"a bar":                        {p, now + "|x", sign(now + "|x")},
			"another time than was signed": {p, now, sign(late)},
			"no signature":                 {p, now, ""},
			"unknown serial":               {&stranger, now, stranger.Sign(stranger.Serial + "|" + now)},
			"signature of an answer":       {p, now, p.Sign("N|" + p.Serial)},
		} {
			_, err := poll.p.PollWith(t.Context(), poll.timestamp, poll.signature)
			if turnedAway(t, err); t.Failed() {
				t.Fatal(what)
			}
			bodies = append(bodies, err.Error())
		}
		if slices.Sort(bodies); len(slices.Compact(bodies)) != 1 {
			t.Errorf("the answers differ: %q", slices.Compact(bodies))
		}
	})
}

// A stranger who tries serials learns nothing from how long it takes: that of nobody is verified
// with a key like those of apps. BenchmarkRefusedPoll measures it.
func TestPush_9_2_NobodysKeyIsLikeAnApps(t *testing.T) {
	if err := pipush.CheckKey(web.NobodysApp()); err != nil {
		t.Error(err)
	}
}

// An app is a device like any other for who counts requests.
func TestAppsAreLimited(t *testing.T) {
	w := newAppWorld(t)
	p := w.app(t, "alice", 1)
	tooMany := 0
	for range 40 {
		if _, err := p.Poll(t.Context()); err != nil {
			r, ok := errors.AsType[*pipushtest.Refused](err)
			if !ok || r.Status != http.StatusTooManyRequests {
				t.Fatal(err)
			}
			tooMany++
		}
	}
	if tooMany == 0 {
		t.Error("40 polls at once are let through")
	}
	enrols := 0
	for range 40 {
		if err := p.Enrol(t.Context()); strings.Contains(errors.Join(err, errors.New("")).Error(), "429") {
			enrols++
		}
	}
	if enrols == 0 {
		t.Error("40 enrolments at once are let through")
	}
	if got := do(t, p.HTTP.Transport, request(t, "POST", "/pipush", make([]byte, wire.MaxBody+1))); got.status != 413 {
		t.Errorf("a long body: %d", got.status)
	}
}

// An app's key opens nothing else, and nothing else opens what is an app's.
func TestPush_9_2_AnAppIsNoDeviceOfOurs(t *testing.T) {
	w := newAppWorld(t)
	p := w.app(t, "alice", 1)
	stamp := wire.NewStamp(base64.RawURLEncoding.EncodeToString([]byte("alice/" + p.Serial)))
	r := request(t, "GET", wire.PathChallenges, nil)
	signature, err := base32.StdEncoding.DecodeString(p.Sign(string(stamp.Message("GET", wire.PathChallenges, nil))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", stamp.Authorization(signature))
	do(t, p.HTTP.Transport, r).problem(t, 401, wire.NotAuthentic)

	d := w.raw(t, "alice")
	own := decode(t, d.id)
	posing := *p
	posing.Serial = own[strings.LastIndexByte(own, '/')+1:]
	_, err = posing.Poll(t.Context())
	turnedAway(t, err)
	d.enrol(t, wire.Enrolment{Code: "x", Key: spki(t, d.key), Name: "x", Kind: push.PIPush}).want(t, 422)
}

// Without a URL, or with one that has two forms, the app is not there.
func TestNoAppsWithoutAURL(t *testing.T) {
	for _, base := range []string{"", "https://müller.example"} {
		w := newAppWorld(t)
		w.server.URL = base
		transport := web.InProcess(w.server.Handler())
		do(t, transport, request(t, "GET", "/pipush", nil)).want(t, 404)
		do(t, transport, request(t, "POST", "/pipush", nil)).want(t, 404)
	}
}

// Whatever an app sends, the answer is JSON, not the server's own fault, and answers nothing.
func FuzzAppAPI(f *testing.F) {
	w := newAppWorld(f)
	w.handler = web.Unlimited(w.server)
	p := w.app(f, "alice", 1)
	w.login(f, "alice")
	r := asked(f, p)
	open, err := w.broker.OpenFor(f.Context(), push.Device{User: "alice"})
	if err != nil || len(open) != 1 {
		f.Fatalf("open: %v, %v", open, err)
	}
	good := p.Form(r, pipushtest.Accept, "")
	good.Set("signature", p.Sign("x"))
	f.Add("", good.Encode())
	f.Add(open[0].ID, good.Encode())
	f.Add("", url.Values{"enrollment_credential": {"x"}, "serial": {p.Serial}, "pubkey": {"AAAA"}}.Encode())
	f.Add("", url.Values{"new_fb_token": {"x"}, "serial": {p.Serial}, "timestamp": {"x"}, "signature": {p.Sign("x")}}.Encode())
	f.Add("?serial="+p.Serial+"&timestamp=x&signature=GEZDGNBV", "")
	f.Fuzz(func(t *testing.T, path, body string) {
		for method, to := range map[string]string{"POST": "/pipush/" + url.PathEscape(path), "GET": "/pipush?" + url.PathEscape(path)} {
			req := request(t, method, to, []byte(body))
			got := do(t, web.InProcess(w.handler), req)
			if got.status >= 500 {
				t.Errorf("%s %s: %d %s", method, to, got.status, got.body)
			}
			if got.body != "" && !json.Valid([]byte(got.body)) && got.status != 301 && got.status != 307 {
				t.Errorf("%s %s: %d %q", method, to, got.status, got.body)
			}
		}
		got := do(t, web.InProcess(w.handler), request(t, "POST", "/pipush", []byte(body)))
		if got.status != 200 && got.status != 403 && got.status != 413 || got.status == 200 && strings.Contains(got.body, "public_key") {
			t.Errorf("%q: %d %s", body, got.status, got.body)
		}
		if stored, err := w.broker.Challenges.Get(t.Context(), open[0].ID); err != nil || stored.Answer != nil {
			t.Errorf("%q answered the challenge: %+v, %v", body, stored.Answer, err)
		}
	})
}
