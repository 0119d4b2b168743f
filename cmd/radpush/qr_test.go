package main

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// What is printed has each module where the code has it, and a margin on all sides.
func TestQR(t *testing.T) {
	const text = "https://radpush.example.com:8443/enrol#code=K3ZK2V4QYBX5TTQH6KEGV7L2DA"
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printQR(&out, text); err != nil {
		t.Fatal(err)
	}
	dark := map[rune][2]bool{'█': {false, false}, '▄': {true, false}, '▀': {false, true}, ' ': {true, true}}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if want := (code.Size + 2*quiet + 1) / 2; len(lines) != want {
		t.Fatalf("%d lines, want %d", len(lines), want)
	}
	for y, line := range lines {
		modules := []rune(line)
		if len(modules) != code.Size+2*quiet {
			t.Fatalf("line %d has %d modules, want %d", y, len(modules), code.Size+2*quiet)
		}
		for x, c := range modules {
			for half, got := range dark[c] {
				if want := code.Black(x-quiet, 2*y+half-quiet); got != want {
					t.Fatalf("module %d, %d is dark: %v, want %v", x-quiet, 2*y+half-quiet, got, want)
				}
			}
		}
	}
	if printQR(&out, strings.Repeat("x", 10_000)) == nil {
		t.Error("a text that fits no QR code was printed")
	}
}
