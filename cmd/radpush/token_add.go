package main

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"radpush/web"
)

func newTokenAddCommand(file *configFile) *cobra.Command {
	var (
		t          web.TokenRequest
		hotp       bool
		secretFile string
	)
	c := &cobra.Command{
		Use:   "add USER",
		Short: "Add a token and show its QR code",
		Long: `Add makes a token and shows it as a QR code for an authenticator app. The secret is random
and shown this once; --secret-file takes that of a token that exists, in base32 or in hex. A
user can have several tokens.`,
		Example: `  radpush token add alice
  radpush token add alice --algorithm SHA256 --digits 8 --json
  radpush token add alice --id 00123456 --hotp --counter 12 --secret-file fob.txt`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeUsers(file),
	}
	f := c.Flags()
	f.StringVar(&t.ID, "id", "", "name of the token, unique for the user (default: made up)")
	f.StringVar(&t.Algorithm, "algorithm", "SHA1", "SHA1 (what every app knows), SHA256 or SHA512")
	f.IntVar(&t.Digits, "digits", 6, "6 or 8")
	f.IntVar(&t.Period, "period", 30, "30 or 60 seconds")
	f.BoolVar(&hotp, "hotp", false, "codes made by a counter, not by a clock")
	f.Uint64Var(&t.Counter, "counter", 0, "with --hotp: the next counter that is good")
	f.StringVar(&secretFile, "secret-file", "", "`file` with the secret; -: standard input")
	c.MarkFlagsMutuallyExclusive("hotp", "period")
	c.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions([]string{"SHA1", "SHA256", "SHA512"}, cobra.ShellCompDirectiveNoFileComp))
	asJSON := jsonFlag(c)
	c.RunE = operate(file, func(c *cobra.Command, args []string, o *web.OperatorClient) (err error) {
		if t.Kind = "totp"; hotp {
			t.Kind, t.Period = "hotp", 0
		} else if f.Changed("counter") {
			return errors.New("--counter is for --hotp")
		}
		if secretFile != "" {
			if t.Secret, err = readSecret(c.InOrStdin(), secretFile); err != nil {
				return err
			}
		}
		made, err := o.AddToken(c.Context(), args[0], t)
		if err != nil || *asJSON {
			return orJSON(c, made, err)
		}
		if err := printQR(c.OutOrStdout(), made.URL); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n\nToken %s of %s. The secret is not shown again.\n", made.URL, made.ID, args[0])
		return err
	})
	return c
}

// openInput returns a file to read, or standard input for "-".
func openInput(stdin io.Reader, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(name)
}

// oneLine returns what is in a file that holds one short text.
func oneLine(stdin io.Reader, name string) (string, error) {
	f, err := openInput(stdin, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4<<10+1))
	switch text := strings.TrimSpace(string(b)); {
	case err != nil:
		return "", err
	case text == "":
		return "", fmt.Errorf("%s is empty", name)
	case len(b) > 4<<10 || strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("%s has more than one line", name)
	default:
		return text, nil
	}
}

// readSecret returns the secret in a file as base32.
func readSecret(stdin io.Reader, name string) (string, error) {
	text, err := oneLine(stdin, name)
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	if text, err = toBase32(text); err != nil {
		return "", fmt.Errorf("secret in %s: %w", name, err)
	}
	return text, nil
}

// toBase32 returns a secret in base32 that is in base32 or hex, in groups or not. Where it
// could be either, its first word has to say.
func toBase32(text string) (string, error) {
	text, isHex := strings.CutPrefix(text, "hex:")
	text, isBase32 := strings.CutPrefix(text, "base32:")
	text = strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return r
	}, text))
	b32 := base32.StdEncoding.WithPadding(base32.NoPadding)
	fromHex, notHex := hex.DecodeString(text)
	fromBase32, notBase32 := b32.DecodeString(strings.TrimRight(text, "="))
	switch {
	case notHex == nil && notBase32 == nil && isHex == isBase32:
		return "", errors.New(`it could be hex or base32: put "hex:" or "base32:" in front`)
	case notHex == nil && !isBase32:
		return b32.EncodeToString(fromHex), nil
	case notBase32 == nil && !isHex:
		return b32.EncodeToString(fromBase32), nil
	}
	return "", errors.New("it is neither base32 nor hex")
}
