package page_test

import (
	"testing"
	"time"

	"radpush/login"
)

func TestPush_2_6_Approve(t *testing.T) {
	w := newWorld(t, nil)
	b := browse(t, w)
	b.enrol("alice")
	verdict := w.login(t, "alice", "vpn")
	b.screen("request", "Example Ltd", "Example VPN", "alice", "203.0.113.7")
	began := time.Now()
	b.tap("#approve")
	got := want(t, verdict, login.Accept, login.Approved)
	t.Logf("accepted %v after the tap", got.at.Sub(began).Round(time.Millisecond))
	b.screen("ended", "Approved", "Example VPN")
	b.tap("#done")
	b.screen("home", "Recent requests", "Example VPN")
}
