package sms

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Program is a command that sends texts. It is run without a shell, in the directory /,
// with PATH and LANG for its environment, and with the text on its standard input. Exit
// status 0 is success; otherwise the first line of its standard error says what is wrong.
// When the time is over, its process group is killed.
//
// Everybody on the machine can read the arguments of a running program: leave the text to
// standard input where the program can read it from there.
type Program struct {
	Path string   // absolute
	Args []string // templates, each of them one argument
	// Timeout is for everything that Send does; 0: 10 s.
	Timeout time.Duration
	AtOnce  int // programs that run at once; 0: 32

	turns turns
}

// maxComplaint is how many octets of standard error are kept.
const maxComplaint = 4 << 10

func (p *Program) String() string { return "program " + p.Path }

// Check returns every fault of the description.
func (p *Program) Check() error {
	var faults []error
	switch info, err := os.Stat(p.Path); {
	case !filepath.IsAbs(p.Path):
		faults = append(faults, errors.New("the path is not absolute"))
	case err != nil:
		faults = append(faults, err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		faults = append(faults, errors.New("not a program: no file, or not executable"))
	case info.Mode()&0o002 != 0:
		faults = append(faults, errors.New("everybody can write it: chmod o-w"))
	}
	for _, m := range samples {
		if args, err := p.args(m); err != nil {
			faults = append(faults, err)
			break
		} else if !strings.Contains(strings.Join(args, " "), m.digits) {
			faults = append(faults, errors.New("the number is in no argument: put {{number}} or {{digits}} into one"))
			break
		}
	}
	return report(p.String(), faults, p.Timeout, p.AtOnce)
}

// Send runs the program.
func (p *Program) Send(ctx context.Context, number, text string) error {
	if err := p.send(ctx, number, text); err != nil {
		return fmt.Errorf("sms: send by %v: %w", p, err)
	}
	return nil
}

func (p *Program) send(ctx context.Context, number, text string) error {
	m, err := compose(number, text)
	if err != nil {
		return err
	}
	args, err := p.args(m)
	if err != nil {
		return err
	}
	ctx, done, err := p.turns.begin(ctx, p.Timeout, p.AtOnce)
	if err != nil {
		return err
	}
	defer done()
	var complaint beginning
	cmd := exec.CommandContext(ctx, p.Path, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.Stdin, cmd.Stderr = strings.NewReader(m.text), &complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != syscall.ESRCH {
			return err
		}
		return os.ErrProcessDone
	}
	cmd.WaitDelay = time.Second // for standard error, if something that it started has it open
	err = cmd.Run()
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil // ErrWaitDelay: exit status 0, and something goes on in the background
	case ctx.Err() != nil:
		return fmt.Errorf("killed: %w", context.Cause(ctx))
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(complaint)), "\n")
	if line = m.redact(line); line == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, line)
}

// args returns the arguments. A value that begins with a dash is no argument to a program
// but an option; unless a -- stands before it.
func (p *Program) args(m message) ([]string, error) {
	args := make([]string, len(p.Args))
	for i, source := range p.Args {
		arg, err := fill(fmt.Sprintf("argument %d", i+1), source, m.values(), verbatim)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(source, "-") && !slices.Contains(p.Args[:i], "--") {
			return nil, fmt.Errorf("argument %d: the text would be an option; put -- before it, or leave it to standard input", i+1)
		}
		args[i] = arg
	}
	return args, nil
}

// beginning keeps what is written first, and takes everything.
type beginning []byte

func (b *beginning) Write(p []byte) (int, error) {
	*b = append(*b, p[:min(len(p), maxComplaint-len(*b))]...)
	return len(p), nil
}
