package webpush_test

import (
	"crypto/ecdh"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"radpush/push/webpush"
)

func TestLoadKeys_MakesThemOnceForAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "webpush.key")
	all := make([]webpush.Keys, 20)
	var wait sync.WaitGroup
	for i := range all { // servers that start at once
		wait.Go(func() {
			var err error
			if all[i], err = webpush.LoadKeys(file); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, k := range all {
		if k != all[0] || k == (webpush.Keys{}) {
			t.Errorf("%v and %v", k, all[0])
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
	point, err := base64.RawURLEncoding.DecodeString(all[0].Public())
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(point)
	}
	if err != nil || len(point) != 65 {
		t.Errorf("the public key is %q, %v", all[0].Public(), err)
	}
}

func TestLoadKeys_WhatIsNoKeyIsLeftAlone(t *testing.T) {
	const ed25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n" // RFC 8410, section 10.3
	for _, text := range []string{"", "nonsense", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", ed25519} {
		file := filepath.Join(t.TempDir(), "webpush.key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := webpush.LoadKeys(file)
		if err == nil || !strings.HasPrefix(err.Error(), "webpush: load keys: ") || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", text, err)
		}
		if b, err := os.ReadFile(file); string(b) != text || err != nil {
			t.Errorf("%q became %q, %v", text, b, err)
		}
	}
	if _, err := webpush.LoadKeys(filepath.Join(t.TempDir(), "not", "there")); err == nil {
		t.Error("made in a directory that is not there")
	}
	if _, err := webpush.LoadKeys(t.TempDir()); err == nil {
		t.Error("read from a directory")
	}
}

func TestKeys_KeepTheirSecret(t *testing.T) {
	keys := newKeys(t)
	private := keys.Private()
	if len(private) != 43 {
		t.Fatalf("the private key is %q", private)
	}
	r := &webpush.Ringer{Keys: keys}
	logged := new(strings.Builder)
	slog.New(slog.NewTextHandler(logged, nil)).Info("keys", "keys", keys, "ringer", r)
	slog.New(slog.NewJSONHandler(logged, nil)).Info("keys", "keys", keys, "ringer", r)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(logged, verb+verb+verb, keys, &keys, r)
	}
	if s := logged.String(); strings.Contains(s, private) || !strings.Contains(s, keys.Public()) {
		t.Errorf("printed: %s", s)
	}
	if other := newKeys(t); other == keys {
		t.Errorf("twice %v", other)
	}
}
