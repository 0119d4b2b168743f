package email

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html"
	htmltemplate "html/template"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
)

//go:embed templates
var defaults embed.FS

// Templates make letters of data. A kind of letter has two files, kind.txt (text/template)
// and kind.html (html/template); the first line of kind.txt is "Subject: …". Parts that
// several letters share are files of their own.
//
// In both, {{when .Time}} writes a time with its distance to UTC.
type Templates struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

// LoadTemplates reads the templates: those of the directory dir, and for files that are
// not there, or if dir is empty, those that are built in. Every kind of letter is rendered
// once; the error joins all faults, each with its file.
func LoadTemplates(dir string) (*Templates, error) {
	functions := map[string]any{"when": when}
	t := &Templates{texttemplate.New("").Funcs(functions), htmltemplate.New("").Funcs(functions)}
	files, faults := templateFiles(dir)
	for name, source := range files {
		var err error
		if path.Ext(name) == ".txt" {
			_, err = t.text.New(name).Parse(source)
		} else {
			_, err = t.html.New(name).Parse(source)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("email: parse template: %w", err))
		}
	}
	if len(faults) == 0 {
		faults = t.try()
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return t, nil
}

// templateFiles returns the files by name, and what is wrong with the directory.
func templateFiles(dir string) (files map[string]string, faults []error) {
	files = make(map[string]string)
	built, _ := fs.Glob(defaults, "templates/*")
	for _, name := range built {
		b, _ := defaults.ReadFile(name)
		files[path.Base(name)] = string(b)
	}
	if dir == "" {
		return files, nil
	}
	own, err := os.ReadDir(dir)
	if err != nil {
		faults = append(faults, fmt.Errorf("email: read templates: %w", err))
	}
	for _, entry := range own {
		file := filepath.Join(dir, entry.Name())
		if _, known := files[entry.Name()]; !known { // a name mistyped would be a letter not replaced
			if ext := path.Ext(entry.Name()); ext == ".txt" || ext == ".html" {
				faults = append(faults, fmt.Errorf("email: %s: no template has this name", file))
			}
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			faults = append(faults, fmt.Errorf("email: read template: %w", err))
		}
		files[entry.Name()] = string(b)
	}
	return files, faults
}

// Render makes a letter of a kind. Data is a value of the kind's type.
func (t *Templates) Render(kind, to string, data any) (Message, error) {
	l, ok := data.(letter)
	if samples := samples[kind]; !ok || len(samples) == 0 || reflect.TypeOf(l) != reflect.TypeOf(samples[0]) {
		return Message{}, fmt.Errorf("email: there is no letter of kind %q that takes a %T", kind, data)
	}
	to, err := Address(to)
	if err != nil {
		return Message{}, err
	}
	return t.render(kind, to, l.shown())
}

// paragraphs are what a template leaves between lines where something is not shown.
var paragraphs = regexp.MustCompile(`\n{3,}`)

func (t *Templates) render(kind, to string, l letter) (Message, error) {
	var text, page bytes.Buffer
	if err := errors.Join(t.text.ExecuteTemplate(&text, kind+".txt", l), t.html.ExecuteTemplate(&page, kind+".html", l)); err != nil {
		return Message{}, fmt.Errorf("email: render letter: %w", err)
	}
	first, rest, _ := strings.Cut(text.String(), "\n")
	subject, ok := strings.CutPrefix(strings.TrimSpace(first), "Subject:")
	if !ok {
		return Message{}, fmt.Errorf("email: %s.txt: the first line is not Subject: and the subject", kind)
	}
	m := Message{To: to, Subject: oneLine(subject), Text: paragraphs.ReplaceAllString(strings.TrimSpace(rest), "\n\n") + "\n",
		HTML: strings.TrimSpace(page.String()) + "\n", ID: newID()}
	if err := m.check(); err != nil {
		return Message{}, fmt.Errorf("email: render %s: %w", kind, err)
	}
	return m, nil
}

// try renders every sample and returns all that is wrong.
func (t *Templates) try() (faults []error) {
	for _, kind := range slices.Sorted(maps.Keys(samples)) {
		for _, sample := range samples[kind] {
			m, err := t.render(kind, "alice@example.com", sample.shown())
			if err == nil {
				err = complete(kind, m, sample)
			}
			// Samples of a kind mostly share their faults.
			if err != nil && !slices.ContainsFunc(faults, func(f error) bool { return f.Error() == err.Error() }) {
				faults = append(faults, err)
			}
		}
	}
	return faults
}

// complete returns what a letter lacks that it is sent for.
func complete(kind string, m Message, l letter) error {
	need, name := "", ""
	switch l := l.(type) {
	case Code:
		need, name = l.Code, "Code"
	case Enrolment:
		need, name = l.Link, "Link"
	case Bell:
		need, name = l.Link, "Link"
	}
	switch {
	case strings.Contains(m.Subject, need) && need != "":
		return fmt.Errorf("email: %s.txt: the subject shows {{.%s}}, which others can read there", kind, name)
	case !strings.Contains(m.Text, need):
		return fmt.Errorf("email: %s.txt: the letter does not show {{.%s}}", kind, name)
	case !strings.Contains(html.UnescapeString(m.HTML), need):
		return fmt.Errorf("email: %s.html: the letter does not show {{.%s}}", kind, name)
	}
	return nil
}

// when writes a time in its own zone, so that it can be read in any other.
func when(t time.Time) string { return t.Format("Monday, 2 January 2006, 15:04 (UTC-07:00)") }
