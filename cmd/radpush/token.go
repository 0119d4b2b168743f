package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newTokenCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Add and remove one-time-password tokens",
		Long: `Token keeps the OATH tokens (TOTP, RFC 6238) whose codes a user types. Any
authenticator app can be one. Devices have tokens of their own, which come and go with
them.`,
	}
	c.AddCommand(newTokenAddCommand(file), newTokenRemoveCommand(file))
	return c
}

func newTokenAddCommand(file *configFile) *cobra.Command {
	var t web.TokenRequest
	c := &cobra.Command{
		Use:   "add USER",
		Short: "Add a TOTP token and show its QR code",
		Long: `Add makes a token with a random secret and shows it as a QR code for an authenticator
app. The secret is shown this once.`,
		Example: "  radpush token add alice\n  radpush token add alice --algorithm SHA256 --digits 8 --json",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	f := c.Flags()
	f.StringVar(&t.ID, "id", "", "name of the token, unique for the user (default: made up)")
	f.StringVar(&t.Algorithm, "algorithm", "SHA1", "SHA1 (what every app knows), SHA256 or SHA512")
	f.IntVar(&t.Digits, "digits", 6, "6 or 8")
	f.IntVar(&t.Period, "period", 30, "30 or 60 seconds")
	c.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions([]string{"SHA1", "SHA256", "SHA512"}, cobra.ShellCompDirectiveNoFileComp))
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		made, err := o.AddToken(c.Context(), args[0], t)
		if err != nil || *asJSON {
			return orJSON(c, made, err)
		}
		if err := printQR(c.OutOrStdout(), made.URL); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n\nToken %s of %s. The secret is not shown again.\n", made.URL, made.ID, args[0])
		return err
	})
	return c
}

func newTokenRemoveCommand(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use: "remove USER ID", Short: "Remove a token", Args: cobra.ExactArgs(2), ValidArgsFunction: completeUsers(file),
		RunE: operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.RemoveToken(c.Context(), args[0], args[1])
		}),
	}
}
