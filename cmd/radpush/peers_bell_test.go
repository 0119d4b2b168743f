package main

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radpush/push/ntfy/ntfytest"
)

// An ntfyServer is a stand-in for one, and radpush's configuration for it.
type ntfyServer struct {
	*ntfytest.Server
	settings string // of radpush.yaml
}

func startNtfy(t *testing.T) *ntfyServer {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ntfytest.Start(l, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.Token = "tk_agq2r2c5w3n8d4yjh6"
	authority, token := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "token")
	writeFile(t, authority, string(s.PEM))
	writeFile(t, token, s.Token+"\n")
	return &ntfyServer{s, fmt.Sprintf("bells: {ntfy: {url: %q, token_file: %q, ca_file: %q}}\n", s.Origin, token, authority)}
}

// wantPosts waits until so many messages were published and so many withdrawn, and wants no more
// of either.
func (s *ntfyServer) wantPosts(t *testing.T, published, withdrawn int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		count := map[string]int{}
		for _, p := range s.Posts() {
			count[p.Method]++
		}
		over := count[http.MethodPost] > published || count[http.MethodDelete] > withdrawn || time.Now().After(deadline)
		switch {
		case count[http.MethodPost] == published && count[http.MethodDelete] == withdrawn:
			return
		case over:
			t.Fatalf("%v, want %d published and %d withdrawn", count, published, withdrawn)
		}
	}
}

// bell gives a user a bell of ntfy and returns its topic.
func (s *radpushServer) bell(t *testing.T, user string) (topic string) {
	t.Helper()
	var b struct{ Topic string }
	unmarshal(t, s.run(t, "bell", "set", user, "ntfy", "--json"), &b)
	return b.Topic
}

func TestPeersBell(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()

	t.Run("2.13, 9.4: one message for a login that is sent three times, gone when it is approved", func(t *testing.T) {
		t.Parallel()
		n := startNtfy(t)
		s := startRadpush(t, n.settings)
		user, phone := s.enrol(t)
		topic := s.bell(t, user)
		wantText(t, s.run(t, "bell", "test", user), n.Origin+" has taken it")
		n.wantPosts(t, 1, 0)
		login := s.login(t, vpn, "User-Name="+user, `User-Password=""`, "Calling-Station-Id=192.0.2.7")
		phone.wait(t)
		login.expect("Sent Access-Request", 3)
		n.wantPosts(t, 2, 0)
		shown := n.Shown(topic)
		if len(shown) != 2 || shown[1].Title != "Sign-in request for Example Ltd" || shown[1].Click != "" {
			t.Errorf("shown %+v", shown)
		}
		if said := fmt.Sprint(shown[1].Title, shown[1].Message, shown[1].Tags); strings.Contains(said, strings.ToLower(user)) || strings.Contains(said, "vpn") || strings.Contains(said, "192.0.2.7") {
			t.Errorf("ntfy is told of the login: %s", said)
		}
		phone.approve(t)
		wantReply(t, login.heard(), "Access-Accept")
		n.wantPosts(t, 2, 1)
		if shown := n.Shown(topic); len(shown) != 1 || shown[0].Sequence != "test" {
			t.Errorf("then shown %+v", shown)
		}
		s.wantActivity(t, user, "Challenge", "Success")
		wantNoSecrets(t, s, topic, n.Token)
	})
	t.Run("2.16: a bell that fails ends nothing and is told once", func(t *testing.T) {
		t.Parallel()
		n := startNtfy(t)
		s := startRadpush(t, n.settings)
		user, phone := s.enrol(t)
		topic := s.bell(t, user)
		n.Next(ntfytest.Refuse(40301))
		login := s.login(t, vpn, "User-Name="+user)
		phone.wait(t)
		s.process.expect("push: ring bell", 1)
		wantText(t, s.process.out.String(), "403 Forbidden (ntfy's error 40301): this account")
		phone.approve(t)
		wantReply(t, login.heard(), "Access-Accept")
		n.wantPosts(t, 1, 0)
		if n := strings.Count(s.process.out.String(), "ring bell"); n != 1 {
			t.Errorf("%d times in the log", n)
		}
		wantNoSecrets(t, s, topic, n.Token)
	})
	t.Run("2.17: a server that is started again rings no second time", func(t *testing.T) {
		t.Parallel()
		n := startNtfy(t)
		s := startRadpush(t, n.settings)
		user, phone := s.enrol(t)
		s.bell(t, user)
		login := s.login(t, vpn, "User-Name="+user)
		phone.wait(t)
		n.wantPosts(t, 1, 0)
		s.process.kill()
		s.serve()
		login.expect("Sent Access-Request", 3)
		phone.approve(t)
		wantReply(t, login.heard(), "Access-Accept")
		n.wantPosts(t, 1, 0)
	})
	t.Run("a letter for a bell", func(t *testing.T) {
		t.Parallel()
		m := startMailServer(t)
		s := startRadpush(t, m.settings, "bells: {email: true}\n")
		user, phone := s.enrol(t)
		address := strings.ToLower(user) + "@example.com"
		s.run(t, "user", "set", user, "--email", address)
		s.run(t, "bell", "set", user, "email")
		login := s.login(t, vpn, "User-Name="+user)
		subject, text := m.text(t, address, 1)
		if subject != "Sign-in request for Example Ltd" || strings.Contains(text, "vpn") {
			t.Errorf("%s\n%s", subject, text)
		}
		wantText(t, text, "Open your authenticator to answer it.")
		phone.wait(t)
		phone.approve(t)
		wantReply(t, login.heard(), "Access-Accept")
		wantText(t, s.run(t, "bell", "test", user), "the mail server has taken it")
		m.text(t, address, 2)
	})
}

// wantNoSecrets looks for them in what a server wrote.
func wantNoSecrets(t *testing.T, s *radpushServer, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(s.process.out.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}
