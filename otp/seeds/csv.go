package seeds

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// names are the columns that a header line may have, the required ones first.
var names = []string{"serial", "type", "secret", "user", "encoding", "algorithm", "digits", "period", "counter"}

const required = 3

// ReadCSV reads tokens from a table in text: UTF-8, fields separated by comma, semicolon or
// tab, quoted where needed. Empty lines and lines that begin with # are passed over, as are
// columns without a name. The package comment has the layouts.
//
// Of the columns, serial, type (totp or hotp) and secret must be there. Encoding says how
// the secret is written: hex, base32 or base64. Where it is silent and the secret could be
// one or the other, that is an error. The algorithm (SHA1, SHA256 or SHA512), digits (6 or
// 8), period (of TOTP, in seconds) and counter (of HOTP, the next one that is good) are SHA1,
// 6, 30 and 0 where the file is silent.
//
// The error joins all faults of the file, each with its line, up to a hundred.
func ReadCSV(r io.Reader) ([]Seed, error) {
	b, err := readAll(r)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, errors.New("seeds: the file is not UTF-8 text")
	}
	line, first := 0, ""
	for l := range bytes.Lines(b) {
		line++
		if len(l) > maxLine {
			return nil, fmt.Errorf("seeds: line %d has more than %d octets", line, maxLine)
		}
		if first == "" && l[0] != '#' {
			first = strings.TrimSpace(string(l))
		}
	}
	in := csv.NewReader(bytes.NewReader(b))
	in.Comma, in.Comment, in.FieldsPerRecord, in.ReuseRecord = separator(first), '#', -1, true
	in.TrimLeadingSpace = in.Comma != '\t'

	var f file
	var l layout
	records := 0
	for {
		record, err := in.Read()
		if err == io.EOF {
			return f.result()
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			f.fault(parse.Line, "", parse.Err)
			if l.columns == nil {
				return f.result()
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("seeds: %w", err)
		}
		line, _ := in.FieldPos(0)
		for i, field := range record {
			record[i] = strings.TrimSpace(field)
		}
		switch {
		case !slices.ContainsFunc(record, func(field string) bool { return field != "" }):
		case l.columns == nil:
			var faults []error
			l, faults = layoutOf(record)
			if f.fault(line, "", faults...) {
				return f.result()
			}
			if l.named {
				continue
			}
			fallthrough
		default:
			if records++; records > maxTokens {
				return nil, errTooMany
			}
			l.read(&f, line, record)
		}
	}
}

// separator returns what separates the fields of the first line.
func separator(line string) rune {
	best := ','
	for _, c := range ";\t" {
		if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
			best = c
		}
	}
	return best
}

// A layout says what the columns are.
type layout struct {
	columns map[string]int
	fields  int  // of a record
	named   bool // by a header line; else it is OATH CSV
}

// layoutOf returns what the first record tells of the others, and its faults. They quote
// nothing: in a file without a header line that would be a token.
func layoutOf(record []string) (layout, []error) {
	if isOATH(record) {
		return layout{columns: map[string]int{"serial": 0, "secret": 1, "type": 2, "digits": 3, "moving": 4}, fields: 5}, nil
	}
	l := layout{columns: make(map[string]int), fields: len(record), named: true}
	var faults []error
	for i, name := range record {
		name = strings.ToLower(name)
		if name == "" {
			continue
		}
		if _, twice := l.columns[name]; twice {
			faults = append(faults, fmt.Errorf("column %s is there twice", name))
		}
		if l.columns[name] = i; !slices.Contains(names, name) {
			faults = append(faults, fmt.Errorf("the name of column %d is none of %s", i+1, strings.Join(names, ", ")))
		}
	}
	missing := 0
	for _, name := range names[:required] {
		if _, ok := l.columns[name]; !ok {
			missing++
			faults = append(faults, fmt.Errorf("column %s is missing", name))
		}
	}
	if missing == required {
		return l, []error{fmt.Errorf("no header line, with names out of %s", strings.Join(names, ", "))}
	}
	return l, faults
}

// isOATH reports whether a record is one of the OATH CSV of privacyIDEA and LinOTP.
func isOATH(record []string) bool {
	if len(record) < 3 || len(record) > 5 {
		return false
	}
	kind := strings.ToLower(record[2])
	_, err := decode("hex", record[1])
	return (kind == "totp" || kind == "hotp") && err == nil
}

// read adds the token of a record.
func (l layout) read(f *file, line int, record []string) {
	// With a field too many or too few, what stands in the serial's column may be the secret.
	if l.named && len(record) != l.fields || len(record) > l.fields {
		f.fault(line, "", fmt.Errorf("%d fields, not %d", len(record), l.fields))
		return
	}
	get := func(name string) string {
		if i, ok := l.columns[name]; ok && i < len(record) {
			return record[i]
		}
		return ""
	}
	e := entry{line: line, serial: get("serial"), user: get("user"), kind: get("type"),
		algorithm: get("algorithm"), digits: get("digits"), period: get("period"), counter: get("counter")}
	encoding := get("encoding")
	if !l.named {
		encoding = "hex"
		if strings.EqualFold(e.kind, "hotp") {
			e.counter = get("moving")
		} else {
			e.period = get("moving")
		}
	}
	var err error
	if e.secret, err = decode(encoding, get("secret")); err != nil {
		f.fault(line, e.serial, err)
		return
	}
	if !l.named {
		e.algorithm = map[int]string{32: "SHA256", 64: "SHA512"}[len(e.secret)]
	}
	f.add(e)
}
