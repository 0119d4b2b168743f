package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newBellCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "bell",
		Short: "Set, show, ring and remove what wakes a user whose device is not rung",
		Long: `No push service rings a terminal, an authenticator page without Web Push or a privacyIDEA
Authenticator: they ask while they are open. A bell wakes the user to open one, by a message
of ntfy or by e-mail. It rings once for each sign-in, beside the push services, if the user
has such a device.

A bell tells that there is a sign-in, and nothing of it, and answers nothing: that is done on
the device. The section bells of the configuration says which bells there are.`,
	}
	c.AddCommand(newBellSetCommand(file), newBellShowCommand(file), newBellTestCommand(file),
		newUserChangeCommand(file, "off", "Take a user's bell away", (*web.OperatorClient).RemoveBell))
	return c
}

func newBellSetCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "set USER (ntfy [TOPIC] | email)",
		Short: "Give a user a bell, in place of the one before",
		Long: `Set gives a user a bell: a topic of the ntfy server, to which the user then subscribes in the
ntfy app or a browser, or letters to the user's e-mail address.

Without TOPIC one is made up that nobody guesses. Where everybody may read and write, whoever
knows the topic hears when the user signs in, and can ring too.`,
		Example: "  radpush bell set alice ntfy\n  radpush bell set alice email && radpush bell test alice",
		Args:    cobra.RangeArgs(2, 3),
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"ntfy", "email"}, cobra.ShellCompDirectiveNoFileComp
			}
			return completeUsers(file)(c, args, word)
		},
	}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		request := web.BellRequest{Kind: args[1]}
		if len(args) == 3 {
			request.Topic = args[2]
		}
		b, err := o.SetBell(c.Context(), args[0], request)
		if err != nil || *asJSON {
			return orJSON(c, b, err)
		}
		return showBell(c, args[0], b)
	})
	return c
}

func newBellShowCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:     "show USER",
		Short:   "Show a user's bell, and how to subscribe to it",
		Example: "  radpush bell show alice",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		b, err := o.ShowBell(c.Context(), args[0])
		if err != nil || *asJSON {
			return orJSON(c, b, err)
		}
		return showBell(c, args[0], b)
	})
	return c
}

func newBellTestCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "test USER",
		Short: "Ring a user's bell now",
		Long: `Test rings the bell as a sign-in does, though there is none, and says what became of it: tell
the user before. It needs no device.`,
		Example: "  radpush bell test alice",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		rung, err := o.RingBell(c.Context(), args[0])
		if err != nil || *asJSON {
			return orJSON(c, rung, err)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s has taken it: it is heard in a moment.\n", rung.By)
		return err
	})
	return c
}

// showBell prints a bell, and what the user has to do to hear it.
func showBell(c *cobra.Command, user string, b web.Bell) error {
	out := c.OutOrStdout()
	if b.App != "" {
		if err := printQR(out, b.App); err != nil {
			return err
		}
	}
	switch {
	case b.Kind == "email":
		fmt.Fprintf(out, "Letters to %s.\n", b.Email)
	case b.App != "":
		fmt.Fprintf(out, `The topic of ntfy: %s

Subscribe to it, in the ntfy app on Android by the QR code, on an iPhone by hand, or in a browser:
  %s
  %s
Keep it secret: whoever knows it hears when the user signs in.
`, b.Topic, b.App, b.Web)
	default:
		fmt.Fprintf(out, "The topic of ntfy: %s\n", b.Topic)
	}
	if !b.Needed {
		fmt.Fprintln(out, "It does not ring now: the user has no device that is not rung.")
	}
	if b.Fault != "" {
		return fmt.Errorf("the bell cannot ring: %s", b.Fault)
	}
	_, err := fmt.Fprintf(out, "Try it: radpush bell test %s\n", shellWord(user))
	return err
}
