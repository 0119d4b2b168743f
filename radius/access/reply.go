package access

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"radpush/dictionary"
	"radpush/login"
	"radpush/radius"
)

// reply makes the packet that a verdict asks for. Message-Authenticator and Proxy-State
// are the server's. P is nil where no passcode could be read.
func (h *Handler) reply(r *radius.Request, p login.Passcode, v login.Verdict) (*layeh.Packet, error) {
	switch v.Outcome {
	case login.Accept:
		return h.accept(r, p, v)
	case login.Challenge:
		return h.challenge(r, v)
	}
	return reject(r, p, v)
}

// accept makes an Access-Accept.
func (h *Handler) accept(r *radius.Request, p login.Passcode, v login.Verdict) (*layeh.Packet, error) {
	reply := r.Response(layeh.CodeAccessAccept)
	configured := h.Reply[r.Client.Name]
	reply.Attributes = make(layeh.Attributes, 0, 6+len(configured))
	if v.Message != "" {
		reply.Add(rfc2865.ReplyMessage_Type, cut(v.Message, 253))
	}
	s := newSalter(r)
	if m, ok := p.(*msCHAP2); ok {
		if err := m.accept(reply, s, configured); err != nil {
			return nil, err
		}
	}
	for _, v := range configured {
		avp, err := v.AVP(s.encrypt)
		if err != nil {
			return nil, fmt.Errorf("access: reply attribute: %w", err)
		}
		reply.Attributes = append(reply.Attributes, avp)
	}
	return reply, nil
}

// challenge makes an Access-Challenge. Without a Reply-Message ocserv and pam_radius
// fail, and of two pam_radius shows one.
//
// A client that is not marked able to show one may take it for an acceptance. The engine
// knows that; here it is made sure of.
func (h *Handler) challenge(r *radius.Request, v login.Verdict) (*layeh.Packet, error) {
	if !h.Clients[r.Client.Name].Challenge {
		return nil, fmt.Errorf("access: an Access-Challenge for %s, which cannot show one", r.Client.Name)
	}
	// ocserv cuts a State at a NUL; 250 octets are what all clients give back.
	if v.State == "" || len(v.State) > 250 || strings.Contains(v.State, "\x00") {
		return nil, fmt.Errorf("access: a State of %d octets cannot be sent", len(v.State))
	}
	reply := r.Response(layeh.CodeAccessChallenge)
	reply.Add(rfc2865.ReplyMessage_Type, cut(cmp.Or(v.Message, sayAnswer), 253))
	reply.Add(rfc2865.State_Type, layeh.Attribute(v.State))
	if v.Secret {
		if err := rfc2869.Prompt_Add(reply, rfc2869.Prompt_Value_NoEcho); err != nil { // RFC 2869, section 5.10
			return nil, err
		}
	}
	return reply, nil
}

// reject makes an Access-Reject, with the attributes that RFC 2865, section 5.44, lets it
// have.
func reject(r *radius.Request, p login.Passcode, v login.Verdict) (*layeh.Packet, error) {
	reply := r.Response(layeh.CodeAccessReject)
	message := cmp.Or(v.Message, sayFailed)
	reply.Add(rfc2865.ReplyMessage_Type, cut(message, 253))
	if m, ok := p.(*msCHAP2); ok {
		reply.Attributes = append(reply.Attributes, m.reject(v, message))
	}
	return reply, nil
}

// cut returns at most n octets of a text, and no half of a character.
func cut(text string, n int) []byte {
	if len(text) > n {
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	return []byte(text)
}

// accept adds what makes the peer believe the server, and the keys of the session
// (RFC 2548, sections 2.3.3 and 2.4). Where an operator has configured what encryption is
// allowed, that stands.
func (m *msCHAP2) accept(reply *layeh.Packet, s *salter, configured []dictionary.Value) error {
	if !m.matched {
		return errors.New("access: accepted, but no candidate is what the user typed")
	}
	session := m.session()
	send, err := s.encrypt(session.send[:])
	if err != nil {
		return err
	}
	recv, err := s.encrypt(session.recv[:])
	if err != nil {
		return err
	}
	reply.Attributes = append(reply.Attributes,
		newMicrosoft(msCHAP2Success, session.success...),
		newMicrosoft(msMPPESendKey, send...),
		newMicrosoft(msMPPERecvKey, recv...))
	policy, types := true, true
	for _, v := range configured {
		if v.Attribute.Vendor.Number == microsoft {
			policy = policy && v.Attribute.Number != msEncryptionPolicy
			types = types && v.Attribute.Number != msEncryptionTypes
		}
	}
	if policy {
		reply.Attributes = append(reply.Attributes, newMicrosoft(msEncryptionPolicy, 0, 0, 0, 1)) // allowed, not required
	}
	if types {
		reply.Attributes = append(reply.Attributes, newMicrosoft(msEncryptionTypes, 0, 0, 0, 4)) // keys of 128 bits only
	}
	return nil
}

// reject returns MS-CHAP-Error (RFC 2548, section 2.1.5; RFC 2759, section 6).
func (m *msCHAP2) reject(v login.Verdict, message string) *layeh.AVP {
	code, retry := 691, 0 // authentication failure
	if v.Retry {
		retry = 1
	}
	if v.Reason == login.Locked {
		code = 647 // account disabled
	}
	var challenge [16]byte
	rand.Read(challenge[:])
	value := fmt.Appendf([]byte{m.identifier}, "E=%d R=%d C=%s V=3 M=", code, retry, strings.ToUpper(hex.EncodeToString(challenge[:])))
	return newMicrosoft(msCHAPError, append(value, cut(message, 247-len(value))...)...)
}

// A salter encrypts attributes of one reply (RFC 2868, section 3.5; RFC 2548, section
// 2.4.2). Within a packet every salt is another one, and its highest bit is set.
type salter struct {
	request *radius.Request
	next    uint16
}

func newSalter(r *radius.Request) *salter {
	var b [2]byte
	rand.Read(b[:]) // never fails: the runtime ends the program instead
	return &salter{r, binary.BigEndian.Uint16(b[:])}
}

// encrypt hides a value with the shared secret.
func (s *salter) encrypt(plain []byte) ([]byte, error) {
	s.next++
	salt := [2]byte{0x80 | byte(s.next>>8), byte(s.next)}
	return layeh.NewTunnelPassword(plain, salt[:], s.request.Secret, s.request.Authenticator[:])
}

// CheckReply returns an error for an attribute that an operator cannot add to an
// Access-Accept: the server sets it, or it belongs in requests.
func CheckReply(v dictionary.Value) error {
	a := v.Attribute
	wrong := a.Encrypt == dictionary.Hidden
	switch a.Vendor.Number {
	case 0:
		switch layeh.Type(a.Number) {
		case rfc2865.UserPassword_Type, rfc2865.CHAPPassword_Type, rfc2865.CHAPChallenge_Type,
			rfc2865.State_Type, rfc2865.ProxyState_Type,
			rfc2869.EAPMessage_Type, rfc2869.MessageAuthenticator_Type:
			wrong = true
		}
	case microsoft:
		switch a.Number {
		case msCHAPResponse, msCHAPError, msCHAPChallenge, msCHAP2Response, msCHAP2Success,
			msMPPEKeys, msMPPESendKey, msMPPERecvKey:
			wrong = true
		}
	}
	if wrong {
		return fmt.Errorf("access: %s is for the server alone to set, or for a request to carry", a.Name)
	}
	return nil
}
