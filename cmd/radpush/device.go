package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newDeviceCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "device",
		Short: "List, rename, suspend, resume and remove devices",
		Long: `Device keeps the phones and terminals that users have enrolled. A suspended device is
not rung and cannot answer; a removed one has to enrol again.`,
	}
	c.AddCommand(newDeviceListCommand(file),
		newDeviceChangeCommand(file, "suspend ID", "Ring a device no more, for now", 1, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.ChangeDevice(c.Context(), args[0], web.DeviceChange{Suspended: new(true)})
		}),
		newDeviceChangeCommand(file, "resume ID", "End a suspension", 1, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.ChangeDevice(c.Context(), args[0], web.DeviceChange{Suspended: new(false)})
		}),
		newDeviceChangeCommand(file, "rename ID NAME", "Give a device another name", 2, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.ChangeDevice(c.Context(), args[0], web.DeviceChange{Name: &args[1]})
		}),
		newDeviceChangeCommand(file, "remove ID", "Remove a device and its token", 1, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
			return o.RemoveDevice(c.Context(), args[0])
		}),
	)
	return c
}

func newDeviceListCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{Use: "list [USER]", Short: "List the devices of a user, or of all",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeUsers(file)}
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		user := ""
		if len(args) == 1 {
			user = args[0]
		}
		devices, err := o.ListDevices(c.Context(), user)
		if err != nil || *asJSON {
			return orJSON(c, devices, err)
		}
		return showDevices(c.OutOrStdout(), devices)
	})
	return c
}

func newDeviceChangeCommand(file *configFile, use, short string, args int, run func(*cobra.Command, []string, *web.OperatorClient) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(args), RunE: operate(file, run),
		ValidArgsFunction: completeDevices(file)}
}

// completeDevices completes the ID of a device.
func completeDevices(file *configFile) cobra.CompletionFunc {
	return completeFirst(file, func(ctx context.Context, o *web.OperatorClient) ([]string, error) {
		return deviceIDs(ctx, o, "")
	})
}

// completeDevicesOf completes, as the value of a flag, the ID of a device of the user who is the
// first argument.
func completeDevicesOf(file *configFile) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		return completeFirst(file, func(ctx context.Context, o *web.OperatorClient) ([]string, error) {
			return deviceIDs(ctx, o, strings.Join(args, ""))
		})(c, nil, word)
	}
}

// deviceIDs lists the devices of a user, or of all if that is "".
func deviceIDs(ctx context.Context, o *web.OperatorClient, user string) (ids []string, err error) {
	devices, err := o.ListDevices(ctx, user)
	for _, d := range devices {
		ids = append(ids, d.ID+"\t"+d.Name)
	}
	return ids, err
}
