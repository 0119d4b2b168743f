// Package geoiptest makes databases of places for tests.
package geoiptest

import (
	"bytes"
	"net"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// A Place is what a database knows of a network, in English; "" for what it does not know.
type Place struct{ City, Subdivision, Country string }

// Database returns a file in MaxMind's format, of a kind such as "GeoLite2-City", with places
// by network.
func Database(tb testing.TB, kind string, places map[string]Place) []byte {
	tb.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IncludeReservedNetworks: true, Languages: []string{"en"}})
	if err != nil {
		tb.Fatal(err)
	}
	for network, place := range places {
		record := mmdbtype.Map{}
		if place.City != "" {
			record["city"] = named(place.City)
		}
		if place.Subdivision != "" {
			record["subdivisions"] = mmdbtype.Slice{named(place.Subdivision)}
		}
		if place.Country != "" {
			record["country"] = named(place.Country)
		}
		_, prefix, err := net.ParseCIDR(network)
		if err == nil {
			err = tree.Insert(prefix, record)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func named(name string) mmdbtype.Map {
	return mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(name)}}
}
