package access

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	//lint:ignore SA1019 RFC 2759, section 8.3, is MD4
	"golang.org/x/crypto/md4"

	layeh "layeh.com/radius"
)

const msCHAPv2 = "MS-CHAPv2"

// Microsoft's attributes (RFC 2548, section 2).
const (
	msCHAPResponse     = 1
	msCHAPError        = 2
	msCHAPChangePW1    = 3
	msCHAPChangePW2    = 4
	msEncryptionPolicy = 7
	msEncryptionTypes  = 8
	msCHAPChallenge    = 11
	msMPPEKeys         = 12
	msMPPESendKey      = 16
	msMPPERecvKey      = 17
	msCHAP2Response    = 25
	msCHAP2Success     = 26
	msCHAP2ChangePW    = 27
)

// Microsoft attributes of a request that carry a passcode.
type microsoftFields struct {
	challenge []byte // MS-CHAP-Challenge
	response2 []byte // MS-CHAP2-Response; not nil when it is there
	other     bool   // MS-CHAPv1, or a change of the password
}

func readMicrosoft(attrs layeh.Attributes) (f microsoftFields) {
	for typ, value := range ofVendor(attrs, microsoft) {
		switch typ {
		case msCHAPChallenge:
			f.challenge = value
		case msCHAP2Response:
			f.response2 = value
		case msCHAPResponse, msCHAPChangePW1, msCHAPChangePW2, msCHAP2ChangePW:
			f.other = true
		}
	}
	return f
}

// A msCHAP2 is a response to two challenges, encrypted with a hash of the password
// (RFC 2759): candidates can be compared with it, and the one that matches makes the keys
// of the session.
type msCHAP2 struct {
	unprintable
	identifier byte
	response   [24]byte // NT-Response
	challenge  [8]byte  // hash of both challenges and the name
	clear      []byte   // the answer itself, from a FortiGate, instead of a response; nil for none

	matched bool
	ntHash  [16]byte // of the candidate that matched

	// Reused from candidate to candidate.
	hasher ntHasher
	other  ntKey
	block  [8]byte
}

// newMSCHAP2 reads MS-CHAP-Challenge and MS-CHAP2-Response (RFC 2548, section 2.3.2).
func newMSCHAP2(challenge, response, user []byte) (*msCHAP2, error) {
	if len(challenge) != 16 || len(response) != 50 {
		return nil, badPasscode
	}
	// Ident, Flags (always 0), Peer-Challenge, 8 reserved octets, NT-Response.
	m := &msCHAP2{identifier: response[0], response: [24]byte(response[26:])}
	// RFC 2759, sections 4 and 8.2: the name without the domain in front, otherwise as
	// it was typed.
	name := user[bytes.LastIndexByte(user, '\\')+1:]
	sum := sha1Of(response[2:18], challenge, name)
	m.challenge = [8]byte(sum[:])
	return m, nil
}

// Equal implements login.Passcode.
//
// The engine tries about ten candidates a login, a hundred if none is right. Of those that
// differ only the first of three DES blocks is computed. What can be learned from the time
// is that 56 bits of a hash were hit.
func (m *msCHAP2) Equal(candidate string) bool {
	if m.clear != nil && subtle.ConstantTimeCompare(m.clear, []byte(candidate)) == 0 {
		return false
	}
	key := m.key(candidate)
	if m.clear == nil && (key.opens(m, 0) == 0 || key.opens(m, 1)&key.opens(m, 2) == 0) {
		return false
	}
	m.matched, m.ntHash = true, key.hash
	return true
}

// Text implements login.Passcode.
func (*msCHAP2) Text() (string, bool) { return "", false }

func (*msCHAP2) protocol() string { return msCHAPv2 }

// An ntKey is a candidate, ready to encrypt with: its hash, filled up, is three keys of
// DES (RFC 2759, section 8.5).
type ntKey struct {
	hash   [16]byte
	blocks [3]cipher.Block // nil: to be made
}

// opens returns 1 if the challenge, encrypted with one of the three keys, is what the peer
// sent, else 0; in constant time.
func (k *ntKey) opens(m *msCHAP2, i int) int {
	block := k.blocks[i]
	if block == nil {
		block = newDES(k.hash, i)
	}
	block.Encrypt(m.block[:], m.challenge[:])
	return subtle.ConstantTimeCompare(m.block[:], m.response[8*i:8*i+8])
}

// key returns the key of a candidate.
func (m *msCHAP2) key(candidate string) *ntKey {
	if len(candidate) == 0 {
		return &triggerKeys()[utf8.RuneSelf]
	}
	if len(candidate) == 1 && candidate[0] < utf8.RuneSelf {
		return &triggerKeys()[candidate[0]]
	}
	m.other = ntKey{}
	m.hasher.hash(&m.other.hash, candidate)
	return &m.other
}

// triggerKeys are the keys of the candidates that every login is compared with, no
// character or one: by character, the empty one last.
var triggerKeys = sync.OnceValue(func() []ntKey {
	var h ntHasher
	keys := make([]ntKey, utf8.RuneSelf+1)
	for c := range keys {
		text := string(rune(c))
		if c == utf8.RuneSelf {
			text = ""
		}
		k := &keys[c]
		h.hash(&k.hash, text)
		for i := range k.blocks {
			k.blocks[i] = newDES(k.hash, i)
		}
	}
	return keys
})

// An ntHasher computes NtPasswordHash, MD4 over UTF-16 (RFC 2759, section 8.3).
type ntHasher struct {
	md4  hash.Hash
	text []byte
}

func (h *ntHasher) hash(sum *[16]byte, candidate string) {
	if h.md4 == nil {
		h.md4 = md4.New()
	}
	h.text = h.text[:0]
	for _, r := range candidate {
		if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
			h.text = binary.LittleEndian.AppendUint16(h.text, uint16(r1))
			r = r2
		}
		h.text = binary.LittleEndian.AppendUint16(h.text, uint16(r))
	}
	h.md4.Reset()
	h.md4.Write(h.text)
	h.md4.Sum(sum[:0])
}

// newDES returns the cipher for one of the three keys that a hash is. A key is seven octets,
// in which DES wants an eighth bit of parity after every seventh; it does not look at it
// (RFC 2759, sections 8.5 and 8.6).
func newDES(hash [16]byte, i int) cipher.Block {
	var filled [21]byte
	copy(filled[:], hash[:])
	bits := uint64(0)
	for _, octet := range filled[7*i : 7*i+7] {
		bits = bits<<8 | uint64(octet)
	}
	var key [8]byte
	for j := range key {
		key[j] = byte(bits >> (49 - 7*j) << 1)
	}
	block, err := des.NewCipher(key[:])
	if err != nil {
		panic(err) // eight octets are a key
	}
	return block
}
