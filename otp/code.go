package otp

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"hash"
)

// A generator makes the codes of one token. A search through a window makes a hundred of
// them, and to set the HMAC up takes longer than to use it.
type generator struct {
	mac     hash.Hash // nil for a token that does not pass Check: it has no codes
	digits  int
	counter [8]byte
	sum     []byte
}

func (t Token) generator() *generator {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(t.Secret)
	if err != nil || t.Digits != 6 && t.Digits != 8 || t.Algorithm > SHA512 {
		return &generator{}
	}
	hash := [...]func() hash.Hash{SHA1: sha1.New, SHA256: sha256.New, SHA512: sha512.New}[t.Algorithm]
	return &generator{mac: hmac.New(hash, secret), digits: t.Digits}
}

// code returns the code of a step (RFC 4226, section 5.3), "" if there is none.
func (g *generator) code(step uint64) string {
	if g.mac == nil {
		return ""
	}
	binary.BigEndian.PutUint64(g.counter[:], step)
	g.mac.Reset()
	g.mac.Write(g.counter[:])
	g.sum = g.mac.Sum(g.sum[:0])
	offset := g.sum[len(g.sum)-1] & 15
	n := binary.BigEndian.Uint32(g.sum[offset:]) &^ (1 << 31)
	var code [8]byte
	for i := g.digits - 1; i >= 0; i-- {
		code[i] = '0' + byte(n%10)
		n /= 10
	}
	return string(code[:g.digits])
}

// is reports whether equal recognizes the code of a step.
func (g *generator) is(step uint64, equal func(code string) bool) bool {
	code := g.code(step)
	return code != "" && equal(code) // no code must be like an empty passcode
}
