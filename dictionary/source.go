package dictionary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	freeradius "layeh.com/radius/dictionary"
)

// A source opens files for the parser, and makes up for what the parser lacks: it
// remembers where each attribute stands, ends an $INCLUDE of a file in itself, lets a
// vendor be named twice, and takes a line of blanks for an empty one.
type source struct {
	fsys  fs.FS    // the embedded files
	files []string // in the order of their reading
	own   int      // so many of them are embedded

	dir     string // of the operator's file that is being read
	seen    map[string]bool
	vendors []string
	places  map[string][]string // "ATTRIBUTE filter-id" → file:line, for each time
}

// A file is one dictionary, read whole.
type file struct {
	*strings.Reader
	name string
}

func (f file) Name() string { return f.name }
func (file) Close() error   { return nil }

// index is a dictionary that includes all files, by their places in the list: a path may
// have blanks in it.
func (s *source) index() freeradius.File {
	var b strings.Builder
	for i := range s.files {
		fmt.Fprintf(&b, "$INCLUDE @%d\n", i)
	}
	return file{strings.NewReader(b.String()), indexName}
}

const indexName = "the list of dictionaries"

// OpenFile implements freeradius.Opener.
func (s *source) OpenFile(name string) (freeradius.File, error) {
	if i, ok := strings.CutPrefix(name, "@"); ok {
		n, err := strconv.Atoi(i)
		if err != nil || n < 0 || n >= len(s.files) {
			return nil, fmt.Errorf("no file %s", name)
		}
		name = s.files[n]
		if n < s.own {
			text, err := fs.ReadFile(s.fsys, name)
			return s.tidy(name, string(text)), err
		}
		s.dir = filepath.Dir(name)
	} else if !filepath.IsAbs(name) {
		name = filepath.Join(s.dir, name)
	}
	if s.seen[filepath.Clean(name)] {
		return nil, fmt.Errorf("%s is read already", name)
	}
	s.seen[filepath.Clean(name)] = true
	text, err := os.ReadFile(name)
	return s.tidy(name, string(text)), err
}

// tidy returns a file as the parser can read it, line for line.
func (s *source) tidy(name, text string) file {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		lines[i] = strings.TrimSpace(line)
		switch f := strings.Fields(line); {
		case len(f) > 1 && (f[0] == "ATTRIBUTE" || f[0] == "VALUE"):
			key := f[0] + " " + strings.ToLower(f[1])
			s.places[key] = append(s.places[key], fmt.Sprintf("%s:%d", name, i+1))
		case len(f) > 2 && f[0] == "VENDOR":
			vendor := strings.Join(f[1:], " ")
			if slices.Contains(s.vendors, vendor) {
				lines[i] = ""
			}
			s.vendors = append(s.vendors, vendor)
		}
	}
	return file{strings.NewReader(strings.Join(lines, "\n")), name}
}

// place returns where an attribute, or a value of it, stands last.
func (s *source) place(kind, name string) string {
	places := s.places[kind+" "+strings.ToLower(name)]
	return places[len(places)-1]
}

// clash says that an attribute takes what another has already.
func (s *source) clash(place, name, what, other string) error {
	return fmt.Errorf("dictionary: %s: %s: %s belongs to %s already, at %s",
		place, name, what, other, s.places["ATTRIBUTE "+strings.ToLower(other)][0])
}

// explain puts file and line in front of the parser's error.
func (s *source) explain(err error) error {
	parse, ok := errors.AsType[*freeradius.ParseError](err)
	if !ok {
		return fmt.Errorf("dictionary: %w", err)
	}
	place := fmt.Sprintf("%s:%d", parse.File.Name(), parse.Line)
	if dup, ok := errors.AsType[*freeradius.DuplicateAttributeError](err); ok {
		return s.clash(place, dup.Attribute.Name, "the name", dup.Attribute.Name)
	}
	if parse.File.Name() == indexName {
		return fmt.Errorf("dictionary: %w", parse.Inner) // a file of the operator's list
	}
	return fmt.Errorf("dictionary: %s: %w", place, parse.Inner)
}
