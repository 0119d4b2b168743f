package web_test

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/push"
	"radpush/web"
	"radpush/web/phone"
	"radpush/web/wire"
)

// One user, one terminal, over TLS with a certificate that only its pin vouches for.
func TestPush_2_6_ApprovedOnTheDevice(t *testing.T) {
	w := newWorld(t)
	w.listen(t)
	p := w.phone(t, "alice")
	verdict := w.login(t, "alice")
	r, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Prompt.User != "alice" || r.Prompt.Resource != "Example VPN" || r.Prompt.Organization != "Example Ltd" {
		t.Errorf("the device shows %+v", r.Prompt)
	}
	if result, err := p.Approve(t.Context(), r.ID); result != push.Accepted || err != nil {
		t.Fatalf("approve: %q, %v", result, err)
	}
	if v := <-verdict; v.Outcome != login.Accept {
		t.Errorf("the login ended with %+v", v)
	}
	if result, err := p.Approve(t.Context(), r.ID); result != push.Accepted || err != nil {
		t.Errorf("the same answer again: %q, %v", result, err)
	}
	if result, err := p.Deny(t.Context(), r.ID, push.DeniedNotMe); result != push.Already || err != nil {
		t.Errorf("another answer: %q, %v", result, err)
	}
}

// An OTP of the outer window ends the login and lets nobody in: the user types the next one.
func TestOTP_3_4_ApprovalOutOfStep(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	verdict := w.login(t, "alice")
	c := d.open(t)
	for range 2 { // the device did not hear us
		d.answer(t, c, push.Approved, d.token.Code(d.token.Step(time.Now())+10)).result(t, push.OuterWindow)
	}
	if v := <-verdict; v.Outcome != login.Reject || v.Reason != login.OuterWindow {
		t.Errorf("the login ended with %+v", v)
	}
}

// An approval needs the right OTP and a signature over what was shown.
func TestPush_2_6_ApprovalIsChecked(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	verdict := w.login(t, "alice")
	c := d.open(t)

	d.answer(t, c, push.Approved, "00000000").result(t, push.WrongOTP)

	altered := c
	altered.Shown = strings.Replace(c.Shown, "Example VPN", "Example Vpn", 1)
	d.answer(t, altered, push.Approved, d.otp()).problem(t, 404, wire.NoChallenge)

	denial := d.answerBody(t, c, push.DeniedNotMe, "")
	denial.Decision, denial.Reason, denial.OTP = "approve", "", d.otp()
	d.send(t, "POST", wire.PathAnswer(c.ID), denial).problem(t, 404, wire.NoChallenge)

	select {
	case v := <-verdict:
		t.Fatalf("the login ended with %+v", v)
	default:
	}
	d.answer(t, c, push.Approved, d.otp()).result(t, push.Accepted)
	if v := <-verdict; v.Outcome != login.Accept {
		t.Errorf("the login ended with %+v", v)
	}
}

func TestPush_2_7_2_8_Denials(t *testing.T) {
	for _, row := range []struct {
		decision push.Outcome
		reason   login.Reason
		failures int
	}{
		{push.DeniedNotMe, login.DeniedNotMe, 1},
		{push.DeniedMistake, login.DeniedMistake, 0},
	} {
		w := newWorld(t)
		d := w.raw(t, "alice")
		verdict := w.login(t, "alice")
		d.answer(t, d.open(t), row.decision, "").result(t, push.Accepted)
		if v := <-verdict; v.Outcome != login.Reject || v.Reason != row.reason || !v.AtOnce {
			t.Errorf("%v: the login ended with %+v", row.decision, v)
		}
		u, err := w.engine.User(t.Context(), "alice")
		if err != nil || u.Failures != row.failures {
			t.Errorf("%v: %d failures counted, want %d (%v)", row.decision, u.Failures, row.failures, err)
		}
	}
}

// What was shown reaches the device byte for byte, whatever the user typed, and again when
// it asks again.
func TestPush_2_4_ShownByteForByte(t *testing.T) {
	w := newWorld(t)
	name := "Älice <b>&\u2028\u00ad\"\\ 👩‍💻\u202e"
	if _, err := w.engine.AddUser(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	d := w.raw(t, name)
	w.login(t, name)
	c := d.open(t)
	stored, err := w.broker.Challenges.Get(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if c.Shown != string(stored.Shown) {
		t.Errorf("stored %q\nsent   %q", stored.Shown, c.Shown)
	}
	if again := d.open(t); again != c {
		t.Errorf("asked again: %+v\nat first:    %+v", again, c)
	}
	d.answer(t, c, push.DeniedMistake, "").result(t, push.Accepted)
}

func TestPush_2_10_LateAndRepeatedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, second := w.raw(t, "alice"), w.raw(t, "alice")
		verdict := w.login(t, "alice")
		c := first.open(t)
		first.answer(t, c, push.DeniedMistake, "").result(t, push.Accepted)
		second.answer(t, c, push.Approved, second.otp()).result(t, push.Already)
		if v := <-verdict; v.Reason != login.DeniedMistake {
			t.Errorf("the first answer did not count: %+v", v)
		}

		verdict = w.login(t, "alice")
		c = first.open(t)
		if v := <-verdict; v.Reason != login.TimedOut { // nobody answers
			t.Fatalf("the login ended with %+v", v)
		}
		first.answer(t, c, push.Approved, first.otp()).result(t, push.TooLate)
		second.answer(t, c, push.DeniedNotMe, "").result(t, push.TooLate)
	})
}

// A code is good once, and what it is not good for any more looks like nonsense.
func TestDevices_9_1_CodeIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		d := &raw{transport: w.raw(t, "bob").transport}
		code := func(valid time.Duration) string {
			code, err := w.engine.NewEnrolment(t.Context(), "alice", "", valid)
			if err != nil {
				t.Fatal(err)
			}
			return code
		}
		enrol := func(code string) got {
			return d.enrol(t, wire.Enrolment{Code: code, Key: spki(t, key), Name: "x", Kind: "page"})
		}
		expired := code(time.Minute)
		time.Sleep(time.Minute)
		used := code(time.Hour)
		var out wire.Enrolled
		enrol(used).want(t, 200).decode(t, &out)
		if out.User != "alice" || out.Organization != "Example Ltd" || out.OTP.Secret == "" || out.Device == "" {
			t.Errorf("enrolled: %+v", out)
		}
		unknown := enrol(rand.Text())
		unknown.problem(t, 404, wire.BadCode)
		for name, code := range map[string]string{"expired": expired, "used": used} {
			if got := enrol(code); got.status != unknown.status || got.body != unknown.body {
				t.Errorf("%s: %d %s, but unknown: %d %s", name, got.status, got.body, unknown.status, unknown.body)
			}
		}
	})
}

// What is wrong with the device is said before the code is used up.
func TestDevices_9_1_BadDeviceLeavesTheCode(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "bob")
	code, err := w.engine.NewEnrolment(t.Context(), "alice", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := wire.Enrolment{Code: code, Key: spki(t, d.key), Name: "Alice’s\u00a0phone\x1b[2J\u202e", Kind: "page"}
	for name, change := range map[string]func(*wire.Enrolment){
		"no key":        func(e *wire.Enrolment) { e.Key = nil },
		"nonsense":      func(e *wire.Enrolment) { e.Key = []byte("key") },
		"another curve": func(e *wire.Enrolment) { e.Key = spki(t, p384) },
		"no name":       func(e *wire.Enrolment) { e.Name = "\u200b" },
		"long name":     func(e *wire.Enrolment) { e.Name = strings.Repeat("ä", 64) },
		"kind":          func(e *wire.Enrolment) { e.Kind = "pipush" },
		"service":       func(e *wire.Enrolment) { e.Address = &wire.Address{Service: "ftp", Token: "x"} },
		"address":       func(e *wire.Enrolment) { e.Address = &wire.Address{Service: "apns"} },
		"sealing key": func(e *wire.Enrolment) {
			e.Address = &wire.Address{Service: "fcm", Token: "x", SealingKey: []byte("x")}
		},
		"address too big": func(e *wire.Enrolment) { e.Address = &wire.Address{Service: "apns", Token: strings.Repeat("x", 5000)} },
	} {
		bad := good
		change(&bad)
		if got := d.enrol(t, bad); got.status != 422 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	d.enrol(t, good).want(t, 200)
	devices, err := w.broker.DevicesOf(t.Context(), "alice")
	if err != nil || len(devices) != 1 || devices[0].Name != "Alice’s phone[2J" {
		t.Errorf("devices: %+v, %v", devices, err)
	}
}

// Whatever of a request is changed, and whoever else signs it, it is refused in the same
// way.
func TestDevices_9_2_EveryRequestIsSigned(t *testing.T) {
	w := newWorld(t)
	d, other := w.raw(t, "alice"), w.raw(t, "bob")
	w.login(t, "alice")
	c := d.open(t)
	body := encode(t, d.answerBody(t, c, push.DeniedNotMe, ""))
	fresh := func() *http.Request { return request(t, "POST", wire.PathAnswer(c.ID), body) }

	var refused string
	for name, make := range map[string]func() *http.Request{
		"no signature": fresh,
		"wrong key": func() *http.Request {
			return other.sign(t, wire.NewStamp(d.id), fresh())
		},
		"unknown device": func() *http.Request {
			return d.sign(t, wire.NewStamp("YWxpY2UvQUFBQQ"), fresh())
		},
		"a device that no store can hold": func() *http.Request {
			return d.sign(t, wire.NewStamp(strings.Repeat("_", 699)), fresh())
		},
		"other body": func() *http.Request {
			r := d.sign(t, wire.NewStamp(d.id), fresh())
			r.Body = request(t, "POST", "/", []byte(strings.Replace(string(body), "not-me", "mistake", 1))).Body
			return r
		},
		"other path": func() *http.Request {
			r := d.sign(t, wire.NewStamp(d.id), fresh())
			r.URL.Path = wire.PathAnswer(rand.Text())
			return r
		},
		"other query": func() *http.Request {
			r := d.sign(t, wire.NewStamp(d.id), fresh())
			r.URL.RawQuery = "x=y"
			return r
		},
		"other method": func() *http.Request {
			r := d.sign(t, wire.NewStamp(d.id), fresh())
			r.Method = "PUT"
			return r
		},
		"other nonce": func() *http.Request {
			s := wire.NewStamp(d.id)
			r := d.sign(t, s, fresh())
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), s.Nonce, rand.Text(), 1))
			return r
		},
		"other scheme": func() *http.Request {
			r := d.sign(t, wire.NewStamp(d.id), fresh())
			r.Header.Set("Authorization", "Bearer x")
			return r
		},
		"nowhere": func() *http.Request { return request(t, "GET", wire.Prefix+"nowhere", nil) },
	} {
		got := do(t, d.transport, make())
		got.problem(t, 401, wire.NotAuthentic)
		if got.header.Get("WWW-Authenticate") != wire.Scheme {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
		if refused == "" {
			refused = got.body
		}
		if got.body != refused {
			t.Errorf("%s: %s\nothers: %s", name, got.body, refused)
		}
	}
	d.send(t, "GET", wire.Prefix+"nowhere", nil).problem(t, 404, "")
	d.answer(t, c, push.DeniedNotMe, "").result(t, push.Accepted)
}

func TestDevices_9_2_NoReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d := w.raw(t, "alice")
		signed := d.sign(t, wire.NewStamp(d.id), request(t, "GET", wire.PathChallenges, nil))
		do(t, d.transport, signed).want(t, 200)
		do(t, d.transport, signed).problem(t, 403, wire.SignAgain)

		// Nor within the skew, nor at a server that has started since, nor ever after.
		time.Sleep(wire.Skew)
		do(t, d.transport, signed).problem(t, 403, wire.SignAgain)
		w.handler = w.server.Handler()
		restarted := *d
		restarted.transport = web.InProcess(w.handler)
		do(t, restarted.transport, signed).problem(t, 403, wire.SignAgain)
		restarted.send(t, "GET", wire.PathChallenges, nil).want(t, 200)
		time.Sleep(time.Millisecond)
		do(t, d.transport, signed).problem(t, 403, wire.ClockSkewed)
		do(t, restarted.transport, signed).problem(t, 403, wire.ClockSkewed)
	})
}

// The server says what its clock shows, but only to who can sign.
func TestDevices_9_2_ClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, other := w.raw(t, "alice"), w.raw(t, "bob")
		time.Sleep(time.Hour) // the server has been up for a while
		at := func(off time.Duration) wire.Stamp {
			s := wire.NewStamp(d.id)
			s.Time = time.Now().Add(off).UnixMilli()
			return s
		}
		list := func(d *raw, s wire.Stamp) got {
			return do(t, d.transport, d.sign(t, s, request(t, "GET", wire.PathChallenges, nil)))
		}
		for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute, wire.Skew + time.Millisecond, -wire.Skew - time.Millisecond} {
			p := list(d, at(off)).problem(t, 403, wire.ClockSkewed)
			if p.ServerTime == nil || !p.ServerTime.Equal(time.Now()) {
				t.Errorf("%v: the server's time is %v", off, p.ServerTime)
			}
			list(other, at(off)).problem(t, 401, wire.NotAuthentic)
		}
		for _, off := range []time.Duration{0, wire.Skew, -wire.Skew} {
			list(d, at(off)).want(t, 200)
		}
	})
}

// A device sees and answers what its own user is asked, and nothing else.
func TestDevices_9_2_OtherUsersChallenges(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.raw(t, "alice"), w.raw(t, "bob")
	w.login(t, "alice")
	c := alice.open(t)
	var out wire.Challenges
	if bob.send(t, "GET", wire.PathChallenges, nil).decode(t, &out); len(out.Challenges) != 0 {
		t.Errorf("bob's device is asked %+v", out)
	}
	unknown := c
	unknown.ID = rand.Text()
	nothing := bob.answer(t, unknown, push.DeniedNotMe, "")
	nothing.problem(t, 404, wire.NoChallenge)
	if got := bob.answer(t, c, push.Approved, bob.otp()); got.status != nothing.status || got.body != nothing.body {
		t.Errorf("another user's challenge: %s\nnone: %s", got.body, nothing.body)
	}
	alice.answer(t, c, push.DeniedMistake, "").result(t, push.Accepted)
}

// A suspended and a removed device look like one that never was; a device can be removed
// while it waits, and can remove itself.
func TestDevices_9_3_SuspendedRemovedGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, o := w.raw(t, "alice"), w.client()
		devices, err := o.ListDevices(t.Context(), "alice")
		if err != nil || len(devices) != 1 {
			t.Fatal(devices, err)
		}
		id := devices[0].ID
		stranger := *d
		stranger.id = "YWxpY2UvQUFBQQ"
		unknown := stranger.send(t, "GET", wire.PathChallenges, nil)

		change := func(suspended bool) {
			if err := w.broker.SuspendDevice(t.Context(), id, suspended); err != nil {
				t.Fatal(err)
			}
		}
		change(true)
		if got := d.send(t, "GET", wire.PathChallenges, nil); got.body != unknown.body || got.status != 401 {
			t.Errorf("suspended: %d %s", got.status, got.body)
		}
		change(false)
		etag := d.send(t, "GET", wire.PathChallenges, nil).want(t, 200).header.Get("ETag")

		waiting := make(chan got, 1)
		go func() { waiting <- d.poll(t, etag, 60) }()
		synctest.Wait()
		verdict := w.login(t, "alice")
		synctest.Wait()
		(<-waiting).want(t, 200)
		c := d.open(t)
		if err := o.RemoveDevice(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := d.answer(t, c, push.Approved, d.otp()); got.body != unknown.body || got.status != 401 {
			t.Errorf("removed: %d %s", got.status, got.body)
		}
		if v := <-verdict; v.Outcome != login.Reject {
			t.Errorf("the login ended with %+v", v)
		}

		leaver := w.raw(t, "alice")
		leaver.send(t, "DELETE", wire.PathDevice, nil).want(t, 204)
		leaver.send(t, "DELETE", wire.PathDevice, nil).problem(t, 401, wire.NotAuthentic)
		if u, err := o.ShowUser(t.Context(), "alice"); err != nil || len(u.Devices) != 0 || len(u.Tokens) != 0 {
			t.Errorf("after it left: %+v, %v", u, err)
		}
	})
}

func TestAddressIsKept(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	address := func() push.Address {
		devices, err := w.broker.DevicesOf(t.Context(), "alice")
		if err != nil || len(devices) != 1 {
			t.Fatal(devices, err)
		}
		return devices[0].Address
	}
	d.send(t, "PUT", wire.PathAddress, wire.Address{Service: "fcm", Token: "new"}).want(t, 204)
	if got := address(); !reflect.DeepEqual(got, push.Address{Service: "fcm", Token: "new"}) {
		t.Errorf("address: %+v", got)
	}
	sealing := spki(t, d.key)
	d.send(t, "PUT", wire.PathAddress, wire.Address{Service: "fcm", Token: "new", SealingKey: sealing}).want(t, 204)
	want := push.Address{Service: "fcm", Token: "new", SealingKey: sealing}
	if got := address(); !reflect.DeepEqual(got, want) {
		t.Errorf("address: %+v", got)
	}
	_, foreign := apps(t, ecdh.P384())
	bad := d.send(t, "PUT", wire.PathAddress, wire.Address{Service: "fcm", Token: "newer", SealingKey: foreign})
	if bad.want(t, 422); !strings.Contains(bad.body, "sealing key is not a public key of P-256") {
		t.Errorf("a key of another curve: %s", bad.body)
	}
	for _, key := range []string{`"AAAA"`, `""`, `"no base64!"`, `7`, `"` + strings.Repeat("A", 2000) + `"`} {
		d.send(t, "PUT", wire.PathAddress, []byte(`{"service":"fcm","token":"newer","sealing_key":`+key+`}`)).want(t, 422)
	}
	if got := address(); !reflect.DeepEqual(got, want) {
		t.Errorf("a bad key has changed the address: %+v", got)
	}
	d.send(t, "PUT", wire.PathAddress, wire.Address{Service: "apns", Token: "new"}).want(t, 422) // not configured
	d.send(t, "PUT", wire.PathAddress, wire.Address{Service: "gopher", Token: "new"}).want(t, 422)
	d.send(t, "DELETE", wire.PathAddress, nil).want(t, 204)
	if got := address(); !reflect.DeepEqual(got, push.Address{}) {
		t.Errorf("address: %+v", got)
	}
}

// What is not as the document says is refused, and nothing of it comes back.
func TestBadBodiesAreNotEchoed(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	w.login(t, "alice")
	path := wire.PathAnswer(d.open(t).ID)
	const secret = "SWORDFISH"
	for name, row := range map[string]struct {
		status int
		body   string
	}{
		"no JSON":          {400, secret},
		"cut off":          {400, `{"decision":"approve","otp":"` + secret},
		"no object":        {422, `"` + secret + `"`},
		"empty":            {400, ""},
		"unknown field":    {422, `{"decision":"deny","reason":"mistake","signature":"` + strings.Repeat("A", 86) + `","` + secret + `":1}`},
		"unknown decision": {422, `{"decision":"` + secret + `","signature":"` + strings.Repeat("A", 86) + `"}`},
		"wrong type":       {422, `{"decision":["` + secret + `"],"signature":7}`},
		"bad OTP":          {422, `{"decision":"approve","otp":"` + secret + `","signature":"` + strings.Repeat("A", 86) + `"}`},
		"approve, no OTP":  {422, `{"decision":"approve","signature":"` + strings.Repeat("A", 86) + `"}`},
		"deny, no reason":  {422, `{"decision":"deny","signature":"` + strings.Repeat("A", 86) + `"}`},
		"not base64":       {422, `{"decision":"deny","reason":"mistake","signature":"` + strings.Repeat("?", 86) + `"}`},
		"too long":         {413, strings.Repeat(secret, wire.MaxBody/len(secret)+1)},
		"many faults":      {422, `{` + strings.Repeat(`"`+secret+`":1,`, 1000) + `"x":1}`},
	} {
		got := d.send(t, "POST", path, []byte(row.body))
		if got.status != row.status || strings.Contains(got.body, secret) || len(got.body) > 2000 ||
			strings.Contains(got.body, "invalid character") || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
		}
	}
	if log := w.log.String(); strings.Contains(log, secret) {
		t.Errorf("the log repeats what was sent:\n%s", log)
	}
}

// A store that cannot be read or written is our fault, and is told as such.
func TestStoreFailureIsNotTheDevicesFault(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	w.login(t, "alice")
	c := d.open(t)
	w.store.Fail = func(key string) error { return errors.New("disk on fire: " + key) }
	got := d.answer(t, c, push.Approved, d.otp()).want(t, 503)
	if strings.Contains(got.body, "fire") {
		t.Errorf("the device is told %s", got.body)
	}
	if !strings.Contains(w.log.String(), "disk on fire") {
		t.Error("the operator is not told")
	}
}

// Enrolment codes, secrets of one-time passwords and signatures reach no log.
func TestNothingSecretIsLogged(t *testing.T) {
	w := newWorld(t)
	w.listen(t)
	e, err := w.client().Enrol(t.Context(), "alice", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	made, err := w.client().AddToken(t.Context(), "alice", web.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := phone.Enrol(t.Context(), e.Link, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := phone.Enrol(t.Context(), e.Link, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the code was good twice: %v", err)
	}
	w.login(t, "alice")
	r, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Approve(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	u, err := w.engine.User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	log := w.log.String()
	if !strings.Contains(log, "device enrolled") || !strings.Contains(log, "web: answer") {
		t.Errorf("the log does not say what happened:\n%s", log)
	}
	secrets := []string{e.Code, made.URL}
	for _, token := range u.Tokens {
		secrets = append(secrets, token.Secret, token.Code(token.Used))
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// hangsUp is an engine whose device hangs up while it answers or leaves.
type hangsUp struct {
	web.Engine
	hangUp context.CancelFunc
}

func (e hangsUp) Answer(ctx context.Context, a push.Answer) (push.Result, error) {
	e.hangUp()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return e.Engine.Answer(ctx, a)
}

func (e hangsUp) RemoveDevice(ctx context.Context, d push.Device, by string) error {
	e.hangUp()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return e.Engine.RemoveDevice(ctx, d, by)
}

func TestAnswerIsFinishedWithoutTheDevice(t *testing.T) {
	w := newWorld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	w.server.Engine = hangsUp{w.engine, hangUp}
	d := w.raw(t, "alice")
	verdict := w.login(t, "alice")
	c := d.open(t)
	body := encode(t, d.answerBody(t, c, push.DeniedMistake, ""))
	r := d.sign(t, wire.NewStamp(d.id), request(t, "POST", wire.PathAnswer(c.ID), body))
	do(t, d.transport, r.WithContext(ctx)).result(t, push.Accepted)
	if v := <-verdict; v.Reason != login.DeniedMistake {
		t.Errorf("the login ended with %+v", v)
	}
}

func TestDeviceLeavesThoughItHangsUp(t *testing.T) {
	w := newWorld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	w.server.Engine = hangsUp{w.engine, hangUp}
	d := w.raw(t, "alice")
	r := d.sign(t, wire.NewStamp(d.id), request(t, "DELETE", wire.PathDevice, nil))
	do(t, d.transport, r.WithContext(ctx)).want(t, 204)
	d.send(t, "GET", wire.PathDevices, nil).problem(t, 401, wire.NotAuthentic)
}
