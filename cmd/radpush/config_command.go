package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

func newConfigCommand(file *configFile) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check, show or begin the configuration",
		Long: `Config checks the configuration file, shows what is in force, or prints one to begin with.

The file is that of --config or of the environment variable RADPUSH_CONFIG or, without
them, the first of these that exists: ` + strings.Join(configFiles, ", ") + ".",
	}
	c.AddCommand(newConfigCheckCommand(file), newConfigShowCommand(file), newConfigSampleCommand())
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
