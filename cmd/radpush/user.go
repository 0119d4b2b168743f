package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newUserCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "Add, list, show, lock, unlock and remove users",
		Long: `User keeps the people who log in. A name means the same with and without a Windows
domain in front, in upper and lower case: EXAMPLE\Alice is alice.`,
	}
	c.AddCommand(newUserAddCommand(file), newUserListCommand(file), newUserShowCommand(file),
		newUserChangeCommand(file, "lock", "Keep a user out until unlock", (*web.OperatorClient).LockUser),
		newUserChangeCommand(file, "unlock", "Let a user in again, after lock or too many wrong tries", (*web.OperatorClient).UnlockUser),
		newUserChangeCommand(file, "remove", "Remove a user with all tokens and devices", (*web.OperatorClient).RemoveUser),
	)
	return c
}

func newUserAddCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a user",
		Example: "  radpush user add alice && radpush enrol alice",
		Args:    cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		u, err := o.AddUser(c.Context(), args[0])
		if err != nil || *asJSON {
			return orJSON(c, u, err)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "Added %s. Next: radpush enrol %s\n", u.Name, shellWord(u.Name))
		return err
	})
	return c
}

func newUserListCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the users", Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, _ []string, o *web.OperatorClient) error {
		users, err := o.ListUsers(c.Context())
		if err != nil || *asJSON {
			return orJSON(c, users, err)
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tDEVICES\tTOKENS\tSTATE")
		for _, u := range users {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", u.Name, len(u.Devices), len(typed(u.Tokens)), userState(u))
		}
		return w.Flush()
	})
	return c
}

func newUserShowCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{Use: "show NAME", Short: "Show a user's state, devices and tokens",
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file)}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		u, err := o.ShowUser(c.Context(), args[0])
		if err != nil || *asJSON {
			return orJSON(c, u, err)
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: %s, added %s\n", u.Name, userState(u), u.Created.Local().Format(time.DateTime))
		if err := showDevices(c.OutOrStdout(), u.Devices); err != nil {
			return err
		}
		return showTokens(c.OutOrStdout(), typed(u.Tokens))
	})
	return c
}

func newUserChangeCommand(file *configFile, verb, short string, change func(*web.OperatorClient, context.Context, string) error) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
		RunE: operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return change(o, c.Context(), args[0])
		}),
	}
}

// shellWord quotes a name so that a shell takes it for one word as it is.
func shellWord(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.N) && !strings.ContainsRune("@._-", r) }) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// orJSON prints v, unless there is an error.
func orJSON(c *cobra.Command, v any, err error) error {
	if err != nil {
		return err
	}
	return printJSON(c, v)
}

func userState(u web.User) string {
	switch {
	case u.LockedUntil != nil:
		return "locked until " + u.LockedUntil.Local().Format(time.DateTime)
	case u.Locked:
		return "locked until unlocked"
	case u.Failures > 0:
		return "active; wrong tries since the last success: " + strconv.Itoa(u.Failures)
	}
	return "active"
}

// typed returns the tokens whose codes a person types: not those of devices.
func typed(tokens []web.Token) (typed []web.Token) {
	for _, t := range tokens {
		if t.Device == "" {
			typed = append(typed, t)
		}
	}
	return typed
}

func showDevices(out io.Writer, devices []web.Device) error {
	if len(devices) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tNAME\tKIND\tENROLLED\tSTATE")
	for _, d := range devices {
		state := "active"
		switch {
		case d.Suspended:
			state = "suspended"
		case d.Gone:
			state = "its push address is gone"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.ID, d.Name, d.Kind, d.Created.Local().Format(time.DateTime), state)
	}
	return w.Flush()
}

func showTokens(out io.Writer, tokens []web.Token) error {
	if len(tokens) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TOKEN\tKIND\tNEWEST CODE OF")
	for _, t := range tokens {
		used := "never used"
		if t.Used != nil {
			used = t.Used.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\tTOTP %s, %d digits, %d s\t%s\n", t.ID, t.Algorithm, t.Digits, t.Period, used)
	}
	return w.Flush()
}
