package main

import (
	"fmt"
	"io"

	"rsc.io/qr"
)

// printQR draws text as a QR code for a terminal: two modules a character, in half blocks,
// dark on light in whatever colours the terminal has, with the quiet zone of ISO 18004.
func printQR(w io.Writer, text string) error {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return fmt.Errorf("QR code: %w", err)
	}
	const quiet = 2
	blocks := [...]string{"█", "▄", "▀", " "} // by upper dark, lower dark, as two bits
	for y := -quiet; y < code.Size+quiet; y += 2 {
		line := ""
		for x := -quiet; x < code.Size+quiet; x++ {
			i := 0
			if code.Black(x, y) {
				i = 1
			}
			if code.Black(x, y+1) {
				i += 2
			}
			line += blocks[i]
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
