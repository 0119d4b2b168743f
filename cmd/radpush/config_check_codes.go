package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"radpush/otp/email"
)

// checkCodes looks at what carries codes and letters, as the carriers themselves judge it.
func (d *decoder) checkCodes(c *Config) {
	sender := d.checkEmail(&c.Email)
	if c.Email.Host == "" && !d.bad["email.host"] {
		for _, path := range slices.Concat(d.meant("email", c.Email), d.meant("alerts", c.Alerts)) {
			d.fault(path, "email.host has to say which mail server takes the letters")
		}
	}
	d.checkSMS(&c.SMS, sender)
	d.checkAddresses("alerts.rejection_operators", c.Alerts.RejectionOperators)
	d.checkAddresses("alerts.lockout_operators", c.Alerts.LockoutOperators)
	d.warnOfFactors(c)
}

// checkEmail returns what takes letters to the mail server, or nil.
func (d *decoder) checkEmail(e *Email) *email.Sender {
	if e.Host == "" {
		return nil
	}
	e.password = d.readSecret("email.password_file", e.PasswordFile)
	if d.anyBad("email") {
		return nil
	}
	sender, err := e.sender()
	if err == nil {
		err = sender.Check()
	}
	if err != nil {
		d.described("email", err)
		return nil
	}
	if _, err := email.LoadTemplates(string(e.Templates)); err != nil {
		d.described("email.templates", err)
	}
	return sender
}

// smsKeys are the keys that each carrier has to have, and those that it can have.
var smsKeys = map[string]struct{ must, may []string }{
	"none":    {},
	"twilio":  {[]string{"account", "secret_file", "from"}, []string{"ca_file", "timeout"}},
	"vonage":  {[]string{"account", "secret_file", "from"}, []string{"ca_file", "timeout"}},
	"kannel":  {[]string{"url", "account", "secret_file"}, []string{"from", "ca_file", "timeout"}},
	"gateway": {[]string{"url"}, []string{"method", "header", "body", "account", "secret_file", "from", "status", "answer", "json", "ca_file", "timeout"}},
	"program": {[]string{"program", "args"}, []string{"timeout"}},
	"mail":    {[]string{"mail_to"}, []string{"subject", "timeout"}},
}

func (d *decoder) checkSMS(s *SMS, mail *email.Sender) {
	if d.bad["sms.carrier"] {
		return
	}
	keys, meant := smsKeys[s.Carrier], d.meant("sms", *s)
	for _, path := range meant {
		if key := strings.TrimPrefix(path, "sms."); key != "carrier" && !slices.Contains(slices.Concat(keys.must, keys.may), key) {
			d.fault(path, "the carrier %q does not take it", s.Carrier)
		}
	}
	for _, key := range keys.must {
		if !slices.Contains(meant, "sms."+key) && !d.bad["sms."+key] {
			d.fault("sms."+key, "the carrier %q needs it", s.Carrier)
		}
	}
	if s.Carrier == "mail" && mail == nil && !d.anyBad("email") {
		d.fault("sms.carrier", "email.host has to say which mail server takes the letters")
	}
	s.secret = d.readSecret("sms.secret_file", s.SecretFile)
	if d.anyBad("sms") {
		return
	}
	carrier, err := s.carrier(mail)
	if err == nil && carrier != nil {
		err = carrier.Check()
	}
	if err != nil {
		d.described("sms", err)
	}
}

// described adds what a package finds wrong with its section: a fault for each of the errors
// that it has joined, whose words may begin with the section's name and what the package did.
func (d *decoder) described(path string, err error) {
	faults := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		faults = joined.Unwrap()
	}
	for _, err := range faults {
		message := err.Error()
		for section := range strings.SplitSeq(path, ".") {
			message = strings.TrimPrefix(message, section+": ")
		}
		d.fault(path, "%s", strings.TrimPrefix(message, "check: "))
	}
}

// readSecret reads the secret that path names a file of, if it does.
func (d *decoder) readSecret(path string, file Path) Secret {
	if file == "" || d.bad[path] {
		return ""
	}
	secret, err := secretFile(file)
	if err != nil {
		d.fault(path, "%v", err)
	}
	return secret
}

func (d *decoder) checkAddresses(path string, addresses []string) {
	for i, address := range addresses {
		if at := fmt.Sprintf("%s[%d]", path, i); !d.bad[at] {
			if _, err := email.Address(address); err != nil {
				d.fault(at, "%v", err)
			}
		}
	}
}

// meant returns the paths of a section that the file gives a value other than the default.
func (d *decoder) meant(section string, v any) (paths []string) {
	for field, value := range reflect.ValueOf(v).Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		path := joinPath(section, key)
		if text, single := d.text[path]; single && text == field.Tag.Get("default") {
			continue
		}
		if key != "" && d.given(path) && !d.bad[path] && !value.IsZero() {
			paths = append(paths, path)
		}
	}
	return paths
}

// anyBad reports whether a section or anything in it has a fault.
func (d *decoder) anyBad(section string) bool {
	for path, bad := range d.bad {
		if bad && (path == section || strings.HasPrefix(path, section+".")) {
			return true
		}
	}
	return false
}
