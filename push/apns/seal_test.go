package apns_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"radpush/push"
	"radpush/push/apns/apnstest"
)

// seals returns a Seal that makes a number of octets, and counts how often it is asked.
func seals(octets int, asked *int) func(push.Device, push.Challenge) ([]byte, error) {
	return func(push.Device, push.Challenge) ([]byte, error) {
		*asked++
		return bytes.Repeat([]byte{0xff}, octets), nil
	}
}

func TestRinger_9_4_ContentIsSealedOnceARing(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		asked := 0
		w.Seal = seals(3, &asked)
		w.phone.Next(apnstest.Refuse(503, "ServiceUnavailable"), apnstest.Refuse(503, "ServiceUnavailable"))
		if _, err := w.ring(t, challenge()); err != nil || asked != 1 {
			t.Fatalf("%v, sealed %d times", err, asked)
		}
		sealed := rung[:len(rung)-1] + `,"sealed":"////"}`
		if n := receive(t, w.phone); string(n.Payload) != sealed {
			t.Errorf("rung with %s", n.Payload)
		}
		if err := w.Withdraw(t.Context(), w.device, challenge()); err != nil {
			t.Fatal(err)
		}
		if n := receive(t, w.phone); string(n.Payload) != withdrawn || asked != 1 {
			t.Errorf("withdrawn with %s, sealed %d times", n.Payload, asked)
		}
	})
}

// Apple refuses a notification of more than 4,096 octets: the app asks the server instead.
func TestRinger_9_4_WhatIsTooLongIsLeftOut(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		asked := 0
		fits := (4096 - len(rung) - len(`,"sealed":""`)) / 4 * 3
		for octets, want := range map[int]bool{0: false, fits: true, fits + 1: false, 1 << 20: false} {
			w.Seal = seals(octets, &asked)
			if _, err := w.ring(t, challenge()); err != nil {
				t.Fatalf("%d octets: %v", octets, err)
			}
			n := receive(t, w.phone)
			var payload struct{ Sealed []byte }
			if err := json.Unmarshal(n.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			if got := len(payload.Sealed); want && got != octets || !want && string(n.Payload) != rung {
				t.Errorf("%d octets: rung with %d of them: %.300s", octets, got, n.Payload)
			}
		}
	})
}

func TestRinger_9_4_WhatCannotBeSealedIsNotSentInTheClear(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.Seal = func(push.Device, push.Challenge) ([]byte, error) { return nil, errors.New("no such curve") }
		_, err := w.ring(t, challenge())
		if says(t, err, "no such curve"); len(w.phone.Posts()) != 0 {
			t.Errorf("%d requests", len(w.phone.Posts()))
		}
	})
}
