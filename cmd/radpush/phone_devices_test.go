package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A listedDevice is what phone devices --json prints of one.
type listedDevice struct {
	ID, Name string
	This     bool
}

func (p testPhone) devices(t *testing.T) (all []listedDevice) {
	t.Helper()
	unmarshal(t, p.s.run(t, "phone", "devices", "--json", "--key", p.key), &all)
	return all
}

// adds starts phone add and returns it with the link that it has printed.
func (p testPhone) adds(t *testing.T, more ...string) (add *process, link string) {
	t.Helper()
	add = startProcess(t, "", "radpush", append([]string{"--config", p.s.config, "phone", "add", "--json", "--key", p.key}, more...)...)
	add.expect("Waiting for the new device.", 1)
	var printed struct {
		Link    string
		Expires time.Time
	}
	line, _, _ := strings.Cut(add.out.String()[strings.Index(add.out.String(), "{"):], "\n")
	if err := json.Unmarshal([]byte(line), &printed); err != nil {
		t.Fatalf("%v in %s", err, add.out.String())
	}
	if left := time.Until(printed.Expires); left > 10*time.Minute || left < 5*time.Minute {
		t.Errorf("the code is good for %v", left)
	}
	return add, printed.Link
}

// A terminal adds another one, replaces it, renames and removes what came in its place.
func TestDevices_9_1_9_3_FromTheTerminal(t *testing.T) {
	t.Parallel()
	s := startRadpush(t)
	_, first := s.enrol(t)
	add, link := first.adds(t)
	second := testPhone{s, filepath.Join(t.TempDir(), "key")}
	s.run(t, "phone", "enrol", link, "--key", second.key, "--name", "lost")
	wantText(t, add.wait(), `"lost" has enrolled.`)
	if code := add.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	second.devices(t)
	if all := first.devices(t); len(all) != 2 || !all[0].This || all[1].This || all[1].Name != "lost" {
		t.Errorf("%+v", all)
	}
	wantText(t, s.run(t, "phone", "devices", "--key", first.key), "this terminal")

	add, link = first.adds(t, "--replace", "lost")
	third := filepath.Join(t.TempDir(), "key")
	s.run(t, "phone", "enrol", link, "--key", third, "--name", "new")
	wantText(t, add.wait(), `"new" has enrolled.`)
	wantText(t, s.runFails(t, "phone", "list", "--key", second.key), "does not know this device")
	s.run(t, "phone", "rename", "new", "tablet", "--key", first.key)
	all := first.devices(t)
	if len(all) != 2 || all[1].Name != "tablet" {
		t.Fatalf("%+v", all)
	}

	fails := func(want string, args ...string) {
		t.Helper()
		wantText(t, s.runFails(t, append([]string{"phone", "--key", first.key}, args...)...), want)
	}
	fails("--yes removes the device without a question", "remove", "tablet")
	fails(`no device has the ID or the name "nothing"`, "remove", "nothing", "--yes")
	fails("radpush: name: expected length >= 1", "rename", "tablet", "")
	fails(`"radpush phone leave" removes it`, "remove", all[0].ID, "--yes")
	s.run(t, "phone", "rename", "tablet", all[0].Name, "--key", first.key)
	fails("2 devices are called", "remove", all[0].Name, "--yes")
	wantText(t, s.run(t, "__complete", "phone", "--key", first.key, "remove", ""), all[1].ID)
	s.run(t, "phone", "remove", all[1].ID, "--yes", "--key", first.key)
	if all := first.devices(t); len(all) != 1 {
		t.Errorf("%+v", all)
	}

	// The place of the terminal itself.
	add, link = first.adds(t, "--replace", all[0].ID)
	s.run(t, "phone", "enrol", link, "--key", second.key, "--replace")
	wantText(t, add.wait(), "has taken the place of this terminal")
	if all := second.devices(t); len(all) != 1 || !all[0].This {
		t.Errorf("%+v", all)
	}
}

// The operator decides whether users may; and may do the same.
func TestDevices_9_1_WithoutSelfService(t *testing.T) {
	t.Parallel()
	s := startRadpush(t, "push: {self_service: false}")
	user, p := s.enrol(t)
	wantText(t, s.runFails(t, "phone", "add", "--key", p.key), "Devices are added, replaced and removed by your administrator here.")
	s.run(t, "phone", "rename", p.devices(t)[0].ID, "old", "--key", p.key)
	var devices []struct{ ID, Name string }
	unmarshal(t, s.run(t, "device", "list", user, "--json"), &devices)
	wantText(t, s.run(t, "enrol", user, "--replace", devices[0].ID), devices[0].ID+" is removed then.")
	var e struct{ Link string }
	unmarshal(t, s.run(t, "enrol", user, "--replace", devices[0].ID, "--json"), &e)
	s.run(t, "phone", "enrol", e.Link, "--key", p.key, "--replace", "--name", "new")
	if unmarshal(t, s.run(t, "device", "list", user, "--json"), &devices); len(devices) != 1 || devices[0].Name != "new" {
		t.Errorf("%+v", devices)
	}
	wantText(t, s.run(t, "activity", "--user", user), "device new enrolled in place of device old")
}
