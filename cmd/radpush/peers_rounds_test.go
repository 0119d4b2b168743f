package main

import (
	"strings"
	"testing"
)

// A round of Access-Challenge by hand: radclient prints the State, and the test copies it
// into the next request, or does what no honest NAS does.
func TestPeersRadclientRounds(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)

	// begin sends the trigger of a code by SMS and returns the attributes of the answer
	// but its passcode.
	begin := func(t *testing.T, user string) (answer []string, code string) {
		t.Helper()
		telephone := s.telephone(t, user)
		r := s.login(t, asking, "User-Name="+user, "User-Password=s").heard()
		answer = []string{"User-Name=" + user, "State=" + challenged(t, r)}
		wantText(t, r.value("Reply-Message"), "ends in "+telephone.ends)
		return answer, telephone.code(t)
	}
	papOf := func(code string) string { return "User-Password=" + quoted(code) }

	t.Run("4.4: a State is good for one answer", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		answer, code := begin(t, user)
		r := s.login(t, asking, append(answer, papOf(wrong(code)))...).heard()
		renewed := []string{"User-Name=" + user, "State=" + challenged(t, r)}
		if renewed[1] == answer[1] {
			t.Error("the same State twice")
		}
		for _, try := range []struct {
			answer []string
			want   string
		}{
			{answer, "Access-Reject"},
			{renewed, "Access-Accept"},
			{renewed, "Access-Reject"},
		} {
			wantReply(t, s.login(t, asking, append(try.answer, papOf(code))...).heard(), try.want)
		}
	})
	t.Run("4.4: a State is bound to user and client", func(t *testing.T) {
		t.Parallel()
		user, other := s.user(t), userOf(t)+"-other"
		s.run(t, "user", "add", other)
		answer, code := begin(t, user)
		for _, from := range []string{impatient, vpn} {
			r := s.login(t, from, append(answer, papOf(code))...).heard()
			wantReply(t, r, "Access-Reject")
			wantText(t, r.value("Reply-Message"), "This sign-in has expired.")
		}
		wantReply(t, s.login(t, asking, "User-Name="+other, answer[1], papOf(code)).heard(), "Access-Reject")
		wantReply(t, s.login(t, asking, append(answer, papOf(code))...).heard(), "Access-Accept")
	})
	t.Run("1.9 and 1.11: MS-CHAPv2 in both rounds", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		telephone := s.telephone(t, user)
		r := s.login(t, asking, newMSCHAP2(t, user, "s").attributes...).heard()
		state := "State=" + challenged(t, r)
		m := newMSCHAP2(t, user, telephone.code(t))
		m.wantAccept(t, s.login(t, asking, append(m.attributes, state)...).heard())
	})
	t.Run("4.1: a client that cannot ask says what to type next", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		telephone := s.telephone(t, user)
		r := s.login(t, vpn, "User-Name="+user, "User-Password=s").heard()
		wantReply(t, r, "Access-Reject")
		for _, text := range []string{"ends in " + telephone.ends, "Sign in again with the code sent by SMS"} {
			wantText(t, r.value("Reply-Message"), text)
		}
		if state := r.value("State"); state != "" {
			t.Errorf("State %s in a rejection", state) // RFC 2865, section 5.44
		}
		wantReply(t, s.login(t, vpn, "User-Name="+user, papOf(telephone.code(t))).heard(), "Access-Accept")
	})
}

// challenged returns the State of an Access-Challenge as radclient prints and reads it.
func challenged(t *testing.T, r reply) (state string) {
	t.Helper()
	wantReply(t, r, "Access-Challenge")
	state = r.value("State")
	if len(state) < len("0x")+2*16 || !strings.HasPrefix(r.attributes[0], "Message-Authenticator = ") {
		t.Fatalf("State or Message-Authenticator are not as they should be: %+v", r)
	}
	return state
}

// A power cut between the question and the answer.
func TestRestart_4_4_TheCodeIsStillGood(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)
	user := s.user(t)
	telephone := s.telephone(t, user)
	state := "State=" + challenged(t, s.login(t, asking, "User-Name="+user, "User-Password=s").heard())
	code := telephone.code(t)
	restart := func() { s.process.kill(); s.serve() }
	restart()
	again := []string{"User-Name=" + user, state, "User-Password=" + quoted(code)}
	wantReply(t, s.login(t, asking, again...).heard(), "Access-Accept")
	restart()
	wantReply(t, s.login(t, asking, again...).heard(), "Access-Reject")
	s.wantActivity(t, user, "Challenge", "Success", "Failure")
}
