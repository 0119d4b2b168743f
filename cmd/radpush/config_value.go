package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"radpush/radius"
)

// The types of single values in the configuration. Each reads itself from text and
// writes itself back, so that what "config show" prints is a configuration again.

// A Path is a file. One that is relative begins where the configuration file is.
type Path string

// A Duration is a time as time.ParseDuration reads it, or a number of days: 30s, 1h30m, 400d.
type Duration time.Duration

// Duration returns it as package time has it.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a time: want a number with a unit, such as 30s, 10m, 12h or 400d", s)
	}
	*d = Duration(v)
	return nil
}

// Set and Type make it a flag.
func (d *Duration) Set(s string) error { return d.UnmarshalText([]byte(s)) }
func (*Duration) Type() string         { return "duration" }

func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string {
	if day := Duration(24 * time.Hour); d != 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := time.Duration(d).String() // "1h0m0s"
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// A LockTime is how long an account is locked: zero is until an operator unlocks it,
// and written so in words, because "for: 0" reads as if nothing were locked.
type LockTime Duration

const untilUnlocked = "until unlocked"

func (l *LockTime) UnmarshalText(text []byte) error {
	if string(text) == untilUnlocked {
		*l = 0
		return nil
	}
	if err := (*Duration)(l).UnmarshalText(text); err != nil {
		return fmt.Errorf("%w; or %q", err, untilUnlocked)
	}
	if *l <= 0 {
		return fmt.Errorf("%s locks nothing: want a time, or %q", text, untilUnlocked)
	}
	return nil
}

func (l LockTime) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l LockTime) String() string {
	if l == 0 {
		return untilUnlocked
	}
	return Duration(l).String()
}

// A Network is a prefix without host bits, or a single address.
type Network netip.Prefix

func (n *Network) UnmarshalText(text []byte) error {
	s := string(text)
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		address, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%q is no address and no network", s)
		}
		if address.Zone() != "" {
			return fmt.Errorf("%q has a zone, which a client cannot have", s)
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	switch {
	case prefix.Addr().Is4In6():
		return fmt.Errorf("%q is an IPv4 address in IPv6: write %s", s, prefix.Addr().Unmap())
	case prefix != prefix.Masked():
		return fmt.Errorf("%q has bits beyond the prefix: write %s for the network, %s for the address", s, prefix.Masked(), prefix.Addr())
	}
	*n = Network(prefix)
	return nil
}

func (n Network) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

func (n Network) String() string {
	if p := netip.Prefix(n); !p.IsSingleIP() {
		return p.String()
	}
	return netip.Prefix(n).Addr().String()
}

// A Policy is a radius.Policy by its name.
type Policy radius.Policy

var policies = [...]string{radius.Auto: "auto", radius.Yes: "yes", radius.No: "no"}

func (p *Policy) UnmarshalText(text []byte) error {
	for i, name := range policies {
		if name == string(text) {
			*p = Policy(i)
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(policies[:], ", "))
}

func (p Policy) MarshalText() ([]byte, error) { return []byte(policies[p]), nil }

// A Secret is a shared secret. It prints, logs and marshals as "[secret]".
type Secret string

func (Secret) String() string               { return "[secret]" }
func (Secret) GoString() string             { return "[secret]" }
func (Secret) LogValue() slog.Value         { return slog.StringValue("[secret]") }
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Attributes are reply attributes in the order of the file.
type Attributes []Attribute

// An Attribute has one value or several, as text.
type Attribute struct {
	Name   string
	Values []string

	secret bool // such as Tunnel-Password
}

func (a Attributes) MarshalYAML() (any, error) {
	section := yaml.MapSlice{}
	for _, attribute := range a {
		values := attribute.Values
		if attribute.secret {
			values = slices.Repeat([]string{Secret("").String()}, len(values))
		}
		section = append(section, yaml.MapItem{Key: attribute.Name, Value: values})
	}
	return section, nil
}

// Pairs are names and values in the order of the file.
type Pairs []Pair

// A Pair is a name and its value.
type Pair struct{ Name, Value string }

func (p Pairs) MarshalYAML() (any, error) {
	section := yaml.MapSlice{}
	for _, pair := range p {
		section = append(section, yaml.MapItem{Key: pair.Name, Value: pair.Value})
	}
	return section, nil
}

// Map returns the pairs as a map.
func (p Pairs) Map() map[string]string {
	m := make(map[string]string, len(p))
	for _, pair := range p {
		m[pair.Name] = pair.Value
	}
	return m
}
