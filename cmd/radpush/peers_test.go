package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// The tests in the files peers_*_test.go run radpush against RADIUS software that others
// wrote: radclient, pam_radius, ocserv with openconnect and, through FreeRADIUS, the
// supplicant eapol_test. What they share is here. All of it runs on the loopback, from a
// temporary directory.

const peerSecret = "loopback-only-secret"

// peer returns the path of a peer's program. Without it the test is skipped; where
// RADPUSH_REQUIRE_PEERS is set, as in CI, it fails.
func peer(t *testing.T, program, debianPackage string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	noPeer(t, program+" is not installed; on Debian it is in the package "+debianPackage)
	return ""
}

func noPeer(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("RADPUSH_REQUIRE_PEERS") != "" {
		t.Fatalf("%s, and RADPUSH_REQUIRE_PEERS is set", why)
	}
	t.Skip(why)
}

// patience is how long a peer may take for anything. It is long, because it passes only
// when a test fails.
const patience = 40 * time.Second

// A process is a program that a test started. It is ended with the test at the latest.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    transcript    // standard output and error
	done   chan struct{} // closed when it has ended
	killed bool          // by kill

	keyboard io.Writer // standard input of a conversation
	read     int       // octets of out, up to the end of what asked found
}

// startProcess starts a program that is told everything at once.
func startProcess(t *testing.T, stdin, program string, args ...string) *process {
	t.Helper()
	p := newProcess(t, program, args...)
	p.cmd.Stdin = strings.NewReader(stdin)
	p.start()
	return p
}

// converse starts a program that asks: see answer.
func converse(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := newProcess(t, program, args...)
	keyboard, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.keyboard = keyboard
	p.start()
	return p
}

func newProcess(t *testing.T, program string, args ...string) *process {
	p := &process{t: t, done: make(chan struct{}), cmd: exec.CommandContext(t.Context(), program, args...)}
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else each command takes a second
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	return p
}

func (p *process) start() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	p.t.Cleanup(func() {
		<-p.done
		if p.t.Failed() {
			p.t.Logf("%s wrote:\n%s", p.cmd, &p.out)
		}
	})
}

// asked waits until a conversation has written what a pattern matches, after the answer
// before, and returns the match.
func (p *process) asked(pattern string) string {
	p.t.Helper()
	prompt := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		running := p.running()
		unread := p.out.String()[p.read:]
		switch at := prompt.FindStringIndex(unread); {
		case at != nil:
			p.read += at[1]
			return unread[at[0]:at[1]]
		case !running || time.Now().After(deadline):
			p.t.Fatalf("%s wrote %q, want %q", p.cmd, unread, pattern)
		}
	}
}

// answer types a line once the conversation has asked for it.
func (p *process) answer(prompt, line string) {
	p.t.Helper()
	p.asked(prompt)
	p.enter(line)
}

// enter types a line.
func (p *process) enter(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.keyboard, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns what the process wrote, when it has ended.
func (p *process) wait() string {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s has not ended", p.cmd)
	}
	return p.out.String()
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	p.t.Helper()
	p.killed = true
	p.cmd.Process.Kill()
	p.wait()
}

// expect waits until the process has written a text so many times.
func (p *process) expect(text string, times int) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		running := p.running()
		switch got := strings.Count(p.out.String(), text); {
		case got >= times:
			return
		case !running || time.Now().After(deadline):
			p.t.Fatalf("%s wrote %q %d times, want %d", p.cmd, text, got, times)
		}
	}
}

// A transcript is what a process wrote. It can be read while it grows.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// peerFile fills in a template of testdata/peers and writes the result to a file.
func peerFile(t *testing.T, file, name string, values any) {
	t.Helper()
	tmpl, err := template.New(filepath.Base(name)).Option("missingkey=error").
		ParseFiles(filepath.Join("../../testdata/peers", name))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, values); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePorts returns so many ports of the loopback, each free for both UDP and TCP.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		tcp, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close() // not before all are found, so that none is found twice
		udp, err := net.ListenPacket("udp4", tcp.Addr().String())
		if err != nil {
			continue
		}
		defer udp.Close()
		ports = append(ports, tcp.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// writeCertificate makes the certificate of a server on the loopback, which its client
// trusts as its own authority.
func writeCertificate(t *testing.T, certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "peer.example"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		certificate: {Type: "CERTIFICATE", Bytes: cert},
		key:         {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
