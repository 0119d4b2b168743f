// Package seeds reads files of token secrets, as makers of tokens and other servers write
// them: CSV and PSKC (RFC 6030).
//
// Such a file is brought by an operator and comes from outside. So it is read whole or not
// at all: when one line is wrong, all faults are told, each with its line and serial number,
// and no token is returned. Errors never hold a secret, nor what might be one because columns
// were mixed up. Size, lines, nesting and the cost of a password are
// bounded, so that a file cannot harm the server that it is brought to.
//
// # Layouts of CSV
//
// [ReadCSV] wants a header line, which names the columns; they come in any order:
//
//	serial,user,type,secret,encoding,algorithm,digits,period,counter
//	A-0001,alice,totp,3132333435363738393031323334353637383930,hex,SHA1,6,30,
//
// The files that privacyIDEA and LinOTP call OATH CSV have no header line. They are
// recognized by their first line, with hotp or totp in its third field and hexadecimal
// digits in its second:
//
//	serial, secret, type, digits, period or counter
//
// As privacyIDEA has it, the length of the secret says the hash there: 32 octets SHA-256, 64
// octets SHA-512, all others SHA-1. Its version 2, with users in front, is not recognized and
// wants a header line; so do lines without a type.
//
// The log of Yubico's personalization tool is not read: it has neither type nor digits. The
// tool writes PSKC too.
package seeds

import (
	"bytes"
	"cmp"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"

	"radpush/otp"
)

// A Seed is a token of a file.
type Seed struct {
	User  string    // whom the file gives it to, as it stands there; "" for nobody
	Token otp.Token // passes its Check; its ID is the serial number, one of a kind in the file
	Line  int       // of the file, from 1

	// Expires is when the token must not be used any more, if the file says so (RFC 6030,
	// section 5). A token does not keep it: tell the operator.
	Expires time.Time
}

// String names the token and keeps its secret.
func (s Seed) String() string {
	return fmt.Sprintf("token %q of user %q, line %d", s.Token.ID, s.User, s.Line)
}

// LogValue names the token and keeps its secret.
func (s Seed) LogValue() slog.Value { return slog.StringValue(s.String()) }

// What a file may be at most.
const (
	maxSize   = 32 << 20 // octets
	maxTokens = 100_000
	maxLine   = 4096 // octets of a line of CSV
	maxName   = 255  // octets of a serial number or a user
	maxSecret = 1024 // bits
	maxDrift  = 1000 // steps
	maxFaults = 100  // that are told; more are counted

	// A serial number that an error shows has at most so many octets: if columns were mixed up, it
	// may be a secret, and one of 128 bits has more in every encoding.
	maxShown = 20

	bom = "\ufeff"
)

// b32 is how otp.Token writes a secret.
var b32 = base32.StdEncoding.WithPadding(base32.NoPadding)

var errTooMany = fmt.Errorf("seeds: the file has more than %d tokens", maxTokens)

// readAll returns a file of at most maxSize, without the mark that some programs put in front.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("seeds: read: %w", err)
	case len(b) > maxSize:
		return nil, fmt.Errorf("seeds: the file has more than %d MiB", maxSize>>20)
	}
	return bytes.TrimPrefix(b, []byte(bom)), nil
}

// An entry is a token as a file tells it, not judged yet. Where the file says nothing there
// is an empty string.
type entry struct {
	line         int
	serial, user string
	kind         string // "totp" or "hotp", in any case
	secret       []byte
	algorithm    string // SHA256, HMAC-SHA-256, …; silent: SHA1
	digits       string // silent: 6
	period       string // seconds; silent: 30
	counter      string // the next one that is good; silent: 0
	drift        string // steps; silent: 0
	expires      time.Time
}

// seed returns the token and all that is wrong with it.
func (e entry) seed() (_ Seed, faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	number := func(name, text string, silent int) int {
		if text == "" {
			return silent
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			fault("the %s is no number, or beyond reason", name)
		}
		return int(n)
	}
	t := otp.Token{
		ID:     e.serial,
		Secret: b32.EncodeToString(e.secret),
		Digits: number("length of a code", e.digits, 6),
	}
	// Where a column serves both types, a 0 stands for nothing.
	switch strings.ToLower(e.kind) {
	case "totp":
		t.Period = time.Duration(number("period", e.period, 30)) * time.Second
		t.Drift = number("drift", e.drift, 0)
		if t.Drift < -maxDrift || t.Drift > maxDrift {
			fault("the drift is more than %d steps", maxDrift)
		}
		if number("counter", e.counter, 0) != 0 {
			fault("TOTP has no counter")
		}
	case "hotp":
		t.HOTP = true
		t.Used = uint64(number("counter", e.counter, 0)) // a negative one is beyond what Check takes
		if number("period", e.period, 0) != 0 || number("drift", e.drift, 0) != 0 {
			fault("HOTP has neither period nor drift")
		}
	default:
		fault("the type is neither totp nor hotp")
	}
	var known bool
	if t.Algorithm, known = algorithm(e.algorithm); !known {
		fault("the algorithm is none of SHA1, SHA256 and SHA512")
	}
	if e.serial == "" || !printable(e.serial) {
		fault("the serial number is empty, too long, or does not print")
	}
	if !printable(e.user) {
		fault("the user is too long, or does not print")
	}
	if len(e.secret)*8 > maxSecret {
		fault("the secret has more than %d bits", maxSecret)
	}
	if len(faults) == 0 {
		if err := t.Check(); err != nil {
			faults = append(faults, err)
		}
	}
	return Seed{User: e.user, Token: t, Line: e.line, Expires: e.expires}, faults
}

// algorithm reads what makers of tokens call a hash.
func algorithm(name string) (otp.Algorithm, bool) {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_ ", r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, name)
	return otp.ParseAlgorithm(cmp.Or(strings.TrimPrefix(name, "HMAC"), "SHA1"))
}

func printable(s string) bool {
	return len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// A file gathers what is found in a file.
type file struct {
	seeds  []Seed
	lines  map[string]int // of the serial numbers
	faults []error
	untold int // faults beyond maxFaults
}

// add judges an entry.
func (f *file) add(e entry) {
	seed, faults := e.seed()
	if f.lines == nil {
		f.lines = make(map[string]int)
	}
	if before, twice := f.lines[e.serial]; twice && e.serial != "" {
		faults = append(faults, fmt.Errorf("line %d has this serial number too", before))
	}
	f.lines[e.serial] = e.line
	if f.fault(e.line, e.serial, faults...) {
		return
	}
	f.seeds = append(f.seeds, seed)
}

// fault notes what is wrong with a line, and with a token if its serial number is known, and
// reports whether anything is. An error may be nil.
func (f *file) fault(line int, serial string, errs ...error) (found bool) {
	where := fmt.Sprintf("seeds: line %d", line)
	if serial != "" && len(serial) <= maxShown {
		where += fmt.Sprintf(", token %q", serial)
	}
	for _, err := range errs {
		switch {
		case err == nil:
			continue
		case len(f.faults) < maxFaults:
			f.faults = append(f.faults, fmt.Errorf("%s: %w", where, err))
		default:
			f.untold++
		}
		found = true
	}
	return found
}

// result returns the seeds, or all faults.
func (f *file) result() ([]Seed, error) {
	if f.untold > 0 {
		f.faults = append(f.faults, fmt.Errorf("seeds: and %d faults more", f.untold))
	}
	if len(f.faults) > 0 {
		return nil, errors.Join(f.faults...)
	}
	if len(f.seeds) == 0 {
		return nil, errors.New("seeds: the file has no token")
	}
	return f.seeds, nil
}
