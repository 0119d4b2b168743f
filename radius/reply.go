package radius

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// errTooLong says that a packet does not fit into 4,096 octets (RFC 2865, section 3).
var errTooLong = errors.New("radius: packet is longer than 4096 octets")

// encodeReply returns the bytes that answer a request: attributes of the handler's reply
// between Message-Authenticator and the request's Proxy-State.
//
// Message-Authenticator is first, so that no prefix chosen by an attacker stands before
// it (CVE-2024-3596). An Accounting-Response to an Accounting-Request has none: RFC 3579,
// section 3.3 does not allow it there, and implementations do not agree which
// authenticator it would cover.
func encodeReply(r *Request, reply *radius.Packet) ([]byte, error) {
	if !answers(reply.Code, r.Code) {
		return nil, fmt.Errorf("radius: %v does not answer %v", reply.Code, r.Code)
	}
	s := signers.Get().(*signer)
	defer signers.Put(s)
	s.begin(reply.Code, r.Identifier, r.Authenticator[:])
	signed := r.Code != radius.CodeAccountingRequest
	if signed {
		s.packet = append(s.packet, emptyMAC[:]...)
	}
	for _, a := range reply.Attributes {
		switch {
		case a.Type == rfc2869.MessageAuthenticator_Type || a.Type == rfc2865.ProxyState_Type:
			continue // the server's own business
		case reply.Code == radius.CodeAccessReject && !allowedInReject(a):
			continue
		}
		if err := s.add(a); err != nil {
			return nil, err
		}
	}
	// RFC 2865, section 5.33: unmodified and in order.
	for _, a := range r.Attributes {
		if a.Type != rfc2865.ProxyState_Type {
			continue
		}
		if err := s.add(a); err != nil {
			return nil, err
		}
	}
	return s.finish(signed, true, r.Client.Secret), nil
}

// answers reports whether a reply's code answers a request's.
func answers(reply, request radius.Code) bool {
	switch reply {
	case radius.CodeAccessAccept:
		return request == radius.CodeAccessRequest || request == radius.CodeStatusServer
	case radius.CodeAccessReject, radius.CodeAccessChallenge:
		return request == radius.CodeAccessRequest
	case radius.CodeAccountingResponse:
		return request == radius.CodeAccountingRequest || request == radius.CodeStatusServer
	}
	return false
}

// encodeRequest returns the bytes of a request as a NAS sends it.
func encodeRequest(p *radius.Packet) ([]byte, error) {
	s := signers.Get().(*signer)
	defer signers.Put(s)
	signed := p.Code != radius.CodeAccountingRequest
	s.begin(p.Code, p.Identifier, p.Authenticator[:])
	if signed {
		s.packet = append(s.packet, emptyMAC[:]...)
	} else {
		clear(s.packet[4:headerLength]) // RFC 2866, section 3
	}
	for _, a := range p.Attributes {
		if a.Type == rfc2869.MessageAuthenticator_Type {
			continue
		}
		if err := s.add(a); err != nil {
			return nil, err
		}
	}
	return s.finish(signed, !signed, p.Secret), nil
}

// emptyMAC is a Message-Authenticator that has not been computed.
var emptyMAC = [18]byte{byte(rfc2869.MessageAuthenticator_Type), 18}

// begin starts the packet with a header.
func (s *signer) begin(code radius.Code, identifier byte, authenticator []byte) {
	s.packet = append(s.packet[:0], byte(code), identifier, 0, 0)
	s.packet = append(s.packet, authenticator...)
}

// add appends an attribute to the packet.
func (s *signer) add(a *radius.AVP) error {
	switch n := len(a.Attribute); {
	case a.Type < 1 || a.Type > 255:
		return fmt.Errorf("radius: attribute type %d does not exist", a.Type)
	case n > 253:
		return fmt.Errorf("radius: attribute %d is longer than 253 octets", a.Type)
	case len(s.packet)+2+n > radius.MaxPacketLength:
		return errTooLong
	default:
		s.packet = append(append(s.packet, byte(a.Type), byte(n+2)), a.Attribute...)
		return nil
	}
}

// finish sets the length, computes Message-Authenticator, if it was put first, and the
// packet's authenticator, if it is a hash, and returns a copy of the packet.
func (s *signer) finish(mac, hashed bool, secret Secret) []byte {
	binary.BigEndian.PutUint16(s.packet[2:4], uint16(len(s.packet)))
	if mac {
		// RFC 3579, section 3.2: over the reply with the Request Authenticator.
		copy(s.packet[headerLength+2:], s.mac(s.packet, secret))
	}
	if hashed {
		copy(s.packet[4:], s.digest(s.packet, s.packet[4:headerLength], secret))
	}
	return bytes.Clone(s.packet)
}

// allowedInReject reports whether an Access-Reject may carry the attribute, other than
// those the server adds: Reply-Message, by RFC 2865, section 5.44, and MS-CHAP-Error
// (vendor 311, type 2), by RFC 2548, section 2.1.5.
func allowedInReject(a *radius.AVP) bool {
	v := a.Attribute
	return a.Type == rfc2865.ReplyMessage_Type ||
		a.Type == rfc2865.VendorSpecific_Type && len(v) > 6 &&
			binary.BigEndian.Uint32(v) == 311 && v[4] == 2 && int(v[5]) == len(v)-4
}
