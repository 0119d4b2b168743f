package main

import (
	"context"
	"strings"
	"testing"
)

// The demonstration fails by itself when something does not arrive; here it is that it tells
// what did.
func TestDemoPush(t *testing.T) {
	out := new(strings.Builder)
	err := run(t.Context(), out)
	rest := out.String()
	for _, next := range []string{
		"iPhone has enrolled", "Android phone has enrolled", "browser has enrolled",
		"APNs rings the iPhone", `"iss":`, "apns-priority     10", "apns-expiration", `"sealed":"`,
		"the iPhone opens with its key", "Sign in to Example VPN, as alice, from 198.51.100.7?",
		"FCM rings the Android phone", "Bearer ya29.", `"priority":"high"`, "the Android phone opens with its key",
		"Web Push rings the browser", `"sub":"mailto:it@example.com"`, "urgency           high", `{"challenge":"`,
		"APPROVE on the browser", "Access-Accept",
		"APNs takes the question back", `"withdraw":"`, "FCM takes the question back", `"withdraw":"`,
		"APPROVE on the Android phone", "Access-Accept", "Web Push takes the question back", "APNs answered 410", "marked as gone",
		"Access-Accept", "APNs was told nothing of it",
	} {
		_, after, found := strings.Cut(rest, next)
		if !found {
			t.Fatalf("%q is not told, or not in its place, %v:\n%s", next, err, out)
		}
		rest = after
	}
	if err != nil {
		t.Error(err)
	}
}

// What does not arrive is a failure, with the server's log.
func TestDemoPush_Fails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := new(strings.Builder)
	if err := run(ctx, out); err == nil || !strings.Contains(out.String(), "The server's log:") {
		t.Errorf("%v:\n%s", err, out)
	}
}
