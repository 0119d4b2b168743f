package access

import (
	"bytes"

	"layeh.com/radius/rfc2865"

	"radpush/radius"
)

// answerInClear returns the digits that a user has typed at the prompt of a FortiGate, or
// nil. A FortiGate that speaks MS-CHAPv2 answers an Access-Challenge in its own way: the
// digits stand in clear at octets 2 to 7 of MS-CHAP2-Response, where Peer-Challenge
// begins. What it puts into NT-Response is not known.
//
// Peers choose their Peer-Challenge, so an attacker could put one code there and another
// one into the NT-Response: two guesses for the price of one. Hence either counts, never
// both. And hence the conditions that keep others out: a State; an
// attribute of Fortinet's, which the NAS adds and no peer can; and four digits that a NUL
// ends, or six and more. The random octets of a true Peer-Challenge look like that once
// in 80 million rounds.
func answerInClear(r *radius.Request, response []byte) []byte {
	peer := response[2:18]
	n := len(peer) - len(bytes.TrimLeft(peer, "0123456789"))
	if n < 4 || n < 6 && peer[n] != 0 || len(r.Get(rfc2865.State_Type)) == 0 {
		return nil
	}
	for range ofVendor(r.Attributes, fortinet) {
		return peer[:n]
	}
	return nil
}
