package seeds

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// namespace is that of PSKC and the beginning of its algorithms' names.
const namespace = "urn:ietf:params:xml:ns:keyprov:pskc"

// A container's XML, as far as a token needs it. All leaves are text: what they should be is
// judged where the token's serial number is known.
type (
	keyPackage struct {
		DeviceInfo struct { // RFC 6030, section 4.3.1
			SerialNo, UserId string
			validity
		}
		Keys []key `xml:"Key"`
	}
	key struct { // RFC 6030, section 4.1
		ID                  string `xml:"Id,attr"`
		Algorithm           string `xml:"Algorithm,attr"`
		AlgorithmParameters struct {
			Suite          string
			ResponseFormat struct {
				Length      string `xml:"Length,attr"`
				Encoding    string `xml:"Encoding,attr"`
				CheckDigits string `xml:"CheckDigits,attr"`
			}
		}
		Data struct {
			Secret, Counter, TimeInterval, TimeDrift value
		}
		UserId string
		Policy policy
	}
	value struct {
		PlainValue     *string
		EncryptedValue *encrypted
		ValueMAC       string
	}
)

// ReadPSKC reads tokens from a Portable Symmetric Key Container (RFC 6030) whose secrets are
// in plain or encrypted with AES in CBC mode, with a key that both sides have (section 6.1)
// or one made from a password (section 6.2). The serial number of a token is SerialNo, or
// the key's Id where there is none; the user is UserId, often a distinguished name.
//
// When the file is encrypted or a key is given, every secret has to be encrypted and to have
// a MAC that is right; if not, or if key or password are wrong, the error is [ErrKey] and no
// more. The MAC covers the secret only: serial numbers and users are as trustworthy as the
// way that the file came, and a signature (section 7) is not looked at.
//
// A key that is not for OTP, or has a policy (section 5) that forbids its use at now or that
// radpush could not keep to, is a fault. A PIN that a device checks itself is none of ours
// and is passed over.
//
// Any other error joins all faults of the file, up to a hundred.
func ReadPSKC(r io.Reader, k Key, now time.Time) ([]Seed, error) {
	b, err := readAll(r)
	if err != nil {
		return nil, err
	}
	if err := inspect(b); err != nil {
		return nil, fmt.Errorf("seeds: %w", err)
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	root, err := next(d)
	if err != nil {
		return nil, fmt.Errorf("seeds: %w", err)
	}
	if root == nil || root.Name != (xml.Name{Space: namespace, Local: "KeyContainer"}) {
		return nil, errors.New("seeds: the file is no PSKC container (RFC 6030)")
	}
	var f file
	l := lock{given: k, key: k.PreShared}
	for packages := 0; ; {
		start, err := next(d)
		if err != nil {
			return nil, fmt.Errorf("seeds: %w", err)
		}
		if start == nil {
			return f.result()
		}
		line, _ := d.InputPos()
		switch start.Name.Local {
		case "EncryptionKey":
			var e encryptionKey
			if err = d.DecodeElement(&e, start); err == nil {
				err = l.derive(e)
			}
		case "MACMethod":
			var m macMethod
			if err = d.DecodeElement(&m, start); err == nil {
				err = l.authenticate(m)
			}
		case "KeyPackage":
			if packages++; packages > maxTokens {
				return nil, errTooMany
			}
			var p keyPackage
			if err = d.DecodeElement(&p, start); err == nil {
				err = f.addPackage(p, line, &l, now)
			}
		default: // Signature, Extensions
			err = d.Skip()
		}
		if err == ErrKey {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("seeds: line %d: %w", line, err)
		}
	}
}

// addPackage adds the tokens of a package. Its only error is ErrKey.
func (f *file) addPackage(p keyPackage, line int, l *lock, now time.Time) error {
	for _, k := range p.Keys {
		kind := strings.TrimPrefix(k.Algorithm, namespace+":")
		if kind == "pin" { // of another key, whose policy says where it is checked
			continue
		}
		e := entry{
			line:      line,
			serial:    cmp.Or(strings.TrimSpace(p.DeviceInfo.SerialNo), strings.TrimSpace(k.ID)),
			user:      cmp.Or(strings.TrimSpace(k.UserId), strings.TrimSpace(p.DeviceInfo.UserId)),
			kind:      kind,
			algorithm: strings.TrimSpace(k.AlgorithmParameters.Suite),
			digits:    k.AlgorithmParameters.ResponseFormat.Length,
		}
		faults := k.obstacles()
		note := func(err error) { faults = append(faults, err) }
		var err error
		e.expires, err = lifetime(now, k.Policy.validity, p.DeviceInfo.validity)
		note(err)
		e.secret, err = l.secret(k.Data.Secret)
		note(err)
		e.counter, err = l.number(k.Data.Counter)
		note(err)
		e.period, err = l.number(k.Data.TimeInterval)
		note(err)
		e.drift, err = l.number(k.Data.TimeDrift)
		note(err)
		if slices.Contains(faults, ErrKey) {
			return ErrKey
		}
		if !f.fault(line, e.serial, faults...) {
			f.add(e)
		}
	}
	return nil
}

// What XML may be at most.
const (
	maxDepth = 32
	maxPart  = 64 << 10 // octets of what is directly in the container, and from one tag to the next
)

// inspect returns an error for XML that is no container, but made to cost much when it is
// decoded. RFC 6030 needs no document type, so none is taken, and no entities with it.
func inspect(b []byte) error {
	errPart := fmt.Errorf("the file has a part of more than %d KiB", maxPart>>10)
	for tag := range bytes.SplitSeq(b, []byte("<")) { // a tag with many attributes, or a text
		if len(tag) > maxPart {
			return errPart
		}
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	begin := int64(0)
	for depth := 0; ; {
		if depth <= 1 {
			begin = d.InputOffset()
		}
		token, err := d.RawToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.Directive:
			return errors.New("the file has a document type, which PSKC has not")
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("the file has more than %d elements inside each other", maxDepth)
		}
		if d.InputOffset()-begin > maxPart {
			return errPart
		}
	}
}

// next returns the next child, or nil if there is none.
func next(d *xml.Decoder) (*xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		}
	}
}
