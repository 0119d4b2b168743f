package main

import (
	"fmt"
	"testing"
)

// At a terminal a device is removed when a person says so.
func TestDevices_9_3_RemovedWhenAPersonSaysYes(t *testing.T) {
	t.Parallel()
	s := startRadpush(t)
	user, p := s.enrol(t)
	s.phone(t, user)
	other := p.devices(t)[1]
	for _, row := range []struct {
		typed, says string
		exit, left  int
	}{
		{"n", "it was not removed", exitError, 2},
		{"", "it was not removed", exitError, 2},
		{"Yes", "", exitOK, 1},
	} {
		master, terminal := newTerminal(t)
		d := sit(t.Context(), t, s.config, terminal, master, "phone", "remove", other.ID, "--key", p.key)
		d.until("? (y/n) ")
		fmt.Fprintln(master, row.typed)
		if d.until(row.says); <-d.exit != row.exit {
			t.Errorf("%q: want exit code %d", row.typed, row.exit)
		}
		if all := p.devices(t); len(all) != row.left {
			t.Errorf("%q: %+v", row.typed, all)
		}
	}
}
