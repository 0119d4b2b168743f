package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newPlaygroundCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "playground [DIR]",
		Short: "Run a server to play with",
		Long: `Playground runs a server that only this machine can reach. Its directory, ./var if none is
named, is made on first use: a configuration, a random secret, a certificate for localhost
and the user alice, whose text messages are written to a file there. It prints what to try
next.`,
		Example: "  radpush playground\n  radpush playground /tmp/play",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "var"
			if len(args) == 1 {
				dir = args[0]
			}
			file := filepath.Join(dir, "radpush.yaml")
			dir, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			if err := makePlayground(dir, file); err != nil {
				return err
			}
			cfg, err := LoadConfig(file)
			if err != nil {
				return err
			}
			if err := addAlice(c, cfg); err != nil {
				return err
			}
			var failed error
			err = serve(c.Context(), cfg, cfg.Log.logger(c.ErrOrStderr()), func() { failed = nextSteps(c, cfg, file) })
			return errors.Join(err, failed)
		},
	}
}

// makePlayground makes the directory and the configuration, unless they are there.
func makePlayground(dir, file string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(file))
	}
	_, err = fmt.Fprintf(f, `# A server to play with. "radpush config sample" explains every key.
organization: Playground
state: state
listen: ["127.0.0.1:1812", "[::1]:1812"]
accounting: ["127.0.0.1:1813", "[::1]:1813"]
web:
  listen: 127.0.0.1:8443
  url: https://localhost:8443
clients:
  - name: localhost
    address: [127.0.0.1, "::1"]
    secret: %s
    resource: Playground VPN
    hold: 60s
    challenge: true
sms: # no telephone rings: the texts go to a file
  carrier: program
  program: %q
  args: [-c, '{ cat; echo; } >>"$0"', %q]
`, rand.Text(), shell, filepath.Join(dir, "sms-{{digits}}.txt"))
	return errors.Join(err, f.Close())
}

// addAlice makes the user, unless she is there.
func addAlice(c *cobra.Command, cfg *Config) error {
	o, done, err := openOperator(cfg)
	if err != nil {
		return err
	}
	defer done()
	switch _, err := o.AddUser(c.Context(), "alice"); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	_, err = o.ChangeUser(c.Context(), "alice", web.UserChange{Phone: new("+" + alicesNumber)})
	return err
}

// alicesNumber is of those that belong to nobody, for use in fiction.
const alicesNumber = "12025550123"

// nextSteps prints what to try, with a fresh enrolment link.
func nextSteps(c *cobra.Command, cfg *Config, file string) error {
	o, done, err := openOperator(cfg)
	if err != nil {
		return err
	}
	defer done()
	e, err := o.Enrol(c.Context(), "alice", time.Hour)
	if err != nil {
		return err
	}
	self := os.Args[0]
	out := c.OutOrStdout()
	fmt.Fprintf(out, "\nradpush runs, for this machine only. In another terminal:\n\n")
	if err := printQR(out, e.Link); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `
 1. Make that terminal alice's phone, and let it show what asks for her approval. A real phone would
    scan the code, but neither reaches this server nor trusts its certificate:

      %[1]s phone enrol '%[2]s'
      %[1]s phone wait

 2. In a third one, act as a VPN server; then answer on the "phone":

      %[1]s --config %[3]s login alice
      %[1]s phone approve        (or: %[1]s phone deny)

    or with radclient:

      echo 'User-Name=alice,Calling-Station-Id=198.51.100.7,Message-Authenticator=0x00' |
        radclient -t 60 -r 1 127.0.0.1 auth '%[4]s'

 3. When her phone is away, "s" sends a code by SMS, here to %[6]s:

      %[1]s --config %[3]s login alice --passcode s

    Others are a code generator, a grid ("g") and backup codes, each with a PIN in front if she has one:

      %[1]s --config %[3]s token add alice
      %[1]s --config %[3]s grid enrol alice
      %[1]s --config %[3]s backup new alice
      %[1]s --config %[3]s pin set alice

 4. She sees to her devices herself: lists them, adds another, replaces and removes them:

      %[1]s phone devices
      %[1]s phone add

 5. See what happened, and why:

      %[1]s --config %[3]s activity

Control-C stops the server. %[5]s keeps everything; remove it to begin anew.

`, self, e.Link, file, string(cfg.Clients[0].secret), filepath.Dir(file),
		filepath.Join(filepath.Dir(file), "sms-"+alicesNumber+".txt"))
	return err
}
