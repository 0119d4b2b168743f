package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"radpush/push"
	"radpush/web/phone"
)

// What "radpush phone" and "radpush demo" have in common: they show a request to a person,
// ask, and tell the server.

var errTooLate = errors.New("too late: the sign-in has ended")

// answer tells the server what the user decided; push.Open is no answer.
func answer(ctx context.Context, out io.Writer, p *phone.Phone, r phone.Request, choice push.Outcome) error {
	var (
		result push.Result
		err    error
	)
	switch choice {
	case push.Open:
		return nil
	case push.Approved:
		result, err = p.Approve(ctx, r.ID)
	default:
		result, err = p.Deny(ctx, r.ID, choice)
	}
	if err != nil {
		return err
	}
	switch result {
	case push.Accepted:
		fmt.Fprintln(out, "The server has taken the answer.")
		return nil
	case push.TooLate:
		return errTooLate
	case push.Already:
		return errors.New("another answer came first")
	case push.WrongOTP, push.OuterWindow:
		return errors.New("the server did not take the one-time password: is this machine's clock right?")
	case push.Refused:
		return errors.New("the account is locked: ask your administrator")
	}
	return fmt.Errorf("the server says %q", result)
}

// showRequest prints what a user has to see before answering.
func showRequest(out io.Writer, r phone.Request) {
	p := r.Prompt
	fmt.Fprintf(out, "\n┌─ Sign in to %s?\n", printable(p.Resource))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "│  %-13s %s\n", name, printable(value))
		}
	}
	line("Organization", p.Organization)
	line("User", p.User)
	line("Time", p.Started.Local().Format("Mon 2 Jan 2006 15:04:05 MST"))
	line("From", p.IP)
	line("Location", p.Location)
	fmt.Fprintf(out, "└─ open for %v; %s\n", time.Until(r.Expires).Round(time.Second), r.ID)
}

// personAt returns who can be asked: the input of a command, if it is a terminal, else nil.
func personAt(c *cobra.Command) *bufio.Reader {
	if f, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return bufio.NewReader(f)
	}
	return nil
}

// askPerson asks until it has a decision, or push.Open for none. That it is too if ctx ends,
// and person is not to be read any more then.
func askPerson(ctx context.Context, out io.Writer, person *bufio.Reader) push.Outcome {
	choice := make(chan push.Outcome, 1)
	go func() { choice <- askLines(out, person) }()
	select {
	case c := <-choice:
		return c
	case <-ctx.Done():
		fmt.Fprintln(out)
		return push.Open
	}
}

// choices by the letters that a person types.
var choices = map[string]push.Outcome{
	"a": push.Approved, "d": push.DeniedNotMe, "m": push.DeniedMistake, "n": push.Open,
}

func askLines(out io.Writer, person *bufio.Reader) push.Outcome {
	for {
		fmt.Fprint(out, "Approve (a), deny: it wasn't me (d), deny: a mistake (m), or no answer (n)? Type it, then Enter: ")
		line, err := person.ReadString('\n')
		if choice, ok := choices[strings.ToLower(strings.TrimSpace(line))]; ok {
			return choice
		}
		if err != nil {
			return push.Open
		}
	}
}
