package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"radpush/otp/email"
	"radpush/radius"
)

// check finds what is wrong though every value reads well by itself. Values that were
// found bad already are passed over.
func (d *decoder) check(c *Config, public bool) {
	d.checkListeners(c)
	d.checkWeb(&c.Web)
	if len(c.Socket) > maxSocket {
		d.fault("socket", "the path has %d octets; the system allows %d", len(c.Socket), maxSocket)
	}
	d.checkPush(c)
	d.checkCodes(c)
	d.checkBells(c)
	d.warnHold("push.hold", c.Push.Hold)
	if len(c.Clients) == 0 && !d.bad["clients"] && !d.bad[""] {
		d.warn("clients", "there is no client: nobody will be answered")
	}
	d.checkClients(c)
	if public {
		for i := range c.Clients {
			if path := fmt.Sprintf("clients[%d].secret", i); d.given(path) {
				d.warn(path, "every user can read this file and the secrets in it: make it 0600, or 0640")
				break
			}
		}
	}
}

const maxSocket = 107 // octets of a path in sockaddr_un, without the NUL

func (d *decoder) warn(path, format string, args ...any) {
	d.warnings = append(d.warnings, d.finding(path, format, args...))
}

// checkListeners looks at every address that is listened on, and that no two are the same.
func (d *decoder) checkListeners(c *Config) {
	seen := map[string]string{}
	listen := func(network, path, address string) {
		if address == "" || d.bad[path] {
			return
		}
		if err := checkAddress(address); err != nil {
			d.fault(path, "%v", err)
			return
		}
		if other, ok := seen[network+address]; ok {
			d.fault(path, "%s is %s already, in line %d", address, other, d.line(other))
			return
		}
		seen[network+address] = path
	}
	for i, address := range c.Listen {
		listen("udp", fmt.Sprintf("listen[%d]", i), address)
	}
	for i, address := range c.Accounting {
		listen("udp", fmt.Sprintf("accounting[%d]", i), address)
	}
	listen("tcp", "web.listen", c.Web.Listen)
	listen("tcp", "metrics", c.Metrics)
	if len(c.Listen) == 0 && d.given("listen") && !d.bad["listen"] {
		d.fault("listen", "the list is empty: nobody could log in")
	}
	if c.Web.Listen == "" && d.given("web.listen") && !d.bad["web.listen"] {
		d.fault("web.listen", "is empty: no device could connect")
	}
}

// checkAddress returns an error unless s is an address and a port to listen on.
func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err == nil && host != "" && host != "localhost" {
		_, err = netip.ParseAddr(host)
	}
	if err != nil {
		return fmt.Errorf("%q is no address to listen on: want 192.0.2.1:1812, [2001:db8::1]:1812 or :1812", s)
	}
	return nil
}

func (d *decoder) checkWeb(w *Web) {
	host := d.checkURL(w)
	if w.Proxy {
		d.checkProxy(w)
		return
	}
	if w.ACME != "" || w.ACMEDirectory != "" {
		d.checkACME(w, host)
		return
	}
	switch {
	case w.Certificate == "" && w.Key == "" || d.bad["web.certificate"] || d.bad["web.key"]:
		return
	case w.Certificate == "":
		d.fault("web.key", "there is a key and no certificate")
		return
	case w.Key == "":
		d.fault("web.certificate", "there is a certificate and no key")
		return
	}
	if _, err := regularFile(w.Certificate); err != nil {
		d.fault("web.certificate", "%v", err)
		return
	}
	if err := privateFile(w.Key); err != nil {
		d.fault("web.key", "%v", err)
		return
	}
	pair, err := tls.LoadX509KeyPair(string(w.Certificate), string(w.Key))
	if err != nil {
		d.fault("web.certificate", "%v", err)
		return
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		d.warn("web.certificate", "it ran out on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	if err := pair.Leaf.VerifyHostname(host); host != "" && err != nil {
		d.warn("web.certificate", "it does not fit web.url: %v", err)
	}
}

// checkProxy looks at what stands behind a reverse proxy.
func (d *decoder) checkProxy(w *Web) {
	if w.Certificate != "" || w.Key != "" {
		d.fault("web.proxy", "the reverse proxy has the certificate: leave out web.certificate and web.key")
	}
	if w.ACME != "" {
		d.fault("web.proxy", "the reverse proxy has the certificate: leave out web.acme")
	}
	if d.bad["web.listen"] {
		return
	}
	host, _, _ := net.SplitHostPort(w.Listen)
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		d.fault("web.proxy", "plain HTTP is for this machine only: let web.listen be 127.0.0.1:8080, for instance")
	}
	if !d.given("web.url") {
		d.fault("web.proxy", "web.url has to say where devices reach the reverse proxy")
	}
}

// checkACME looks at what an authority needs to issue a certificate.
func (d *decoder) checkACME(w *Web, host string) {
	if d.bad["web.acme"] || d.bad["web.acme_directory"] {
		return
	}
	_, isAddress := netip.ParseAddr(host)
	switch _, err := email.Address(w.ACME); {
	case w.ACME == "":
		d.fault("web.acme_directory", "web.acme has to say whom the authority can turn to")
	case err != nil:
		d.fault("web.acme", "%v", err)
	case w.Certificate != "" || w.Key != "":
		d.fault("web.acme", "there is a certificate already: leave out web.certificate and web.key, or this")
	case host != "" && (!d.given("web.url") || isAddress == nil || !strings.Contains(host, ".")):
		d.fault("web.acme", "web.url has to have a public name: a certificate for %s is issued by nobody", host)
	}
	if u, err := url.Parse(w.ACMEDirectory); w.ACMEDirectory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		d.fault("web.acme_directory", "%q is no https URL", w.ACMEDirectory)
	}
}

// checkURL returns the host of web.url, "" if that is no good. It makes a URL up if the
// file has none.
func (d *decoder) checkURL(w *Web) string {
	if d.bad["web.url"] || d.bad["web.listen"] {
		return ""
	}
	if w.URL == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "localhost"
		}
		_, port, _ := net.SplitHostPort(w.Listen)
		w.URL = "https://" + net.JoinHostPort(host, port)
		return host
	}
	u, err := url.Parse(w.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" || u.User != nil:
		d.fault("web.url", "%q is no URL of a server: want https://name:port", w.URL)
		return ""
	case u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		d.fault("web.url", "nothing can follow the port: want https://%s", u.Host)
		return ""
	}
	return u.Hostname()
}

// checkClients looks at the clients, and that no two are the same (statement 8.1).
func (d *decoder) checkClients(config *Config) {
	known := d.loadDictionary(config)
	names, networks := map[string]string{}, map[Network]string{}
	for i := range config.Clients {
		c, path := &config.Clients[i], fmt.Sprintf("clients[%d]", i)
		if d.bad[path] {
			continue
		}
		if d.given(path+".name") && !d.bad[path+".name"] {
			if c.Name == "" {
				d.fault(path+".name", "is empty")
			} else if other, ok := names[c.Name]; ok {
				d.fault(path+".name", "there is a client %q already, in line %d", c.Name, d.line(other))
			} else {
				names[c.Name] = path + ".name"
			}
		}
		d.checkSecret(path, c)
		for j, network := range c.Address {
			at := fmt.Sprintf("%s.address[%d]", path, j)
			if d.bad[at] {
				continue
			}
			if other, ok := networks[network]; ok {
				d.fault(at, "%s is the address of a client already, in line %d", network, d.line(other))
				continue
			}
			networks[network] = at
			d.warnNetwork(path, at, c, netip.Prefix(network))
		}
		if (slices.Contains(c.Methods, "all") || slices.Contains(c.Methods, "none")) && len(c.Methods) > 1 {
			d.fault(path+".methods", "all and none stand alone")
		} else if len(c.Methods) == 0 && d.given(path+".methods") && !d.bad[path+".methods"] {
			d.fault(path+".methods", "the list is empty: write none, if only push is allowed")
		}
		if at := path + ".number_matching"; c.NumberMatching && !c.Challenge && !d.bad[at] {
			d.fault(at, "only a client with challenge: true can show a number")
		}
		d.warnHold(path+".hold", c.Hold)
		d.checkReply(path+".reply", c, known)
	}
}

func (d *decoder) warnHold(path string, hold Duration) {
	if hold > Duration(time.Minute) && d.given(path) && !d.bad[path] {
		d.warn(path, "no NAS is known to wait longer than a minute")
	}
}

// checkSecret gets the client's secret from where it is.
func (d *decoder) checkSecret(path string, c *Client) {
	inline, file := path+".secret", path+".secret_file"
	from := inline
	switch {
	case d.given(inline) && d.given(file):
		d.fault(file, "there is a secret already, in line %d: want one of the two", d.line(inline))
		return
	case d.bad[inline] || d.bad[file]:
		return
	case d.given(file):
		secret, err := secretFile(c.SecretFile)
		if err != nil {
			d.fault(file, "%v", err)
			return
		}
		c.secret, from = secret, file
	case d.given(inline):
		c.secret = c.Secret
	default:
		d.fault(path, "want secret or secret_file")
		return
	}
	if c.secret == "" {
		d.fault(from, "is empty") // RFC 2865, section 3: MUST NOT be of length 0
	} else if n := len(c.secret); n < 16 {
		d.warn(from, "the secret has %s; 16 are the least that resists guessing (RFC 2865, section 3)", plural(n, "octet"))
	}
}

// warnNetwork says what cannot be promised for a client that is a network.
func (d *decoder) warnNetwork(path, at string, c *Client, network netip.Prefix) {
	if network.IsSingleIP() {
		return
	}
	if network.Bits() == 0 {
		d.warn(at, "this is everybody: who knows the secret can be this client from anywhere")
	}
	if policy := path + ".require_message_authenticator"; c.RequireMessageAuthenticator == Policy(radius.Auto) && !d.bad[policy] {
		d.warn(policy, "auto learns nothing for the network %s, so its requests can be forged (CVE-2024-3596): write yes or, if that cannot be, no", network)
	}
}
