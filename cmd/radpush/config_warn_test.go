package main

import "testing"

// The arguments of a program are no place for a code.
func TestConfigCodesInArguments(t *testing.T) {
	for args, want := range map[string]string{
		"'{{number}}', '{{ text }}'":                      "sms.args[1]",
		"'{{if gsm}}{{text}}{{end}}', '{{number}}'":       "sms.args[0]",
		"'--text', '{{number}}', '{{if gsm}}text{{end}}'": "",
	} {
		config, err := parseConfig("radpush.yaml", []byte("sms: {carrier: program, program: /bin/cat, args: ["+args+"]}\nclients: [{name: a, address: 192.0.2.1, secret: 0123456789abcdef}]"), false)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		said := ""
		for _, w := range config.Warnings {
			said += w.Path
		}
		if said != want {
			t.Errorf("%s: warned of %q, want %q", args, said, want)
		}
	}
}
