package main

import (
	"errors"
	"net"
	"net/netip"

	"radpush/push"
	"radpush/push/apns"
	"radpush/push/apns/apnstest"
	"radpush/push/fcm"
	"radpush/push/fcm/fcmtest"
	"radpush/push/webpush"
	"radpush/push/webpush/webpushtest"
	"radpush/web"
)

// Services are the stand-ins.
type services struct {
	apple    *apnstest.Service
	google   *fcmtest.Service
	browsers *webpushtest.Service
	vapid    webpush.Keys // by which the last of them knows the server
}

// startServices serves until close is called, each stand-in at a port of its own. After an
// error the program ends.
func startServices() (s services, err error) {
	var at [3]net.Listener
	for i := range at {
		if at[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return s, err
		}
	}
	if s.apple, err = apnstest.Start(at[0], ""); err != nil {
		return s, err
	}
	if s.google, err = fcmtest.Start(at[1], ""); err != nil {
		return s, err
	}
	if s.browsers, err = webpushtest.Start(at[2], ""); err != nil {
		return s, err
	}
	s.vapid, err = webpush.NewKeys()
	return s, err
}

func (s services) close() {
	s.apple.Close()
	s.google.Close()
	s.browsers.Close()
}

// ringers returns what rings by them, as an operator would configure it, with content.
func (s services) ringers() (map[string]push.Ringer, error) {
	key, err := apns.ParseKey(s.apple.Key)
	if err != nil {
		return nil, err
	}
	credentials, err := fcm.ParseCredentials(s.google.Credentials)
	if err != nil {
		return nil, err
	}
	a := &apns.Ringer{Key: key, KeyID: s.apple.KeyID, TeamID: s.apple.TeamID, Topic: s.apple.Topic, Organization: organization,
		Seal: web.Seal, Host: s.apple.Origin, RootCAs: s.apple.RootCAs}
	f := &fcm.Ringer{Credentials: credentials, Seal: web.Seal, Host: s.google.Origin, RootCAs: s.google.RootCAs}
	w := &webpush.Ringer{Keys: s.vapid, Subject: "it@example.com", Hosts: []string{"127.0.0.1"}, AnyPort: true,
		Inside: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, RootCAs: s.browsers.RootCAs}
	return map[string]push.Ringer{"apns": a, "fcm": f, "webpush": w}, errors.Join(a.Check(), f.Check(), w.Check())
}
