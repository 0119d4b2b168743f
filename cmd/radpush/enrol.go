package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"radpush/web"
	"radpush/web/wire"
)

func newEnrolCommand(file *configFile) *cobra.Command {
	var (
		valid = Duration(24 * time.Hour)
		mail  bool
		app   string
		old   string
	)
	c := &cobra.Command{
		Use:   "enrol USER",
		Short: "Make a code with which a user enrols a device",
		Long: `Enrol prints a link, and its QR code, with which the user enrols one device. It is good
once and expires. Give it to the user by a way that others cannot read: whoever enrols with
it first approves that user's logins from then on. With --mail the link goes to the user's
e-mail address and is not printed.

With --app privacyidea the QR code is for the privacyIDEA Authenticator, an app of the stores.
It is not rung: its user opens it to be asked. It approves by its signature alone, without a
one-time password, and needs a server certificate that phones trust.

With --replace the device of the user that has this ID is removed when the new one has
enrolled, and not before: a device that somebody else may have is better removed at once.`,
		Example: "  radpush enrol alice\n  radpush enrol alice --mail\n  radpush enrol alice --replace alice/K3ZK2V4QYBX5TTQH6KEGV7L2DA\n  radpush enrol alice --valid 15m --json\n  radpush enrol alice --app privacyidea --valid 15m",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	c.Flags().Var(&valid, "valid", "how long the code is good, 1m to 30d")
	c.Flags().BoolVar(&mail, "mail", false, "mail the link to the user")
	c.Flags().StringVar(&app, "app", "", `"privacyidea" for the privacyIDEA Authenticator`)
	c.Flags().StringVar(&old, "replace", "", "remove the `device` with this ID when the new one has enrolled")
	c.MarkFlagsMutuallyExclusive("mail", "app")
	c.MarkFlagsMutuallyExclusive("replace", "app")
	c.RegisterFlagCompletionFunc("replace", completeDevicesOf(file))
	c.RegisterFlagCompletionFunc("app", cobra.FixedCompletions([]string{"privacyidea"}, cobra.ShellCompDirectiveNoFileComp))
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		if app != "" && app != "privacyidea" {
			return fmt.Errorf("--app %s: only privacyidea is known", app)
		}
		e, err := o.NewEnrolment(c.Context(), args[0], web.EnrolmentRequest{Valid: int(valid.Duration() / time.Second), Mail: mail, App: app, Replaces: old})
		if err != nil || *asJSON {
			return orJSON(c, e, err)
		}
		if mail {
			_, err := fmt.Fprintf(c.OutOrStdout(), "Mailed to %s. One device can enrol with it until %s.\n", e.Mailed, e.Expires.Local().Format(time.DateTime))
			return err
		}
		return showEnrolment(c, args[0], e, old)
	})
	return c
}

// showEnrolment prints what the user needs, and what to do with it. Old is the ID of the device that
// is replaced, "" for none.
func showEnrolment(c *cobra.Command, user string, e web.Enrolment, old string) error {
	out := c.OutOrStdout()
	if err := printQR(out, e.Link); err != nil {
		return err
	}
	if old != "" {
		old = fmt.Sprintf(" %s is removed then.", old)
	}
	_, err := fmt.Fprintf(out, "%s\n\nOne device can enrol for %s with it until %s.%s\n", e.Link, user, e.Expires.Local().Format(time.DateTime), old)
	if err == nil && strings.HasPrefix(e.Link, "otpauth:") {
		_, err = fmt.Fprintln(out, "Scan it with the privacyIDEA Authenticator.")
	} else if err == nil {
		_, err = io.WriteString(out, howToEnrol(e.Link))
	}
	return err
}

// howToEnrol says what to do with an enrolment link. One that pins a certificate is for radpush's
// own, which browsers do not trust.
func howToEnrol(link string) string {
	terminal := "In a terminal:\n  radpush phone enrol '" + link + "'\n"
	if l, err := wire.ParseEnrolLink(link); err == nil && l.Pin != nil {
		return terminal + "Phones do not trust radpush's own certificate: for their browsers, give it one with web.certificate\nor web.acme.\n"
	}
	return "On a phone, scan the QR code or open the link. " + terminal
}
