package radius

import (
	"encoding/binary"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

const (
	headerLength  = 20  // octets before the attributes (RFC 2865, section 3)
	maxAttributes = 200 // more of them is an attack on our memory, not a request
)

// A summary is what the checks have to know of a packet's attributes.
type summary struct {
	attributes int // how many
	mac        int // where the value of Message-Authenticator begins; 0 without one

	eap, userPassword, chapPassword, proxyState bool
}

// inspect checks the form of a datagram and returns the packet in it without its
// padding. It allocates nothing: most of what a stranger sends ends here.
func inspect(datagram []byte) (packet []byte, s summary, why discard) {
	// RFC 2865, section 3: octets after Length are padding, and a packet that is
	// shorter than its Length is silently discarded.
	if len(datagram) < headerLength {
		return nil, s, malformed
	}
	length := int(binary.BigEndian.Uint16(datagram[2:4]))
	if length < headerLength || length > radius.MaxPacketLength || length > len(datagram) {
		return nil, s, malformed
	}
	packet = datagram[:length]
	for at := headerLength; at < length; {
		if length-at < 2 || packet[at] == 0 || packet[at+1] < 2 || int(packet[at+1]) > length-at {
			return nil, s, malformed
		}
		if s.attributes++; s.attributes > maxAttributes {
			return nil, s, tooManyAttributes
		}
		switch radius.Type(packet[at]) {
		case rfc2869.MessageAuthenticator_Type:
			if s.mac != 0 || packet[at+1] != 18 { // RFC 3579, section 3.2
				return nil, s, notAuthentic
			}
			s.mac = at + 2
		case rfc2869.EAPMessage_Type:
			s.eap = true
		case rfc2865.UserPassword_Type:
			s.userPassword = true
		case rfc2865.CHAPPassword_Type:
			s.chapPassword = true
		case rfc2865.ProxyState_Type:
			s.proxyState = true
		}
		at += int(packet[at+1])
	}
	return packet, s, passed
}

// unpack turns a packet that inspect has passed into p. All attributes share three
// allocations, because a request may be held for a minute with 100,000 others.
func unpack(p *radius.Packet, packet []byte, attributes int, secret Secret) {
	p.Code = radius.Code(packet[0])
	p.Identifier = packet[1]
	p.Authenticator = [16]byte(packet[4:headerLength])
	p.Secret = secret
	p.Attributes = make(radius.Attributes, attributes)
	avps := make([]radius.AVP, attributes)
	rest := append([]byte(nil), packet[headerLength:]...)
	for i := range avps {
		length := int(rest[1])
		avps[i].Type = radius.Type(rest[0])
		avps[i].Attribute = rest[2:length:length] // so that appending to it copies it
		p.Attributes[i] = &avps[i]
		rest = rest[length:]
	}
}
