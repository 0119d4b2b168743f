package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// A radpushServer is radpush, run by a test with the configuration testdata/peers/radpush.yaml.
type radpushServer struct {
	t               *testing.T
	config          string // file
	auth, acct, web string // addresses
	process         *process
}

// startRadpush starts it; more is YAML that the configuration has at its end.
func startRadpush(t *testing.T, more ...string) *radpushServer {
	t.Helper()
	ports := freePorts(t, 3)
	address := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i])) }
	dir, err := os.MkdirTemp("", "radpush") // t.TempDir may be too long for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &radpushServer{t: t, config: filepath.Join(dir, "radpush.yaml"), auth: address(0), acct: address(1), web: address(2)}
	peerFile(t, s.config, "radpush.yaml", map[string]any{
		"Dir": dir, "Auth": s.auth, "Acct": s.acct, "Web": s.web, "Secret": peerSecret,
		"More": strings.Join(more, "\n"),
	})
	s.serve()
	return s
}

// serve starts the server, until the test ends or kills it, and waits until it answers.
func (s *radpushServer) serve() {
	s.t.Helper()
	p := startProcess(s.t, "", "radpush", "--config", s.config, "serve")
	s.t.Cleanup(func() {
		<-p.done
		if code := p.cmd.ProcessState.ExitCode(); code != 0 && !p.killed {
			s.t.Errorf("radpush serve ended with %v", p.cmd.ProcessState)
		}
	})
	s.process = p
	p.expect("radpush is ready", 1)
}

// run executes a command of radpush and returns what it wrote.
func (s *radpushServer) run(t *testing.T, args ...string) string {
	t.Helper()
	return s.tell(t, "", args...)
}

// tell does so with a standard input.
func (s *radpushServer) tell(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	p := startProcess(t, stdin, "radpush", append([]string{"--config", s.config}, args...)...)
	out := p.wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("radpush %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// A testPhone is "radpush phone" with a key of its own.
type testPhone struct {
	s   *radpushServer
	key string // file
}

// enrol makes a user, named for the test, and a phone for it.
func (s *radpushServer) enrol(t *testing.T) (user string, p testPhone) {
	t.Helper()
	user = s.user(t)
	return user, s.phone(t, user)
}

// user makes a user, named for the test, who has nothing yet.
func (s *radpushServer) user(t *testing.T) (name string) {
	t.Helper()
	name = userOf(t)
	s.run(t, "user", "add", name)
	return name
}

// phone makes a phone for a user.
func (s *radpushServer) phone(t *testing.T, user string) testPhone {
	t.Helper()
	var enrolment struct{ Link string }
	unmarshal(t, s.run(t, "enrol", user, "--json"), &enrolment)
	p := testPhone{s, filepath.Join(t.TempDir(), "key")}
	s.run(t, "phone", "enrol", enrolment.Link, "--key", p.key)
	return p
}

// token makes a user, named for the test, and a TOTP token, whose code of now it returns.
func (s *radpushServer) token(t *testing.T) (user, code string) {
	t.Helper()
	user = s.user(t)
	return user, s.codes(t, user)(0)
}

// codes makes a TOTP token for a user. The function that it returns tells its code so
// many steps from now.
func (s *radpushServer) codes(t *testing.T, user string) func(steps int) string {
	t.Helper()
	var token struct{ URL string }
	unmarshal(t, s.run(t, "token", "add", user, "--json"), &token)
	key, err := otp.NewKeyFromURL(token.URL)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return func(steps int) string {
		t.Helper()
		code, err := totp.GenerateCode(key.Secret(), now.Add(time.Duration(steps)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
}

// userOf returns a name for the user of a test: what is special of the test's name, and as
// much of it as ocserv leaves of a user's name (63 octets).
func userOf(t *testing.T) string {
	_, name, ok := strings.Cut(t.Name(), "/")
	if !ok {
		name = t.Name()
	}
	name = regexp.MustCompile("[^A-Za-z0-9]+").ReplaceAllString(name, "-")
	return name[:min(len(name), 48)]
}

// wait returns when a request for approval is on the phone.
func (p testPhone) wait(t *testing.T) {
	t.Helper()
	p.s.run(t, "phone", "wait", "--once", "--key", p.key)
}

func (p testPhone) approve(t *testing.T) { t.Helper(); p.s.run(t, "phone", "approve", "--key", p.key) }

func (p testPhone) deny(t *testing.T, reason string) {
	t.Helper()
	p.s.run(t, "phone", "deny", "--reason", reason, "--key", p.key)
}

// An activity row, as far as these tests look at it.
type activityRow struct {
	Client, User, Method, Result, Reason, Protocol, Station, From, Session string
}

// activity returns the activity of a user, oldest first, without what operators and
// devices changed.
func (s *radpushServer) activity(t *testing.T, user string) (rows []activityRow) {
	t.Helper()
	for line := range strings.Lines(s.run(t, "activity", "--json", "--user", user)) {
		var row activityRow
		unmarshal(t, line, &row)
		if row.Result != "Change" {
			rows = append(rows, row)
		}
	}
	return rows
}

// wantActivity fails the test if the results of the user's rows are not these.
func (s *radpushServer) wantActivity(t *testing.T, user string, results ...string) []activityRow {
	t.Helper()
	rows := s.activity(t, user)
	var got []string
	for _, row := range rows {
		got = append(got, row.Result)
	}
	if !slices.Equal(got, results) {
		t.Fatalf("activity of %s: %v, want %v\n%+v", user, got, results, rows)
	}
	return rows
}

func unmarshal(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}
