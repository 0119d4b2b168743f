package main

import (
	"strings"

	"radpush/push/ntfy"
)

// The part of the configuration that is about bells.

// Bells wake users one of whose devices asks only by itself: a terminal, an authenticator page
// without Web Push, a privacyIDEA Authenticator. "radpush bell set" gives a user one. A bell
// tells that there is a sign-in, and nothing of it; the answer comes from the device.
type Bells struct {
	// Ntfy is the ntfy server at which users have topics.
	Ntfy Ntfy `yaml:"ntfy"`
	// Email lets users have letters for a bell, by the mail server of the section email. They
	// are not sent later than a request is held.
	Email bool `yaml:"email" default:"false"`
}

// Ntfy is the public ntfy server, https://ntfy.sh, or one of your own.
type Ntfy struct {
	// URL is the server's, for radpush as for the users' phones; it turns ntfy on.
	URL string `yaml:"url" example:"https://ntfy.example.com"`
	// TokenFile is a file that holds the access token of an account that may write to the
	// topics, and that others cannot read. Without one, everybody has to be allowed to write.
	TokenFile Path `yaml:"token_file,omitempty" example:"/etc/radpush/ntfy.token"`
	// User is such an account, in place of a token.
	User string `yaml:"user" example:"radpush"`
	// PasswordFile is a file that holds its password, and that others cannot read.
	PasswordFile Path `yaml:"password_file,omitempty" example:"/etc/radpush/ntfy.secret"`
	// CA is a PEM file of the authorities that may have signed the server's certificate, if
	// it is none that the system trusts.
	CA Path `yaml:"ca_file,omitempty" example:"/etc/radpush/ntfy-ca.pem"`

	token    Secret // of TokenFile
	password Secret // of PasswordFile
}

// publisher returns what rings topics, nil if there is no server.
func (n Ntfy) publisher(organization, page string) (*ntfy.Publisher, error) {
	if n.URL == "" {
		return nil, nil
	}
	roots, err := authorities(n.CA)
	return &ntfy.Publisher{
		URL: strings.TrimSuffix(n.URL, "/"), Token: ntfy.Secret(n.token), User: n.User, Password: ntfy.Secret(n.password),
		Organization: organization, Page: page, RootCAs: roots,
	}, err
}

// checkBells looks at what rings bells, as it judges itself.
func (d *decoder) checkBells(c *Config) {
	if c.Bells.Email && c.Email.Host == "" && !d.bad["email.host"] {
		d.fault("bells.email", "email.host has to say which mail server takes the letters")
	}
	n := &c.Bells.Ntfy
	if n.URL == "" && !d.bad["bells.ntfy.url"] {
		for _, path := range d.meant("bells.ntfy", *n) {
			d.fault(path, "bells.ntfy.url has to say which server")
		}
		return
	}
	n.token = d.readSecret("bells.ntfy.token_file", n.TokenFile)
	n.password = d.readSecret("bells.ntfy.password_file", n.PasswordFile)
	if d.anyBad("bells.ntfy") {
		return
	}
	p, err := n.publisher(c.Organization, "")
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		d.described("bells.ntfy", err)
	}
}
