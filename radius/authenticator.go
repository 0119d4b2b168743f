package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"hash"
	"sync"

	"layeh.com/radius"
)

// A signer computes and verifies the authenticators of packets. It is used by one
// goroutine at a time and kept in signers, because making an HMAC costs more than
// using it.
type signer struct {
	md5    hash.Hash
	macs   map[string]hash.Hash // HMAC-MD5 by secret
	packet []byte               // a reply while it is made: see reply.go
	kept   [md5.Size]byte
	sum    [md5.Size]byte
	zero   [md5.Size]byte
}

// maxMACs bounds signer.macs. Secrets are few; what is dropped is made again.
const maxMACs = 64

var signers = sync.Pool{New: func() any {
	return &signer{md5: md5.New(), macs: make(map[string]hash.Hash)}
}}

// mac returns the HMAC-MD5 of packet under secret, valid until the next call.
func (s *signer) mac(packet []byte, secret Secret) []byte {
	mac, ok := s.macs[string(secret)]
	if !ok {
		if len(s.macs) >= maxMACs {
			clear(s.macs)
		}
		mac = hmac.New(md5.New, secret)
		s.macs[string(secret)] = mac
	}
	mac.Reset()
	mac.Write(packet)
	return mac.Sum(s.sum[:0])
}

// digest returns MD5(packet + secret), valid until the next call, with authenticator
// in place of the packet's own.
func (s *signer) digest(packet, authenticator []byte, secret Secret) []byte {
	s.md5.Reset()
	s.md5.Write(packet[:4])
	s.md5.Write(authenticator)
	s.md5.Write(packet[headerLength:])
	s.md5.Write(secret)
	return s.md5.Sum(s.sum[:0])
}

// verifyMAC reports whether the Message-Authenticator at an offset of packet is right,
// in constant time. It is computed over the packet as it stands with 16 zero octets in
// its own place (RFC 3579, section 3.2). The packet is changed meanwhile, but not after.
func (s *signer) verifyMAC(packet []byte, at int, secret Secret) bool {
	value := packet[at : at+md5.Size]
	copy(s.kept[:], value)
	clear(value)
	ok := subtle.ConstantTimeCompare(s.mac(packet, secret), s.kept[:]) == 1
	copy(value, s.kept[:])
	return ok
}

// verifyRequest reports whether a request is authentic as far as it can be known: its
// Message-Authenticator if it has one, and the Request Authenticator of accounting.
func verifyRequest(packet []byte, at int, secret Secret) bool {
	s := signers.Get().(*signer)
	defer signers.Put(s)
	if radius.Code(packet[0]) != radius.CodeAccountingRequest {
		return at == 0 || s.verifyMAC(packet, at, secret)
	}
	// RFC 2866, section 3: MD5 over the packet with a Request Authenticator of zeros.
	authenticator := packet[4:headerLength]
	if subtle.ConstantTimeCompare(s.digest(packet, s.zero[:], secret), authenticator) != 1 {
		return false
	}
	if at == 0 {
		return true
	}
	// RFC 3579 has no Message-Authenticator in accounting. Where one is sent, it is
	// made before the Request Authenticator, as in RFC 5176, section 3.4.
	given := [md5.Size]byte(authenticator)
	clear(authenticator)
	ok := s.verifyMAC(packet, at, secret)
	copy(authenticator, given[:])
	return ok
}

// verifyReply reports whether a reply is authentic: its Response Authenticator (RFC
// 2865, section 3) and, in a reply that lets a user in or keeps one out, a
// Message-Authenticator, without which MD5 does not protect it (CVE-2024-3596).
// Authenticator is that of the request; the reply is changed.
func verifyReply(reply []byte, at int, authenticator []byte, secret Secret) bool {
	s := signers.Get().(*signer)
	defer signers.Put(s)
	if subtle.ConstantTimeCompare(s.digest(reply, authenticator, secret), reply[4:headerLength]) != 1 {
		return false
	}
	if radius.Code(reply[0]) == radius.CodeAccountingResponse {
		return true // RFC 3579, section 3.3: it has none
	}
	copy(reply[4:headerLength], authenticator)
	return at != 0 && s.verifyMAC(reply, at, secret)
}
