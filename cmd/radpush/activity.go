package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"radpush/login"
	"radpush/web"
)

func newActivityCommand(file *configFile) *cobra.Command {
	var (
		f     login.Filter
		since Duration
	)
	c := &cobra.Command{
		Use:   "activity",
		Short: "Show what happened: logins, pushes, sessions, changes",
		Long: `Activity shows the newest rows of the record, the newest last. Each login is a row with
the reason for operators, which is more than the user was told. A push is a row Challenge,
followed by Success or Failure; one that nobody answered, or that the user denied as a
mistake, has no second row.

A login that is missing did not get as far as the engine: see the server's log and
metrics.`,
		Example: "  radpush activity --user alice\n  radpush activity --since 1h --json | jq .reason",
		Args:    cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringVar(&f.User, "user", "", "rows of this user")
	flags.StringVar(&f.Client, "client", "", "rows of this RADIUS client")
	flags.Var(&since, "since", "rows of the last `time`, such as 90m or 7d")
	flags.IntVarP(&f.Limit, "limit", "n", 50, "at most so many rows")
	flags.Lookup("since").DefValue = "" // 0s is no limit, so the help is not to tell it
	c.RegisterFlagCompletionFunc("user", completeUsers(file))
	asJSON := jsonFlag(c)
	c.Flags().Lookup("json").Usage = "print JSON, one row a line"
	c.RunE = operate(file, func(c *cobra.Command, _ []string, o *web.OperatorClient) error {
		if since > 0 {
			f.Since = time.Now().Add(-since.Duration())
		}
		rows, err := o.ListActivity(c.Context(), f)
		if err != nil {
			return err
		}
		slices.Reverse(rows)
		if *asJSON {
			for _, r := range rows {
				if err := printJSON(c, r); err != nil {
					return err
				}
			}
			return nil
		}
		return showActivity(c.OutOrStdout(), rows)
	})
	return c
}

// showActivity prints rows as a table.
func showActivity(out io.Writer, rows []web.Activity) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tUSER\tCLIENT\tFROM\tMETHOD\tRESULT\tTOOK\tREASON")
	decided := map[string]bool{} // pushes whose end is a row
	for _, r := range rows {
		decided[r.Challenge] = decided[r.Challenge] || r.Result != string(login.ResultChallenge)
	}
	for _, r := range rows {
		took, reason := "", r.Reason
		if r.Challenge != "" && !decided[r.Challenge] {
			reason = "no answer so far, or denied as a mistake"
		}
		if r.Took > 0 {
			took = fmt.Sprintf("%.1fs", r.Took)
		}
		if r.Repeats > 0 {
			reason += fmt.Sprintf(" (and %d like it)", r.Repeats)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Time.Local().Format(time.DateTime), printable(r.User),
			printable(r.Client), printable(cmp.Or(r.From, r.Station)), r.Method, r.Result, took, printable(reason))
	}
	return w.Flush()
}
