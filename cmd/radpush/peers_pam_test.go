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
	pamtester := peer(t, "pamtester", "pamtester")
	if modules, _ := filepath.Glob("/lib/*/security/pam_radius_auth.so"); modules == nil {
		noPeer(t, "pam_radius_auth.so is not installed; on Debian it is in the package libpam-radius-auth")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a service file in /etc/pam.d, and pamtester takes none from elsewhere")
	}
	t.Parallel()
	s := startRadpush(t)
	conf := filepath.Join(t.TempDir(), "pam_radius.conf")
	peerFile(t, conf, "pam_radius.conf", map[string]any{"Server": s.auth, "Secret": peerSecret})
	f, err := os.CreateTemp("/etc/pam.d", "radpush-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	f.Close()
	peerFile(t, f.Name(), "pam_service", map[string]any{"Conf": conf})

	login := func(t *testing.T, user, typed string) *process {
		return startProcess(t, typed+"\n", pamtester, "-I", "rhost=192.0.2.7", filepath.Base(f.Name()), user, "authenticate")
	}
	t.Run("1.12: an empty passcode on the wire is a push, approved", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := login(t, user, "")
		phone.wait(t)
		phone.approve(t)
		wantPAM(t, login, "successfully authenticated")
		for _, row := range s.wantActivity(t, user, "Challenge", "Success") {
			if row.From != "192.0.2.7" { // 2.3: the user's address, by Calling-Station-Id
				t.Errorf("%+v", row)
			}
		}
	})
	t.Run("2.7: denied", func(t *testing.T) {
		t.Parallel()
		user, phone := s.enrol(t)
		login := login(t, user, "")
		phone.wait(t)
		phone.deny(t, "not-me")
		wantPAM(t, login, "Authentication failure")
	})
	t.Run("1.10: a code", func(t *testing.T) {
		t.Parallel()
		user, code := s.token(t)
		wantPAM(t, login(t, user, code), "successfully authenticated")
	})
}

func wantPAM(t *testing.T, p *process, text string) {
	t.Helper()
	if out := p.wait(); !strings.Contains(out, text) {
		t.Errorf("pamtester: %q, want %q", out, text)
	}
}
