package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
)

// withText finds templates that put the text in, and the code with it.
var withText = regexp.MustCompile(`\{\{[^}]*\btext\b`)

// warnOfFactors says what second factors will not do, though every value is good.
func (d *decoder) warnOfFactors(c *Config) {
	if u, err := url.Parse(c.SMS.URL); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) && !d.bad["sms.url"] {
		d.warn("sms.url", "whoever is on the way to %s can read the codes: use https", u.Hostname())
	}
	if c.Email.Host != "" && c.Email.TLS == "none" && !loopback(c.Email.Host) && !d.anyBad("email") {
		d.warn("email.tls", "whoever is on the way to %s can read the codes: use starttls or implicit", c.Email.Host)
	}
	if i := slices.IndexFunc(c.SMS.Args, withText.MatchString); i >= 0 {
		d.warn(fmt.Sprintf("sms.args[%d]", i), "everybody on this machine can read the arguments of a running program: leave {{text}} to its standard input")
	}
	if w := c.Web; w.Certificate == "" && w.ACME == "" && !w.Proxy && !d.anyBad("web") {
		for path, on := range map[string]bool{"grid.link": c.Grid.Link, "webpush.subject": c.WebPush.Subject != ""} {
			if on {
				d.warn(path, "browsers do not trust radpush's own certificate: give it one with web.certificate or web.acme")
			}
		}
	}
	for i, client := range c.Clients {
		path := fmt.Sprintf("clients[%d]", i)
		if d.anyBad(path) {
			continue
		}
		if !client.Push && slices.Equal(client.Methods, []string{"none"}) {
			d.warn(path+".methods", "push is off too: nobody can log in here")
		}
		for j, m := range client.Methods {
			switch at := fmt.Sprintf("%s.methods[%d]", path, j); {
			case m == "sms" && c.SMS.Carrier == "none":
				d.warn(at, "there is no sms.carrier: no codes are sent")
			case m == "email" && c.Email.Host == "":
				d.warn(at, "there is no email.host: no codes are sent")
			}
		}
	}
}

// loopback reports whether a host is this machine, as far as its name says.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
