package main

import (
	"github.com/spf13/cobra"

	"radpush/web"
)

func newUserSetCommand(file *configFile) *cobra.Command {
	var phone, email, prefers string
	var emailCodes bool
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a user's phone number, e-mail address and preferred method",
		Long: `Set changes what is named and leaves the rest. An empty value removes: --phone ''. Who has
no number has no codes by SMS, who has no address neither alerts nor codes nor a bell by e-mail.

A code that is on its way to an old number or address is worthless from then on. The
preferred method is what a user is asked for where push is not available.`,
		Example: `  radpush user set alice --phone '+49 170 1234567'
  radpush user set alice --email alice@example.com --email-codes --prefer email
  radpush user set alice --phone '' --prefer none`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	f := c.Flags()
	f.StringVar(&phone, "phone", "", "telephone `number` with its country code, for codes by SMS")
	f.StringVar(&email, "email", "", "e-mail `address`, for alerts, and for codes with --email-codes")
	f.BoolVar(&emailCodes, "email-codes", false, "codes by e-mail too; --email-codes=false: none")
	f.StringVar(&prefers, "prefer", "", "sms, email, grid or none")
	c.MarkFlagsOneRequired("phone", "email", "email-codes", "prefer")
	c.RegisterFlagCompletionFunc("prefer", cobra.FixedCompletions([]string{"sms", "email", "grid", "none"}, cobra.ShellCompDirectiveNoFileComp))
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		var change web.UserChange
		set := func(field **string, flag string, value *string) {
			if f.Changed(flag) {
				*field = value
			}
		}
		set(&change.Phone, "phone", &phone)
		set(&change.Email, "email", &email)
		set(&change.Prefers, "prefer", &prefers)
		if f.Changed("email-codes") {
			change.EmailCodes = &emailCodes
		}
		u, err := o.ChangeUser(c.Context(), args[0], change)
		if err != nil || *asJSON {
			return orJSON(c, u, err)
		}
		return showMethods(c.OutOrStdout(), u)
	})
	return c
}
