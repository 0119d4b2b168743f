package sms

import "strings"

// Twilio returns the gateway of api.twilio.com: "Create a Message" of its API 2010-04-01.
// Account is the Account SID (AC…), token the Auth Token; for an API key set User and Password
// to its SID and secret. From is a number, a name, or the SID (MG…) of a Messaging Service.
func Twilio(account, token, from string) *Gateway {
	sender := "From"
	if strings.HasPrefix(from, "MG") && len(from) == 34 { // no name has more than 11 characters
		sender = "MessagingServiceSid"
	}
	return &Gateway{
		URL:    "https://api.twilio.com/2010-04-01/Accounts/" + percent(account) + "/Messages.json",
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		Body:   "To={{number}}&" + sender + "={{sender}}&Body={{text}}",
		Sender: from, User: account, Password: token,
		Status: []int{201},
	}
}

// Vonage returns the gateway of rest.nexmo.com, Vonage's SMS API. It answers 200 whatever
// happens; each part of a long text has a status of its own, and 0 is success.
func Vonage(key, secret, from string) *Gateway {
	return &Gateway{
		URL:    "https://rest.nexmo.com/sms/json",
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		Body:   "from={{sender}}&to={{digits}}&text={{text}}&type={{if gsm}}text{{else}}unicode{{end}}",
		Sender: from, User: key, Password: secret,
		Status: []int{200},
		JSON:   map[string]string{"messages.*.status": "0"},
	}
}

// Kannel returns the gateway of an smsbox, or of one of the many that speak as it does.
// Address is its sendsms-url, such as http://127.0.0.1:13013/cgi-bin/sendsms; an empty from
// leaves the sender to it. It answers 202 to all that it takes, now ("0: Accepted for
// delivery", or "Sent.") or when the network is back ("3: Queued for later delivery").
func Kannel(address, user, password, from string) *Gateway {
	return &Gateway{
		URL: address + "?username={{user}}&password={{password}}{{if sender}}&from={{sender}}{{end}}" +
			"&to={{number}}&text={{text}}&charset=UTF-8&coding={{if gsm}}0{{else}}2{{end}}",
		Sender:  from,
		Secrets: map[string]string{"user": user, "password": password},
		Status:  []int{202},
	}
}
