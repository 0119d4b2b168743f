package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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

// A decision is what a person said to a request; the zero decision is nothing.
type decision struct {
	push.Outcome
	number string // chosen, with number matching
}

// answer tells the server what the user decided.
func answer(ctx context.Context, out io.Writer, p *phone.Phone, r phone.Request, said decision) error {
	var (
		result push.Result
		err    error
	)
	switch said.Outcome {
	case push.Open:
		return nil
	case push.Approved:
		if len(r.Prompt.Numbers) > 0 && said.number == "" {
			return errors.New("the sign-in shows a number: approve with it, --number NN")
		}
		result, err = p.MatchNumber(ctx, r.ID, said.number)
	default:
		result, err = p.Deny(ctx, r.ID, said.Outcome)
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
	case push.WrongNumber:
		return errors.New("that is not the number that the sign-in shows: it was rejected")
	case push.WrongOTP:
		return errors.New("the server did not take the one-time password: is this machine's clock right?")
	case push.OuterWindow:
		return errors.New(`this machine's clock is off: set it right, and type what "radpush phone code" shows next where you sign in`)
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
	line("Numbers", strings.Join(p.Numbers, ", "))
	fmt.Fprintf(out, "└─ open for %v; %s\n", time.Until(r.Expires).Round(time.Second), r.ID)
}

// personAt returns who can be asked: the input of a command, if it is a terminal, else nil.
func personAt(c *cobra.Command) *bufio.Reader {
	if f, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return bufio.NewReader(f)
	}
	return nil
}

// askPerson asks until it has a decision. It is none if ctx ends, and person is not to be
// read any more then.
func askPerson(ctx context.Context, out io.Writer, person *bufio.Reader, numbers []string) decision {
	said := make(chan decision, 1)
	go func() { said <- askLines(out, person, numbers) }()
	select {
	case d := <-said:
		return d
	case <-ctx.Done():
		fmt.Fprintln(out)
		return decision{}
	}
}

// choices by the letters that a person types.
var choices = map[string]push.Outcome{
	"a": push.Approved, "d": push.DeniedNotMe, "m": push.DeniedMistake, "n": push.Open,
}

func askLines(out io.Writer, person *bufio.Reader, numbers []string) decision {
	approve := "Approve (a)"
	if len(numbers) > 0 {
		approve = "Approve (the number that the sign-in shows)"
	}
	for {
		fmt.Fprintf(out, "%s, deny: it wasn't me (d), deny: a mistake (m), or no answer (n)? Type it, then Enter: ", approve)
		line, err := person.ReadString('\n')
		line = strings.ToLower(strings.TrimSpace(line))
		if slices.Contains(numbers, line) {
			return decision{push.Approved, line}
		}
		if choice, ok := choices[line]; ok && (choice != push.Approved || len(numbers) == 0) {
			return decision{Outcome: choice}
		}
		if err != nil {
			return decision{}
		}
	}
}
