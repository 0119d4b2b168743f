package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzConfig holds that no text makes the reader panic, and that what is in force can be
// shown as a configuration that says the same.
func FuzzConfig(f *testing.F) {
	scripts, err := filepath.Glob("testdata/script/config_*.txtar")
	if err != nil || len(scripts) == 0 {
		f.Fatal("no scripts to begin with:", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text) // not YAML as it stands, but full of it
	}
	f.Add([]byte(sample))
	f.Add([]byte("clients:\n  - {name: a, address: 1.1.1.1, secret: b, reply: {Tunnel-Password: x, Filter-Id: [\"c: d\", '#e', \"- f\", '', ' g ', \"0x1\", \"~\"]}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := parseConfig("radpush.yaml", text, true)
		if err != nil {
			_ = err.Error()
			return
		}
		shown, err := config.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseConfig("radpush.yaml", shown, true)
		if err != nil {
			t.Fatalf("%v\n\n%s", err, shown)
		}
		for _, c := range []*Config{config, again} {
			c.Warnings, c.dictionary = nil, nil
			for i := range c.Clients {
				c.Clients[i].Secret, c.Clients[i].secret, c.Clients[i].reply = "", "", nil
				for j := range c.Clients[i].Reply {
					if c.Clients[i].Reply[j].secret {
						c.Clients[i].Reply[j].Values = nil
					}
				}
			}
		}
		if !reflect.DeepEqual(config, again) {
			t.Errorf("%+v\nreads again as\n%+v\n\n%s", config, again, shown)
		}
	})
}
