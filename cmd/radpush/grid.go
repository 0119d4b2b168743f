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

	"radpush/otp/grid"
	"radpush/web"
)

func newGridCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "grid",
		Short: "Let users choose a pattern on a grid, and remove it",
		Long: `Grid keeps the patterns of users: some cells of a square grid, in an order that the user
remembers. A sign-in shows the grid full of digits, other ones each time, and the user types
those on the cells.

A pattern is weak against whoever watches: three sign-ins, grids and answers, reveal a
pattern of four cells on 5x5 in nearly all cases, and larger grids or longer patterns hardly
help. Never let it stand alone: have a password checked in front of it. Change it when
somebody may have watched, and prefer push or a token.`,
		Example: "  radpush grid enrol alice --link\n  radpush grid remove alice",
	}
	c.AddCommand(newGridEnrolCommand(file), newGridRemoveCommand(file))
	return c
}

func newGridEnrolCommand(file *configFile) *cobra.Command {
	var (
		size  int
		link  bool
		valid = Duration(24 * time.Hour)
	)
	c := &cobra.Command{
		Use:   "enrol USER",
		Short: "Let a user choose a pattern, here or by a link",
		Long: `Enrol shows the user two grids of numbers, one after the other, and asks for the numbers on
the chosen cells, the same cells in the same order both times: 4 to 10 cells, two digits
each, with or without spaces. What is typed is not shown. Where the input is no terminal, it
is two lines. The new pattern replaces the one before.

Lines, corners, blocks and other simple shapes are refused, because others would try them
first. No pattern is safe from whoever watches three sign-ins: see "radpush help grid".

With --link the user does it alone: Enrol prints a link to a page, and its QR code, good once.
Give it to the user by a way that others cannot read: whoever opens it can choose the
pattern. The page is that of web.url; the user's browser has to trust its certificate.`,
		Example: `  radpush grid enrol alice
  radpush grid enrol alice --size 6 --link --valid 2h
  radpush grid enrol alice --json`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	f := c.Flags()
	f.IntVar(&size, "size", grid.MinSize, "cells a side of the grid: 5, 6 or 7")
	f.BoolVar(&link, "link", false, "print a link for the user instead")
	f.Var(&valid, "valid", "how long the link is good, 1m to 30d")
	asJSON := f.Bool("json", false, "print the link as JSON")
	c.RegisterFlagCompletionFunc("size", cobra.FixedCompletions([]string{"5", "6", "7"}, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		if size < grid.MinSize || size > grid.MaxSize {
			return fmt.Errorf("--size %d: 5, 6 or 7", size)
		}
		if !link && !*asJSON {
			valid = Duration(time.Hour) // for whoever sits here
		}
		l, err := o.NewLesson(c.Context(), args[0], size, valid.Duration())
		switch {
		case err != nil || *asJSON:
			return orJSON(c, gridLink{l.Code, l.Link, l.Expires}, err)
		case link:
			return showGridLink(c.OutOrStdout(), args[0], l)
		}
		return teach(c, args[0], o, l)
	})
	return c
}

func newGridRemoveCommand(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use: "remove USER", Short: "Take a user's pattern away, and links that are not used yet",
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
		RunE: operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.RemoveGrid(c.Context(), args[0])
		}),
	}
}

// A gridLink is a lesson without its sheets, which nobody should keep.
type gridLink struct {
	Code    string    `json:"code"`
	Link    string    `json:"link"`
	Expires time.Time `json:"expires"`
}

func showGridLink(out io.Writer, user string, l web.Lesson) error {
	if err := printQR(out, l.Link); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s\n\nOn this page %s can choose a pattern, once, until %s.\n",
		l.Link, user, l.Expires.Local().Format(time.DateTime))
	return err
}

// teach shows both sheets of a lesson to the user at this terminal and takes the answers.
func teach(c *cobra.Command, user string, o *web.OperatorClient, l web.Lesson) error {
	var typed [2]string
	ask := unseen(c)
	for i, before := range []string{
		"Choose 4 to 10 cells in an order to remember. Simple shapes such as lines, corners and blocks are refused.",
		"Once more the same cells in the same order. The numbers on them are others.",
	} {
		fmt.Fprintf(c.OutOrStdout(), "%s\n\n%s\n\n", before, l.Sheets[i])
		var err error
		if typed[i], err = ask("The numbers on the cells: "); err != nil {
			return fmt.Errorf("read the numbers: %w", err)
		}
	}
	if err := o.Learn(c.Context(), l.Code, typed[0], typed[1]); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "The pattern of %s is set.\n", user)
	return err
}

// unseen returns a function that asks for a line. At a terminal it prompts, and what is typed
// is not shown; other input is read line by line.
func unseen(c *cobra.Command) func(prompt string) (string, error) {
	f, ok := c.InOrStdin().(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) {
		return func(prompt string) (string, error) {
			fmt.Fprint(c.ErrOrStderr(), prompt)
			defer fmt.Fprintln(c.ErrOrStderr())
			return readUnseen(c.Context(), int(f.Fd()))
		}
	}
	lines := bufio.NewReader(c.InOrStdin())
	return func(string) (string, error) {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	}
}

// readUnseen reads a line from a terminal. If ctx ends first, the terminal shows again what
// is typed.
func readUnseen(ctx context.Context, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	var line []byte
	read := make(chan error, 1)
	go func() {
		var err error
		line, err = term.ReadPassword(terminal)
		read <- err
	}()
	select {
	case err := <-read:
		return string(line), err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(terminal, before))
	}
}
