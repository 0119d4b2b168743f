package access

import (
	"strings"

	"layeh.com/radius/rfc2865"

	"radpush/radius"
)

// IsAnswer reports whether a request looks like the answer to an Access-Challenge of this
// server: its State has the form of crypto/rand.Text. It is for radius.Server.Prefer,
// so that in an overload those who have come half-way come through. Whether there is
// such a State only the engine knows; who makes one up gains a place in the queue.
func IsAnswer(r *radius.Request) bool {
	const (
		length   = 26 // 130 bits
		alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	)
	state := r.Get(rfc2865.State_Type)
	return len(state) == length && strings.Trim(string(state), alphabet) == ""
}
