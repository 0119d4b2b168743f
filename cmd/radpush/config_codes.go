package main

import (
	"radpush/login"
)

// The part of the configuration that is about codes: how they are sent, and letters.

// Codes bounds what is sent, and how long an answer is waited for.
type Codes struct {
	// Digits is how long a code is.
	Digits int `yaml:"digits" default:"6" range:"6..8"`
	// Valid is how long a code or a grid can be answered.
	Valid Duration `yaml:"valid" default:"5m" range:"30s..1h"`
	// Resend is how long the same login is not sent another code: a NAS that tries again, or a
	// user who answers with nothing, is only asked again.
	Resend Duration `yaml:"resend" default:"30s" range:"1s..1h"`
	// Limit is how many codes may be sent to one user in the window.
	Limit int `yaml:"limit" default:"5" range:"1..1000"`
	// Window is the time that limit counts in.
	Window Duration `yaml:"window" default:"10m" range:"1s..7d"`
	// Total is how many codes may be sent to all users in a day, by SMS and by e-mail each:
	// what somebody who types "s" for every name he knows can cost.
	Total int `yaml:"total" default:"1000" range:"1..10000000"`
}

// SMS is how texts are carried to telephones. Which keys it takes depends on the carrier. In
// templates, {{number}} is the number as +491701234567, {{digits}} the same without the plus,
// {{text}} the text, {{sender}} and {{secret}} what the keys from and secret_file say; what
// is put in is escaped for the place.
type SMS struct {
	// Carrier is who carries them: a provider (twilio, vonage), Kannel or what speaks like it,
	// any other HTTP gateway, a program, or a provider that takes mail.
	Carrier string `yaml:"carrier" default:"none" oneof:"none twilio vonage kannel gateway program mail"`
	// Account is Twilio's Account SID, Vonage's API key, or the user of Kannel or of a
	// gateway's HTTP Basic authentication.
	Account string `yaml:"account" example:"AC0123456789abcdef0123456789abcdef"`
	// SecretFile is a file that holds Twilio's Auth Token, Vonage's API secret, or the
	// password of Kannel or of a gateway, and that others cannot read.
	SecretFile Path `yaml:"secret_file,omitempty" example:"/etc/radpush/sms.secret"`
	// From is the sender that the telephone shows: a number or a name that the carrier allows.
	From string `yaml:"from" example:"+12025550100"`
	// URL is Kannel's sendsms-url, or the template of a gateway's.
	URL string `yaml:"url" example:"https://sms.example.com/send?to={{digits}}&message={{text}}"`
	// Method is a gateway's: GET, POST or PUT. Without it, POST with a body and else GET.
	Method string `yaml:"method" example:"POST"`
	// Header are a gateway's header fields: names and templates.
	Header Pairs `yaml:"header" example:"{Content-Type: application/json, Authorization: 'Bearer {{secret}}'}"`
	// Body is the template of a gateway's body, escaped as its Content-Type demands.
	Body string `yaml:"body" example:"'{\"to\": \"{{number}}\", \"text\": \"{{text}}\"}'"`
	// Status lists the HTTP codes by which a gateway says that it took the text; without it,
	// 200 to 299.
	Status []int `yaml:"status" example:"200, 202"`
	// Answer is a regular expression that the gateway's answer has to match.
	Answer string `yaml:"answer" example:"^OK"`
	// JSON are paths in a gateway's answer and the values that have to be there.
	JSON Pairs `yaml:"json" example:"{messages.*.status: '0'}"`
	// CA is a PEM file of the authorities that may have signed the gateway's certificate, if
	// it is none that the system trusts.
	CA Path `yaml:"ca_file,omitempty" example:"/etc/radpush/sms-ca.pem"`
	// Program is the program of that carrier, which is run without a shell, with the text on
	// its standard input.
	Program Path `yaml:"program,omitempty" example:"/usr/local/bin/send-sms"`
	// Args are the templates of its arguments.
	Args []string `yaml:"args" example:"--to, '{{number}}'"`
	// MailTo is the template of the address that mail for a number goes to.
	MailTo string `yaml:"mail_to" example:"'{{digits}}@sms.example.com'"`
	// Subject is the template of the mail's subject.
	Subject string `yaml:"subject" example:"'{{number}}'"`
	// Timeout is how long a login waits for the carrier.
	Timeout Duration `yaml:"timeout" default:"10s" range:"1s..30s"`

	secret Secret // of SecretFile
}

// Email is the mail server that takes codes and alerts.
type Email struct {
	// Host is its name, which its certificate has to be for. Without it there is no mail.
	Host string `yaml:"host" example:"mail.example.com"`
	// Port is its port. Without it, 587, with tls: implicit 465, with tls: none 25.
	Port int `yaml:"port" range:"0..65535" example:"587"`
	// TLS is how the conversation is protected. With none everybody on the way can read
	// the codes, and no password is sent.
	TLS string `yaml:"tls" default:"starttls" oneof:"starttls implicit none"`
	// User is the mail account, if the server wants one.
	User string `yaml:"user" example:"vpn@example.com"`
	// PasswordFile is a file that holds the account's password, and that others cannot read.
	PasswordFile Path `yaml:"password_file,omitempty" example:"/etc/radpush/mail.secret"`
	// CA is a PEM file of the authorities that may have signed the server's certificate, if
	// it is none that the system trusts.
	CA Path `yaml:"ca_file,omitempty" example:"/etc/radpush/mail-ca.pem"`
	// From is the sender.
	From string `yaml:"from" example:"Example VPN <vpn@example.com>"`
	// Templates is a directory of letters that replace those that are built in, by their
	// names: code.txt and code.html, rejection-user.txt …; radpush config letters writes them.
	Templates Path `yaml:"templates,omitempty" example:"/etc/radpush/letters"`
	// Timeout is how long one conversation may take.
	Timeout Duration `yaml:"timeout" default:"10s" range:"1s..30s"`

	password Secret // of PasswordFile
}

// Alerts says who is told by mail of what may be somebody else's doing. Letters wait in the
// store until the mail server has taken them.
type Alerts struct {
	// RejectionUser tells users who denied a sign-in ("it wasn't me") what to do next.
	RejectionUser bool `yaml:"rejection_user" default:"false"`
	// RejectionOperators lists who else is told of that.
	RejectionOperators []string `yaml:"rejection_operators" example:"security@example.com"`
	// LockoutUser tells users that their account has been locked. If it was their denial
	// that locked it, the letter says so, and there is no second one.
	LockoutUser bool `yaml:"lockout_user" default:"false"`
	// LockoutOperators lists who else is told of that.
	LockoutOperators []string `yaml:"lockout_operators" example:"helpdesk@example.com"`
	// DeviceUser tells users that a device has been enrolled for them, or removed, and by whom.
	DeviceUser bool `yaml:"device_user" default:"false"`
}

// Grid is the grid of digits that users with a pattern are shown.
type Grid struct {
	// Link adds a link to a picture of the grid, good for one look, to the prompt.
	Link bool `yaml:"link" default:"false"`
}

// Policy returns the bounds as package login wants them.
func (c Codes) Policy() login.Codes {
	return login.Codes{
		Digits: c.Digits, Valid: c.Valid.Duration(), Resend: c.Resend.Duration(),
		Limit: c.Limit, Window: c.Window.Duration(), Total: c.Total,
	}
}

// Policy returns who is told as package login wants it.
func (a Alerts) Policy() login.Alerts {
	return login.Alerts{
		RejectionUser: a.RejectionUser, RejectionOperator: a.RejectionOperators,
		LockoutUser: a.LockoutUser, LockoutOperator: a.LockoutOperators,
		DeviceUser: a.DeviceUser,
	}
}
