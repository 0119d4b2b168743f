package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"radpush/otp/email"
)

func newConfigCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check, show or begin the configuration",
		Long: `Config checks the configuration file, shows what is in force, or prints one to begin with.

The file is that of --config or of the environment variable RADPUSH_CONFIG or, without
them, the first of these that exists: ` + strings.Join(configFiles, ", ") + ".",
	}
	c.AddCommand(newConfigCheckCommand(file), newConfigShowCommand(file), newConfigSampleCommand(), newConfigLettersCommand())
	return c
}

func newConfigCheckCommand(file *configFile) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong in the configuration",
		Long: `Check reads the configuration file and the files it names, and prints everything
that is wrong in it, each with its line and column. Warnings are for what is allowed
and yet probably not meant. It fails if there is a fault; warnings alone are no failure.`,
		Example: "  radpush config check\n  radpush --config new.yaml config check --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := file.Path()
			if err != nil {
				return err
			}
			config, err := LoadConfig(path)
			found, isFaulty := errors.AsType[*ConfigError](err)
			switch {
			case err == nil:
				found = &ConfigError{File: path, Faults: []Fault{}, Warnings: config.Warnings}
			case !isFaulty:
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				err = printJSON(c, found)
			} else {
				writeFaults(out, path, "", found.Faults, inColour(out))
				writeFaults(out, path, "warning: ", found.Warnings, inColour(out))
				if !isFaulty {
					_, err = fmt.Fprintf(out, "%s: good: %s, %s\n", path, plural(len(config.Clients), "client"), plural(len(found.Warnings), "warning"))
				}
			}
			if isFaulty {
				return errors.New(found.summary())
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newConfigShowCommand(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print the configuration in force, with every default",
		Long: `Show prints the configuration with every default filled in, as YAML that can be read
again. Secrets are masked.`,
		Example: "  radpush config show",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := file.Load()
			if err != nil {
				return err
			}
			text, err := config.YAML()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}

// YAML returns the configuration as a file that says the same, but for the secrets: they
// are masked.
func (c *Config) YAML() ([]byte, error) {
	text, err := yaml.MarshalWithOptions(c, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return text, nil
}

//go:embed sample.yaml
var sample string

func newConfigSampleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sample",
		Short: "Print a configuration to begin with",
		Long: `Sample prints a configuration with a comment for every key. What is commented out is
the default, or an example of what can be. The secret is a new random one.`,
		Example: "  umask 027; radpush config sample > radpush.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(c.OutOrStdout(), strings.ReplaceAll(sample, "<random>", rand.Text()))
			return err
		},
	}
}

func newConfigLettersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "letters DIR",
		Short: "Write the built-in letters to a directory, to change them",
		Long: `Letters writes the templates of all letters that radpush mails, text and HTML, to a
directory, which it makes if need be. Change those that you want to, remove the others,
and name the directory in email.templates; "radpush config check" then tries all of them.
Files that are there already stay as they are.`,
		Example: "  radpush config letters /etc/radpush/letters",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			written, there, err := writeLetters(args[0])
			if err == nil {
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s written to %s, %d were there already\n", plural(written, "file"), args[0], there)
			}
			return err
		},
	}
}

// writeLetters writes the templates that are not there. It returns how many it wrote, and how
// many were there.
func writeLetters(dir string) (written, there int, err error) {
	letters := email.Defaults()
	names, err := fs.Glob(letters, "*")
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(letters, name)
		if err != nil {
			return written, there, err
		}
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			there++
			continue
		}
		if err != nil {
			return written, there, err
		}
		_, err = f.Write(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return written, there, err
		}
		written++
	}
	return written, there, nil
}
