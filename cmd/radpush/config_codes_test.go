package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigCodes has the faults of what carries codes and letters.
func TestConfigCodes(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"secret": 0o600, "public": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("0123456789abcdef0123456789abcdef\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "good.p8"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	const mail = "email: {host: mail.example.com, from: vpn@example.com}\n"
	for text, want := range map[string]string{
		mail:                              "",
		"email: {host: mail.example.com}": "the sender",
		"email: {from: vpn@example.com}":  "email.host has to say which mail server",
		"email: {host: mail.example.com, from: a@b.example, password_file: public}":    "every user can read",
		"email: {host: mail.example.com, from: a@b.example, ca_file: secret}":          "no certificate in PEM form",
		"email: {host: mail.example.com, from: a@b.example, templates: nowhere}":       "nowhere",
		"alerts: {lockout_user: true}":                                                 "email.host has to say which mail server",
		mail + "alerts: {lockout_user: true, rejection_operators: [a@example.com, b]}": `"b"`,
		mail + "alerts: {lockout_user: true, rejection_operators: soc@example.com}":    "",
		"sms: {carrier: mail, mail_to: '{{digits}}@sms.example.com'}":                  "email.host has to say which mail server",
		mail + "sms: {carrier: mail, mail_to: '{{digits}}@sms.example.com'}":           "",
		"sms: {account: x}": `the carrier "none" does not take it`,
		"sms: {carrier: program, program: /bin/cat, url: https://a}":                                                     `the carrier "program" does not take it`,
		"sms: {carrier: program, program: /bin/cat, args: '{{number}}'}":                                                 "",
		"sms: {carrier: program, program: /bin/no-such-program}":                                                         "no-such-program",
		"sms: {carrier: pigeon}":                                                                                         "is none of none, twilio",
		"sms: {carrier: twilio, account: AC0123456789abcdef0123456789abcdef, from: '+12025550100', secret_file: secret}": "",
		"sms: {carrier: twilio, account: AC0123456789abcdef0123456789abcdef, from: '+12025550100'}":                      `the carrier "twilio" needs it`,
		"sms: {carrier: gateway, url: 'https://sms.example.com/?to={{digits}}&text={{text}}', header: {X-Key: '{{secret}}'}, secret_file: secret, status: [200, 202], json: {ok: 'true'}}": "",
		"sms: {carrier: gateway, url: 'https://sms.example.com/?to={{nobody}}&text={{text}}'}":                                                                                             "nobody",
		"sms: {carrier: gateway, url: 'http://127.0.0.1:8080/?to={{digits}}&text={{text}}'}":                                                                                               "",
		"sms: {carrier: gateway, url: 'https://sms.example.com/?to={{digits}}&text={{text}}', status: [99], answer: (}":                                                                    "2 faults",
		"sms: {carrier: gateway, url: 'https://sms.example.com/', header: [a]}":                                                                                                            "want names of attributes and values",
		"sms: {carrier: gateway, url: 'https://sms.example.com/', header: {a: [b, c]}}":                                                                                                    "want one value, not a list",
		"bells: {ntfy: {url: 'https://ntfy.example.com/', token_file: secret}}":                                                                                                            "",
		"bells: {ntfy: {url: 'https://ntfy.example.com', user: radpush, password_file: secret}}":                                                                                           "",
		"bells: {ntfy: {url: 'http://ntfy.example.com'}}":                                                                                                                                  `bells.ntfy: the server's URL is more or less than https:// and a name`,
		"bells: {ntfy: {url: 'https://ntfy.example.com', token_file: public}}":                                                                                                             "every user can read",
		"bells: {ntfy: {url: 'https://ntfy.example.com', token_file: secret, user: a, password_file: secret}}":                                                                             "want one of the two",
		"bells: {ntfy: {url: 'https://ntfy.example.com', user: a}}":                                                                                                                        "come together or not at all",
		"bells: {ntfy: {url: 'https://ntfy.example.com', ca_file: secret}}":                                                                                                                "no certificate in PEM form",
		"bells: {ntfy: {token_file: secret}}":                                                                                                                                              "bells.ntfy.url has to say which server",
		"bells: {ntfy: {uri: x}}":                                                                                                                                                          "bells.ntfy.uri: unknown key; possible are url, token_file",
		"bells: {email: true}":                                                                                                                                                             "email.host has to say which mail server",
		mail + "bells: {email: true}":                                                                                                                                                      "",
		"webpush: {subject: it@example.com, hosts: push.example.com}":                                                                                                                      "",
		"webpush: {hosts: push.example.com}":                                                                                                                                               "webpush.subject has to say",
		"webpush: {subject: nobody}":                                                                                                                                                       "webpush",
		"apns: {topic: com.example.signin}":                                                                                                                                                "which key did Apple make",
		"apns: {key_id: ABCDE12345}":                                                                                                                                                       "apns.topic has to say",
		"apns: {topic: com.example.signin, key_file: secret, key_id: ABCDE12345, team_id: FGHIJ67890}":                                                                                     "key",
		"apns: {topic: com.example.signin, key_file: good.p8, key_id: ABCDE12345, team_id: FGHIJ67890}":                                                                                    "",
		"apns: {topic: com.example.signin, key_file: good.p8, key_id: ABCDE12345}":                                                                                                         "team",
		"fcm: {credentials_file: public}":                                                                                                                                                  "every user can read",
		"fcm: {credentials_file: secret}":                                                                                                                                                  "fcm",
		"codes: {digits: 5}":                                                                                                                                                               "out of range",
	} {
		_, err := parseConfig(filepath.Join(dir, "radpush.yaml"), []byte(text+"\nclients: [{name: a, address: 192.0.2.1, secret: 0123456789abcdef}]"), false)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, want) || want == "" && said != "" {
			t.Errorf("%s: %q, want %q", text, said, want)
		}
		if strings.Contains(said, "0123456789abcdef0123456789abcdef") && strings.Contains(text, "secret_file") {
			t.Errorf("%s: the secret is in %q", text, said)
		}
	}
}

func TestConfigMethods(t *testing.T) {
	for methods, want := range map[string]string{
		"":                      "all",
		"methods: all":          "all",
		"methods: none":         "",
		"methods: [otp, sms]":   "otp sms",
		"methods: backup":       "backup",
		"methods: []":           "the list is empty",
		"methods: [none, otp]":  "stand alone",
		"methods: [otp, pager]": "is none of",
	} {
		config, err := parseConfig("radpush.yaml", []byte("clients: [{name: a, address: 192.0.2.1, secret: 0123456789abcdef, "+methods+"}]"), false)
		if err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", methods, err, want)
			}
			continue
		}
		got := "all"
		if m := config.Clients[0].Login().Methods; m != nil {
			words := make([]string, len(m))
			for i := range m {
				words[i] = string(m[i])
			}
			got = strings.Join(words, " ")
		}
		if got != want {
			t.Errorf("%q: %q, want %q", methods, got, want)
		}
	}
}
