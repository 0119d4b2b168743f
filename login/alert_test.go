package login_test

import (
	"testing"
	"time"

	"radpush/login"
	"radpush/push"
)

func TestAlerts_5_3_5_4(t *testing.T) {
	withPhone(t, func(t *testing.T, h *house, p *phone) {
		h.set(t, func(u *login.User) { u.Email = "alice@example.com" })
		h.Alerts = login.Alerts{RejectionUser: true, RejectionOperator: []string{"ops@example.com"}, LockoutUser: true, LockoutOperator: []string{"sec@example.com"}}
		deny := func() {
			w := h.begin(t, attempt(""))
			p.answer(t, p.open(t), push.DeniedNotMe)
			w.end(t)
		}
		deny()
		letters := h.post.letters
		if len(letters) != 2 || letters[0].To != "ops@example.com" || !letters[0].Operator || letters[1].To != "alice@example.com" {
			t.Fatalf("letters: %+v", letters)
		}
		if r := letters[1].Rejection; r == nil || letters[1].Lockout != nil || r.Resource != "Example VPN" || r.IP != "198.51.100.7" || r.Client != "vpn" || r.Device != "alice's phone" {
			t.Errorf("rejection: %+v", r)
		}
		time.Sleep(10 * time.Minute)
		h.set(t, func(u *login.User) { u.Failures = 9 })
		h.post.letters = nil
		deny()
		letters = h.post.letters
		if len(letters) != 3 || letters[0].To != "ops@example.com" || letters[1].To != "sec@example.com" || letters[2].To != "alice@example.com" {
			t.Fatalf("letters: %+v", letters)
		}
		if both := letters[2]; both.Lockout == nil || both.Rejection == nil {
			t.Errorf("the user reads of one only: %+v", both)
		}
		h.UnlockUser(t.Context(), "alice")
		h.post.letters = nil
		for range 12 {
			h.login(t, attempt("wrong"))
		}
		if letters := h.post.letters; len(letters) != 2 || letters[1].Rejection != nil || letters[1].Lockout == nil || !letters[1].Lockout.Until.Equal(time.Now().Add(15*time.Minute)) {
			t.Errorf("letters of a lockout by guesses: %+v", letters)
		}
	})
}
