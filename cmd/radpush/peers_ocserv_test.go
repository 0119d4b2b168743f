package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The whole way of a VPN login: openconnect speaks to ocserv as AnyConnect does, and
// ocserv asks radpush. Openconnect stops when it has been let in, so that no test needs a
// tunnel. Radcli, which ocserv sends with, writes an empty password with no octet at all.
func TestPeersOcserv(t *testing.T) {
	peer(t, "ocserv", "ocserv")
	peer(t, "openconnect", "openconnect")
	if os.Geteuid() != 0 {
		t.Skip("ocserv runs for root only")
	}
	t.Parallel()
	s := startRadpush(t)
	o := startOcserv(t, s)

	t.Run("1.12 and 2.6: an empty password is a push, approved", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := o.login(t, user, "")
		phone.wait(t)
		phone.approve(t)
		wantCookie(t, login, true)
		s.wantActivity(t, user, "Challenge", "Success")
	})
	t.Run("2.8: denied as a mistake, the user reads so and tries again", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := o.login(t, user, "p")
		phone.wait(t)
		phone.deny(t, "mistake")
		login.asked("The sign-in was cancelled on your phone")
		login.answer("Password:", "p")
		phone.wait(t)
		phone.approve(t)
		wantCookie(t, login, true)
	})
	t.Run("4.1: a code by SMS at the second prompt, wrong at first", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		telephone := s.telephone(t, user)
		login := o.login(t, user, "s")
		login.asked(telephone.asks())
		code := telephone.code(t)
		login.answer("Password1:", wrong(code))
		login.asked(`That was not right\. ` + telephone.asks())
		login.answer("Password2:", code)
		wantCookie(t, login, true)
		s.wantActivity(t, user, "Challenge", "Failure", "Success")
	})
	t.Run("4.2: a grid at the second prompt", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		s.grid(t, user)
		login := o.login(t, user, "g")
		login.asked(`Type the digits on your pattern:\n`)
		shown := login.asked(gridOf(`\d`))
		login.answer("Password1:", onPattern(t, shown))
		wantCookie(t, login, true)
	})
	t.Run("1.10: wrong codes, rejected", func(t *testing.T) {
		t.Parallel()
		user, code := s.token(t)
		login := o.login(t, user, wrong(code))
		for range 2 { // ocserv asks three times
			login.asked(`Sign-in failed\.`)
			login.answer("Password:", wrong(code))
		}
		wantCookie(t, login, false)
		s.wantActivity(t, user, "Failure", "Failure", "Failure")
	})
}

// An ocserv is an AnyConnect server on the loopback, by testdata/peers/ocserv.conf.
type ocserv struct{ url, certificate string }

func startOcserv(t *testing.T, s *radpushServer) ocserv {
	t.Helper()
	dir := filepath.Dir(s.config) // short enough for the name of a socket
	file := func(name string) string { return filepath.Join(dir, name) }
	port := freePorts(t, 1)[0]
	peerFile(t, file("ocserv.conf"), "ocserv.conf", map[string]any{"Dir": dir, "Port": port})
	peerFile(t, file("radcli.conf"), "radcli.conf", map[string]any{"Dir": dir, "Server": s.auth, "Acct": s.acct, "From": asking})
	writeFile(t, file("radcli.servers"), "127.0.0.1 "+peerSecret+"\n")
	writeCertificate(t, file("ocserv.pem"), file("ocserv.key"))
	p := startProcess(t, "", peer(t, "ocserv", "ocserv"), "--foreground", "--debug", "2", "--config", file("ocserv.conf"), "--pid-file", file("ocserv.pid"))
	p.expect("initialized ocserv", 1)
	return ocserv{url: fmt.Sprintf("https://127.0.0.1:%d", port), certificate: file("ocserv.pem")}
}

// login is a user who types a password into openconnect.
func (o ocserv) login(t *testing.T, user, password string) *process {
	t.Helper()
	p := converse(t, peer(t, "openconnect", "openconnect"), "--authenticate", "--cafile", o.certificate, "--user", user, o.url)
	p.answer("Password:", password)
	return p
}

// wantCookie fails the test unless openconnect was given, or not, what opens the tunnel.
func wantCookie(t *testing.T, login *process, want bool) {
	t.Helper()
	out := login.wait()
	if got := strings.Contains(out, "\nCOOKIE="); got != want || login.cmd.ProcessState.Success() != want {
		t.Errorf("openconnect ended with %v, a cookie: %v, want %v\n%s", login.cmd.ProcessState, got, want, out)
	}
}
