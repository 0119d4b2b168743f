package fcm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"radpush/push/fcm"
	"radpush/push/fcm/fcmtest"
	"radpush/push/standin"
)

func TestParseCredentials(t *testing.T) {
	s, err := fcmtest.Start(standin.NewPipes(), "https://fcm.googleapis.com")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct{ field, value, want string }{
		{"auth_uri", "https://accounts.google.com/o/oauth2/auth", ""},
		{"token_uri", "", ""}, // Google's
		{"type", "external_account", "not the file of a service account"},
		{"type", "authorized_user", "not the file of a service account"},
		{"project_id", "", "no project_id"},
		{"project_id", "a/../b", "no project_id"},
		{"client_email", "", "no client_email"},
		{"token_uri", "http://oauth2.googleapis.com/token", "token_uri is not an https URL"},
		{"private_key", "", "private_key is not an RSA key"},
		{"private_key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "private_key is not an RSA key"},
	} {
		t.Run(c.field+"="+c.value, func(t *testing.T) {
			var file map[string]string
			if err := json.Unmarshal(s.Credentials, &file); err != nil {
				t.Fatal(err)
			}
			file[c.field] = c.value
			b, err := json.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := fcm.ParseCredentials(b)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "fcm: parse credentials: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, c.want)
			}
			if got != (fcm.Credentials{}) {
				t.Error("there are credentials")
			}
		})
	}
	for _, file := range []string{"", "secret", "null", "[]", `{"type":5}`} {
		if _, err := fcm.ParseCredentials([]byte(file)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestCredentials_9_4_AreNotSaid(t *testing.T) {
	s, err := fcmtest.Start(standin.NewPipes(), "https://fcm.googleapis.com")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := fcm.ParseCredentials(s.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	r := &fcm.Ringer{Credentials: c}
	said := new(bytes.Buffer)
	for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(said, nil)), slog.New(slog.NewTextHandler(said, nil))} {
		log.Info("start", "credentials", c, "of", struct{ Credentials fcm.Credentials }{c})
	}
	for _, verb := range []string{"%v ", "%+v ", "%#v ", "%s ", "%x ", "%d "} {
		fmt.Fprintf(said, verb, c)
		fmt.Fprintf(said, verb, &r.Credentials)
		fmt.Fprintf(said, verb, r)
	}
	b, err := json.Marshal(struct{ Credentials fcm.Credentials }{c})
	if err != nil {
		t.Fatal(err)
	}
	said.Write(b)
	var file map[string]string
	if err := json.Unmarshal(s.Credentials, &file); err != nil {
		t.Fatal(err)
	}
	key := file["private_key"]
	for _, secret := range []string{"PRIVATE", key[40:60], fmt.Sprintf("%x", key[40:60]), fmt.Sprint([]byte(key)[40:50])} {
		if strings.Contains(said.String(), strings.Trim(secret, "[]")) {
			t.Errorf("it says %q: %s", secret, said)
		}
	}
	if !strings.Contains(said.String(), "service account of example-signin") {
		t.Errorf("it says %s", said)
	}
}
