package main

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	wire "layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/vendors/microsoft"

	"radpush/dictionary"
	"radpush/radius"
)

// A nas sends logins as a VPN concentrator does.
type nas struct {
	server string // host:port
	secret radius.Secret
	wait   time.Duration // for the reply to each datagram
	tries  int           // datagrams

	show  io.Writer // where the exchange is shown; nil: nowhere
	names *dictionary.Dictionary
	files []string // of the operator, for names
}

// A nasLogin is what a user types at a NAS, and what the NAS knows of the user.
type nasLogin struct {
	User, Passcode string
	Protocol       string // "pap", "chap" or "mschapv2"
	Station        string // Calling-Station-Id, "" for none
	NAS            string // NAS-Identifier
	State          []byte // of the Access-Challenge that Passcode answers, nil for none
}

// A nasReply is how a login ended.
type nasReply struct {
	*wire.Packet
	Resent int
	Took   time.Duration
}

// login sends one Access-Request and waits for the reply. With MS-CHAPv2 the server's proof
// that it knows what was typed is checked, as a supplicant does.
func (n *nas) login(ctx context.Context, l nasLogin) (nasReply, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", n.server)
	if err != nil {
		return nasReply{}, err
	}
	defer conn.Close()
	request := wire.New(wire.CodeAccessRequest, n.secret)
	prove, err := l.fill(request)
	if err != nil {
		return nasReply{}, err
	}
	n.print("→", request, "to "+n.server)
	start := time.Now()
	reply, resent, err := radius.Exchange(ctx, conn, request, slices.Repeat([]time.Duration{n.wait}, n.tries)...)
	if err != nil {
		return nasReply{}, err
	}
	r := nasReply{Packet: reply, Resent: resent, Took: time.Since(start)}
	note := "after " + r.Took.Round(time.Millisecond).String()
	if resent > 0 {
		note += fmt.Sprintf(", the request sent %d times", 1+resent)
	}
	n.print("←", reply, note)
	if reply.Code == wire.CodeAccessAccept {
		return r, prove(reply)
	}
	return r, nil
}

// fill adds the attributes of a login. Prove checks an Access-Accept.
func (l nasLogin) fill(p *wire.Packet) (prove func(*wire.Packet) error, err error) {
	prove = func(*wire.Packet) error { return nil }
	errs := []error{rfc2865.UserName_SetString(p, l.User)}
	switch l.Protocol {
	case "pap":
		errs = append(errs, rfc2865.UserPassword_SetString(p, l.Passcode))
	case "chap": // RFC 2865, section 5.3
		id := make([]byte, 1, 17)
		challenge := make([]byte, 16)
		rand.Read(id)
		rand.Read(challenge)
		sum := md5.Sum(slices.Concat(id, []byte(l.Passcode), challenge))
		errs = append(errs, rfc2865.CHAPChallenge_Set(p, challenge), rfc2865.CHAPPassword_Set(p, append(id, sum[:]...)))
	case "mschapv2": // RFC 2548, section 2.3
		challenge, peer, id := make([]byte, 16), make([]byte, 16), byte(1)
		rand.Read(challenge)
		rand.Read(peer)
		user := []byte(l.User[strings.LastIndexByte(l.User, '\\')+1:])
		nt, err := rfc2759.GenerateNTResponse(challenge, peer, user, []byte(l.Passcode))
		if err != nil {
			return nil, err
		}
		response := slices.Concat([]byte{id, 0}, peer, make([]byte, 8), nt)
		errs = append(errs, microsoft.MSCHAPChallenge_Add(p, challenge), microsoft.MSCHAP2Response_Add(p, response))
		prove = func(accept *wire.Packet) error {
			want, err := rfc2759.GenerateAuthenticatorResponse(challenge, peer, nt, user, []byte(l.Passcode))
			if err != nil {
				return err
			}
			got := microsoft.MSCHAP2Success_Get(accept)
			if subtle.ConstantTimeCompare(got, append([]byte{id}, want...)) != 1 {
				return errors.New("MS-CHAP2-Success is missing or wrong: a supplicant would drop the session")
			}
			return nil
		}
	default:
		return nil, fmt.Errorf("unknown protocol %q: pap, chap or mschapv2", l.Protocol)
	}
	errs = append(errs, rfc2865.NASIdentifier_SetString(p, l.NAS), rfc2865.NASPortType_Set(p, rfc2865.NASPortType_Value_Virtual))
	if l.Station != "" {
		errs = append(errs, rfc2865.CallingStationID_SetString(p, l.Station))
	}
	if l.State != nil {
		errs = append(errs, rfc2865.State_Set(p, l.State))
	}
	return prove, errors.Join(errs...)
}

// print shows a packet, one attribute a line, passwords and keys by their length only.
func (n *nas) print(arrow string, p *wire.Packet, note string) {
	if n.show == nil {
		return
	}
	fmt.Fprintf(n.show, "%s %v %d %s\n", arrow, p.Code, p.Identifier, note)
	for _, avp := range p.Attributes {
		for _, v := range n.names.Decode(avp) {
			fmt.Fprintf(n.show, "      %s = %s\n", v.Name(), v.Text())
		}
	}
}
