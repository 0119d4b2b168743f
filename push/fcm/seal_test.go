package fcm_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"testing"

	"radpush/push"
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
		asked, c := 0, challenge()
		w.Seal = seals(3, &asked)
		w.phone.Next(unavailable, unavailable)
		if _, err := w.ring(t, c); err != nil || asked != 1 {
			t.Fatalf("%v, sealed %d times", err, asked)
		}
		if m := receive(t, w.phone); !maps.Equal(m.Data, map[string]string{"challenge": c.ID, "sealed": "////"}) {
			t.Errorf("rung with %v", m.Data)
		}
		if err := w.Withdraw(t.Context(), w.device, c); err != nil {
			t.Fatal(err)
		}
		if m := receive(t, w.phone); !maps.Equal(m.Data, map[string]string{"withdraw": c.ID}) || asked != 1 {
			t.Errorf("withdrawn with %v, sealed %d times", m.Data, asked)
		}
	})
}

// Google refuses a message of more than 4,096 octets: the app asks the server instead.
func TestRinger_9_4_WhatIsTooLongIsLeftOut(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		asked, c := 0, challenge()
		fits := (4096 - len("challenge"+c.ID+"sealed")) / 4 * 3
		for octets, want := range map[int]bool{0: false, fits: true, fits + 1: false, 1 << 20: false} {
			w.Seal = seals(octets, &asked)
			if _, err := w.ring(t, c); err != nil {
				t.Fatalf("%d octets: %v", octets, err)
			}
			m := receive(t, w.phone)
			sealed, err := base64.StdEncoding.DecodeString(m.Data["sealed"])
			_, has := m.Data["sealed"]
			if err != nil || has != want || want && len(sealed) != octets || m.Data["challenge"] != c.ID {
				t.Errorf("%d octets: rung with %d of them, %v", octets, len(sealed), err)
			}
		}
	})
}

func TestRinger_9_4_WhatCannotBeSealedIsNotSentInTheClear(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.Seal = func(push.Device, push.Challenge) ([]byte, error) { return nil, errors.New("no such curve") }
		_, err := w.ring(t, challenge())
		if w.says(t, err, "no such curve"); len(w.phone.Posts()) != 0 {
			t.Errorf("%d requests", len(w.phone.Posts()))
		}
	})
}
