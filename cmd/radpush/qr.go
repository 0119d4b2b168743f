package main

import (
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"
)

// quiet is the width of the light margin, in modules (ISO/IEC 18004, section 9.1).
const quiet = 4

// printQR draws text as a QR code in half blocks, two modules a character. A terminal is
// told to show it dark on light; elsewhere it is light on dark, as most terminals are.
func printQR(w io.Writer, text string) error {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return fmt.Errorf("QR code: %w", err)
	}
	blocks, begin, end := [...]string{"█", "▄", "▀", " "}, "", "" // by upper dark, lower dark, as two bits
	if inColour(w) {
		blocks, begin, end = [...]string{" ", "▀", "▄", "█"}, "\x1b[38;5;16;48;5;231m", "\x1b[0m"
	}
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var line strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			i := 0
			if code.Black(x, y) {
				i = 1
			}
			if code.Black(x, y+1) {
				i += 2
			}
			line.WriteString(blocks[i])
		}
		if _, err := fmt.Fprintln(w, begin+line.String()+end); err != nil {
			return err
		}
	}
	return nil
}
