// Package geoip tells where in the world an address is, so that a user who is asked "is this
// you?" sees the place beside the address (statement 2.3).
//
// The database is a file that the operator brings, in MaxMind's format: GeoLite2 and GeoIP2,
// City, Country or Enterprise, and those of others that call themselves alike, DB-IP's for one.
// None comes with radpush, and nobody is asked over the network.
package geoip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/oschwald/geoip2-golang/v2"
)

// A Database is such a file. It is read into memory whole: where it lay mapped, somebody who
// wrote over it would end the server.
type Database struct {
	file   string
	log    *slog.Logger
	stamp  stamp // of what was read last; Serve alone has it
	reader atomic.Pointer[geoip2.Reader]
}

// A stamp changes when a file does.
type stamp struct {
	size     int64
	modified time.Time
}

// Open reads a database. What cannot tell places is an error that says so.
func Open(file string, log *slog.Logger) (*Database, error) {
	d := &Database{file: file, log: log}
	if err := d.read(); err != nil {
		return nil, fmt.Errorf("geoip: %w", err)
	}
	return d, nil
}

func (d *Database) read() error {
	d.stamp = d.look() // before the file is read: what is written meanwhile is seen next time
	b, err := os.ReadFile(d.file)
	if err != nil {
		return err
	}
	reader, err := geoip2.OpenBytes(b)
	if err != nil {
		return fmt.Errorf("%s is no database in MaxMind's format, an unpacked .mmdb file: %w", d.file, err)
	}
	if _, err := reader.City(netip.IPv4Unspecified()); errors.As(err, new(geoip2.InvalidMethodError)) {
		return fmt.Errorf("%s is of the kind %q: a database of cities or countries is needed", d.file, reader.Metadata().DatabaseType)
	}
	d.reader.Store(reader)
	return nil
}

// look never fails: a file that cannot be looked at will not be read either.
func (d *Database) look() stamp {
	info, err := os.Stat(d.file)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// lookEvery is how long after it has changed a file may be read.
const lookEvery = time.Minute

// Serve reads the file again when it has changed, until ctx ends. As long as the new one
// cannot be used, the old one is.
func (d *Database) Serve(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if d.look() == d.stamp {
			continue
		}
		if err := d.read(); err != nil {
			d.log.Error("geoip: the database has changed and cannot be used; the old one still is", "err", err)
			continue
		}
		d.log.Info("geoip: the database has changed", "file", d.file, "of", d.reader.Load().Metadata().BuildTime())
	}
}

// Place returns where an address is: "Berlin, Germany", with less knowledge "Germany", and ""
// for an address that is in no country, as private ones are. Names are English.
func (d *Database) Place(addr netip.Addr) string {
	at, err := d.reader.Load().City(addr)
	if err != nil {
		d.log.Debug("geoip: look up address", "address", addr, "err", err)
		return ""
	}
	country := at.Country.Names.English
	near := at.City.Names.English
	if near == "" && len(at.Subdivisions) > 0 {
		near = at.Subdivisions[0].Names.English
	}
	if near == "" || country == "" || near == country {
		return country
	}
	return near + ", " + country
}
