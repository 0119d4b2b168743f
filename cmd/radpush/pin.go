package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"radpush/web"
)

func newPINCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "pin",
		Short: "Set and remove the PIN that a user types in front of codes",
		Long: `A PIN is typed in front of every code, of a token, sent, read from a grid or a backup code:
with the PIN 7391 and the code 123456 the user types 7391123456. A push asks for no PIN.

It is kept as a hash, so it is checked with PAP only. With MS-CHAPv2 and CHAP the server
cannot read what was typed: there a user who has a PIN can log in by push, and every code
is rejected.`,
	}
	c.AddCommand(newPINSetCommand(file),
		newUserChangeCommand(file, "remove", "Take a user's PIN away: codes are typed without", (*web.OperatorClient).RemovePIN))
	return c
}

func newPINSetCommand(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME",
		Short: "Set a user's PIN, in place of the one before",
		Long: `Set asks for the PIN twice, without showing it, or reads one line of standard input: 4 to
32 letters, digits and signs of ASCII. What everybody tries first, such as 1234 or the
user's name, is refused.

The PIN is checked with PAP only: with MS-CHAPv2 and CHAP every code of a user who has one
is rejected.`,
		Example: "  radpush pin set alice\n  radpush pin set alice <pin.txt",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
		RunE: operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			pin, err := newPIN(c, args[0])
			if err != nil {
				return err
			}
			return o.SetPIN(c.Context(), args[0], pin)
		}),
	}
}

// newPIN asks a person for a PIN, twice, or reads a line.
func newPIN(c *cobra.Command, user string) (string, error) {
	if f, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		ask := func(prompt string) (string, error) {
			fmt.Fprint(c.ErrOrStderr(), prompt)
			b, err := term.ReadPassword(int(f.Fd()))
			fmt.Fprintln(c.ErrOrStderr())
			return string(b), err
		}
		pin, err := ask("PIN of " + printable(user) + ": ")
		if err != nil {
			return "", err
		}
		if again, err := ask("The PIN once more: "); err != nil || again != pin {
			return "", errors.Join(errors.New("that was not the same PIN"), err)
		}
		return pin, nil
	}
	line, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), 1<<10)).ReadString('\n')
	if err != nil && (err != io.EOF || line == "") {
		return "", fmt.Errorf("no PIN on standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
