package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The tests in this file treat radpush as those do who mean no good to it, or have bad
// luck: what they see is what comes over the wire, and what the commands print.

// runFails executes a command of radpush that has to fail and returns what it wrote.
func (s *radpushServer) runFails(t *testing.T, args ...string) string {
	t.Helper()
	p := startProcess(t, "", "radpush", append([]string{"--config", s.config}, args...)...)
	out := p.wait()
	if code := p.cmd.ProcessState.ExitCode(); code != exitError {
		t.Fatalf("radpush %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%q is not in %q", want, got)
	}
}

func TestLockout_5_1_FiftyParallelGuesses(t *testing.T) {
	program := peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)
	user, code := s.token(t)
	var guesses strings.Builder
	for n, guess := 0, 100000; n < 50; guess++ {
		if g := fmt.Sprint(guess); g != code {
			fmt.Fprintf(&guesses, "User-Name=%s,User-Password=%q\n\n", user, g)
			n++
		}
	}
	out := startProcess(t, guesses.String(), peer(t, "stdbuf", "coreutils"), "-oL", program, "-x", "-p", "50", "-d", "../../testdata/peers", "-t", "5", "-r", "3",
		s.auth, "auth", peerSecret).wait()
	if rejects := strings.Count(out, "Received Access-Reject"); rejects != 50 {
		t.Errorf("%d of 50 guesses were rejected", rejects)
	}
	// The log has them all; of the activity's rows many are folded into one.
	for reason, want := range map[string]int{"wrong passcode": 10, "account locked": 40} {
		if got := strings.Count(s.process.out.String(), fmt.Sprintf("reason=%q", reason)); got != want {
			t.Errorf("%q %d times, want %d", reason, got, want)
		}
	}
	right := []string{"User-Name=" + user, "User-Password=" + quoted(code)}
	wantReply(t, s.login(t, vpn, right...).heard(), "Access-Reject") // statement 5.2
	s.run(t, "user", "unlock", user)
	wantReply(t, s.login(t, vpn, right...).heard(), "Access-Accept")
}

func TestEnrolment_9_1_LinkIsGoodOnce(t *testing.T) {
	t.Parallel()
	s := startRadpush(t)
	user, first := s.enrol(t)
	var enrolment struct{ Link string }
	unmarshal(t, s.run(t, "enrol", user, "--json"), &enrolment)
	link, key := enrolment.Link, filepath.Join(t.TempDir(), "key")
	enrol := func(link string) string { return s.runFails(t, "phone", "enrol", link, "--key", key) }

	// What is refused does not use the code up.
	before, pin, _ := strings.Cut(link, "pin=")
	flipped := "A"
	if pin[0] == 'A' {
		flipped = "B"
	}
	wantText(t, enrol(before+"pin="+flipped+pin[1:]), "the server's key is not the one that the enrolment link named")
	wantText(t, enrol(strings.Replace(link, "code=", "code=2", 1)), "The enrolment code is not good, or not any more.")
	s.run(t, "phone", "enrol", link, "--key", key)
	wantText(t, s.runFails(t, "phone", "enrol", link, "--key", key, "--replace"), "The enrolment code is not good, or not any more.")
	s.run(t, "phone", "list", "--key", key) // the key that was to be replaced is still good

	// A suspended device cannot answer, a removed one neither; the other can.
	var devices []struct{ ID string }
	unmarshal(t, s.run(t, "device", "list", user, "--json"), &devices)
	if len(devices) != 2 {
		t.Fatalf("devices: %v", devices)
	}
	s.run(t, "phone", "leave", "--key", key)
	unmarshal(t, s.run(t, "device", "list", user, "--json"), &devices)
	if len(devices) != 1 {
		t.Fatalf("devices: %v", devices)
	}
	login := s.login(t, vpn, "User-Name="+user)
	first.wait(t)
	s.run(t, "device", "suspend", devices[0].ID)
	wantText(t, s.runFails(t, "phone", "approve", "--key", first.key), "does not know this device (any more), or it is suspended")
	s.run(t, "device", "resume", devices[0].ID)
	first.approve(t)
	wantReply(t, login.heard(), "Access-Accept")
}

func TestPush_2_11_TheServerDemandsAPIN(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)
	user, without := s.enrol(t)
	s.process.cmd.Process.Signal(syscall.SIGTERM)
	s.process.wait()
	f, err := os.OpenFile(s.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("push: {device_pin: true}\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	s.serve()

	link := func() string {
		var e struct{ Link string }
		unmarshal(t, s.run(t, "enrol", user, "--json"), &e)
		return e.Link
	}
	key := filepath.Join(t.TempDir(), "key")
	withPIN := func(pin string, args ...string) string {
		args = append([]string{"RADPUSH_PHONE_PIN=" + pin, "radpush", "phone", "--key", key}, args...)
		return startProcess(t, "", "env", args...).wait()
	}
	wantText(t, s.runFails(t, "phone", "enrol", link(), "--key", key), "set RADPUSH_PHONE_PIN, or use a terminal")
	wantText(t, withPIN("123", "enrol", link()), "a PIN needs 4 characters")
	if _, err := os.Stat(key); err == nil {
		t.Error("a phone without a PIN was kept")
	}
	wantText(t, withPIN("2580", "enrol", link()), "This terminal is "+strings.ToLower(user)+"'s device")
	var devices []struct{ ID string }
	if unmarshal(t, s.run(t, "device", "list", user, "--json"), &devices); len(devices) != 2 {
		t.Errorf("%d devices, want the old one and the one with a PIN", len(devices))
	}

	login := s.login(t, vpn, "User-Name="+user)
	without.wait(t)
	wantText(t, s.runFails(t, "phone", "list", "--key", key), "the phone has a PIN")
	wantText(t, withPIN("2581", "approve"), "wrong PIN")
	withPIN("2580", "approve")
	wantReply(t, login.heard(), "Access-Accept")
}

// Statement 2.17 for a server that is asked to end: the login that it holds is not rejected.
func TestRestart_2_17_AskedToEndInMidHold(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)
	user, phone := s.enrol(t)
	login := s.login(t, vpn, "User-Name="+user)
	phone.wait(t)
	s.process.cmd.Process.Signal(syscall.SIGTERM)
	s.process.wait()
	wantText(t, s.runFails(t, "phone", "approve", "--key", phone.key), "connection refused")
	s.serve()
	phone.approve(t)
	wantReply(t, login.heard(), "Access-Accept")
	s.wantActivity(t, user, "Challenge", "Success")
}

func TestStore_OneServerAtATime(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s, other := startRadpush(t), startRadpush(t)
	user, code := s.token(t)
	wantText(t, s.runFails(t, "serve"), "radpush.db: another process has it open")

	other.process.kill()
	other.auth = s.auth
	taken := strings.Replace(readFile(t, other.config), "listen: [", "listen: [\""+s.auth+"\", ", 1)
	writeFile(t, other.config, taken)
	wantText(t, other.runFails(t, "serve"), "listen udp "+s.auth+": bind: address already in use")

	wantReply(t, s.login(t, vpn, "User-Name="+user, "User-Password="+quoted(code)).heard(), "Access-Accept")
}

// What a stranger sends, and what makes no sense, neither reaches the login that is held
// nor keeps anybody from the server.
func TestFlood_8_1_HeldLoginSurvives(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)
	user, phone := s.enrol(t)
	login := s.login(t, vpn, "User-Name="+user)
	phone.wait(t)
	request := []byte("\x01\x00\x00\x2c0123456789abcdef\x01\x06mallo\x02\x12fedcba9876543210")
	for _, from := range []string{stranger, careful} { // a stranger, and a client whose packets make no sense
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s.auth)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for i := range 20000 {
			packet := append([]byte(nil), request...)
			packet[1], packet[4] = byte(i), byte(i>>8)
			switch i % 4 {
			case 1:
				packet = packet[:i%len(packet)]
			case 2:
				packet[3] = byte(i)
			case 3:
				packet[0], packet[21] = byte(i), byte(i>>3)
			}
			conn.Write(packet) // an error is the kernel's: it may have no room just then
		}
	}
	phone.approve(t)
	wantReply(t, login.heard(), "Access-Accept")
	s.wantActivity(t, user, "Challenge", "Success")
	if rows := s.activity(t, "mallo"); len(rows) > 0 {
		t.Errorf("%+v", rows)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A fault in the file does not keep an operator from the server that runs.
func TestOperatorsWorkThoughTheFileIsBroken(t *testing.T) {
	t.Parallel()
	s := startRadpush(t)
	user := s.user(t)
	text, err := os.ReadFile(s.config)
	if err == nil {
		err = os.WriteFile(s.config, append(text, "reject_delay: soon\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.run(t, "user", "lock", user)
	wantText(t, s.run(t, "user", "list"), "the running server has read it before that")
	wantText(t, s.runFails(t, "config", "check"), "reject_delay")
	s.process.kill()
	wantText(t, s.runFails(t, "user", "list"), "reject_delay")
}
