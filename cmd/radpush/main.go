// Command radpush is a RADIUS server with a push one-time-password second factor, and
// the commands to run it: "radpush help" lists them.
//
// Each command is a file with one function, newXCommand, that root.go puts in its group.
// The configuration is read here and nowhere else (config.go); the other packages get
// plain structs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes a command line and returns the exit code. An error is printed once, here.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	running := markRunning(root)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if faults, ok := errors.AsType[*ConfigError](err); ok {
		fmt.Fprintf(stderr, "radpush: %s\n", faults.summary())
		writeFaults(stderr, faults.File, "", faults.Faults, inColour(stderr))
		return exitError
	}
	fmt.Fprintf(stderr, "radpush: %v\n", err)
	if !*running {
		if !c.HasSubCommands() {
			fmt.Fprintf(stderr, "Usage: %s\n", c.UseLine())
		}
		fmt.Fprintf(stderr, "Try \"radpush help%s\".\n", strings.TrimPrefix(c.CommandPath(), root.Name()))
		return exitUsage
	}
	return exitError
}

// inColour reports whether w is a terminal that wants colours (https://no-color.org).
func inColour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
