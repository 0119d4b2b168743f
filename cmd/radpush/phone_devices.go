package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"radpush/web/phone"
	"radpush/web/wire"
)

func newPhoneDevicesCommand(key *keyFile) *cobra.Command {
	c := &cobra.Command{
		Use:     "devices",
		Short:   "List the devices of the user, this one among them",
		Example: "  radpush phone devices\n  radpush phone devices --json",
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.RunE = withDevices(key, func(c *cobra.Command, _ []string, _ *phone.Phone, all wire.Devices) error {
		if *asJSON {
			return printJSON(c, all.Devices)
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tKIND\tENROLLED\tSTATE\tDEVICE")
		for _, d := range all.Devices {
			state := "active"
			switch {
			case d.This:
				state = "this terminal"
			case d.Suspended:
				state = "suspended"
			case d.Gone:
				state = "its push address is gone"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", printable(d.Name), printable(d.Kind), d.Created.Local().Format(time.DateTime), state, printable(d.ID))
		}
		return w.Flush()
	})
	return c
}

func newPhoneAddCommand(key *keyFile) *cobra.Command {
	var (
		replace string
		noWait  bool
	)
	c := &cobra.Command{
		Use:   "add",
		Short: "Add a device of the user, or replace one",
		Long: `Add prints a link, and its QR code, with which the user enrols one more device, and waits until
it has. Whoever opens the link first approves the user's sign-ins from then on. It is good for
some minutes, as long as this device makes no other.

With --replace a device, named by its ID or its name, is removed when the new one has enrolled.`,
		Example: "  radpush phone add\n  radpush phone add --replace 'old phone'\n  radpush phone add --no-wait --json",
		Args:    cobra.NoArgs,
	}
	c.Flags().StringVar(&replace, "replace", "", "the `device` that is removed when the new one has enrolled")
	c.Flags().BoolVar(&noWait, "no-wait", false, "end without waiting for the new device")
	c.RegisterFlagCompletionFunc("replace", completeOwnDevices(key))
	asJSON := jsonFlag(c)
	c.RunE = withDevices(key, func(c *cobra.Command, _ []string, p *phone.Phone, all wire.Devices) error {
		var old wire.Device
		if replace != "" {
			var err error
			if old, err = deviceNamed(all, replace); err != nil {
				return err
			}
		}
		added, err := p.Invite(c.Context(), old.ID)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c, map[string]any{"link": added.Link, "expires": added.Expires})
		} else {
			err = showInvitation(c.OutOrStdout(), added, old)
		}
		if err != nil || noWait {
			return err
		}
		return waitForDevice(c, p, all, added, old)
	})
	return c
}

func showInvitation(out io.Writer, added wire.Invitation, old wire.Device) error {
	if err := printQR(out, added.Link); err != nil {
		return err
	}
	after := ""
	if old.ID != "" {
		after = fmt.Sprintf(" %q is removed then.", old.Name)
	}
	_, err := fmt.Fprintf(out, "%s\n\nOne device can enrol with it until %s.%s\n%s",
		added.Link, added.Expires.Local().Format(time.TimeOnly), after, howToEnrol(added.Link))
	return err
}

// waitForDevice waits for the new device as long as its code is good.
func waitForDevice(c *cobra.Command, p *phone.Phone, before wire.Devices, added wire.Invitation, old wire.Device) error {
	fmt.Fprintln(c.ErrOrStderr(), "Waiting for the new device.")
	ctx, cancel := context.WithDeadlineCause(c.Context(), added.Expires, errors.New("the code has expired, and no device has enrolled with it"))
	defer cancel()
	d, err := p.WaitForDevice(ctx, before)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case old.This && errors.Is(err, phone.ErrNotKnown):
		_, err = fmt.Fprintln(c.ErrOrStderr(), "The new device has taken the place of this terminal, whose key file is of no use any more.")
		return err
	case err != nil:
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "%q has enrolled.\n", d.Name)
	return nil
}

func newPhoneRenameCommand(key *keyFile) *cobra.Command {
	return &cobra.Command{
		Use:     "rename DEVICE NAME",
		Short:   "Give a device of the user another name",
		Example: "  radpush phone rename 'Chrome on Android' tablet",
		Args:    cobra.ExactArgs(2), ValidArgsFunction: completeOwnDevices(key),
		RunE: withDevices(key, func(c *cobra.Command, args []string, p *phone.Phone, all wire.Devices) error {
			d, err := deviceNamed(all, args[0])
			if err != nil {
				return err
			}
			return p.Rename(c.Context(), d.ID, args[1])
		}),
	}
}

func newPhoneRemoveCommand(key *keyFile) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "remove DEVICE",
		Short: "Remove another device of the user",
		Long: `Remove removes a device of the user, named by its ID or its name: it cannot approve sign-ins any
more. "radpush phone leave" removes this terminal.`,
		Example: "  radpush phone remove 'lost phone'\n  radpush phone remove 'lost phone' --yes",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: completeOwnDevices(key),
	}
	c.Flags().BoolVar(&yes, "yes", false, "remove it without a question")
	c.RunE = withDevices(key, func(c *cobra.Command, args []string, p *phone.Phone, all wire.Devices) error {
		d, err := deviceNamed(all, args[0])
		switch {
		case err != nil:
			return err
		case d.This:
			return errors.New(`that is this terminal: "radpush phone leave" removes it`)
		case !yes:
			if err := askToRemove(c, d); err != nil {
				return err
			}
		}
		return p.Remove(c.Context(), d.ID)
	})
	return c
}

// askToRemove returns an error unless a person at the terminal says yes.
func askToRemove(c *cobra.Command, d wire.Device) error {
	person := personAt(c)
	if person == nil {
		return errors.New("nobody is at the terminal to be asked: --yes removes the device without a question")
	}
	fmt.Fprintf(c.ErrOrStderr(), "Remove %q, enrolled %s? (y/n) ", d.Name, d.Created.Local().Format(time.DateTime))
	line, err := readLine(c.Context(), person)
	if word := strings.ToLower(strings.TrimSpace(line)); err != nil || word != "y" && word != "yes" {
		return errors.New("it was not removed")
	}
	return nil
}

// withDevices makes a command's function of one that works on the user's devices.
func withDevices(key *keyFile, run func(*cobra.Command, []string, *phone.Phone, wire.Devices) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		p, err := key.Load(c)
		if err != nil {
			return err
		}
		all, err := p.Devices(c.Context())
		if err != nil {
			return err
		}
		return asTyped(c, run(c, args, p, all))
	}
}

// deviceNamed finds a device by its ID or, if only one has it, its name.
func deviceNamed(all wire.Devices, named string) (found wire.Device, err error) {
	n := 0
	for _, d := range all.Devices {
		if d.ID == named {
			return d, nil
		}
		if d.Name == named {
			found = d
			n++
		}
	}
	switch n {
	case 0:
		return found, fmt.Errorf(`no device has the ID or the name %q: "radpush phone devices" lists them`, named)
	case 1:
		return found, nil
	}
	return found, fmt.Errorf(`%d devices are called %q: take the ID of one, which "radpush phone devices" tells`, n, named)
}

// completeOwnDevices completes the name of a device, or its ID if that is no other's name. It asks
// for no PIN.
func completeOwnDevices(key *keyFile) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
		path, err := key.Path()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		p, err := phone.Load(path, func() (string, error) {
			if pin, ok := os.LookupEnv("RADPUSH_PHONE_PIN"); ok {
				return pin, nil
			}
			return "", phone.ErrPIN
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := p.Devices(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, d := range all.Devices {
			if _, err := deviceNamed(all, d.Name); err == nil {
				words = append(words, d.Name+"\t"+d.Kind)
			} else {
				words = append(words, d.ID+"\t"+d.Name)
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
