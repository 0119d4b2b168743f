package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newUserListCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the users, with what they log in with",
		Args:  cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, _ []string, o *web.OperatorClient) error {
		users, err := o.ListUsers(c.Context())
		if err != nil || *asJSON {
			return orJSON(c, users, err)
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tDEVICES\tTOKENS\tOTHER\tSTATE")
		for _, u := range users {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", u.Name, len(u.Devices), len(typed(u.Tokens)), otherMethods(u), userState(u))
		}
		return w.Flush()
	})
	return c
}

// otherMethods names what a user has besides devices and tokens.
func otherMethods(u web.User) string {
	var names []string
	for _, m := range []struct {
		has  bool
		name string
	}{{u.Phone != "", "SMS"}, {u.EmailCodes, "e-mail"}, {u.Grid, "grid"}, {u.Backup > 0, "backup"}, {u.PIN, "PIN"}} {
		if m.has {
			names = append(names, m.name)
		}
	}
	if names == nil {
		return "-"
	}
	return strings.Join(names, ", ")
}

func newUserShowCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a user's state and all that the user can log in with",
		Args:  cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		u, err := o.ShowUser(c.Context(), args[0])
		if err != nil || *asJSON {
			return orJSON(c, u, err)
		}
		out := c.OutOrStdout()
		fmt.Fprintf(out, "%s: %s, added %s\n", u.Name, userState(u), u.Created.Local().Format(time.DateTime))
		if err := showMethods(out, u); err != nil {
			return err
		}
		if err := showDevices(out, u.Devices); err != nil {
			return err
		}
		return showTokens(out, typed(u.Tokens))
	})
	return c
}

// showMethods prints what a user has besides devices and tokens, a line each.
func showMethods(out io.Writer, u web.User) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(has bool, format string, args ...any) {
		if has {
			fmt.Fprintf(w, format+"\n", args...)
		}
	}
	line(u.Phone != "", "Phone:\t%s, for codes by SMS", u.Phone)
	line(u.EmailCodes, "E-mail:\t%s, for alerts and codes", u.Email)
	line(u.Email != "" && !u.EmailCodes, "E-mail:\t%s, for alerts", u.Email)
	line(u.Grid, "Grid:\tenrolled")
	line(u.Backup > 0, "Backup codes:\t%d left", u.Backup)
	line(u.Prefers != "", "Prefers:\t%s, where push is not available", u.Prefers)
	line(u.Bell != "", "Bell:\t%s: see radpush bell show %s", u.Bell, shellWord(u.Name))
	line(u.PIN, "PIN:\tset; it is checked with PAP only")
	return w.Flush()
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
