package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Pam_radius sends an empty password as 16 octets on the wire, and Service-Type
// Authenticate-Only (8), not to be taken for Authorize-Only (17).
func TestPeersPAM(t *testing.T) {
	wantPAMInstalled(t)
	t.Parallel()
	s := startRadpush(t)
	pam := s.pam(t, vpn)

	t.Run("1.12: an empty passcode on the wire is a push, approved", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := pam.login(t, user, "")
		phone.wait(t)
		phone.approve(t)
		wantPAM(t, login, true)
		for _, row := range s.wantActivity(t, user, "Challenge", "Success") {
			if row.From != "192.0.2.7" { // 2.3: the user's address, by Calling-Station-Id
				t.Errorf("%+v", row)
			}
		}
	})
	t.Run("2.7: denied", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := pam.login(t, user, "")
		phone.wait(t)
		phone.deny(t, "not-me")
		wantPAM(t, login, false)
	})
	t.Run("1.10: a code", func(t *testing.T) {
		t.Parallel()
		user, code := s.token(t)
		wantPAM(t, pam.login(t, user, code), true)
	})
	t.Run("1.3: without Access-Challenge a code by SMS is for the next login", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		telephone := s.telephone(t, user)
		wantPAM(t, pam.login(t, user, "s"), false) // what to do next is in the SMS: pam_radius shows no rejection's text
		wantPAM(t, pam.login(t, user, telephone.code(t)), true)
		s.wantActivity(t, user, "Challenge", "Success")
	})
	t.Run("3.5: a PIN before the code", func(t *testing.T) {
		t.Parallel()
		user, code := s.token(t)
		s.tell(t, "2580\n", "pin", "set", user)
		wantPAM(t, pam.login(t, user, code), false)
		wantPAM(t, pam.login(t, user, "2581"+code), false)
		wantPAM(t, pam.login(t, user, "2580"+code), true)
	})
	t.Run("4.3: a backup code, once", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		code := s.backupCode(t, user)
		wantPAM(t, pam.login(t, user, code), true)
		wantPAM(t, pam.login(t, user, code), false)
	})
}

// Pam_radius shows the Reply-Message of an Access-Challenge as it is, all lines of it, and
// the user types behind its last character.
func TestPeersPAMRounds(t *testing.T) {
	wantPAMInstalled(t)
	t.Parallel()
	mail := startMailServer(t)
	s := startRadpush(t, mail.settings)
	pam := s.pam(t, asking)

	t.Run("4.1: a code by SMS, wrong at first", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		telephone := s.telephone(t, user)
		login := pam.login(t, user, "s")
		login.asked(telephone.asks())
		code := telephone.code(t)
		login.enter(wrong(code))
		login.answer(`That was not right\. `+telephone.asks(), code)
		wantPAM(t, login, true)
		s.wantActivity(t, user, "Challenge", "Failure", "Success")
	})
	t.Run("4.1: the third wrong answer ends the round", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		telephone := s.telephone(t, user)
		login := pam.login(t, user, "s")
		login.asked(telephone.asks())
		code := telephone.code(t)
		login.enter(wrong(code))
		for range 2 {
			login.answer(`That was not right\. `+telephone.asks(), wrong(code))
		}
		wantPAM(t, login, false)
		wantPAM(t, pam.login(t, user, code), false)
	})
	t.Run("1.5 and 4.1: a code by e-mail", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		address := strings.ToLower(user) + "@example.org"
		s.run(t, "user", "set", user, "--email", address, "--email-codes")
		login := pam.login(t, user, "e")
		login.asked(`Type the code sent by e-mail to .*@example\.org\b`)
		login.enter(mail.code(t, address))
		wantPAM(t, login, true)
		s.wantActivity(t, user, "Challenge", "Success")
	})
	t.Run("1.4 and 4.2: a grid, each time another", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		s.grid(t, user)
		login := pam.login(t, user, "g")
		first := login.asked(gridOf(`\d`))
		login.enter(wrong(onPattern(t, first)))
		login.asked(`That was not right\. Type the digits on your pattern:\n`)
		second := login.asked(gridOf(`\d`))
		if first == second {
			t.Errorf("the same grid twice: %q", first)
		}
		login.enter(onPattern(t, second))
		wantPAM(t, login, true)
	})
	t.Run("3.4: two codes in a row of a clock that is off", func(t *testing.T) {
		t.Parallel()
		user := s.user(t)
		code := s.codes(t, user)
		login := pam.login(t, user, code(10))
		login.answer(`Wait for its next code, then type that: `, code(11))
		wantPAM(t, login, true)
		rows := s.wantActivity(t, user, "Failure", "Success")
		if rows[0].Reason != "Outer Window Authentication" {
			t.Errorf("%+v", rows[0])
		}
		wantPAM(t, pam.login(t, user, code(12)), true) // in the inner window now
	})
	t.Run("1.11: p at the prompt for a code rings the phone", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		telephone := s.telephone(t, user)
		login := pam.login(t, user, "s")
		login.answer(telephone.asks(), "p")
		phone.wait(t)
		phone.approve(t)
		wantPAM(t, login, true)
		s.wantActivity(t, user, "Challenge", "Challenge", "Success")
	})
}

func wantPAMInstalled(t *testing.T) {
	t.Helper()
	peer(t, "pamtester", "pamtester")
	if modules, _ := filepath.Glob("/lib/*/security/pam_radius_auth.so"); modules == nil {
		noPeer(t, "pam_radius_auth.so is not installed; on Debian it is in the package libpam-radius-auth")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a service file in /etc/pam.d, and pamtester takes none from elsewhere")
	}
}

// A pamService is a file of /etc/pam.d, what sshd or sudo would have.
type pamService string

// pam makes a service that asks the server, as the client with that address.
func (s *radpushServer) pam(t *testing.T, from string) pamService {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "pam_radius.conf")
	peerFile(t, conf, "pam_radius.conf", map[string]any{"Server": s.auth, "Secret": peerSecret, "From": from})
	f, err := os.CreateTemp("/etc/pam.d", "radpush-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	f.Close()
	peerFile(t, f.Name(), "pam_service", map[string]any{"Conf": conf})
	return pamService(filepath.Base(f.Name()))
}

// login is a user who types a passcode.
func (service pamService) login(t *testing.T, user, passcode string) *process {
	t.Helper()
	p := converse(t, peer(t, "pamtester", "pamtester"), "-I", "rhost=192.0.2.7", string(service), user, "authenticate")
	p.answer("Password: ", passcode)
	return p
}

func wantPAM(t *testing.T, p *process, success bool) {
	t.Helper()
	want := "pamtester: Authentication failure"
	if success {
		want = "pamtester: successfully authenticated"
	}
	if out := p.wait(); !strings.Contains(out, want) {
		t.Errorf("pamtester: %q, want %q", out, want)
	}
}
