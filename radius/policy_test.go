package radius_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
	"radpush/radius/radiustest"
)

// TestPoliciesAgainstForgedReplies goes through CVE-2024-3596's two flags. Each step is
// a request: "p" plain, "m" with Message-Authenticator, "x" with Proxy-State, "b" with
// both, "e" EAP with Message-Authenticator; in capitals where it has to be answered.
func TestPoliciesAgainstForgedReplies(t *testing.T) {
	const (
		auto = server.Auto
		yes  = server.Yes
		no   = server.No
		nas  = "198.51.100.7/32"
		net  = "198.51.100.0/24"
	)
	for _, tt := range []struct {
		require, limit server.Policy
		prefix         string
		steps          string
	}{
		{yes, yes, nas, "pMxBE"},
		{yes, no, nas, "pMxBE"},
		{yes, auto, nas, "pMxBE"},
		{yes, no, net, "pMxBE"},

		{no, no, nas, "PMXBEPX"},
		{no, yes, nas, "PMxBEPx"},
		{no, yes, net, "PMxBEPx"},

		// Auto: the first accepted request without Message-Authenticator tells a proxy.
		{no, auto, nas, "PMxBPx"},
		{no, auto, nas, "XMXBPX"},
		{no, auto, nas, "MBXPX"},
		{no, auto, net, "PXMX"}, // a network teaches nothing

		// Auto: who sends a Message-Authenticator once must go on sending it.
		{auto, no, nas, "PXMpxMB"},
		{auto, no, nas, "MpxB"},
		{auto, no, nas, "BpxM"},
		{auto, no, nas, "EPX"}, // EAP must have it in any case
		{auto, no, net, "MPBXP"},
		{auto, yes, nas, "PxMpx"},
		{auto, auto, nas, "PxPMpx"},
		{auto, auto, nas, "XPXMpx"},
		{auto, auto, net, "XPMXP"},
	} {
		names := map[server.Policy]string{auto: "auto", yes: "yes", no: "no"}
		name := "require " + names[tt.require] + ", limit " + names[tt.limit] + ", " + tt.prefix[11:] + ", " + tt.steps
		inTime(t, name, func(t *testing.T) {
			nas := start(t, &server.Server{
				Handler: always(radius.CodeAccessAccept),
				Clients: clients(t, func(c *server.Client) {
					c.Prefix = netip.MustParsePrefix(tt.prefix)
					c.RequireMessageAuthenticator, c.LimitProxyState = tt.require, tt.limit
				})})
			for i, step := range tt.steps {
				p := nas.PAP("alice", "123456")
				if strings.ContainsRune("xXbB", step) {
					p.Add(rfc2865.ProxyState_Type, radius.Attribute("state"))
				}
				if strings.ContainsRune("eE", step) {
					p.Add(79, radius.Attribute("eap"))
				}
				if strings.ContainsRune("pPxX", step) {
					nas.Send(p)
				} else {
					nas.SendBytes(encodeSigned(t, p))
				}
				want := step < 'a'
				if got := nas.Receive(soon); (got != nil) != want {
					t.Fatalf("step %d (%c): reply %x, want one: %v", i, step, got, want)
				}
			}
		})
	}
}

func TestForgedRequestTeachesNothing(t *testing.T) {
	for _, proxy := range []bool{true, false} {
		inTime(t, fmt.Sprint("the client is a proxy: ", proxy), func(t *testing.T) {
			nas := start(t, &server.Server{RejectDelay: -1, Handler: handler(func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				if rfc2865.UserPassword_GetString(r.Packet) != "123456" {
					return r.Response(radius.CodeAccessReject), nil
				}
				return r.Response(radius.CodeAccessAccept), nil
			})})
			send := func(n *radiustest.NAS, proxied bool) bool {
				p := n.PAP("alice", "123456")
				if proxied {
					p.Add(rfc2865.ProxyState_Type, radius.Attribute("state"))
				}
				n.Send(p)
				return n.Receive(soon) != nil
			}
			stranger := nas.network.NAS(t, "198.51.100.7:6666", serverAddr, "guessed")
			if !send(stranger, !proxy) {
				t.Error("the forged request is not answered, as if something had been learned")
			}
			if !send(nas.NAS, proxy) {
				t.Error("the client is shut out")
			}
			if got := send(nas.NAS, !proxy); got != proxy {
				t.Errorf("after a request that was accepted: the other kind is answered: %v", got)
			}
		})
	}
}

func TestClientsOfOneNameShareWhatIsLearned(t *testing.T) {
	inTime(t, "", func(t *testing.T) {
		c := server.Client{Name: "vpn", Prefix: netip.MustParsePrefix("198.51.100.7/32"), Secret: server.Secret(secret)}
		d := c
		d.Prefix = netip.MustParsePrefix("198.51.100.8/32")
		other := c
		other.Name, other.Prefix = "other", netip.MustParsePrefix("198.51.100.9/32")
		list, err := server.NewClients([]server.Client{c, d, other})
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		nas := start(t, &server.Server{Clients: list, Handler: always(radius.CodeAccessAccept),
			Log: slog.New(slog.NewTextHandler(&log, nil))})
		nas.SendBytes(encodeSigned(t, nas.PAP("alice", "123456")))
		nas.SendBytes(encodeSigned(t, nas.PAP("alice", "123456")))
		nas.Receive(soon)
		nas.Receive(soon)
		second := nas.network.NAS(t, "198.51.100.8:4000", serverAddr, secret)
		second.Send(nas.PAP("alice", "123456"))
		if got := second.Receive(soon); got != nil {
			t.Errorf("the same name: reply %x", got)
		}
		third := nas.network.NAS(t, "198.51.100.9:4000", serverAddr, secret)
		third.Send(nas.PAP("alice", "123456"))
		if got := third.Receive(soon); got == nil {
			t.Error("another name: no reply")
		}
		if n := strings.Count(log.String(), "sends Message-Authenticator"); n != 1 {
			t.Errorf("what was learned is logged %d times:\n%s", n, &log)
		}
	})
}
