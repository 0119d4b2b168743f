package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc3079"
)

// The clients of testdata/peers/radpush.yaml, by their addresses, and one that is none.
const (
	vpn       = "127.0.0.1"
	impatient = "127.0.0.2" // its requests are held for a second only
	careful   = "127.0.0.3" // must send Message-Authenticator
	asking    = "127.0.0.4" // can show an Access-Challenge
	stranger  = "127.0.0.9"
)

func TestPeersRadclient(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)

	t.Run("2.6 and 2.13: a held login with retransmissions is one push, approved", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := s.login(t, vpn, "User-Name="+user, `User-Password=""`)
		phone.wait(t)
		login.expect("Sent Access-Request", 3)
		phone.approve(t)
		r := login.heard()
		wantReply(t, r, "Access-Accept")
		if len(r.attributes) == 0 || !strings.HasPrefix(r.attributes[0], "Message-Authenticator = ") {
			t.Errorf("Message-Authenticator is not the first attribute: %q", r.attributes) // CVE-2024-3596
		}
		s.wantActivity(t, user, "Challenge", "Success")
	})
	t.Run("2.7: denied", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := s.login(t, vpn, "User-Name="+user, "User-Password=p")
		phone.wait(t)
		phone.deny(t, "not-me")
		r := login.heard()
		wantReply(t, r, "Access-Reject")
		if r.value("Reply-Message") == "" {
			t.Error("no Reply-Message")
		}
		rows := s.wantActivity(t, user, "Challenge", "Failure")
		if last := rows[len(rows)-1]; !strings.Contains(last.Reason, "user rejected") { // 6.2
			t.Errorf("%+v", last)
		}
	})
	t.Run("2.8: denied as a mistake", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := s.login(t, vpn, "User-Name="+user, "User-Password=p")
		phone.wait(t)
		phone.deny(t, "mistake")
		wantReply(t, login.heard(), "Access-Reject")
		s.wantActivity(t, user, "Challenge")
	})
	t.Run("2.9: nobody answers", func(t *testing.T) {
		t.Parallel()
		user, _ := s.enrol(t)
		r := s.login(t, impatient, "User-Name="+user, `User-Password=""`).heard()
		wantReply(t, r, "Access-Reject")
		if r.value("Reply-Message") == "" {
			t.Error("no Reply-Message")
		}
		s.wantActivity(t, user, "Challenge")
	})
	for _, attribute := range []string{"User-Password", "CHAP-Password"} { // radclient encodes both
		t.Run("3.2: a code is accepted once as "+attribute, func(t *testing.T) {
			t.Parallel()
			user, code := s.token(t)
			wantReply(t, s.login(t, vpn, "User-Name="+user, attribute+"="+quoted(wrong(code))).heard(), "Access-Reject")
			wantReply(t, s.login(t, vpn, "User-Name="+user, attribute+"="+quoted(code)).heard(), "Access-Accept")
			wantReply(t, s.login(t, vpn, "User-Name="+user, attribute+"="+quoted(code)).heard(), "Access-Reject")
			s.wantActivity(t, user, "Failure", "Success", "Failure")
		})
	}
	t.Run("1.9: MS-CHAPv2 asks for a push by p", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		m := newMSCHAP2(t, user, "p")
		login := s.login(t, vpn, m.attributes...)
		phone.wait(t)
		phone.approve(t)
		m.wantAccept(t, login.heard())
	})
	t.Run("1.9: MS-CHAPv2 with a code", func(t *testing.T) {
		t.Parallel()
		user, code := s.token(t)
		m := newMSCHAP2(t, user, code)
		m.wantAccept(t, s.login(t, vpn, m.attributes...).heard())
	})
	t.Run("7.3: an unknown user is rejected without a push", func(t *testing.T) {
		t.Parallel()
		wantReply(t, s.login(t, vpn, "User-Name=nobody", `User-Password=""`).heard(), "Access-Reject")
		s.wantActivity(t, "nobody", "Failure")
	})
	t.Run("8.1: a stranger hears nothing", func(t *testing.T) {
		t.Parallel()
		user, code := s.token(t)
		login := radclient(t, stranger, s.auth, "auth", 1, 1, "User-Name="+user, "User-Password="+quoted(code))
		wantReply(t, login.heard(), "")
		s.wantActivity(t, user)
	})
	t.Run("8.2: without the Message-Authenticator that it must send a client hears nothing", func(t *testing.T) {
		t.Parallel()
		user, code := s.token(t)
		login := []string{"User-Name=" + user, "User-Password=" + quoted(code)}
		wantReply(t, radclient(t, careful, s.auth, "auth", 1, 1, login...).heard(), "")
		wantReply(t, s.login(t, careful, append(login, "Message-Authenticator=0x00")...).heard(), "Access-Accept")
	})
	t.Run("Status-Server is answered and is no login", func(t *testing.T) {
		t.Parallel()
		r := radclient(t, vpn, s.auth, "status", 1, 5, "Message-Authenticator=0x00").heard()
		wantReply(t, r, "Access-Accept")
	})
	t.Run("6.4: accounting is answered and recorded", func(t *testing.T) {
		t.Parallel()
		user := userOf(t)
		for _, status := range []string{"Start", "Stop"} {
			r := radclient(t, vpn, s.acct, "acct", 1, 5, "User-Name="+user, "Acct-Session-Id=4711", "Acct-Status-Type="+status).heard()
			wantReply(t, r, "Accounting-Response")
		}
		for _, row := range s.wantActivity(t, user, "Start", "Stop") {
			if row.Session != "4711" || row.Client != "vpn" {
				t.Errorf("%+v", row)
			}
		}
	})
}

// Statement 2.17. Radclient sends the same packet again and again, as a NAS does, and
// does not know that the server died in between.
func TestPeersRestart(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	for name, seconds := range map[string]int{ // between retransmissions
		"2.17: the NAS rejoins, then the user answers": 1,
		"2.17: the user answers, then the NAS rejoins": 5,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startRadpush(t)
			user, phone := s.enrol(t)
			login := radclient(t, vpn, s.auth, "auth", seconds, 10, "User-Name="+user, `User-Password=""`)
			phone.wait(t)
			s.process.kill()
			s.serve()
			if sent := "Sent Access-Request"; seconds == 1 {
				login.expect(sent, strings.Count(login.out.String(), sent)+1)
			}
			phone.approve(t)
			wantReply(t, login.heard(), "Access-Accept")
			s.wantActivity(t, user, "Challenge", "Success")
		})
	}
}

// login sends an Access-Request to radpush, each second until it is answered.
func (s *radpushServer) login(t *testing.T, from string, attributes ...string) *process {
	t.Helper()
	return radclient(t, from, s.auth, "auth", 1, 30, attributes...)
}

// radclient sends a packet from an address of the loopback, so many times and so many
// seconds apart, until it is answered.
func radclient(t *testing.T, from, to, command string, seconds, times int, attributes ...string) *process {
	t.Helper()
	packet := strings.Join(append(attributes, "Packet-Src-IP-Address="+from), ",") + "\n"
	return startProcess(t, packet, peer(t, "stdbuf", "coreutils"), "-oL", // or a pipe hears of it late
		peer(t, "radclient", "freeradius-utils"),
		"-x", "-d", "../../testdata/peers", // there is no dictionary to add
		"-t", fmt.Sprint(seconds), "-r", fmt.Sprint(times), to, command, peerSecret)
}

// quoted keeps radclient from taking digits for a number.
func quoted(s string) string { return `"` + s + `"` }

// A reply is what radclient received. The zero reply is none.
type reply struct {
	code       string   // "Access-Accept"
	attributes []string // "Name = value", in their order
}

// heard waits for radclient and returns the reply that it received.
func (p *process) heard() (r reply) {
	p.t.Helper()
	for line := range strings.Lines(p.wait()) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "Received "); ok {
			r.code, _, _ = strings.Cut(rest, " ")
		} else if attribute, ok := strings.CutPrefix(line, "\t"); ok && r.code != "" {
			r.attributes = append(r.attributes, attribute)
		}
	}
	return r
}

// value returns what radclient printed of an attribute, "" for nothing.
func (r reply) value(name string) string {
	for _, attribute := range r.attributes {
		if value, ok := strings.CutPrefix(attribute, name+" = "); ok {
			return value
		}
	}
	return ""
}

// wantReply fails the test if the reply has another code; "" wants none.
func wantReply(t *testing.T, r reply, code string) {
	t.Helper()
	if r.code != code {
		t.Errorf("radclient received %+v, want %q", r, code)
	}
}

// An msCHAP2 is a login by MS-CHAPv2, which radclient cannot compute by itself.
type msCHAP2 struct {
	attributes                []string // of the request
	success, sendKey, recvKey string   // what radclient must print of the Access-Accept
}

func newMSCHAP2(t *testing.T, user, password string) msCHAP2 {
	t.Helper()
	const ident = 7
	challenge, peerChallenge := make([]byte, 16), make([]byte, 16)
	rand.Read(challenge)
	rand.Read(peerChallenge)
	response, err1 := rfc2759.GenerateNTResponse(challenge, peerChallenge, []byte(user), []byte(password))
	success, err2 := rfc2759.GenerateAuthenticatorResponse(challenge, peerChallenge, response, []byte(user), []byte(password))
	// The NAS sends with what the supplicant receives with (RFC 3079, section 3.3).
	sendKey, err3 := rfc3079.MakeKey(response, []byte(password), true)
	recvKey, err4 := rfc3079.MakeKey(response, []byte(password), false)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	return msCHAP2{
		attributes: []string{"User-Name=" + user, fmt.Sprintf("MS-CHAP-Challenge=0x%x", challenge),
			// RFC 2548, section 2.3.2.
			fmt.Sprintf("MS-CHAP2-Response=0x%02x00%x%016x%x", ident, peerChallenge, 0, response)},
		success: fmt.Sprintf("0x%02x%x", ident, success),
		sendKey: fmt.Sprintf("0x%x", sendKey),
		recvKey: fmt.Sprintf("0x%x", recvKey),
	}
}

// wantAccept fails the test if the reply does not let in or lacks what proves that the
// server knew the password too. Radclient decrypts the keys.
func (m msCHAP2) wantAccept(t *testing.T, r reply) {
	t.Helper()
	wantReply(t, r, "Access-Accept")
	for name, want := range map[string]string{
		"MS-CHAP2-Success": m.success, "MS-MPPE-Send-Key": m.sendKey, "MS-MPPE-Recv-Key": m.recvKey,
	} {
		if got := r.value(name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}
