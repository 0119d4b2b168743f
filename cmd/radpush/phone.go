package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"radpush/push"
	"radpush/web/phone"
)

// A keyFile is where this terminal keeps what makes it a device.
type keyFile struct{ path string } // --key

func newPhoneCommand() *cobra.Command {
	var key keyFile
	c := &cobra.Command{
		Use:   "phone",
		Short: "Be a user's phone: enrol, wait, approve, deny, and see to the other devices",
		Long: `Phone makes this terminal an authenticator of any radpush that it has a link of. Its key
is made here, kept in the key file (mode 0600) and never leaves it; every answer is signed
over exactly what was shown.`,
		Example: `  radpush phone enrol 'https://radpush.example.com:8443/enrol#code=…'
  radpush phone wait
  radpush phone approve
  radpush phone deny --reason mistake
  radpush phone add`,
	}
	c.PersistentFlags().StringVar(&key.path, "key", "", "key file (default: $RADPUSH_PHONE, or radpush/phone.json in the user's configuration directory)")
	c.AddCommand(newPhoneEnrolCommand(&key), newPhoneWaitCommand(&key), newPhoneListCommand(&key),
		newPhoneApproveCommand(&key), newPhoneDenyCommand(&key), newPhoneCodeCommand(&key), newPhoneLeaveCommand(&key),
		newPhoneDevicesCommand(&key), newPhoneAddCommand(&key), newPhoneRenameCommand(&key), newPhoneRemoveCommand(&key))
	return c
}

func newPhoneCodeCommand(key *keyFile) *cobra.Command {
	return &cobra.Command{
		Use:   "code",
		Short: "Show the one-time password of this moment",
		Long: `Code shows this device's one-time password and how long it stays. Approvals carry one by
themselves. It is to be typed only where a sign-in asks for the next code of your
authenticator, because the clock of this machine or of the server was off.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := key.Load(c)
			if err != nil {
				return err
			}
			code, stays := p.Code(time.Now())
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s, for another %v\n", code, stays.Round(time.Second))
			return err
		},
	}
}

// Path returns the key file's name.
func (k *keyFile) Path() (string, error) {
	if k.path != "" {
		return k.path, nil
	}
	if path := os.Getenv("RADPUSH_PHONE"); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where to keep the key: %w; use --key", err)
	}
	return filepath.Join(dir, "radpush", "phone.json"), nil
}

// Load returns the device, and asks for its PIN if it has one.
func (k *keyFile) Load(c *cobra.Command) (*phone.Phone, error) {
	path, err := k.Path()
	if err != nil {
		return nil, err
	}
	p, err := phone.Load(path, func() (string, error) { return askPIN(c, "PIN: ") })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf(`this terminal is no phone yet (%s does not exist): "radpush phone enrol <link>" makes it one`, path)
	}
	return p, err
}

// open returns the device and the requests that it may answer now.
func (k *keyFile) open(c *cobra.Command) (*phone.Phone, []phone.Request, error) {
	p, err := k.Load(c)
	if err != nil {
		return nil, nil, err
	}
	requests, err := p.Open(c.Context())
	return p, requests, err
}

func newPhoneEnrolCommand(key *keyFile) *cobra.Command {
	var (
		name    string
		replace bool
		pin     bool
	)
	c := &cobra.Command{
		Use:   "enrol [LINK]",
		Short: "Make this terminal a device of the user that the link is for",
		Long: `Enrol makes a key pair and enrols with the link that "radpush enrol" printed. The link is
good once. Without it on the command line, where others on this machine could see it,
enrol reads it from standard input.

With --pin, or where the server demands it, the key file is locked with a PIN that every
other command of "radpush phone" then asks for; $RADPUSH_PHONE_PIN answers it in scripts.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			path, err := key.Path()
			if err != nil {
				return err
			}
			if _, err := os.Lstat(path); err == nil && !replace {
				return fmt.Errorf("%s is there already: --replace gives it up, --key names another", path)
			}
			// Before the code is used up.
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			link, err := enrolmentLink(c, args)
			if err != nil {
				return err
			}
			p, err := phone.Enrol(c.Context(), link, name)
			if err != nil {
				return asTyped(c, err)
			}
			if pin || p.DemandsPIN {
				err = choosePIN(c, p)
			}
			if err == nil {
				err = p.Save(path)
			}
			if err != nil {
				return errors.Join(err, p.Leave(c.Context()))
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "This terminal is %s's device %q at %s. Its key: %s\nNext: radpush phone wait\n", p.User, p.Name, p.URL, path)
			return err
		},
	}
	host, err := os.Hostname()
	if err != nil {
		host = "terminal"
	}
	c.Flags().StringVar(&name, "name", host, "what the user calls this device")
	c.Flags().BoolVar(&replace, "replace", false, "replace the key file, and with it the device, that is there")
	c.Flags().BoolVar(&pin, "pin", false, "lock the key file with a PIN, even if the server does not demand it")
	return c
}

// enrolmentLink returns the argument or, without one, a line of standard input.
func enrolmentLink(c *cobra.Command, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	fmt.Fprint(c.ErrOrStderr(), "Enrolment link: ")
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" && err != nil {
		return "", fmt.Errorf("no enrolment link: %w", err)
	}
	return line, nil
}

func newPhoneWaitCommand(key *keyFile) *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "wait",
		Short: "Show sign-in requests as they come, and ask what to answer",
		Long: `Wait shows each request for approval as it comes. On a terminal it asks whether to approve
or deny; elsewhere it only prints, and "radpush phone approve" answers.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := key.Load(c)
			if err != nil {
				return err
			}
			person := personAt(c)
			fmt.Fprintf(c.ErrOrStderr(), "Waiting for sign-in requests of %s at %s.\n", p.User, p.URL)
			for {
				request, err := p.Wait(c.Context())
				if errors.Is(err, context.Canceled) {
					return nil
				}
				if err != nil {
					return err
				}
				showRequest(c.OutOrStdout(), request)
				if person != nil {
					if err := answer(c.Context(), c.OutOrStdout(), p, request, askPerson(c.Context(), c.OutOrStdout(), person, request.Prompt.Numbers)); err != nil {
						fmt.Fprintf(c.ErrOrStderr(), "radpush: %v\n", err)
					}
				}
				if once {
					return nil
				}
			}
		},
	}
	c.Flags().BoolVar(&once, "once", false, "end after one request")
	return c
}

func newPhoneListCommand(key *keyFile) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "Show the requests that wait for an answer", Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		_, open, err := key.open(c)
		if err != nil {
			return err
		}
		for _, r := range open {
			if !*asJSON {
				showRequest(c.OutOrStdout(), r)
			} else if err := printJSON(c, map[string]any{"id": r.ID, "expires": r.Expires, "shown": r.Prompt}); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

func newPhoneApproveCommand(key *keyFile) *cobra.Command {
	var number string
	c := &cobra.Command{
		Use:   "approve [ID]",
		Short: "Let the login in",
		Long: `Approve lets the login in. Where the request has numbers, --number is the one that the
sign-in shows; another one rejects it.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: answerOpen(key, func() (decision, error) { return decision{push.Approved, number}, nil }),
	}
	c.Flags().StringVar(&number, "number", "", "the number that the sign-in shows")
	return c
}

func newPhoneDenyCommand(key *keyFile) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "deny [ID]",
		Short: "Keep the login out",
		Long: `Deny keeps the login out. "not-me" says that somebody else tries to sign in: it counts as
a wrong passcode and keeps whoever it was away for a while. "mistake" says that it was you,
and harms nobody.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: answerOpen(key, func() (decision, error) {
			switch reason {
			case "not-me":
				return decision{Outcome: push.DeniedNotMe}, nil
			case "mistake":
				return decision{Outcome: push.DeniedMistake}, nil
			}
			return decision{}, fmt.Errorf("--reason %q: not-me or mistake", reason)
		}),
	}
	c.Flags().StringVar(&reason, "reason", "not-me", "not-me or mistake")
	c.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions([]string{"not-me", "mistake"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func newPhoneLeaveCommand(key *keyFile) *cobra.Command {
	return &cobra.Command{
		Use:   "leave",
		Short: "Be a device no more: remove it from the server, and the key file",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := key.Load(c)
			if err != nil {
				return err
			}
			if err := p.Leave(c.Context()); err != nil && !errors.Is(err, phone.ErrNotKnown) {
				return err
			}
			path, err := key.Path()
			if err != nil {
				return err
			}
			return os.Remove(path)
		},
	}
}

// answerOpen answers the request whose ID is the argument or, without one, the only one
// that is open.
func answerOpen(key *keyFile, choose func() (decision, error)) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		said, err := choose()
		if err != nil {
			return err
		}
		p, open, err := key.open(c)
		if err != nil {
			return err
		}
		for _, r := range open {
			if len(args) == 1 && r.ID != args[0] {
				continue
			}
			showRequest(c.OutOrStdout(), r)
			return answer(c.Context(), c.OutOrStdout(), p, r, said)
		}
		return errors.New("no sign-in request waits for an answer")
	}
}
