package access

import (
	"bytes"
	"crypto/sha1"

	//lint:ignore SA1019 RFC 2759, section 8.4, is MD4
	"golang.org/x/crypto/md4"
)

// The constants of RFC 2759, section 8.7, and of RFC 3079, section 3.4.
var (
	signing   = []byte("Magic server to client signing constant")
	iteration = []byte("Pad to make it do more than one iteration")
	masterKey = []byte("This is the MPPE Master Key")
	sendKey   = []byte("On the client side, this is the receive key; on the server side, it is the send key.")
	recvKey   = []byte("On the client side, this is the send key; on the server side, it is the receive key.")
	pad1      = make([]byte, 40)
	pad2      = bytes.Repeat([]byte{0xF2}, 40)
)

// session is what a peer and its server share when the password is right.
type session struct {
	success    []byte   // value of MS-CHAP2-Success
	send, recv [16]byte // MPPE keys, as the server sees them
}

// session computes what an acceptance carries, from the candidate that matched.
func (m *msCHAP2) session() session {
	h := md4.New()
	h.Write(m.ntHash[:])
	hashHash := h.Sum(make([]byte, 0, md4.Size)) // RFC 2759, section 8.4

	// By the authenticator response the peer knows that the server knows the password
	// too (RFC 2759, section 8.7; RFC 2548, section 2.3.3).
	sum := sha1Of(hashHash, m.response[:], signing)
	sum = sha1Of(sum[:], m.challenge[:], iteration)
	const digits = "0123456789ABCDEF"
	success := append(make([]byte, 0, 43), m.identifier, 'S', '=')
	for _, o := range sum {
		success = append(success, digits[o>>4], digits[o&15])
	}

	master := sha1Of(hashHash, m.response[:], masterKey)
	send := sha1Of(master[:16], pad1, sendKey, pad2)
	recv := sha1Of(master[:16], pad1, recvKey, pad2)
	return session{success, [16]byte(send[:]), [16]byte(recv[:])}
}

// sha1Of returns the hash of all parts.
func sha1Of(parts ...[]byte) [sha1.Size]byte {
	b := make([]byte, 0, 512)
	for _, p := range parts {
		b = append(b, p...)
	}
	return sha1.Sum(b)
}
