package main

import (
	"strings"
	"testing"

	"radpush/web"
)

// A push that came to nothing has no second row: the table says so in its first.
func TestActivity_6_3_APushWithoutAnEnd(t *testing.T) {
	var out strings.Builder
	err := showActivity(&out, []web.Activity{
		{User: "alice", Method: "push", Result: "Challenge", Challenge: "approved"},
		{User: "bob", Method: "push", Result: "Challenge", Challenge: "ignored"},
		{User: "carol", Method: "sms", Result: "Challenge", Reason: "sending a code"},
		{User: "alice", Method: "push", Result: "Success", Challenge: "approved", Reason: "approved on the device"},
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(out.String(), "\n")[1:]
	for i, want := range []string{"Challenge", "no answer so far, or denied as a mistake", "sending a code", "approved on the device"} {
		if got := strings.TrimSpace(rows[i]); !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q at the end", got, want)
		}
	}
}
