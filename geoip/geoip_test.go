package geoip_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"radpush/geoip"
	"radpush/geoip/geoiptest"
)

func write(t *testing.T, file string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPush_2_3_Place(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "city.mmdb"), geoiptest.Database(t, "GeoLite2-City", map[string]geoiptest.Place{
		"203.0.113.0/24":    {City: "Berlin", Subdivision: "Land Berlin", Country: "Germany"},
		"198.51.100.0/25":   {Subdivision: "Bavaria", Country: "Germany"},
		"198.51.100.128/25": {Country: "Germany"},
		"192.0.2.0/24":      {City: "Singapore", Country: "Singapore"},
		"2001:db8::/32":     {City: "Zürich", Country: "Switzerland"},
		"100.64.0.0/10":     {City: "Atlantis"},
	}))
	d, err := geoip.Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"203.0.113.7":        "Berlin, Germany",
		"::ffff:203.0.113.7": "Berlin, Germany",
		"198.51.100.7":       "Bavaria, Germany",
		"198.51.100.207":     "Germany",
		"192.0.2.7":          "Singapore",
		"2001:db8::7":        "Zürich, Switzerland",
		"2001:db9::7":        "",
		"10.0.0.1":           "",
		"100.64.0.1":         "",
	} {
		if got := d.Place(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is in %q, want %q", addr, got, want)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	good := geoiptest.Database(t, "GeoLite2-Country", map[string]geoiptest.Place{"203.0.113.0/24": {Country: "Germany"}})
	for what, row := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":         {nil, "is no database in MaxMind's format"},
		"text":          {[]byte("organization: Example Ltd\n"), "is no database in MaxMind's format"},
		"cut off":       {good[:len(good)/2], "is no database in MaxMind's format"},
		"other numbers": {geoiptest.Database(t, "GeoLite2-ASN", nil), `of the kind "GeoLite2-ASN": a database of cities or countries is needed`},
		"unheard of":    {geoiptest.Database(t, "Weather", nil), `does not support the "Weather" database type`},
	} {
		file := write(t, filepath.Join(t.TempDir(), "x.mmdb"), row.b)
		if _, err := geoip.Open(file, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, want %q", what, err, row.want)
		}
	}
	if _, err := geoip.Open(filepath.Join(t.TempDir(), "none"), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: %v", err)
	}
}

// What programs that fetch a new database do: they put another file in the old one's place,
// or write over it, and it takes its time.
func TestServeReadsTheFileAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := func(country string) []byte {
			return geoiptest.Database(t, "GeoIP2-Country", map[string]geoiptest.Place{"203.0.113.0/24": {Country: country}})
		}
		var log bytes.Buffer
		file := write(t, filepath.Join(t.TempDir(), "country.mmdb"), database("Germany"))
		d, err := geoip.Open(file, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		go d.Serve(t.Context())
		want := func(place string) {
			t.Helper()
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if got := d.Place(netip.MustParseAddr("203.0.113.7")); got != place {
				t.Errorf("%q, want %q", got, place)
			}
		}
		want("Germany")
		half := database("Liechtenstein")
		write(t, file, half[:len(half)/2])
		want("Germany")
		write(t, file, half)
		want("Liechtenstein")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		want("Liechtenstein")
		other := write(t, file+".new", database("United Kingdom"))
		if err := os.Rename(other, file); err != nil {
			t.Fatal(err)
		}
		want("United Kingdom")
		if got := strings.Count(log.String(), "the old one still is"); got != 2 {
			t.Errorf("%d faults are logged, want one for each of two:\n%s", got, &log)
		}
	})
}

func BenchmarkPlace(b *testing.B) {
	file := filepath.Join(b.TempDir(), "city.mmdb")
	if err := os.WriteFile(file, geoiptest.Database(b, "GeoLite2-City", map[string]geoiptest.Place{"203.0.113.0/24": {City: "Berlin", Country: "Germany"}}), 0o600); err != nil {
		b.Fatal(err)
	}
	d, err := geoip.Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	addr := netip.MustParseAddr("203.0.113.7")
	b.ReportAllocs()
	for b.Loop() {
		d.Place(addr)
	}
}
