package radius_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	server "radpush/radius"
)

func TestClients_8_1_LongestPrefixWins(t *testing.T) {
	var list []server.Client
	for _, prefix := range []string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32", "2001:db8::1/128", "fe80::/10"} {
		list = append(list, server.Client{Name: prefix, Prefix: netip.MustParsePrefix(prefix), Secret: server.Secret(secret)})
	}
	clients, err := server.NewClients(list)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"10.1.2.3":       "10.1.2.3/32",
		"10.1.2.4":       "10.1.0.0/16",
		"10.2.0.0":       "10.0.0.0/8",
		"192.0.2.1":      "0.0.0.0/0",
		"2001:db8::1":    "2001:db8::1/128",
		"2001:db8::2":    "2001:db8::/32",
		"2001:db9::1":    "",
		"fe80::1%eth0":   "fe80::/10",
		"::ffff:1.2.3.4": "", // Request.Peer is never one
	} {
		if c, ok := clients.Client(netip.MustParseAddr(addr)); c.Name != want || ok != (want != "") {
			t.Errorf("%s belongs to %q (%v), want %q", addr, c.Name, ok, want)
		}
	}
	if _, ok := clients.Client(netip.Addr{}); ok {
		t.Error("the zero Addr belongs to a client")
	}
}

func TestClients_8_1_FaultsAreToldAllAtOnce(t *testing.T) {
	client := func(name, prefix, secret string) server.Client {
		p, _ := netip.ParsePrefix(prefix)
		return server.Client{Name: name, Prefix: p, Secret: server.Secret(secret)}
	}
	_, err := server.NewClients([]server.Client{
		client("good", "10.0.0.0/8", secret),
		client("taken", "10.0.0.0/8", secret),
		client("", "10.0.0.1/32", secret),
		client("no secret", "10.0.0.2/32", ""),
		client("host bits", "10.0.0.3/24", secret),
		client("none", "", secret),
		client("mapped", "::ffff:10.0.0.0/104", secret),
	})
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		`client "taken": 10.0.0.0/8 belongs to client "good" already`,
		`client "": no name`,
		`client "no secret": no secret`,
		`client "host bits": 10.0.0.3/24 has bits set behind its prefix; 10.0.0.0/24 is the network`,
		`client "none": no address or network`,
		`client "mapped": ::ffff:10.0.0.0/104 is an IPv4 network in IPv6 form`,
	} {
		if i >= len(lines) || lines[i] != "radius: "+want {
			t.Errorf("line %d of\n%v\nwant %s", i, err, want)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	c := server.Client{Name: "vpn", Secret: server.Secret("hush")}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("client", "client", c, "secret", c.Secret)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("client", "client", c, "secret", c.Secret)
	for _, s := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%s %x %q %d", c.Secret, c.Secret, c.Secret, c.Secret), log.String(),
	} {
		if strings.Contains(s, "hush") || strings.Contains(s, "68757368") || strings.Contains(s, "aHVzaA") || strings.Contains(s, "104 117") {
			t.Errorf("printed: %s", s)
		}
	}
}
