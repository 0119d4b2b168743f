package main

import (
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// text returns the plain text of the newest letter to an address, as a mail program shows it,
// when so many have come.
func (m *mailServer) text(t *testing.T, address string, letters int) (subject, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		m.mu.Lock()
		all := m.letters[address]
		m.mu.Unlock()
		if n := strings.Count(all, "MIME-Version:"); n == letters {
			subject, text = readLetter(t, all[strings.LastIndex(all, "Date: "):])
			return subject, text
		} else if time.Now().After(deadline) {
			t.Fatalf("%d letters for %s, want %d: %s", n, address, letters, all)
		}
	}
}

func readLetter(t *testing.T, raw string) (subject, text string) {
	t.Helper()
	letter, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(letter.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(letter.Body, params["boundary"]).NextPart()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(part)
	if err != nil {
		t.Fatal(err)
	}
	return letter.Header.Get("Subject"), string(b)
}

// Alerts wait in the store until the mail server takes them; an enrolment link goes at once.
func TestPeersMail(t *testing.T) {
	t.Parallel()
	m := startMailServer(t)
	s := startRadpush(t, m.settings, "alerts: {rejection_user: true, rejection_operators: ops@example.com, lockout_user: true, device_user: true}\nlockout: {failures: 2}\n")
	user, phone := s.enrol(t)
	address := strings.ToLower(user) + "@example.com"

	if p := startProcess(t, "", "radpush", "--config", s.config, "enrol", user, "--mail"); !strings.Contains(p.wait(), "has no e-mail address: radpush user set gives one") {
		t.Errorf("without an address: %s", p.wait())
	}
	s.run(t, "user", "set", user, "--email", address)
	wantText(t, s.run(t, "enrol", user, "--mail"), "Mailed to "+address)
	subject, text := m.text(t, address, 1)
	if wantText(t, text, "https://"+s.web+"/enrol#code="); !strings.Contains(subject, "Set up your device") {
		t.Errorf("subject %q", subject)
	}

	deny := func(station string) {
		t.Helper()
		login := startProcess(t, "", "radpush", "--config", s.config, "login", user, "--station", station)
		phone.wait(t)
		phone.deny(t, "not-me")
		login.wait()
	}
	deny("192.0.2.7")
	_, text = m.text(t, "ops@example.com", 1)
	wantText(t, text, "IP address:   192.0.2.7")
	_, text = m.text(t, address, 2)
	wantText(t, text, "it wasn't you") // 5.3
	deny("192.0.2.8")
	m.text(t, "ops@example.com", 2)
	subject, text = m.text(t, address, 3) // 5.4: one letter, not two
	if subject != "Your account is locked" {
		t.Errorf("subject %q", subject)
	}
	wantText(t, text, "a sign-in that you rejected")

	s.run(t, "user", "unlock", user)
	s.phone(t, user) // 9.1
	subject, text = m.text(t, address, 4)
	if wantText(t, text, "By:           an administrator"); subject != "A device was enrolled for your account" {
		t.Errorf("subject %q", subject)
	}
	for _, d := range phone.devices(t) {
		if !d.This {
			s.run(t, "phone", "remove", d.ID, "--yes", "--key", phone.key)
		}
	}
	subject, text = m.text(t, address, 5) // 9.3
	if wantText(t, text, "By:           your device"); subject != "A device was removed from your account" {
		t.Errorf("subject %q", subject)
	}
}
