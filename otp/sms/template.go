package sms

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
)

// names are what a template can call a value: _escape is out of their reach.
var names = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// fill returns the template with its values, each escaped. The template is called by name
// in errors.
func fill(name, source string, values map[string]any, escape func(string) string) (string, error) {
	funcs := template.FuncMap{"_escape": func(v any) string { return escape(fmt.Sprint(v)) }}
	for name, value := range values {
		if !names.MatchString(name) {
			return "", fmt.Errorf("%q is no name for a template: a letter, then letters, digits and _", name)
		}
		funcs[name] = func() any { return value }
	}
	t, err := template.New(name).Funcs(funcs).Parse(source)
	if err != nil {
		return "", err
	}
	if err := escapeValues(t.Root); err != nil {
		return "", fmt.Errorf("template: %s: %w", name, err)
	}
	var b strings.Builder
	// Of an empty struct {{.name}} is an error; of nil it would be text.
	if err := t.Execute(&b, struct{}{}); err != nil {
		return "", err
	}
	return b.String(), nil
}

// escapeValues ends each action with a call of _escape, as html/template does. What it does
// not know it refuses, so that nothing gets past it.
func escapeValues(list *parse.ListNode) error {
	if list == nil {
		return nil
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.TextNode, *parse.CommentNode:
		case *parse.IfNode:
			if err := escapeValues(n.List); err != nil {
				return err
			}
			if err := escapeValues(n.ElseList); err != nil {
				return err
			}
		case *parse.ActionNode:
			if len(n.Pipe.Decl) > 0 {
				return fmt.Errorf("%s: variables are not possible", n)
			}
			call := parse.NewIdentifier("_escape").SetPos(n.Pos)
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{call}})
		default:
			return fmt.Errorf("%s: only {{name}} and {{if name}} … {{else}} … {{end}} are possible", node)
		}
	}
	return nil
}

// percent escapes for a URL, in its path and in its query, and for a form in a body: all but
// the unreserved characters (RFC 3986, section 2.3).
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// jsonText escapes for the inside of a JSON string (RFC 8259, section 7).
func jsonText(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b[1 : len(b)-1])
}

// xmlText escapes for an element and for an attribute.
func xmlText(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// oneLine escapes for a header, of HTTP or of a letter: without CR and LF nothing ends it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// verbatim is for places that a value cannot break out of: a whole argument, plain text.
func verbatim(s string) string { return s }
