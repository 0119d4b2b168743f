package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"radpush/push/apns"
	"radpush/push/apns/apnstest"
	"radpush/push/fcm"
	"radpush/push/fcm/fcmtest"
)

// Notifications carry what is asked only if the operator says so.
func TestConfig_9_4_Content(t *testing.T) {
	dir := t.TempDir()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	apple, err := apnstest.Start(listen(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer apple.Close()
	google, err := fcmtest.Start(listen(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer google.Close()
	for name, b := range map[string][]byte{"apple.p8": apple.Key, "google.json": google.Credentials} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	services := fmt.Sprintf("apns: {topic: %s, key_file: apple.p8, key_id: %s, team_id: %s}\nfcm: {credentials_file: google.json}\n",
		apple.Topic, apple.KeyID, apple.TeamID)
	for text, want := range map[string]bool{"": false, "push: {content: false}\n": false, "push: {content: true}\n": true} {
		config, err := parseConfig(filepath.Join(dir, "radpush.yaml"), []byte(text+services+"clients: [{name: a, address: 192.0.2.1, secret: 0123456789abcdef}]"), false)
		if err != nil || len(config.Warnings) != 0 {
			t.Fatal(err, config.Warnings)
		}
		ringers, _, err := config.ringers()
		if err != nil {
			t.Fatal(err)
		}
		if got := ringers["apns"].(*apns.Ringer).Seal != nil; got != want {
			t.Errorf("%q: APNs carries content: %v", text, got)
		}
		if got := ringers["fcm"].(*fcm.Ringer).Seal != nil; got != want {
			t.Errorf("%q: FCM carries content: %v", text, got)
		}
	}
}
