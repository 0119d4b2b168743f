package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newTokenListCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:     "list [USER]",
		Short:   "List the tokens of a user, of all, or in the stock",
		Example: "  radpush token list\n  radpush token list alice --json\n  radpush token list --stock",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeUsers(file),
	}
	inStock := c.Flags().Bool("stock", false, "those that nobody has")
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		tokens, err := listTokens(c.Context(), o, args, *inStock)
		if err != nil || *asJSON {
			return orJSON(c, tokens, err)
		}
		return showTokens(c.OutOrStdout(), tokens)
	})
	return c
}

func listTokens(ctx context.Context, o *web.OperatorClient, users []string, stock bool) ([]web.Token, error) {
	switch {
	case stock && len(users) > 0:
		return nil, errors.New("what is in the stock is no user's: name a user or --stock, not both")
	case stock:
		return o.ListStock(ctx)
	case len(users) > 0:
		u, err := o.ShowUser(ctx, users[0])
		return u.Tokens, err
	}
	all, err := o.ListUsers(ctx)
	tokens := []web.Token{}
	for _, u := range all {
		tokens = append(tokens, u.Tokens...)
	}
	return tokens, err
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

func showTokens(out io.Writer, tokens []web.Token) error {
	if len(tokens) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TOKEN\tUSER\tKIND\tNEWEST CODE OF\tSTATE")
	for _, t := range tokens {
		kind, used := fmt.Sprintf("%s %s, %d digits", strings.ToUpper(t.Kind), t.Algorithm, t.Digits), "never used"
		switch {
		case t.Counter != nil && *t.Counter > 0:
			used = fmt.Sprintf("counter before %d", *t.Counter)
		case t.Used != nil:
			used = t.Used.Local().Format(time.DateTime)
		}
		if t.Period > 0 {
			kind += fmt.Sprintf(", %d s", t.Period)
		}
		user := t.User
		if user == "" {
			user = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", printable(t.ID), user, kind, used, tokenState(t))
	}
	return w.Flush()
}

func tokenState(t web.Token) string {
	state := "active"
	if t.Disabled {
		state = "disabled"
	}
	if t.Device != "" {
		state += ", of a device"
	}
	if t.NeedsResync {
		state += ", needs resync"
	}
	return state
}
