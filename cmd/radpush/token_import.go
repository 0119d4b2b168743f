package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"radpush/otp/seeds"
	"radpush/web"
)

func newTokenImportCommand(file *configFile) *cobra.Command {
	var from seedFile
	var in web.ImportRequest
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Import tokens from a file: CSV or PSKC",
		Long: `Import reads the tokens of a file, all of them or, if there is a fault anywhere, none; then
it tells every fault. A token for which the file names a user becomes that user's, the
others go into the stock, from which "radpush token assign" gives them out. What was
imported before is passed over, so an import that was cut off can be repeated.

A CSV file has a line of names first, in any order; serial, type and secret must be there:

  serial,user,type,secret,encoding,algorithm,digits,period,counter
  00123456,alice,hotp,3132333435363738393031323334353637383930,hex,SHA1,6,,0

The OATH CSV of privacyIDEA and LinOTP, which has none, is read too, and so is PSKC (RFC
6030), encrypted with --key-file or --password-file. A file has at most 100,000 tokens and
32 MiB. It holds secrets: remove it when it is imported.`,
		Example: `  radpush token import fobs.csv --dry-run
  radpush token import fobs.csv --create-users
  radpush token import fobs.pskc --password-file transport.txt`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&from.format, "format", "", "csv or pskc (default: by what is in the file)")
	f.StringVar(&from.keyFile, "key-file", "", "`file` with the key of an encrypted PSKC file, in hex")
	f.StringVar(&from.passwordFile, "password-file", "", "`file` with the password of an encrypted PSKC file")
	f.BoolVar(&in.CreateUsers, "create-users", false, "add the users that the file names and that are not there")
	f.BoolVar(&in.DryRun, "dry-run", false, "look for faults, import nothing")
	c.MarkFlagsMutuallyExclusive("key-file", "password-file")
	c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"csv", "pskc"}, cobra.ShellCompDirectiveNoFileComp))
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) error {
		from.name = args[0]
		list, err := from.read(c.InOrStdin())
		if err != nil {
			return err
		}
		warnOfEnds(c.ErrOrStderr(), list)
		for _, s := range list {
			in.Tokens = append(in.Tokens, importToken(s))
		}
		done := func() {}
		if f, ok := c.ErrOrStderr().(*os.File); ok && len(list) >= 1000 && term.IsTerminal(int(f.Fd())) {
			done = showWaiting(f, fmt.Sprintf("%d tokens", len(list)))
		}
		result, err := o.ImportTokens(c.Context(), in)
		done()
		if err != nil || *asJSON {
			return orJSON(c, result, err)
		}
		return showImport(c.OutOrStdout(), result, in.DryRun)
	})
	return c
}

// importToken says to the operator API what a file says of a token.
func importToken(s seeds.Seed) web.ImportToken {
	t := web.ImportToken{User: s.User, Drift: s.Token.Drift, TokenRequest: web.TokenRequest{
		ID: s.Token.ID, Kind: "totp", Algorithm: s.Token.Algorithm.String(), Digits: s.Token.Digits,
		Period: int(s.Token.Period / time.Second), Secret: s.Token.Secret,
	}}
	if s.Token.HOTP {
		t.Kind, t.Counter = "hotp", s.Token.Used
	}
	return t
}

// A seedFile is a file of tokens, as a command line names it.
type seedFile struct {
	name, format, keyFile, passwordFile string
}

// read returns the tokens of the file.
func (s seedFile) read(stdin io.Reader) ([]seeds.Seed, error) {
	f, err := openInput(stdin, s.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if s.format == "" {
		s.format = "csv"
		if begin, _ := in.Peek(512); bytes.HasPrefix(bytes.TrimLeft(begin, "\ufeff \t\r\n"), []byte("<")) {
			s.format = "pskc"
		}
	}
	var key seeds.Key
	if s.keyFile != "" {
		text, err := oneLine(stdin, s.keyFile)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		if key.PreShared, err = hex.DecodeString(text); err != nil || !slices.Contains([]int{16, 24, 32}, len(key.PreShared)) {
			return nil, fmt.Errorf("key: %s does not hold 32, 48 or 64 hexadecimal digits", s.keyFile)
		}
	}
	if s.passwordFile != "" {
		if key.Password, err = oneLine(stdin, s.passwordFile); err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
	}
	switch {
	case s.format == "pskc":
		return seeds.ReadPSKC(in, key, time.Now())
	case s.format != "csv":
		return nil, fmt.Errorf("--format %q: csv or pskc", s.format)
	case s.keyFile != "" || s.passwordFile != "":
		return nil, errors.New("a CSV file is not encrypted: --key-file and --password-file are for PSKC")
	}
	return seeds.ReadCSV(in)
}

// warnOfEnds tells of the dates on which tokens must not be used any more: nobody keeps them.
func warnOfEnds(w io.Writer, list []seeds.Seed) {
	var first seeds.Seed
	n := 0
	for _, s := range list {
		if s.Expires.IsZero() {
			continue
		}
		if n++; n == 1 || s.Expires.Before(first.Expires) {
			first = s
		}
	}
	if n > 0 {
		fmt.Fprintf(w, "radpush: tokens that the file gives an end: %d, the first %s on %s. radpush does not keep the dates: disable or remove them then.\n",
			n, first.Token.ID, first.Expires.Local().Format(time.DateOnly))
	}
}

// showWaiting tells a person at a terminal that what they wait for goes on, and for how long
// it has; done ends that.
func showWaiting(w io.Writer, what string) (done func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		began := time.Now()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			fmt.Fprintf(w, "\r%s … %d s", what, int(time.Since(began).Seconds()))
			select {
			case <-tick.C:
			case <-stop:
				fmt.Fprintf(w, "\r%s\r", strings.Repeat(" ", len(what)+10))
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

func showImport(out io.Writer, r web.Imported, dryRun bool) error {
	verb, created := "Imported", "Added"
	if dryRun {
		verb, created = "Would import", "Would add"
	}
	fmt.Fprintf(out, "%s %s: %d to users, %d into the stock.\n", verb, plural(r.Given+r.Stocked, "token"), r.Given, r.Stocked)
	if r.Known > 0 {
		fmt.Fprintf(out, "Were there already: %d.\n", r.Known)
	}
	if len(r.Created) > 0 {
		fmt.Fprintf(out, "%s %s.\n", created, plural(len(r.Created), "user"))
	}
	if r.Stocked > 0 && !dryRun {
		fmt.Fprintln(out, "Next: radpush token assign ID USER")
	}
	return nil
}
