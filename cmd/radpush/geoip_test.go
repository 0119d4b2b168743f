package main

import (
	"os"
	"path/filepath"
	"testing"

	"radpush/geoip/geoiptest"
)

func TestPush_2_3_TheDeviceShowsThePlace(t *testing.T) {
	peer(t, "radclient", "freeradius-utils")
	t.Parallel()
	file := filepath.Join(t.TempDir(), "city.mmdb")
	places := geoiptest.Database(t, "GeoLite2-City", map[string]geoiptest.Place{"203.0.113.0/24": {City: "Berlin", Country: "Germany"}})
	if err := os.WriteFile(file, places, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startRadpush(t, "geoip: "+file)
	user, phone := s.enrol(t)
	login := s.login(t, vpn, "User-Name="+user, "Calling-Station-Id=203.0.113.7")
	wantText(t, s.run(t, "phone", "wait", "--once", "--key", phone.key), "Berlin, Germany")
	phone.approve(t)
	wantReply(t, login.heard(), "Access-Accept")
}
