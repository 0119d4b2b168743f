package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/config.md and sample.yaml anew")

// TestConfigDoc holds the operator's manual to the types it describes.
func TestConfigDoc(t *testing.T) {
	m := newManual(t)
	for file, text := range map[string][]byte{"../../docs/config.md": m.markdown(), "sample.yaml": m.sample()} {
		if *update {
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, _ := os.ReadFile(file); !bytes.Equal(have, text) {
			t.Errorf("%s does not say what config.go says: run go generate ./cmd/radpush", file)
		}
	}
}

// TestConfigSample holds the sample to its promise: it loads without a warning, and what
// is commented out is the default.
func TestConfigSample(t *testing.T) {
	text := strings.ReplaceAll(sample, "<random>", "0123456789abcdef")
	config, err := parseConfig("radpush.yaml", []byte(text), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Warnings) > 0 {
		t.Error("the sample has warnings:", config.Warnings)
	}
	examples := regexp.MustCompile(`(?m)^ *#? *(metrics|geoip|url|certificate|key|secret_file|group|reply|account|from|method|header|body|status|answer|json|ca_file|program|args|mail_to|subject|host|port|user|password_file|templates|rejection_operators|lockout_operators|hosts|webpush|acme|acme_directory|fcm|ntfy|topic|key_file|key_id|team_id|text|credentials_file|token_file):.*\n`)
	all := regexp.MustCompile(`(?m)^( *)#(\S| {2,})`).ReplaceAllString(examples.ReplaceAllString(text, ""), "$1$2")
	full, err := parseConfig("radpush.yaml", []byte(all), false)
	if err != nil {
		t.Fatalf("%v\n\n%s", err, all)
	}
	if !reflect.DeepEqual(config, full) {
		t.Errorf("what the sample has commented out is not the default:\n%+v\n%+v", config, full)
	}
	if strings.Count(all, "\n") < 40 {
		t.Error("nothing was commented out")
	}
}

// TestConfigTags reads every default and every range, which are text in a tag.
func TestConfigTags(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(section reflect.Type) {
		for field := range section.Fields() {
			kind := field.Type
			if kind.Kind() == reflect.Slice {
				kind = kind.Elem()
			}
			if isSection(kind) && kind != reflect.TypeFor[Attribute]() && kind != reflect.TypeFor[Pair]() && kind != reflect.TypeFor[Fault]() {
				walk(kind)
				continue
			}
			low, high, _ := strings.Cut(field.Tag.Get("range"), "..")
			for _, text := range []string{field.Tag.Get("default"), low, high} {
				if text == "" || strings.Contains(text, "<") {
					continue
				}
				if err := readValue(text, reflect.New(kind).Elem()); err != nil {
					t.Errorf("%s.%s: %v", section.Name(), field.Name, err)
				}
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

// A manual is made of the comments and tags of the types in config.go and its neighbours.
type manual struct {
	comments map[string]string // by type, or type and field
	defaults map[string]string // by path
}

func newManual(t *testing.T) *manual {
	m := &manual{comments: map[string]string{}}
	var declarations []ast.Decl
	for _, name := range []string{"config.go", "config_bells.go", "config_codes.go", "config_push.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		declarations = append(declarations, file.Decls...)
	}
	for _, declaration := range declarations {
		types, ok := declaration.(*ast.GenDecl)
		if !ok || types.Tok != token.TYPE {
			continue
		}
		spec := types.Specs[0].(*ast.TypeSpec)
		m.comments[spec.Name.Name] = strings.Join(strings.Fields(types.Doc.Text()), " ")
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			name := field.Names[0].Name
			m.comments[spec.Name.Name+"."+name] = meaning(name, field.Doc.Text())
		}
	}
	d := newDecoder("/")
	d.section("", d.parse([]byte("clients: [{name: vpn, address: 192.0.2.1}]")), reflect.ValueOf(new(Config)).Elem())
	m.defaults = d.text
	return m
}

// meaning makes "The name of …" of "Name is the name of …".
func meaning(name, comment string) string {
	s := strings.Join(strings.Fields(comment), " ")
	s = strings.TrimPrefix(s, name+" ")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "is "), "are ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// keysOf calls fn for each key of a section.
func keysOf(section reflect.Type, fn func(field reflect.StructField, key string)) {
	for field := range section.Fields() {
		if key, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); key != "" && key != "-" {
			fn(field, key)
		}
	}
}

// below returns the section that a field holds, or nil.
func below(field reflect.StructField) reflect.Type {
	t := field.Type
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if !isSection(t) || t == reflect.TypeFor[Attribute]() || t == reflect.TypeFor[Pair]() {
		return nil
	}
	return t
}

func (m *manual) markdown() []byte {
	var b bytes.Buffer
	b.WriteString(`# Configuration

<!-- Made from the comments in cmd/radpush/config.go by "go generate ./cmd/radpush". -->

The configuration is one YAML file: the one that ` + "`--config` or `RADPUSH_CONFIG` names or, without them, the first\nof `" +
		strings.Join(configFiles, "`, `") + "`" + ` that exists. It is strict: a key that is not
known, a value of the wrong type and a key given twice are faults, and all faults are reported at once. A list
of one can be written without brackets. Relative paths begin at the folder of the file.

` + "    radpush config sample     a file to begin with, with every key\n" +
		"    radpush config check      everything that is wrong, with line and column\n" +
		"    radpush config show       what is in force, with every default\n")
	m.table(&b, "", reflect.TypeFor[Config]())
	return b.Bytes()
}

func (m *manual) table(b *bytes.Buffer, path string, section reflect.Type) {
	if path == "" {
		b.WriteString("\n## The file\n\n")
	} else {
		fmt.Fprintf(b, "\n## %s\n\n%s\n\n", path, m.comments[section.Name()])
	}
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	keysOf(section, func(field reflect.StructField, key string) {
		kind, standard := typeWords(field), ""
		if text := field.Tag.Get("default"); text != "" {
			standard = "`" + text + "`"
		}
		if field.Tag.Get("required") != "" {
			standard = "required"
		}
		if below(field) != nil {
			kind, standard = "["+kind+"](#"+strings.ReplaceAll(joinPath(path, key), ".", "")+")", ""
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", key, kind, standard, m.comments[section.Name()+"."+field.Name])
	})
	keysOf(section, func(field reflect.StructField, key string) {
		if inner := below(field); inner != nil {
			m.table(b, joinPath(path, key), inner)
		}
	})
}

func typeWords(field reflect.StructField) string {
	t, list := field.Type, ""
	if t.Kind() == reflect.Slice && !isPairs(t) {
		t, list = t.Elem(), "list of "
	}
	words := wanted(reflect.Zero(t))
	switch {
	case below(field) != nil && list != "":
		return "list"
	case below(field) != nil:
		return "section"
	case isPairs(t):
		words = "names and values"
	case t == reflect.TypeFor[Path]():
		words = "path"
	}
	if oneof := field.Tag.Get("oneof"); oneof != "" {
		words = "`" + strings.Join(strings.Fields(oneof), "`, `") + "`"
	}
	if low, high, ok := strings.Cut(field.Tag.Get("range"), ".."); ok {
		words += ", " + low + " to " + high
	}
	return list + strings.TrimPrefix(strings.TrimPrefix(words, "an "), "a ")
}

// isPairs reports whether a type holds names and values.
func isPairs(t reflect.Type) bool {
	return t == reflect.TypeFor[Attributes]() || t == reflect.TypeFor[Pairs]()
}

func (m *manual) sample() []byte {
	var b bytes.Buffer
	b.WriteString(`# Configuration of radpush: every key with its meaning. "#key: value" is the default,
# commented out or, where there is none, an example. Made by "radpush config sample".
`)
	m.section(&b, "", "", "", reflect.TypeFor[Config]())
	return b.Bytes()
}

// section writes the keys of a section. Off is "#" where the section is commented out.
func (m *manual) section(b *bytes.Buffer, path, indent, off string, section reflect.Type) {
	dash := strings.HasSuffix(path, "]")
	keysOf(section, func(field reflect.StructField, key string) {
		if path == "" {
			b.WriteString("\n")
		}
		wrap(b, off+indent+"# ", m.comments[section.Name()+"."+field.Name])
		inner := below(field)
		switch {
		case inner != nil && field.Type.Kind() == reflect.Slice:
			fmt.Fprintf(b, "%s:\n", key)
			m.section(b, key+"[0]", indent+"    ", "", inner)
			return
		case inner != nil:
			fmt.Fprintf(b, "%s%s:\n", cmp.Or(off+indent, "#"), key)
			m.section(b, joinPath(path, key), indent+"  ", "#", inner)
			return
		}
		value, live := field.Tag.Lookup("sample")
		if !live {
			value = m.value(joinPath(path, key), field)
		}
		switch {
		case dash:
			fmt.Fprintf(b, "%s- %s: %s\n", indent[2:], key, value)
			dash = false
		case live || off != "":
			fmt.Fprintf(b, "%s%s%s: %s\n", off, indent, key, value)
		default:
			fmt.Fprintf(b, "%s#%s: %s\n", indent, key, value)
		}
	})
}

// value returns the default of a key, or an example, as YAML.
func (m *manual) value(path string, field reflect.StructField) string {
	isList := field.Type.Kind() == reflect.Slice && !isPairs(field.Type)
	text, ok := m.defaults[path]
	if isList {
		text, ok = m.defaults[path+"[0]"]
	}
	if !ok {
		text = field.Tag.Get("example")
	}
	if strings.HasPrefix(text, ":") {
		text = `"` + text + `"`
	}
	if isList {
		text = "[" + text + "]"
	}
	return text
}

// wrap writes text in lines of some 80 characters.
func wrap(b *bytes.Buffer, prefix, text string) {
	line := prefix
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(word) > 84 {
			fmt.Fprintln(b, strings.TrimRight(line, " "))
			line = prefix
		}
		line += word + " "
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
}
