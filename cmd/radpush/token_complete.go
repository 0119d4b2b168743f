package main

import (
	"context"

	"github.com/spf13/cobra"

	"radpush/web"
)

// completeArgs completes each argument from what is listed for it, with those before it.
func completeArgs(file *configFile, lists ...func(ctx context.Context, o *web.OperatorClient, before []string) ([]string, error)) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(lists) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeFirst(file, func(ctx context.Context, o *web.OperatorClient) ([]string, error) {
			return lists[len(args)](ctx, o, args)
		})(c, nil, word)
	}
}

func userNames(ctx context.Context, o *web.OperatorClient, _ []string) (names []string, err error) {
	users, err := o.ListUsers(ctx)
	for _, u := range users {
		names = append(names, u.Name)
	}
	return names, err
}

// tokenIDs lists the tokens of the user who is named first.
func tokenIDs(ctx context.Context, o *web.OperatorClient, before []string) (ids []string, err error) {
	u, err := o.ShowUser(ctx, before[0])
	for _, t := range u.Tokens {
		ids = append(ids, t.ID)
	}
	return ids, err
}

func stockIDs(ctx context.Context, o *web.OperatorClient, _ []string) (ids []string, err error) {
	tokens, err := o.ListStock(ctx)
	for _, t := range tokens {
		ids = append(ids, t.ID)
	}
	return ids, err
}
