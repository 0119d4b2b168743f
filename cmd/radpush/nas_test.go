package main

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	wire "layeh.com/radius"

	"radpush/radius"
)

// asking restarts the server: its client at 127.0.0.1 can then show an Access-Challenge. More
// is added to the configuration.
func (s *radpushServer) asking(t *testing.T, more string) {
	t.Helper()
	s.process.cmd.Process.Signal(syscall.SIGTERM)
	s.process.wait()
	before := readFile(t, s.config)
	after := strings.Replace(before, "hold: 25s\n", "hold: 25s\n    challenge: true\n", 1)
	if after == before {
		t.Fatal("the configuration of the tests has changed")
	}
	writeFile(t, s.config, after+more)
	s.serve()
}

// A token whose clock is five minutes off is asked for its next code.
func TestOTP_3_4_TheNextCodeByAccessChallenge(t *testing.T) {
	t.Parallel()
	s := startRadpush(t)
	s.asking(t, "")
	for _, protocol := range []string{"pap", "chap", "mschapv2"} {
		t.Run(protocol, func(t *testing.T) {
			user := userOf(t)
			s.run(t, "user", "add", user)
			var token struct{ URL string }
			unmarshal(t, s.run(t, "token", "add", user, "--json"), &token)
			key, err := otp.NewKeyFromURL(token.URL)
			if err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(5 * time.Minute)
			first, err := totp.GenerateCode(key.Secret(), at)
			if err != nil {
				t.Fatal(err)
			}
			next, err := totp.GenerateCode(key.Secret(), at.Add(30*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			out := s.run(t, "login", user, "--protocol", protocol, "--passcode", first, "--answer", next)
			wantText(t, out, "← Access-Challenge")
			wantText(t, out, "Wait for its next code, then type that:")
			wantText(t, out, "← Access-Accept")
			s.wantActivity(t, user, "Failure", "Success")
		})
	}
}

// When all but the last eighth of the places are taken, those who have come half-way still
// get an answer.
func TestOverload_4_4_AnswersArePreferred(t *testing.T) {
	t.Parallel()
	s := startRadpush(t)
	s.asking(t, "max_in_flight: 8\n")
	user, phone := s.enrol(t)
	patient := nas{server: s.auth, secret: radius.Secret(peerSecret), wait: time.Second, tries: int(patience / time.Second)}
	impatient := patient
	impatient.tries = 1
	var held sync.WaitGroup
	for range 7 {
		held.Go(func() {
			reply, err := patient.login(t.Context(), nasLogin{User: user, Protocol: "pap", Station: "198.51.100.1"})
			if err != nil || reply.Code != wire.CodeAccessAccept {
				t.Errorf("held: %v, %v", reply.Packet, err)
			}
		})
	}
	dropped := func() bool {
		_, err := impatient.login(t.Context(), nasLogin{User: "nobody", Protocol: "pap", Passcode: "123456"})
		return errors.Is(err, radius.ErrNoReply)
	}
	for deadline := time.Now().Add(patience); !dropped(); {
		if time.Now().After(deadline) {
			t.Fatal("everything is answered")
		}
	}
	half := nasLogin{User: "nobody", Protocol: "pap", Passcode: "123456", State: []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
	if reply, err := patient.login(t.Context(), half); err != nil || reply.Code != wire.CodeAccessReject {
		t.Errorf("half-way: %v, %v", reply.Packet, err)
	}
	if !dropped() {
		t.Error("there was a place for everybody")
	}
	phone.wait(t)
	phone.approve(t)
	held.Wait()
}
