package main

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newUserCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "Add, list, show, set, lock, unlock and remove users",
		Long: `User keeps the people who log in. A name means the same with and without a Windows
domain in front, in upper and lower case: EXAMPLE\Alice is alice.`,
	}
	c.AddCommand(newUserAddCommand(file), newUserListCommand(file), newUserShowCommand(file), newUserSetCommand(file),
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
