package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	layeh "layeh.com/radius"

	"radpush/push"
	"radpush/web/phone"
)

// A demo is one run of the demonstration.
type demo struct {
	teller
	server   *server
	services services
}

func (d *demo) story(ctx context.Context) error {
	d.say("Stand-ins for push services run on this machine:")
	d.below("%-17s %s", "APNs", d.services.apple.Origin)
	d.below("%-17s %s", "FCM and OAuth", d.services.google.Origin)
	d.below("%-17s %s", "a browser's", d.services.browsers.Origin)
	d.say("A server runs: RADIUS at %s, devices at %s. Apps may be sent content, sealed (push.content).", d.server.radius, d.server.url)
	if _, err := d.server.engine.AddUser(ctx, "alice"); err != nil {
		return err
	}
	iPhone, err := d.services.iPhone()
	if err != nil {
		return err
	}
	android, err := d.services.android()
	if err != nil {
		return err
	}
	browser, err := d.services.browser()
	if err != nil {
		return err
	}
	for _, each := range []*device{iPhone, android, browser} {
		if err := each.enrol(ctx, d.server); err != nil {
			return err
		}
		also := ""
		if each.key != nil {
			also = " and a key to seal to"
		}
		d.say("alice's %s has enrolled, with its address at %s%s.", each.name, each.service, also)
	}

	d.part("A login rings all three, and alice answers in the browser")
	if _, err := d.login(ctx, "198.51.100.7", []*device{iPhone, android, browser}, browser); err != nil {
		return err
	}
	d.part("Alice has removed the app from her iPhone, and answers on the other phone")
	d.quiet = true
	iPhone.remove()
	id, err := d.login(ctx, "198.51.100.8", []*device{android, browser}, android)
	if err != nil {
		return err
	}
	if err := d.gone(ctx, iPhone); err != nil {
		return err
	}
	if !iPhone.told(id) {
		return errors.New("APNs was not asked to ring the iPhone")
	}
	d.part("The next login does not ring the iPhone any more")
	if id, err = d.login(ctx, "198.51.100.9", []*device{android, browser}, browser); err != nil {
		return err
	}
	if iPhone.told(id) {
		return errors.New("APNs was told of a login for an iPhone whose address is gone")
	}
	d.say("APNs was told nothing of it.")
	return nil
}

// login walks one login through: devices are rung, one of them approves, the others are
// withdrawn. It returns the challenge's id.
func (d *demo) login(ctx context.Context, station string, rung []*device, approves *device) (id string, err error) {
	d.say("A VPN server sends an Access-Request for alice, with an empty password (PAP). The server holds it.")
	verdict := d.server.login(ctx, station)
	for _, each := range rung {
		n, err := d.arrived(ctx, each, "rings the")
		if err != nil {
			return "", err
		}
		r, err := d.read(ctx, each, n)
		if err != nil {
			return "", err
		}
		if id = r.ID; id != n.Challenge || r.Prompt.IP != station {
			return "", fmt.Errorf("the %s was rung for %q and asks for a login from %s", each.name, n.Challenge, r.Prompt.IP)
		}
	}
	result, err := approves.Approve(ctx, id)
	if err != nil {
		return "", err
	}
	d.say("APPROVE on the %s: it sends a one-time password and a signature over exactly what it showed.", approves.name)
	ended := <-verdict
	if ended.err != nil {
		return "", ended.err
	}
	if result != push.Accepted || ended.Code != layeh.CodeAccessAccept {
		return "", fmt.Errorf("the answer was %s and the login ended with %v", result, ended.Code)
	}
	d.say("%v for the VPN server.", ended.Code)
	for _, each := range rung {
		if each == approves {
			continue
		}
		if n, err := d.arrived(ctx, each, "takes the question back from the"); err != nil {
			return "", err
		} else if n.Withdraw != id {
			return "", fmt.Errorf("the %s was not withdrawn", each.name)
		}
	}
	return id, nil
}

// arrived waits for what a device gets next, and tells what the push service has seen of it.
func (d *demo) arrived(ctx context.Context, at *device, what string) (notice, error) {
	n, err := at.receive(ctx)
	if err != nil {
		return n, fmt.Errorf("the %s got nothing: %w", at.name, err)
	}
	if d.quiet {
		d.say("%s %s %s.", at.service, what, at.name)
		return n, nil
	}
	d.say("%s %s %s. What it was told:", at.service, what, at.name)
	for _, line := range n.seen {
		d.below("%-17s %s", line[0], shortened(line[1], 48))
		for _, secret := range []string{"alice", "Example VPN", "198.51.100"} {
			if strings.Contains(line[1], secret) {
				return n, fmt.Errorf("%s has read %q", at.service, secret)
			}
		}
	}
	return n, nil
}

// read returns what a device is asked: an app opens what is sealed, a page asks the server.
func (d *demo) read(ctx context.Context, at *device, n notice) (r phone.Request, err error) {
	how := fmt.Sprintf("What %s cannot read, the %s opens with its key:", at.service, at.name)
	if at.key != nil {
		r, err = at.Unseal(at.key, n.Sealed)
	} else {
		how = fmt.Sprintf("The %s asks the server for the rest:", at.name)
		var open []phone.Request
		if open, err = at.Open(ctx); err == nil && len(open) == 1 {
			r = open[0]
		}
	}
	if err == nil && !d.quiet {
		d.say("%s", how)
		d.show(r)
	}
	return r, err
}

// gone waits until a device's address is marked: the push service has said that nobody is
// there (statement 9.5).
func (d *demo) gone(ctx context.Context, at *device) error {
	for {
		devices, err := d.server.broker.DevicesOf(ctx, "alice")
		if err != nil {
			return err
		}
		if slices.ContainsFunc(devices, func(each push.Device) bool { return each.Name == at.name && each.Address.Gone }) {
			d.say("%s answered 410 for the %s: its address is marked as gone, and an operator sees it.", at.service, at.name)
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the address of the %s was not marked as gone", at.name)
		}
	}
}
