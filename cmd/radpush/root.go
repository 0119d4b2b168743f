package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// newRootCommand puts the commands together. To add one, write newXCommand in a file of
// its own and add it here to its group.
func newRootCommand() *cobra.Command {
	var config configFile
	root := &cobra.Command{
		Use:   "radpush",
		Short: "RADIUS server with a push second factor",
		Long: `radpush is a RADIUS server that asks users on their phones: "is this you?"
A VPN concentrator or any other RADIUS client asks it whether a user may in; radpush
rings the user's devices and answers when the user has tapped.`,
		Example: `  radpush demo                                  see it work, without any setup
  radpush config sample > radpush.yaml          begin a configuration
  radpush config check && radpush serve         check it and run the server
  radpush user add alice && radpush enrol alice let a user in`,
		SilenceErrors: true, // printed once, by run
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&config.path, "config", "",
		"configuration `file` (\"radpush help config\" says where it is looked for)")
	if err := root.MarkPersistentFlagFilename("config", "yaml", "yml"); err != nil {
		panic(err) // there is no such flag: the lines above
	}

	group := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("server", "The server:",
		newServeCommand(&config),
		newConfigCommand(&config),
		newActivityCommand(&config),
	)
	group("people", "People:",
		newUserCommand(&config),
		newEnrolCommand(&config),
		newDeviceCommand(&config),
		newBellCommand(&config),
		newTokenCommand(&config),
		newPINCommand(&config),
		newBackupCommand(&config),
		newGridCommand(&config),
	)
	group("device", "This terminal as a device:",
		newPhoneCommand(),
	)
	group("tools", "Tools:",
		newDemoCommand(),
		newPlaygroundCommand(),
		newLoginCommand(&config),
		newVersionCommand(),
	)
	// A command that only holds others runs (see markRunning), which is not worth a usage line.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(),
		"{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	root.SetHelpCommandGroupID("tools")
	root.SetCompletionCommandGroupID("tools")
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Args = checkTopic
		}
	}
	return root
}

// checkTopic refuses to explain a command that there is not.
func checkTopic(c *cobra.Command, topic []string) error {
	if _, rest, err := c.Root().Find(topic); err != nil || len(rest) > 0 {
		return fmt.Errorf("no help for %q", strings.Join(topic, " "))
	}
	return nil
}

// markRunning prepares the tree of commands: one that only holds others prints its help,
// and refuses a word that is none of them. The result becomes true when the command line
// has been understood and a command runs: what fails before is wrong usage.
func markRunning(root *cobra.Command) *bool {
	running := new(bool)
	var mark func(*cobra.Command)
	mark = func(c *cobra.Command) {
		if !c.Runnable() {
			c.Args = cobra.NoArgs
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
		run := c.RunE
		if run == nil {
			run = func(c *cobra.Command, args []string) error { c.Run(c, args); return nil }
		}
		c.RunE = func(c *cobra.Command, args []string) error {
			*running = true
			return run(c, args)
		}
		for _, child := range c.Commands() {
			mark(child)
		}
	}
	mark(root)
	return running
}

// configFiles is where the configuration is looked for.
var configFiles = []string{"./radpush.yaml", "./var/radpush.yaml", "/etc/radpush/radpush.yaml"}

// A configFile is the configuration file that a command line chooses.
type configFile struct {
	path string // --config
}

// Path returns the file that --config or RADPUSH_CONFIG names or, without them, the first
// of configFiles that exists.
func (f *configFile) Path() (string, error) {
	if path := cmp.Or(f.path, os.Getenv("RADPUSH_CONFIG")); path != "" {
		return path, nil
	}
	for _, path := range configFiles {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	return "", fmt.Errorf(`no configuration file: none of %s exists; "radpush config sample" prints one to begin with`, strings.Join(configFiles, ", "))
}

// Load reads the configuration.
func (f *configFile) Load() (*Config, error) {
	path, err := f.Path()
	if err != nil {
		return nil, err
	}
	return LoadConfig(path)
}
