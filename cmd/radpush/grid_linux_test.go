package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// A desk is a person at a terminal, or a pipe, with a command that runs there.
type desk struct {
	t      *testing.T
	keys   io.Writer // what the person types into
	screen *os.File  // what the command writes
	shown  string
	exit   chan int
}

// sit runs a command line with an input.
func sit(ctx context.Context, t *testing.T, config string, stdin *os.File, keys io.Writer, args ...string) *desk {
	t.Helper()
	screen, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	d := &desk{t: t, keys: keys, screen: screen, exit: make(chan int, 1)}
	go func() {
		code := run(ctx, append([]string{"--config", config}, args...), stdin, out, out)
		out.Close()
		d.exit <- code
	}()
	return d
}

// until reads the screen until it shows a text, and returns what it has shown since the last.
func (d *desk) until(text string) (since string) {
	d.t.Helper()
	if err := d.screen.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		d.t.Fatal(err)
	}
	b := make([]byte, 4<<10)
	for !strings.Contains(d.shown, text) {
		n, err := d.screen.Read(b)
		if d.shown += string(b[:n]); err != nil {
			d.t.Fatalf("%v; the screen shows %q, not %q", err, d.shown, text)
		}
	}
	since, d.shown, _ = strings.Cut(d.shown, text)
	return since
}

// numbers returns what stands on some cells of the sheet in a text.
func numbers(t *testing.T, text string, cells ...int) string {
	t.Helper()
	var sheet []string
	for _, row := range regexp.MustCompile(`(?m)^[A-G]( \d\d)+`).FindAllString(text, -1) {
		sheet = append(sheet, strings.Fields(row)[1:]...)
	}
	var typed []string
	for _, cell := range cells {
		if cell >= len(sheet) {
			t.Fatalf("no sheet in %q", text)
		}
		typed = append(typed, sheet[cell])
	}
	return strings.Join(typed, " ")
}

// newSite makes a configuration and a store with alice in it.
func newSite(t *testing.T) (config string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "radpush.yaml")
	text := fmt.Sprintf("state: %s\nclients: [{name: vpn, address: 127.0.0.1, secret: loopback-only-secret}]\n", filepath.Join(dir, "state"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"--config", config, "user", "add", "alice"}, strings.NewReader(""), &out, &out); code != exitOK {
		t.Fatal(out.String())
	}
	return config
}

func TestGrid_4_2_EnrolThroughAPipe(t *testing.T) {
	config := newSite(t)
	stdin, keys, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	d := sit(t.Context(), t, config, stdin, keys, "grid", "enrol", "alice", "--size", "7")
	d.until("refused.\n\n")
	fmt.Fprintln(keys, numbers(t, d.until("\n\n"), 3, 17, 48, 21))
	d.until("others.\n\n")
	fmt.Fprint(keys, numbers(t, d.until("\n\n"), 3, 17, 48, 21)) // the last line may lack its end
	keys.Close()
	d.until("The pattern of alice is set.\n")
	if code := <-d.exit; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// At a terminal nobody reads over the shoulder what was typed.
func TestGrid_4_2_EnrolAtATerminalIsUnseen(t *testing.T) {
	config := newSite(t)
	master, terminal := newTerminal(t)
	d := sit(t.Context(), t, config, terminal, master, "grid", "enrol", "alice")
	var typed []string
	for _, cells := range [][]int{{3, 17, 8, 21, 10}, {3, 17, 8, 10, 21}} {
		line := numbers(t, d.until("The numbers on the cells: "), cells...)
		wantEcho(t, terminal, false)
		fmt.Fprintln(master, line)
		typed = append(typed, line)
	}
	d.until("radpush: the second time you chose other cells, or another order; begin again\n")
	if code := <-d.exit; code != exitError {
		t.Errorf("exit code %d", code)
	}
	wantEcho(t, terminal, true)
	echo := make([]byte, 4<<10)
	if err := master.SetReadDeadline(time.Now().Add(time.Second / 10)); err != nil {
		t.Fatal(err)
	}
	n, _ := master.Read(echo)
	for _, line := range typed {
		if strings.Contains(string(echo[:n]), line) || strings.Contains(d.shown, line) {
			t.Errorf("the terminal shows what was typed: %q", echo[:n])
		}
	}
}

// Whoever gives up gets the terminal back as it was.
func TestGridInterruptedAtATerminal(t *testing.T) {
	config := newSite(t)
	master, terminal := newTerminal(t)
	ctx, interrupt := context.WithCancel(t.Context())
	d := sit(ctx, t, config, terminal, master, "grid", "enrol", "alice")
	d.until("The numbers on the cells: ")
	wantEcho(t, terminal, false)
	interrupt()
	d.until("context canceled")
	if code := <-d.exit; code != exitError {
		t.Errorf("exit code %d", code)
	}
	wantEcho(t, terminal, true)
	fmt.Fprintln(master) // lets the reader go
}

// The link leads to a page of the running server, where the user needs nobody.
func TestGrid_4_2_EnrolByLink(t *testing.T) {
	t.Parallel()
	s := startRadpush(t)
	user := s.user(t)
	var made struct{ Link string }
	unmarshal(t, s.run(t, "grid", "enrol", user, "--json"), &made)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // its own certificate
	t.Cleanup(transport.CloseIdleConnections)
	browser := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	read := func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v: %s", resp.Status, err, page)
		}
		_, text, _ := strings.Cut(string(page), "<pre>")
		return "\n" + text
	}
	first := numbers(t, read(browser.Get(made.Link)), 3, 17, 8, 21)
	second := numbers(t, read(browser.PostForm(made.Link, url.Values{"first": {first}})), 3, 17, 8, 21)
	read(browser.PostForm(made.Link, url.Values{"first": {first}, "second": {second}}))
	var shown struct{ Grid bool }
	if unmarshal(t, s.run(t, "user", "show", user, "--json"), &shown); !shown.Grid {
		t.Error("no pattern was learned")
	}
}

// newTerminal returns both ends of a pseudo-terminal (pty(7)).
func newTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	if !term.IsTerminal(int(terminal.Fd())) {
		t.Fatal("the pseudo-terminal is none")
	}
	return master, terminal
}

// wantEcho waits until the terminal shows what is typed, or does not.
func wantEcho(t *testing.T, terminal *os.File, want bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if (mode.Lflag&unix.ECHO != 0) == want {
			return
		}
	}
	t.Fatalf("the terminal does not come to echo %v", want)
}
