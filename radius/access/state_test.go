package access

import (
	"crypto/rand"
	"strings"
	"testing"

	"layeh.com/radius/rfc2865"
)

func TestIsAnswer_4_4(t *testing.T) {
	if IsAnswer(papRequest(t, "123456")) {
		t.Error("a request without State is an answer")
	}
	ours := rand.Text()
	for state, want := range map[string]bool{
		ours:                        true,
		"":                          false,
		ours[1:]:                    false,
		ours + "A":                  false,
		strings.ToLower(ours):       false,
		ours[:25] + "\x00":          false,
		ours[:12] + "-" + ours[13:]: false,
		ours[:25] + "1":             false,
	} {
		r := papRequest(t, "123456")
		r.Attributes = append(r.Attributes, avp(rfc2865.State_Type, state))
		if got := IsAnswer(r); got != want {
			t.Errorf("State %q: %v", state, got)
		}
	}
}
