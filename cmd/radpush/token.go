package main

import (
	"context"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newTokenCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Add, import, assign, resynchronize and remove one-time-password tokens",
		Long: `Token keeps the OATH tokens whose codes a user types: TOTP (RFC 6238), as authenticator
apps and many key fobs make them, and HOTP (RFC 4226), whose codes a counter makes. Devices
have tokens of their own, which come and go with them.

A token is a user's, or in the stock: key fobs that came in a file and that nobody has yet.
No secret is ever good for two users. Whoever removes a user removes the user's tokens too:
unassign those first that somebody else is to have.`,
		Example: `  radpush token add alice                  an app: show its QR code
  radpush token import fobs.csv            key fobs, into the stock
  radpush token assign 00123456 alice      one of them is hers
  radpush token resync alice 00123456 287082 359152`,
	}
	c.AddCommand(newTokenAddCommand(file), newTokenListCommand(file), newTokenImportCommand(file),
		newTokenMoveCommand(file, "assign ID USER", "Give a user a token of the stock", completeArgs(file, stockIDs, userNames),
			func(ctx context.Context, o *web.OperatorClient, args []string) error {
				return o.AssignToken(ctx, args[1], args[0])
			}),
		newTokenMoveCommand(file, "unassign USER ID", "Take a token from a user, back to the stock", completeArgs(file, userNames, tokenIDs),
			func(ctx context.Context, o *web.OperatorClient, args []string) error {
				return o.UnassignToken(ctx, args[0], args[1])
			}),
		newTokenSwitchCommand(file, "enable", "Accept the codes of a token again", false),
		newTokenSwitchCommand(file, "disable", "Accept no codes of a token, for now", true),
		newTokenResyncCommand(file), newTokenRemoveCommand(file))
	return c
}

func newTokenMoveCommand(file *configFile, use, short string, complete cobra.CompletionFunc, move func(context.Context, *web.OperatorClient, []string) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long: short + `.

The token keeps what it has used up: no code is good twice, whoever has it. Should the
server die in the middle of it, the token is good for that user or for nobody; the same
command then finishes the move.`,
		Args: cobra.ExactArgs(2), ValidArgsFunction: complete,
		RunE: operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return move(c.Context(), o, args)
		}),
	}
}

func newTokenSwitchCommand(file *configFile, verb, short string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " USER ID", Short: short, Args: cobra.ExactArgs(2), ValidArgsFunction: completeArgs(file, userNames, tokenIDs),
		RunE: operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.ChangeToken(c.Context(), args[0], args[1], web.TokenChange{Disabled: &disabled})
		}),
	}
}

func newTokenResyncCommand(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use:   "resync USER ID CODE CODE",
		Short: "Resynchronize a token by two consecutive codes",
		Long: `Resync finds where a token is by two codes that follow each other, up to a day off or 1,000
counters ahead, and uses both up. Type it while the token still shows the second. It works
for the token of a device too: "radpush token list USER" shows its ID.

A user can do this too: whoever types a code that is not too far off is asked for the next.`,
		Example: "  radpush token resync alice 00123456 287082 359152",
		Args:    cobra.ExactArgs(4), ValidArgsFunction: completeArgs(file, userNames, tokenIDs),
		RunE: operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.ResyncToken(c.Context(), args[0], args[1], web.Resync{First: args[2], Second: args[3]})
		}),
	}
}

func newTokenRemoveCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:     "remove {USER ID | --stock ID}",
		Short:   "Remove a token for good, of a user or of the stock",
		Example: "  radpush token remove alice t1\n  radpush token remove --stock 00123456",
	}
	inStock := c.Flags().Bool("stock", false, "remove one that nobody has")
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if *inStock {
			return completeArgs(file, stockIDs)(c, args, word)
		}
		return completeArgs(file, userNames, tokenIDs)(c, args, word)
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if *inStock {
			return cobra.ExactArgs(1)(c, args)
		}
		return cobra.ExactArgs(2)(c, args)
	}
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		if *inStock {
			return o.RemoveStocked(c.Context(), args[0])
		}
		return o.RemoveToken(c.Context(), args[0], args[1])
	})
	return c
}
