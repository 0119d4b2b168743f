package main

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A decoder fills a Config from a YAML document. The library parses, but its own decoder
// stops at the first fault and does not tell where a value stood: this one goes on, and
// remembers the place of every key for the checks that follow.
type decoder struct {
	dir      string                     // of the file: where relative paths begin
	places   map[string]*token.Position // of the values that are in the file, by path
	text     map[string]string          // good single values, given or default, by path
	bad      map[string]bool            // paths that have a fault
	faults   []Fault
	warnings []Fault
}

func newDecoder(dir string) *decoder {
	return &decoder{
		dir:      dir,
		places:   map[string]*token.Position{},
		text:     map[string]string{},
		bad:      map[string]bool{},
		faults:   []Fault{}, // [] in JSON, not null
		warnings: []Fault{},
	}
}

// fault adds a fault at the value that path leads to or, if that is not in the file, at
// the nearest section around it.
func (d *decoder) fault(path, format string, args ...any) {
	d.bad[path] = true
	d.faults = append(d.faults, d.finding(path, format, args...))
}

// faultAt adds a fault at a token.
func (d *decoder) faultAt(t *token.Token, path, message string) {
	d.faults = append(d.faults, Fault{Line: t.Position.Line, Column: t.Position.Column, Path: path, Message: message})
}

func (d *decoder) finding(path, format string, args ...any) Fault {
	f := Fault{Line: 1, Column: 1, Path: path, Message: withoutUser(fmt.Sprintf(format, args...))}
	for near := path; near != ""; near = parentPath(near) {
		if at := d.places[near]; at != nil {
			f.Line, f.Column = at.Line, at.Column
			break
		}
	}
	return f
}

// line returns the line of a value that is in the file.
func (d *decoder) line(path string) int { return d.finding(path, "").Line }

// given reports whether the file has a value for path, be it a good one or not.
func (d *decoder) given(path string) bool { return d.places[path] != nil }

func parentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// decode fills v from a node. What it can hold depends on v: a section fills a struct, a
// list or a single value fills a slice, everything else is a single value.
func (d *decoder) decode(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	d.places[path] = firstToken(n).Position
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.fault(path, "anchors, aliases and tags are not possible here")
		return
	case *ast.NullNode:
		d.fault(path, "no value: write one, or leave the key out")
		return
	}
	switch into := v.Addr().Interface().(type) {
	case *Attributes:
		d.attributes(path, n, into)
		return
	case *Pairs:
		d.pairs(path, n, into)
		return
	}
	switch {
	case isSection(v.Type()):
		d.section(path, n, v)
		return
	case v.Kind() == reflect.Slice:
		d.list(path, n, v, tag)
		return
	}
	text, ok := scalar(n)
	switch {
	case !ok:
		d.fault(path, "want %s, not %s", wanted(v), kindOf(n))
	case isQuoted(n) && (v.Kind() == reflect.Bool || v.Kind() == reflect.Int):
		d.fault(path, "want %s, not text: remove the quotes", wanted(v))
	default:
		d.set(path, text, v, tag)
	}
}

// section fills the fields of a struct, those that are absent with their defaults.
func (d *decoder) section(path string, n ast.Node, v reflect.Value) {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		d.fault(path, "want keys and values, not %s", kindOf(n))
		mapping = &ast.MappingNode{}
	}
	values := d.keys(path, mapping)
	var known []string
	for field, v := range v.Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		known = append(known, key)
		if node, ok := values[key]; ok {
			d.decode(joinPath(path, key), node, v, field.Tag)
			delete(values, key)
		} else {
			d.absent(joinPath(path, key), v, field.Tag)
		}
	}
	for _, pair := range mapping.Values { // in the order of the file
		if key := pair.Key.GetToken(); values[key.Value] != nil {
			delete(values, key.Value)
			d.faultAt(key, joinPath(path, key.Value), "unknown key; possible are "+strings.Join(known, ", "))
		}
	}
}

// keys returns the values of a mapping by their keys.
func (d *decoder) keys(path string, mapping *ast.MappingNode) map[string]ast.Node {
	values, lines := map[string]ast.Node{}, map[string]int{}
	for _, pair := range mapping.Values {
		key := pair.Key.GetToken()
		_, isWord := pair.Key.(*ast.StringNode)
		first, twice := lines[key.Value]
		switch {
		case !isWord:
			d.faultAt(key, path, fmt.Sprintf("%q cannot be a key: want a word", key.Value))
		case twice:
			d.faultAt(key, joinPath(path, key.Value), fmt.Sprintf("the key is in line %d already", first))
		default:
			lines[key.Value] = key.Position.Line
			values[key.Value] = pair.Value
		}
	}
	return values
}

// absent fills a value that the file does not have.
func (d *decoder) absent(path string, v reflect.Value, tag reflect.StructTag) {
	text, known := d.expand(path, tag.Get("default"))
	switch {
	case tag.Get("required") != "":
		if !d.bad[parentPath(path)] {
			d.fault(path, "missing")
		}
	case isSection(v.Type()):
		d.section(path, &ast.MappingNode{}, v)
	case text == "" || !known:
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		d.set(path+"[0]", text, v.Index(0), tag)
	default:
		d.set(path, text, v, tag)
	}
}

// expand puts the value of an earlier key, in the same section or of the whole file, in
// the place of its name in angle brackets. It is false when that key has no good value.
func (d *decoder) expand(path, text string) (string, bool) {
	before, rest, found := strings.Cut(text, "<")
	if !found {
		return text, true
	}
	key, after, _ := strings.Cut(rest, ">")
	value, ok := d.text[joinPath(parentPath(path), key)]
	if !ok {
		value, ok = d.text[key]
	}
	return before + value + after, ok
}

// list fills a slice from a list, or from one value.
func (d *decoder) list(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	nodes := []ast.Node{n}
	if sequence, ok := n.(*ast.SequenceNode); ok {
		nodes = sequence.Values
	} else if isSection(v.Type().Elem()) {
		d.fault(path, "want a list, not %s", kindOf(n))
		return
	}
	if len(nodes) == 0 && tag.Get("required") != "" {
		d.fault(path, "the list is empty")
	}
	if len(nodes) == 0 {
		return // nil, as if absent: only the file's places tell the two apart
	}
	v.Set(reflect.MakeSlice(v.Type(), len(nodes), len(nodes)))
	for i, node := range nodes {
		d.decode(fmt.Sprintf("%s[%d]", path, i), node, v.Index(i), tag)
	}
}

// attributes fills reply attributes: a section whose keys are their names.
func (d *decoder) attributes(path string, n ast.Node, into *Attributes) {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		d.fault(path, "want names of attributes and values, not %s", kindOf(n))
		return
	}
	values := d.keys(path, mapping)
	for _, pair := range mapping.Values {
		name := pair.Key.GetToken().Value
		if node, ok := values[name]; ok {
			delete(values, name)
			a := Attribute{Name: name}
			d.decode(joinPath(path, name), node, reflect.ValueOf(&a.Values).Elem(), `required:"true"`)
			*into = append(*into, a)
		}
	}
}

// pairs fills names and single values.
func (d *decoder) pairs(path string, n ast.Node, into *Pairs) {
	var attributes Attributes
	d.attributes(path, n, &attributes)
	for _, a := range attributes {
		if len(a.Values) > 1 {
			d.fault(joinPath(path, a.Name), "want one value, not a list")
			continue
		}
		*into = append(*into, Pair{a.Name, strings.Join(a.Values, "")})
	}
}

// set fills a single value from its text.
func (d *decoder) set(path, text string, v reflect.Value, tag reflect.StructTag) {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		d.fault(path, "the text has a line end or another character that cannot be printed")
		return
	}
	if words := strings.Fields(tag.Get("oneof")); len(words) > 0 && !slices.Contains(words, text) {
		d.fault(path, "%q is none of %s", text, strings.Join(words, ", "))
		return
	}
	if v.Type() == reflect.TypeFor[Path]() && text != "" && !filepath.IsAbs(text) {
		text = filepath.Join(d.dir, text)
	}
	if err := readValue(text, v); err != nil {
		d.fault(path, "%v", err)
		return
	}
	if low, high, bounded := strings.Cut(tag.Get("range"), ".."); bounded && !within(v, low, high) {
		d.fault(path, "%s is out of range: want %s to %s", text, low, high)
		return
	}
	d.text[path] = text
}

// readValue fills v from text.
func readValue(text string, v reflect.Value) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		v.SetBool(text == "true")
		if text == "true" || text == "false" {
			return nil
		}
	case reflect.Int:
		n, err := strconv.Atoi(text)
		v.SetInt(int64(n))
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("want %s, not %q", wanted(v), text)
}

// within reports whether a number or a time is between two others, given as text.
func within(v reflect.Value, low, high string) bool {
	least, most := reflect.New(v.Type()).Elem(), reflect.New(v.Type()).Elem()
	return readValue(low, least) == nil && readValue(high, most) == nil && least.Int() <= v.Int() && v.Int() <= most.Int()
}

// isSection reports whether a type is a struct that stands for keys and values.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// firstToken returns the token that a node begins with.
func firstToken(n ast.Node) *token.Token {
	if mapping, ok := n.(*ast.MappingNode); ok && !mapping.IsFlowStyle && len(mapping.Values) > 0 {
		return mapping.Values[0].Key.GetToken() // the node's own token is the colon after it
	}
	return n.GetToken()
}

// scalar returns the text of a single value as the file has it: 0123 is the text "0123".
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func isQuoted(n ast.Node) bool {
	t := n.GetToken().Type
	return t == token.SingleQuoteType || t == token.DoubleQuoteType
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	}
	return "a single value"
}

func wanted(v reflect.Value) string {
	switch v.Interface().(type) {
	case bool:
		return "true or false"
	case int:
		return "a whole number"
	case Duration, LockTime:
		return "a time"
	case Network:
		return "an address or network"
	}
	return "text"
}
