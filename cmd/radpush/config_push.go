package main

import (
	"os"
	"path/filepath"

	"radpush/geoip"
	"radpush/push"
	"radpush/push/apns"
	"radpush/push/fcm"
	"radpush/push/webpush"
	"radpush/web"
)

// The part of the configuration that is about push services. They are told that there is a
// sign-in, and nothing of it that they can read.

// WebPush is what the push services of browsers have to know. The authenticator page works
// without them as long as it is open.
type WebPush struct {
	// Subject is whom a push service can turn to, an e-mail address or an https URL; it turns
	// Web Push on. radpush makes the keys by which push services know it, webpush.key in
	// the state directory: with others no page could be rung that has enrolled.
	Subject string `yaml:"subject" example:"it@example.com"`
	// Hosts lists push services besides those that browsers use: push.example.com, or
	// .push.example.com for all names below it.
	Hosts []string `yaml:"hosts" example:"push.example.com"`
}

// APNs is Apple's push service, for an organization that has an app of its own.
type APNs struct {
	// Topic is the bundle ID of the app; it turns APNs on.
	Topic string `yaml:"topic" example:"com.example.signin"`
	// KeyFile is the key that Apple made, and that others cannot read: AuthKey_<key_id>.p8.
	KeyFile Path `yaml:"key_file,omitempty" example:"/etc/radpush/AuthKey_ABCDE12345.p8"`
	// KeyID is the key's, 10 characters, as in the name of its file.
	KeyID string `yaml:"key_id" example:"ABCDE12345"`
	// TeamID is that of the developer account, 10 characters.
	TeamID string `yaml:"team_id" example:"FGHIJ67890"`
	// Text is what the locked phone shows; without it, "Sign-in request" with the organization.
	Text string `yaml:"text" example:"Please confirm your sign-in"`
	// Sandbox says that the app runs from Xcode.
	Sandbox bool `yaml:"sandbox" default:"false"`
}

// FCM is Google's push service, for an organization that has an app of its own.
type FCM struct {
	// CredentialsFile is the JSON file of a service account of the app's Firebase project,
	// which others cannot read; it turns FCM on.
	CredentialsFile Path `yaml:"credentials_file,omitempty" example:"/etc/radpush/firebase.json"`
}

// ringer returns what rings browsers.
func (w WebPush) ringer(keys webpush.Keys) *webpush.Ringer {
	return &webpush.Ringer{Keys: keys, Subject: w.Subject, Hosts: w.Hosts}
}

// ringer returns what rings Apple's devices.
func (a APNs) ringer(organization string) (*apns.Ringer, error) {
	text, err := os.ReadFile(string(a.KeyFile))
	if err != nil {
		return nil, err
	}
	r := &apns.Ringer{KeyID: a.KeyID, TeamID: a.TeamID, Topic: a.Topic, Text: a.Text, Organization: organization}
	if a.Sandbox {
		r.Host = apns.Sandbox
	}
	r.Key, err = apns.ParseKey(text)
	return r, err
}

// ringer returns what rings Android.
func (f FCM) ringer() (*fcm.Ringer, error) {
	text, err := os.ReadFile(string(f.CredentialsFile))
	if err != nil {
		return nil, err
	}
	credentials, err := fcm.ParseCredentials(text)
	return &fcm.Ringer{Credentials: credentials}, err
}

// ringers returns what rings devices, by the name of the push service, and the public key of
// Web Push, "" without it.
func (c *Config) ringers() (ringers map[string]push.Ringer, vapid string, err error) {
	ringers = map[string]push.Ringer{}
	var seal func(push.Device, push.Challenge) ([]byte, error)
	if c.Push.Content {
		seal = web.Seal
	}
	if c.WebPush.Subject != "" {
		keys, err := webpush.LoadKeys(filepath.Join(string(c.State), "webpush.key"))
		if err != nil {
			return nil, "", err
		}
		vapid, ringers["webpush"] = keys.Public(), c.WebPush.ringer(keys)
	}
	if c.APNs.Topic != "" {
		r, err := c.APNs.ringer(c.Organization)
		if err != nil {
			return nil, "", err
		}
		r.Seal, ringers["apns"] = seal, r
	}
	if c.FCM.CredentialsFile != "" {
		r, err := c.FCM.ringer()
		if err != nil {
			return nil, "", err
		}
		r.Seal, ringers["fcm"] = seal, r
	}
	return ringers, vapid, nil
}

// checkPush looks at the database of places and the push services, as what rings them judges it.
func (d *decoder) checkPush(c *Config) {
	if c.Push.Content && !d.given("apns") && !d.given("fcm") {
		d.warn("push.content", "it is for native apps, which apns or fcm ring: neither is configured")
	}
	d.checkWebPush(c.WebPush)
	if c.GeoIP != "" && !d.bad["geoip"] {
		if _, err := geoip.Open(string(c.GeoIP), nil); err != nil {
			d.described("geoip", err)
		}
	}
	switch {
	case d.anyBad("apns"):
	case c.APNs.Topic == "":
		for _, path := range d.meant("apns", c.APNs) {
			d.fault(path, "apns.topic has to say which app is rung")
		}
	case c.APNs.KeyFile == "":
		d.fault("apns.key_file", "which key did Apple make?")
	default:
		if err := privateFile(c.APNs.KeyFile); err != nil {
			d.fault("apns.key_file", "%v", err)
			break
		}
		r, err := c.APNs.ringer(c.Organization)
		if err == nil {
			err = r.Check()
		}
		if err != nil {
			d.described("apns", err)
		}
	}
	if c.FCM.CredentialsFile == "" || d.anyBad("fcm") {
		return
	}
	if err := privateFile(c.FCM.CredentialsFile); err != nil {
		d.fault("fcm.credentials_file", "%v", err)
		return
	}
	r, err := c.FCM.ringer()
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		d.described("fcm", err)
	}
}

// checkWebPush looks at what push services are told, with keys that are not kept.
func (d *decoder) checkWebPush(w WebPush) {
	switch {
	case d.anyBad("webpush"):
	case w.Subject == "" && len(w.Hosts) > 0:
		d.fault("webpush.hosts", "webpush.subject has to say whom push services can turn to")
	case w.Subject != "":
		keys, err := webpush.NewKeys()
		if err == nil {
			err = w.ringer(keys).Check()
		}
		if err != nil {
			d.described("webpush", err)
		}
	}
}
