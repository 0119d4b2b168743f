package main

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Statement 5.5 on a full disk. A limit on the size of the server's files stands for it.
func TestErrors_5_5_FullDisk(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	s := startRadpush(t)
	user, code := s.token(t)
	login := []string{"User-Name=" + user, "User-Password=" + quoted(code)}
	status := func() reply {
		return radclient(t, vpn, s.auth, "status", 1, 1, "Message-Authenticator=0x00").heard()
	}
	wantReply(t, status(), "Access-Accept")

	var was unix.Rlimit
	if err := unix.Prlimit(s.process.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &was); err != nil {
		t.Fatal(err)
	}
	full := unix.Rlimit{Cur: 4096, Max: was.Max}
	if err := unix.Prlimit(s.process.cmd.Process.Pid, unix.RLIMIT_FSIZE, &full, nil); err != nil {
		t.Fatal(err)
	}
	wantReply(t, radclient(t, vpn, s.auth, "auth", 1, 2, login...).heard(), "")
	wantReply(t, status(), "") // RFC 5997: silence turns the NAS to another server
	s.process.expect("request gets no reply", 1)
	s.process.expect("file too large", 1)

	if err := unix.Prlimit(s.process.cmd.Process.Pid, unix.RLIMIT_FSIZE, &was, nil); err != nil {
		t.Fatal(err)
	}
	// It is tried each second whether there is room.
	for end := time.Now().Add(patience); status().code == "" && time.Now().Before(end); {
	}
	wantReply(t, s.login(t, vpn, login...).heard(), "Access-Accept") // the code was not used up
	s.wantActivity(t, user, "Success")
}
