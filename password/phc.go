package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// A recipe is all that a hash is computed from, except for the text.
type recipe struct {
	memory  uint32 // KiB
	time    uint32 // passes over the memory
	threads uint8
	size    uint32 // of the hash, octets
	salt    string
}

// standard has the parameters that OWASP asks for. RFC 9106, section 4, would have 64 MiB at
// the least, but a server pays that for strangers too. The salt is that of nobody.
var standard = recipe{memory: 19456, time: 2, threads: 1, size: 32, salt: strings.Repeat("\x00", saltSize)}

// saltSize is what RFC 9106, section 3.1, recommends, in octets.
const saltSize = 16

// What a stored hash may demand of us: whoever can write one must not be able to stop the
// server with it. The defaults of PHP, of Python's argon2-cffi and of RFC 9106's second
// recommendation are well inside.
const (
	maxMemory  = 128 << 10 // KiB
	maxWork    = 512 << 10 // KiB, over all passes: about half a second
	maxThreads = 16
	maxLength  = 256 // of the text
)

var errMalformed = errors.New("password: a stored hash is not argon2id in the PHC string format")

// sum computes the hash of a text.
func (r recipe) sum(text string) []byte {
	return argon2.IDKey([]byte(text), []byte(r.salt), r.time, r.memory, r.threads, r.size)
}

// format returns the PHC string of a hash.
func (r recipe) format(sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, r.memory, r.time, r.threads,
		b64.EncodeToString([]byte(r.salt)), b64.EncodeToString(sum))
}

// parse reads a PHC string. Its errors hold nothing of the salt and the hash.
func parse(s string) (r recipe, sum []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || len(s) > maxLength {
		return recipe{}, nil, errMalformed
	}
	_, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &r.memory, &r.time, &r.threads)
	salt, serr := base64.RawStdEncoding.DecodeString(parts[4])
	sum, herr := base64.RawStdEncoding.DecodeString(parts[5])
	r.salt, r.size = string(salt), uint32(len(sum))
	// One text for one hash: what we would not write so, such as a leading zero, a line break
	// in the base64 or another version, is malformed.
	if err != nil || serr != nil || herr != nil || r.format(sum) != s {
		return recipe{}, nil, errMalformed
	}
	switch {
	case r.time < 1, r.threads < 1, r.memory < 8*uint32(r.threads): // RFC 9106, section 3.1
		return recipe{}, nil, errMalformed
	case len(salt) < 8, len(sum) < 16: // a table could be made, a wrong text could be right by chance
		return recipe{}, nil, errMalformed
	case r.memory > maxMemory, uint64(r.memory)*uint64(r.time) > maxWork, r.threads > maxThreads:
		return recipe{}, nil, fmt.Errorf("password: a stored hash demands %d KiB, %d passes and %d threads, which is too much",
			r.memory, r.time, r.threads)
	}
	return r, sum, nil
}
