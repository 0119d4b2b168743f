package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The whole way of MS-CHAPv2: the supplicant makes the response, FreeRADIUS ends the TLS
// around it and proxies it to radpush, and the supplicant verifies radpush's
// MS-CHAP2-Success by itself before it says SUCCESS.
func TestPeersEAP(t *testing.T) {
	eapolTest := peer(t, "eapol_test", "eapoltest")
	peer(t, "freeradius", "freeradius")
	t.Parallel()
	s := startRadpush(t)
	f := startFreeRADIUS(t, s, 30)

	stations := 0
	for _, method := range []string{"TTLS", "PEAP"} {
		// Login starts the supplicant, each time with another MAC.
		login := func(t *testing.T, user, passcode string) *process {
			conf := filepath.Join(t.TempDir(), "eapol_test.conf")
			peerFile(t, conf, "eapol_test.conf", map[string]any{
				"Method": method, "User": user, "Passcode": passcode, "CA": f.certificate,
			})
			stations++
			_, port, _ := net.SplitHostPort(f.eap)
			return startProcess(t, "", eapolTest, "-c", conf, "-a", "127.0.0.1", "-p", port, "-s", peerSecret,
				"-M", fmt.Sprintf("02:00:00:00:00:%02x", stations), "-t", "30")
		}
		t.Run(method+", 2.6: approved", func(t *testing.T) {
			user, phone := s.enrol(t)
			login := login(t, user, "p")
			phone.wait(t)
			phone.approve(t)
			wantEAP(t, login, true)
			s.wantActivity(t, user, "Challenge", "Success")
		})
		t.Run(method+", 2.7: denied", func(t *testing.T) {
			user, phone := s.enrol(t)
			login := login(t, user, "p")
			phone.wait(t)
			phone.deny(t, "not-me")
			wantEAP(t, login, false)
			s.wantActivity(t, user, "Challenge", "Failure")
		})
		t.Run(method+", 1.10: a code", func(t *testing.T) {
			user, code := s.token(t)
			wantEAP(t, login(t, user, code), true)
			s.wantActivity(t, user, "Success")
		})
	}
}

// wantEAP waits for eapol_test, which also compares the keys that it derived with those
// that it was sent.
func wantEAP(t *testing.T, p *process, success bool) {
	t.Helper()
	out := p.wait()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := strings.Join(lines[max(len(lines)-2, 0):], "\n")
	if got := last == "MPPE keys OK: 1  mismatch: 0\nSUCCESS"; got != success {
		t.Errorf("eapol_test ended with\n%s\nwant success: %v", last, success)
	}
}

// A proxy asks a server that holds its replies whether it is alive (radius.md, 6). Here
// it gives up the held request early; the user's next try finds the open push.
func TestPeersStatusCheck(t *testing.T) {
	peer(t, "freeradius", "freeradius")
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)
	f := startFreeRADIUS(t, s, 4)
	user, phone := s.enrol(t)
	attributes := []string{"User-Name=" + user, `User-Password=""`, "Calling-Station-Id=192.0.2.7"}

	// One try: each retransmission would make FreeRADIUS wait anew.
	first := radclient(t, vpn, f.relay, "auth", 30, 1, attributes...)
	phone.wait(t)
	f.expect("Received response to status check", 1)
	wantReply(t, first.heard(), "Access-Reject") // by FreeRADIUS

	second := radclient(t, vpn, f.relay, "auth", 30, 1, attributes...)
	f.expect("Sent Access-Request", 2)
	phone.approve(t)
	wantReply(t, second.heard(), "Access-Accept")
	s.wantActivity(t, user, "Challenge", "Success")
}

// A freeRADIUS is one that proxies to radpush, by testdata/peers/freeradius/radiusd.conf.
type freeRADIUS struct {
	*process
	eap, relay  string // addresses
	certificate string // file
}

// startFreeRADIUS starts a proxy that waits so many seconds for a reply of radpush.
func startFreeRADIUS(t *testing.T, s *radpushServer, responseWindow int) freeRADIUS {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 2)
	_, radpushPort, _ := net.SplitHostPort(s.auth)
	peerFile(t, filepath.Join(dir, "radiusd.conf"), "freeradius/radiusd.conf", map[string]any{
		"Dir": dir, "EAPPort": ports[0], "RelayPort": ports[1], "RadpushPort": radpushPort,
		"Secret": peerSecret, "ResponseWindow": responseWindow,
	})
	f := freeRADIUS{
		eap:         net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])),
		relay:       net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1])),
		certificate: filepath.Join(dir, "server.pem"),
	}
	writeCertificate(t, f.certificate, filepath.Join(dir, "server.key"))
	f.process = startProcess(t, "", peer(t, "freeradius", "freeradius"), "-f", "-x", "-l", "stdout", "-d", dir)
	f.expect("Ready to process requests", 1)
	return f
}
