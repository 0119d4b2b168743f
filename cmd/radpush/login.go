package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	wire "layeh.com/radius"

	"radpush/dictionary"
	"radpush/radius"
)

// errRejected makes the command fail, as scripts expect, without a message of its own.
var errRejected = errors.New("the login was not accepted")

func newLoginCommand(file *configFile) *cobra.Command {
	var (
		n          nas
		l          nasLogin
		secretFile string
		answers    []string
		asJSON     bool
	)
	c := &cobra.Command{
		Use:   "login USER",
		Short: "Act as a NAS: send a login and show the exchange",
		Long: `Login sends an Access-Request, as a VPN concentrator would, and shows the exchange. It
waits as long as you tell it to, and checks the reply: its authenticators and, with
MS-CHAPv2, the server's proof that it knows what was typed.

When the server asks something (Access-Challenge), login shows the text and answers it with
the next --answer or, when there is none left, with what you type, or with the next line of
standard input if that is no terminal. An answer may be empty.

Server and secret are taken from the configuration if one is found that has a client for
127.0.0.1; --server and --secret-file name others. The exit code is 0 for an
Access-Accept, 2 for a wrong command line and 1 for everything else.`,
		Example: `  radpush login alice                          an empty passcode: push
  radpush login alice --passcode 123456        a one-time code
  radpush login alice --protocol mschapv2 --passcode p
  radpush login alice --passcode g             a grid: asks you for the digits
  radpush login alice --passcode s --answer 123456
  radpush login alice --server 192.0.2.9:1812 --secret-file vpn.secret --tries 1 --wait 60s`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
		RunE: func(c *cobra.Command, args []string) error {
			l.User = args[0]
			if err := n.findServer(file, secretFile); err != nil {
				return err
			}
			t := typist{given: answers, in: bufio.NewReader(c.InOrStdin()), isPerson: personAt(c) != nil, out: c.ErrOrStderr()}
			if !asJSON {
				n.show, t.out = c.OutOrStdout(), c.OutOrStdout()
				var err error
				if n.names, err = dictionary.Load(n.files...); err != nil {
					return err
				}
			}
			rounds, err := n.converse(c.Context(), l, t.answer)
			if asJSON && len(rounds) > 0 {
				err = errors.Join(err, printRounds(c, rounds))
			}
			if err == nil && rounds[len(rounds)-1].Code != wire.CodeAccessAccept {
				err = errRejected
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&l.Passcode, "passcode", "", "what the user types: nothing, a letter or a code")
	f.StringArrayVar(&answers, "answer", nil, "what the user types when the server asks; once for each time")
	f.StringVar(&l.Protocol, "protocol", "pap", "pap, chap or mschapv2")
	f.StringVar(&l.Station, "station", "198.51.100.1", "Calling-Station-Id, the user's address; empty for none")
	f.StringVar(&l.NAS, "nas", "radpush-login", "NAS-Identifier")
	f.StringVar(&n.server, "server", "", "address and port of the RADIUS server")
	f.StringVar(&secretFile, "secret-file", "", "file with the shared secret")
	f.DurationVar(&n.wait, "wait", 5*time.Second, "how long to wait before the request is sent again")
	f.IntVar(&n.tries, "tries", 12, "how often the request is sent at most")
	f.BoolVar(&asJSON, "json", false, "print the outcome as JSON, not the exchange")
	c.MarkFlagFilename("secret-file")
	c.RegisterFlagCompletionFunc("protocol", cobra.FixedCompletions([]string{"pap", "chap", "mschapv2"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// findServer fills in the server and the secret that the command line does not name, from
// the configuration: the one of the client that 127.0.0.1 belongs to.
func (n *nas) findServer(file *configFile, secretFile string) error {
	if secretFile != "" {
		b, err := os.ReadFile(secretFile)
		if err != nil {
			return fmt.Errorf("secret: %w", err)
		}
		n.secret = radius.Secret(strings.TrimRight(string(b), "\r\n"))
	}
	cfg, err := file.Load()
	if err == nil {
		for _, path := range cfg.Dictionaries {
			n.files = append(n.files, string(path))
		}
	}
	if n.server != "" && secretFile != "" {
		return nil // the dictionaries were a bonus
	}
	if err != nil {
		return fmt.Errorf("--server and --secret-file say where to send the login; without them: %w", err)
	}
	if n.server == "" {
		if len(cfg.Listen) == 0 {
			return errors.New("the configuration listens nowhere: use --server")
		}
		host, port, err := net.SplitHostPort(cfg.Listen[0])
		if err != nil {
			return err
		}
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		n.server = net.JoinHostPort(host, port)
	}
	if secretFile != "" {
		return nil
	}
	clients, err := cfg.radiusClients()
	if err != nil {
		return err
	}
	client, ok := clients.Client(netip.MustParseAddr("127.0.0.1"))
	if !ok {
		return errors.New("the server would not know this machine: the configuration has no client with the address 127.0.0.1")
	}
	n.secret = client.Secret
	return nil
}
