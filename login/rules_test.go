package login_test

import (
	"testing"

	"radpush/login"
)

// Section 1 of the behaviour, statement by statement. "verify" is a passcode that is
// checked as a code.
func TestRules_1_1_to_1_10(t *testing.T) {
	const verify login.Method = "verify"
	var (
		push    = login.Enrolled{Push: true}
		pushSMS = login.Enrolled{Push: true, SMS: true}
		all     = login.Enrolled{Push: true, SMS: true, Email: true, Grid: true}
		noPush  = login.Enrolled{SMS: true, Email: true, Grid: true}
		grid    = login.Enrolled{Grid: true}
		nothing = login.Enrolled{}
	)
	prefers := func(e login.Enrolled, m login.Method) login.Enrolled { e.Prefers = m; return e }

	for _, row := range []struct {
		statement string
		passcode  login.Passcode
		have      login.Enrolled
		want      login.Method
	}{
		{"1.1 empty", text(""), push, login.ByPush},
		{"1.1 empty, opaque", opaque(""), push, login.ByPush},
		{"1.2 one character", text("x"), push, login.ByPush},
		{"1.2 one character of two bytes", text("é"), push, login.ByPush},
		{"1.2 one digit", text("1"), all, login.ByPush},
		{"1.2 one byte that is no text", text("\xff"), push, login.ByPush},
		{"1.2 p", text("p"), all, login.ByPush},
		{"1.3 s", text("s"), all, login.BySMS},
		{"1.3 s, opaque", opaque("s"), all, login.BySMS},
		{"1.4 g", text("g"), all, login.ByGrid},
		{"1.5 e", text("e"), all, login.ByEmail},
		{"1.6 s without SMS", text("s"), push, login.ByPush},
		{"1.6 g without a grid", text("g"), pushSMS, login.ByPush},
		{"1.6 e without e-mail", text("e"), pushSMS, login.ByPush},
		{"1.7 SMS first", text(""), noPush, login.BySMS},
		{"1.7 any character", text("x"), noPush, login.BySMS},
		{"1.7 p too", text("p"), noPush, login.BySMS},
		{"1.7 the preferred method before SMS", text(""), prefers(noPush, login.ByGrid), login.ByGrid},
		{"1.7 preferred but not enrolled", text(""), prefers(grid, login.BySMS), login.ByGrid},
		{"1.7 preferring changes nothing while push is available", text(""), prefers(all, login.ByGrid), login.ByPush},
		{"1.7 e-mail before grid", text(""), login.Enrolled{Email: true, Grid: true}, login.ByEmail},
		{"1.7 grid last", text(""), grid, login.ByGrid},
		{"1.7 nothing enrolled", text(""), nothing, login.NoMethod},
		{"1.7 s with only a grid", text("s"), grid, login.ByGrid},
		{"1.8 S", text("S"), all, login.BySMS},
		{"1.8 G, opaque", opaque("G"), all, login.ByGrid},
		{"1.8 P, opaque", opaque("P"), push, login.ByPush},
		{"1.9 p, opaque", opaque("p"), push, login.ByPush},
		{"1.9 a space, opaque", opaque(" "), push, login.ByPush},
		{"1.9 another character, opaque", opaque("x"), push, verify},
		{"1.10 two characters", text("ss"), all, verify},
		{"1.10 a code", text("123456"), all, verify},
		{"1.10 a code, opaque", opaque("123456"), all, verify},
	} {
		got := verify
		if trigger, ok := login.Trigger(row.passcode); ok {
			got = row.have.Method(trigger)
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.statement, got, row.want)
		}
	}
}
