package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newBackupCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "backup",
		Short: "Make and remove backup codes",
		Long: `Backup codes are for the day when phone and token are lost: ten codes on paper, each good
once. They work where the server can read what was typed: with PAP.`,
	}
	c.AddCommand(newBackupNewCommand(file),
		newUserChangeCommand(file, "remove", "Make all backup codes of a user worthless", (*web.OperatorClient).RemoveBackupCodes))
	return c
}

func newBackupNewCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Make ten backup codes, in place of those before, and print them once",
		Long: `New prints ten codes, and nobody can print them again: the server keeps hashes. Those that
the user had before are worthless from then on. They are typed with or without the hyphen,
in upper or lower case.`,
		Example: "  radpush backup new alice\n  radpush backup new alice --json | jq -r '.codes[]' | lpr",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		made, err := o.NewBackupCodes(c.Context(), args[0])
		if err != nil || *asJSON {
			return orJSON(c, made, err)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n\nEach is good once, with PAP. They are not shown again.\n", strings.Join(made.Codes, "\n"))
		return err
	})
	return c
}
