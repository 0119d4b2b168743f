package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"radpush/web/phone"
)

// askPIN returns $RADPUSH_PHONE_PIN or what is typed, unseen, at the terminal.
func askPIN(c *cobra.Command, prompt string) (string, error) {
	if pin, ok := os.LookupEnv("RADPUSH_PHONE_PIN"); ok {
		return pin, nil
	}
	f, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", errors.New("the phone has a PIN: set RADPUSH_PHONE_PIN, or use a terminal")
	}
	fmt.Fprint(c.ErrOrStderr(), prompt)
	pin, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(c.ErrOrStderr())
	return string(pin), err
}

// choosePIN asks for a new PIN, twice.
func choosePIN(c *cobra.Command, p *phone.Phone) error {
	pin, err := askPIN(c, "Choose a PIN for this phone: ")
	if err != nil {
		return err
	}
	if again, err := askPIN(c, "The PIN once more: "); err != nil || again != pin {
		return errors.Join(errors.New("that was not the same PIN"), err)
	}
	return p.SetPIN(pin)
}
