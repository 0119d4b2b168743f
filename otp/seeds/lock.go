package seeds

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strconv"
	"strings"
)

// A Key opens an encrypted PSKC file: the file says which of the two it takes.
type Key struct {
	PreShared []byte // AES: 16, 24 or 32 octets (RFC 6030, section 6.1)
	Password  string // RFC 6030, section 6.2
}

// String keeps the key.
func (Key) String() string { return "a key that is not shown" }

// LogValue keeps the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// ErrKey is returned for a file that does not open. What went wrong inside is not told: who
// could have files opened and learn whether it was the padding or the MAC would need no key
// (Vaudenay, 2002).
var ErrKey = errors.New("seeds: the file does not open: key or password are missing or wrong, or the file is damaged or has no MAC")

// What making a key from a password may cost.
const maxIterations = 2_000_000 // two seconds, about; OWASP asks for 1,300,000 with SHA-1

type (
	encryptionKey struct { // RFC 6030, section 6
		DerivedKey *struct {
			KeyDerivationMethod struct {
				method
				Params struct { // RFC 8018, appendix A.2
					Salt           string `xml:"Salt>Specified"`
					IterationCount string
					KeyLength      string
					PRF            method
				} `xml:"PBKDF2-params"`
			}
		}
		X509Data *struct{}
	}
	macMethod struct {
		method
		MACKey *encrypted
	}
	encrypted struct { // XML Encryption, section 3.1
		EncryptionMethod method
		Cipher           string `xml:"CipherData>CipherValue"`
	}
	method struct {
		Algorithm string `xml:"Algorithm,attr"`
	}
)

// name returns the algorithm that the last part of its URI names.
func (m method) name() string { return m.Algorithm[strings.LastIndex(m.Algorithm, "#")+1:] }

// hash returns the hash of an HMAC.
func (m method) hash() (func() hash.Hash, error) {
	switch m.name() {
	case "hmac-sha1":
		return sha1.New, nil
	case "hmac-sha256":
		return sha256.New, nil
	case "hmac-sha512":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("the algorithm %.80q is not supported", m.Algorithm)
}

// A lock opens the values of a file.
type lock struct {
	given   Key
	derived bool   // the file has told about its key
	key     []byte // of AES
	mac     func() hash.Hash
	macKey  []byte
}

// closed reports whether the secrets have to be encrypted: a file that says so, or for which
// a key was given, could otherwise bring secrets that somebody has put in.
func (l *lock) closed() bool {
	return l.derived || len(l.given.PreShared) > 0 || l.given.Password != ""
}

// derive takes the key that the file says.
func (l *lock) derive(k encryptionKey) error {
	if l.derived { // or a file could make us compute for hours
		return errors.New("the file has EncryptionKey twice")
	}
	l.derived = true
	if k.X509Data != nil {
		return errors.New("the file is encrypted for a certificate, which is not supported")
	}
	if k.DerivedKey == nil {
		return nil
	}
	kdf := k.DerivedKey.KeyDerivationMethod
	if kdf.name() != "pbkdf2" {
		return fmt.Errorf("the key derivation %.80q is not supported", kdf.Algorithm)
	}
	prf, err := method{cmp.Or(kdf.Params.PRF.Algorithm, "hmac-sha1")}.hash() // RFC 8018, appendix A.2
	if err != nil {
		return err
	}
	salt, err := octets(kdf.Params.Salt)
	if err != nil || len(salt) == 0 {
		return errors.New("the key derivation has no salt")
	}
	n, err := strconv.Atoi(strings.TrimSpace(kdf.Params.IterationCount))
	if err != nil || n < 1 || n > maxIterations {
		return fmt.Errorf("the key derivation has not 1 to %d iterations", maxIterations)
	}
	size, err := strconv.Atoi(cmp.Or(strings.TrimSpace(kdf.Params.KeyLength), "16"))
	if err != nil || size != 16 && size != 24 && size != 32 {
		return errors.New("the key derivation makes no key of AES")
	}
	if l.given.Password == "" {
		return ErrKey
	}
	l.key, err = pbkdf2.Key(prf, l.given.Password, salt, n, size)
	return err
}

// authenticate takes what MACs are made with.
func (l *lock) authenticate(m macMethod) (err error) {
	if l.mac, err = m.hash(); err != nil {
		return err
	}
	if l.macKey = l.key; m.MACKey != nil {
		l.macKey, err = l.decrypt(*m.MACKey)
	}
	return err
}

// secret returns the secret in a value.
func (l *lock) secret(v value) ([]byte, error) {
	switch {
	case v.EncryptedValue != nil:
		return l.open(v)
	case v.PlainValue == nil:
		return nil, errNoSecret
	case l.closed():
		return nil, errors.New("the secret is not encrypted")
	}
	b, err := octets(*v.PlainValue)
	if err != nil {
		return nil, errNotBase64
	}
	return b, nil
}

// number returns the number in a value, in decimal, or "" if there is none.
func (l *lock) number(v value) (string, error) {
	switch {
	case v.EncryptedValue != nil:
		b, err := l.open(v)
		if err != nil {
			return "", err
		}
		if len(b) > 8 {
			return "", errors.New("an encrypted number has more than 64 bits")
		}
		// Big-endian; 4 or 8 octets, but shorter ones are about.
		n := binary.BigEndian.Uint64(append(make([]byte, 8-len(b)), b...))
		return strconv.FormatUint(n, 10), nil
	case v.PlainValue != nil:
		return strings.TrimSpace(*v.PlainValue), nil
	}
	return "", nil
}

// open returns what an encrypted value holds. The MAC is over the ciphertext with its IV and
// is checked first (RFC 6030, section 6.1.1).
func (l *lock) open(v value) ([]byte, error) {
	mac, err := octets(v.ValueMAC)
	b, berr := octets(v.EncryptedValue.Cipher)
	if l.mac == nil || len(l.macKey) == 0 || err != nil || berr != nil {
		return nil, ErrKey
	}
	h := hmac.New(l.mac, l.macKey)
	h.Write(b)
	if !hmac.Equal(h.Sum(nil), mac) {
		return nil, ErrKey
	}
	return l.decrypt(*v.EncryptedValue)
}

// decrypt undoes AES-CBC as of XML Encryption, section 5.2: the IV comes first, and the last
// octet is the length of the padding.
func (l *lock) decrypt(e encrypted) ([]byte, error) {
	size := map[string]int{"aes128-cbc": 16, "aes192-cbc": 24, "aes256-cbc": 32}[e.EncryptionMethod.name()]
	if size == 0 {
		return nil, fmt.Errorf("the encryption %.80q is not supported", e.EncryptionMethod.Algorithm)
	}
	b, err := octets(e.Cipher)
	if err != nil || len(l.key) != size || len(b) < 2*aes.BlockSize || len(b)%aes.BlockSize != 0 {
		return nil, ErrKey
	}
	block, err := aes.NewCipher(l.key)
	if err != nil {
		return nil, ErrKey
	}
	iv, b := b[:aes.BlockSize], b[aes.BlockSize:]
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(b, b)
	padding := int(b[len(b)-1])
	if padding < 1 || padding > aes.BlockSize {
		return nil, ErrKey
	}
	return b[:len(b)-padding], nil
}

// octets reads base64 that an XML writer has broken into lines.
func octets(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
}
