package main

import (
	"net/netip"

	"radpush/dictionary"
	"radpush/login"
	"radpush/push"
	"radpush/radius"
)

//go:generate go test -run TestConfigDoc -update .

// Config is the configuration file, radpush.yaml: everything an operator decides before
// the server starts. Users, devices and tokens are not in it; they live in the store.
//
// The comments below are the operator's manual: docs/config.md and what "radpush config
// sample" prints are made from them. The tags say the rest:
//
//	yaml      the key
//	default   the text that stands for an absent key; <key> in it is the value of an earlier key
//	required  there is no default
//	range     the smallest and the largest value
//	oneof     the words that are possible
//	sample    the value in the sample; keys without it are commented out there
//	example   the value of such a key that has no default
type Config struct {
	// Organization is the name that devices show beside the resource.
	Organization string `yaml:"organization" sample:"Example Ltd"`
	// State is the directory of the database, the master key and radpush's own
	// certificate. It must belong to the user that radpush runs as, with mode 0700.
	State Path `yaml:"state" default:"/var/lib/radpush"`
	// Listen lists the UDP addresses that answer authentication.
	Listen []string `yaml:"listen" default:":1812"`
	// Accounting lists the UDP addresses that answer accounting; [] for none. Some VPN
	// servers drop a session whose Accounting-Request goes unanswered.
	Accounting []string `yaml:"accounting" default:":1813"`
	// Socket is the unix socket on which the commands (user, enrol, activity …) talk to
	// the running server. Who can open it is an operator.
	Socket Path `yaml:"socket" default:"<state>/radpush.sock"`
	// Metrics is the TCP address of the Prometheus metrics; empty for none. Whoever can
	// connect can read them.
	Metrics string `yaml:"metrics" example:"127.0.0.1:9812"`
	// Web is where devices connect to.
	Web Web `yaml:"web"`
	// Log is what radpush writes to standard error.
	Log Log `yaml:"log"`
	// Dictionaries lists files of RADIUS attributes, in the format of FreeRADIUS, in
	// addition to those that are built in.
	Dictionaries []Path `yaml:"dictionaries"`
	// MaxInFlight is how many requests may wait for an answer at once, most of them for a
	// tap. More are dropped, so that the NAS tries another server.
	MaxInFlight int `yaml:"max_in_flight" default:"150000" range:"1..10000000"`
	// RejectDelay is how long an Access-Reject waits, against fast guessing.
	RejectDelay Duration `yaml:"reject_delay" default:"1s" range:"0s..10s"`
	// Push is how users are asked on their devices.
	Push Push `yaml:"push"`
	// GeoIP is a database of places in MaxMind's format, such as GeoLite2-City.mmdb: devices then
	// show, beside the user's address, where that is. The file is read again when it changes.
	GeoIP Path `yaml:"geoip,omitempty" example:"/var/lib/GeoIP/GeoLite2-City.mmdb"`
	// WebPush rings the authenticator page, in browsers on phones and desktops.
	WebPush WebPush `yaml:"webpush"`
	// APNs rings native apps on Apple's devices.
	APNs APNs `yaml:"apns"`
	// FCM rings native apps on Android.
	FCM FCM `yaml:"fcm"`
	// Bells wake users whose devices no push service rings.
	Bells Bells `yaml:"bells"`
	// OTP is how one-time passwords are judged.
	OTP OTP `yaml:"otp"`
	// Lockout is what becomes of an account that is guessed at.
	Lockout Lockout `yaml:"lockout"`
	// Codes are those that radpush sends by SMS or e-mail, and the answers to a grid.
	Codes Codes `yaml:"codes"`
	// SMS is how texts are carried to telephones.
	SMS SMS `yaml:"sms"`
	// Email is the mail server for codes and alerts.
	Email Email `yaml:"email"`
	// Alerts says who is told by mail of denied sign-ins, locked accounts and devices.
	Alerts Alerts `yaml:"alerts"`
	// Grid is the grid of digits that users with a pattern are shown.
	Grid Grid `yaml:"grid"`
	// Keep is how long activity and ended challenges are kept before they are removed.
	Keep Duration `yaml:"keep" default:"400d" range:"1d..36500d"`
	// Clients are the RADIUS clients: VPN servers and whatever else asks "may this user in?".
	Clients []Client `yaml:"clients"`

	// Warnings are what is allowed and yet probably not meant.
	Warnings []Fault `yaml:"-"`
}

// Web is the HTTPS server that devices connect to.
type Web struct {
	// Listen is its TCP address.
	Listen string `yaml:"listen" default:":8443"`
	// URL is where devices reach it; it stands in every enrolment link. If it is absent, it
	// is the name of this machine with the port of web.listen.
	URL string `yaml:"url" example:"https://radpush.example.com:8443"`
	// Proxy says that a reverse proxy on this machine has the certificate: radpush then
	// speaks plain HTTP, on a loopback address only, and believes X-Forwarded-For.
	Proxy bool `yaml:"proxy" default:"false"`
	// ACME is an e-mail address. It has a certificate for the host of web.url issued, and
	// renewed, by Let's Encrypt, who can turn to that address and whose terms of service it
	// accepts. Port 443 of that host has to lead to web.listen.
	ACME string `yaml:"acme" example:"it@example.com"`
	// ACMEDirectory is the URL of another authority that speaks ACME.
	ACMEDirectory string `yaml:"acme_directory" example:"https://acme.example.com/directory"`
	// Certificate is a PEM file with the certificate and its chain. Without it, and without
	// acme, radpush makes a certificate of its own, which the enrolment link pins; browsers
	// do not trust it.
	Certificate Path `yaml:"certificate,omitempty" example:"/etc/radpush/tls.crt"`
	// Key is the PEM file of the certificate's private key, which others must not be able
	// to read.
	Key Path `yaml:"key,omitempty" example:"/etc/radpush/tls.key"`
}

// Log chooses what is logged, and how.
type Log struct {
	// Level is the least that is logged.
	Level string `yaml:"level" default:"info" oneof:"debug info warn error"`
	// Format is text for people or json for machines.
	Format string `yaml:"format" default:"text" oneof:"text json"`
}

// Push bounds how, how often and how long users are asked.
type Push struct {
	// Hold is how long an Access-Request is held for the tap, where the client does not
	// say otherwise. It must end before the NAS gives up.
	Hold Duration `yaml:"hold" default:"30s" range:"1s..5m"`
	// DevicePIN demands that a device asks for a PIN, or a biometric, before it shows or
	// answers a request. Devices are told when they enrol.
	DevicePIN bool `yaml:"device_pin" default:"false"`
	// Content lets a notification of a native app carry what is asked, sealed to a key that
	// the app has given: the app can show it without asking the server first, and Apple and
	// Google cannot read it. Without it they carry nothing of the login, not even sealed.
	Content bool `yaml:"content" default:"false"`
	// SelfService lets users add, replace and remove devices from one that they have enrolled.
	// Without it that takes an operator; devices may still be listed, renamed, and leave.
	SelfService bool `yaml:"self_service" default:"true"`
	// Limit is how many pushes in the window may go unanswered or be denied before push
	// pauses for that user.
	Limit int `yaml:"limit" default:"5" range:"1..1000"`
	// Window is the time that limit counts in.
	Window Duration `yaml:"window" default:"10m" range:"1s..7d"`
	// CoolDown is how long the same user from the same client and station is rejected
	// without a push after "it wasn't me".
	CoolDown Duration `yaml:"cool_down" default:"5m" range:"1s..7d"`
	// Grace is how long an approval is good for the same login tried once more: mostly one
	// that came after the NAS had given up, which the server cannot tell from one in time.
	Grace Duration `yaml:"grace" default:"30s" range:"1s..5m"`
}

// OTP is how far a token may be off: in the inner window a code is accepted, in the outer one
// the next code is asked for, and both together resynchronize the token.
type OTP struct {
	// Behind is how many steps (30 s or 60 s each) a code may be old.
	Behind int `yaml:"behind" default:"1" range:"0..10"`
	// Ahead is how many steps a code may be early.
	Ahead int `yaml:"ahead" default:"1" range:"0..10"`
	// LookAhead is how many codes of an event token (HOTP) may have been skipped.
	LookAhead int `yaml:"look_ahead" default:"5" range:"0..50"`
	// Outer is the outer window, in steps to both sides, or in codes ahead. Each wrong code
	// costs a search through it.
	Outer int `yaml:"outer" default:"40" range:"0..1000"`
}

// Lockout stops guessing.
type Lockout struct {
	// Failures is how many wrong tries in a row lock the account.
	Failures int `yaml:"failures" default:"10" range:"1..1000"`
	// For is how long the account stays locked: a time, or "until unlocked" by an operator.
	For LockTime `yaml:"for" default:"15m"`
}

// Client is one RADIUS client, or a network of them, and its policy.
type Client struct {
	// Name tells clients apart in log, metrics and activity.
	Name string `yaml:"name" required:"true" sample:"vpn"`
	// Address is where its packets come from: an address or a network (2001:db8::/64), one
	// or a list. The longest prefix wins.
	Address []Network `yaml:"address" required:"true" sample:"192.0.2.1"`
	// Secret is the shared secret, at least 16 octets of it.
	Secret Secret `yaml:"secret,omitempty" sample:"<random>"`
	// SecretFile is a file that holds the shared secret instead, and that others cannot
	// read. A line end after the secret is not part of it.
	SecretFile Path `yaml:"secret_file,omitempty" example:"/etc/radpush/vpn.secret"`
	// Resource is what the user logs in to, as devices show it.
	Resource string `yaml:"resource" default:"<name>" sample:"Example VPN"`
	// Group joins clients that serve the same logins, two gateways of one cluster for
	// instance: a login that moves from one to the other is still one push.
	Group string `yaml:"group,omitempty" example:"edge"`
	// Hold is how long this client's requests are held for the tap.
	Hold Duration `yaml:"hold" default:"<push.hold>" range:"1s..5m"`
	// Push says whether users may approve on a device.
	Push bool `yaml:"push" default:"true"`
	// Challenge says that this client can show an Access-Challenge: it prompts with the text
	// and sends the answer. Some take one for an acceptance, others for a failure: try it.
	// Without it users are told by a rejection what to type at their next sign-in.
	Challenge bool `yaml:"challenge" default:"false"`
	// NumberMatching has the user choose on the device the number that the prompt shows, so
	// that nobody approves without looking. It takes challenge: true.
	NumberMatching bool `yaml:"number_matching" default:"false"`
	// Methods lists what users may type: all, none, or some of otp, sms, email, grid and
	// backup. Push has a key of its own.
	Methods []string `yaml:"methods" default:"all" oneof:"all none otp sms email grid backup"`
	// JoinAnyStation lets requests without a Calling-Station-Id join the open push of the
	// same user. A stranger who starts a login for that user at the same moment is then
	// let in by the user's approval.
	JoinAnyStation bool `yaml:"join_any_station" default:"false"`
	// RequireMessageAuthenticator drops requests without Message-Authenticator, which can
	// be forged (CVE-2024-3596). With auto, a client that has sent one must go on sending
	// it; for a network auto learns nothing.
	RequireMessageAuthenticator Policy `yaml:"require_message_authenticator" default:"auto" oneof:"auto yes no"`
	// LimitProxyState drops requests with Proxy-State and no Message-Authenticator, where
	// the latter is not required. With auto, a client that has sent none may not begin.
	LimitProxyState Policy `yaml:"limit_proxy_state" default:"auto" oneof:"auto yes no"`
	// StatusServer answers Status-Server, by which proxies see that radpush is alive.
	StatusServer bool `yaml:"status_server" default:"true"`
	// Reply are the attributes of an Access-Accept, by their names in the dictionaries; a
	// list makes several of one name, and "Tunnel-Type:1" is one with a tag (RFC 2868).
	Reply Attributes `yaml:"reply" example:"{Filter-Id: staff, Cisco-AVPair: ['shell:priv-lvl=15', 'ip:addr-pool=staff']}"`

	secret Secret             // of either key
	reply  []dictionary.Value // Reply, as the dictionary has it
}

// RADIUS returns the client as package radius wants it: once for each of its networks.
func (c Client) RADIUS() []radius.Client {
	clients := make([]radius.Client, len(c.Address))
	for i, network := range c.Address {
		clients[i] = radius.Client{
			Name:                        c.Name,
			Prefix:                      netip.Prefix(network),
			Secret:                      radius.Secret(c.secret),
			RequireMessageAuthenticator: radius.Policy(c.RequireMessageAuthenticator),
			LimitProxyState:             radius.Policy(c.LimitProxyState),
			NoStatusServer:              !c.StatusServer,
		}
	}
	return clients
}

// Login returns the client as package login wants it.
func (c Client) Login() login.Client {
	return login.Client{
		Name:           c.Name,
		Resource:       c.Resource,
		Group:          c.Group,
		Hold:           c.Hold.Duration(),
		NoPush:         !c.Push,
		Challenge:      c.Challenge,
		Match:          c.NumberMatching,
		Methods:        c.methods(),
		JoinAnyStation: c.JoinAnyStation,
	}
}

// methods returns the methods besides push as package login wants them: nil for all.
func (c Client) methods() []login.Method {
	methods := []login.Method{}
	for _, word := range c.Methods {
		switch word {
		case "all":
			return nil
		case "none":
		default:
			methods = append(methods, login.Method(word))
		}
	}
	return methods
}

// Limits returns the bounds as package push wants them.
func (p Push) Limits() push.Limits {
	return push.Limits{Unanswered: p.Limit, Window: p.Window.Duration(), CoolDown: p.CoolDown.Duration(), Grace: p.Grace.Duration()}
}

// Policy returns the lockout as package login wants it.
func (l Lockout) Policy() login.Lockout {
	return login.Lockout{Failures: l.Failures, For: Duration(l.For).Duration()}
}
