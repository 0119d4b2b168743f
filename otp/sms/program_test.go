package sms_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"radpush/otp/sms"
)

// script writes a program into a directory of the test and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "send-sms")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestProgram_4_1_ArgumentsInputAndEnvironment(t *testing.T) {
	t.Setenv("RADPUSH_SECRET", password)
	out := t.TempDir()
	p := &sms.Program{
		Path: script(t, `for a; do printf '%s\n' "$a"; done >`+out+`/args; cat >`+out+`/stdin; env >`+out+`/env; pwd >`+out+`/pwd`),
		Args: []string{"--to={{number}}", "-d", "{{digits}}", "{{number}}", "{{if gsm}}gsm{{else}}unicode{{end}}", "--", "{{text}}"},
	}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{text, `$(reboot); "a" 'b' | > * ~ \`, "--help", "two\nlines", "код"} {
		if err := p.Send(t.Context(), number, text); err != nil {
			t.Fatal(err)
		}
		alphabet := "gsm"
		if text == "код" {
			alphabet = "unicode"
		}
		if got, want := read(t, out+"/args"), "--to="+number+"\n-d\n"+number[1:]+"\n"+number+"\n"+alphabet+"\n--\n"+text+"\n"; got != want {
			t.Errorf("arguments %q, want %q", got, want)
		}
		if got := read(t, out+"/stdin"); got != text {
			t.Errorf("standard input %q, want %q", got, text)
		}
	}
	for line := range strings.Lines(read(t, out+"/env")) {
		if name, _, _ := strings.Cut(line, "="); name != "PATH" && name != "LANG" && name != "PWD" && name != "SHLVL" && name != "_" && name != "OLDPWD" {
			t.Errorf("environment has %s", line)
		}
	}
	if got := read(t, out+"/pwd"); got != "/\n" {
		t.Errorf("in %s", got)
	}
}

func TestProgram_4_1_TextsAreNoOptions(t *testing.T) {
	p := &sms.Program{Path: script(t, "touch $0.ran"), Args: []string{"{{number}}", "{{text}}"}}
	if s := fails(t, p.Send(t.Context(), number, "--config=/tmp/evil")); !strings.Contains(s, "argument 2: the text would be an option; put -- before it") {
		t.Error(s)
	}
	if _, err := os.Stat(p.Path + ".ran"); err == nil {
		t.Error("it ran")
	}
	for _, number := range []string{"-f", "--help", "+-1234567", "+49170 --x", "$(id)"} {
		fails(t, p.Send(t.Context(), number, "x"))
	}
}

func TestProgram_4_1_Failures(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"exit status": {"exit 3", "exit status 3"},
		"reason":      {"echo >&2; echo 'no modem at /dev/ttyUSB0' >&2; echo more >&2; exit 1", "exit status 1: no modem at /dev/ttyUSB0"},
		"stdout":      {"echo output; exit 2", "exit status 2"},
		"echo":        {`read -r text; echo "cannot send '$text' to $1" >&2; exit 1`, "exit status 1: cannot send '…' to …"},
		"escapes":     {`printf '\033[2Jgone\007\r\n' >&2; exit 1`, "exit status 1: [2Jgone"},
		"signal":      {"kill -9 $$", "signal: killed"},
		"flood":       {"yes 'very long' | tr -d '\\n' | head -c 5000000 >&2; exit 1", "exit status 1: very long"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &sms.Program{Path: script(t, c.body), Args: []string{"{{number}}"}}
			s := fails(t, p.Send(t.Context(), number, text))
			if !strings.Contains(s, "sms: send by program "+p.Path+": "+c.want) || strings.Contains(s, "more") || strings.Contains(s, "output") {
				t.Error(s)
			}
		})
	}
	p := &sms.Program{Path: "/nonexistent/program", Args: []string{"{{number}}"}}
	if err := p.Send(t.Context(), number, text); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// It may not read its input, print much, or leave something in the background.
func TestProgram_4_1_Success(t *testing.T) {
	for name, body := range map[string]string{
		"reads nothing": "exit 0",
		"closes input":  "exec <&-; sleep 0.1",
		"floods":        "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2",
		"complains":     "echo 'slow today' >&2",
		"background":    "sleep 30 & exit 0",
	} {
		t.Run(name, func(t *testing.T) {
			p := &sms.Program{Path: script(t, body), Args: []string{"{{number}}"}}
			t.Parallel() // not before: a program started meanwhile would inherit the open script
			begun := time.Now()
			if err := p.Send(t.Context(), number, strings.Repeat("long ", 300)); err != nil || time.Since(begun) > 15*time.Second {
				t.Errorf("in %v: %v", time.Since(begun), err)
			}
		})
	}
}

// When the time is over, all that it has started ends with it.
func TestProgram_4_1_Deadline(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	p := &sms.Program{Path: script(t, `trap "" TERM INT HUP
sleep 60 & echo $! >`+pids+`; echo $$ >>`+pids+`; echo "`+password[:2]+`" >&2; wait; sleep 60`), Args: []string{"{{number}}"}, Timeout: time.Second}
	begun := time.Now()
	err := p.Send(t.Context(), number, text)
	if fails(t, err); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "killed: not done within 1s") || time.Since(begun) > 30*time.Second {
		t.Errorf("in %v: %v", time.Since(begun), err)
	}
	fields := strings.Fields(read(t, pids))
	if len(fields) != 2 {
		t.Fatalf("%q", fields)
	}
	for _, field := range fields {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		if !gone(pid) {
			t.Errorf("%d lives on", pid)
		}
	}
}

// gone waits until a process has ended: one whose parent died may be a zombie for a moment,
// or for as long as nobody reaps it.
func gone(pid int) bool {
	for range 100 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if _, state, _ := strings.Cut(string(stat), ") "); err != nil && syscall.Kill(pid, 0) == syscall.ESRCH || strings.HasPrefix(state, "Z") {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

func TestProgramCheck(t *testing.T) {
	good := script(t, "exit 0")
	everybody, plain := script(t, ""), script(t, "")
	for path, mode := range map[string]os.FileMode{everybody: 0o777, plain: 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		program *sms.Program
		want    []string // faults
	}{
		"good":      {&sms.Program{Path: good, Args: []string{"-n", "{{number}}", "--", "{{text}}"}}, nil},
		"relative":  {&sms.Program{Path: "send-sms", Args: []string{"{{number}}"}}, []string{"not absolute"}},
		"missing":   {&sms.Program{Path: "/nonexistent", Args: []string{"{{digits}}"}}, []string{"no such file"}},
		"directory": {&sms.Program{Path: filepath.Dir(good), Args: []string{"{{digits}}"}}, []string{"not a program"}},
		"plain":     {&sms.Program{Path: plain, Args: []string{"{{digits}}"}}, []string{"not executable"}},
		"writable":  {&sms.Program{Path: everybody, Args: []string{"{{digits}}"}}, []string{"chmod o-w"}},
		"all":       {&sms.Program{Path: "x", Args: []string{"{{nummer}}"}, Timeout: -1}, []string{"not absolute", `"nummer" not defined`, "negative"}},
		"no number": {&sms.Program{Path: good, AtOnce: -1}, []string{"the number is in no argument", "negative"}},
		"else":      {&sms.Program{Path: good, Args: []string{"{{number}}", "{{if gsm}}a{{else}}{{.x}}{{end}}"}}, []string{"argument 2"}},
	} {
		faults(t, name, c.program.Check(), c.want)
	}
}
