package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Fault is one thing that is wrong, or doubtful, in the configuration file.
type Fault struct {
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`

	source string // the line, without secrets
	caret  int    // column of the caret in source, from 0
}

// A ConfigError is everything that is wrong in a configuration file, in its order.
type ConfigError struct {
	File     string  `json:"file"`
	Faults   []Fault `json:"faults"`
	Warnings []Fault `json:"warnings"`

	// Socket is that of the server that may run with what the file said before; "" if it
	// cannot be read.
	Socket Path `json:"-"`
}

func (e *ConfigError) Error() string {
	var b strings.Builder
	fmt.Fprintln(&b, e.summary())
	writeFaults(&b, e.File, "", e.Faults, false)
	return strings.TrimSuffix(b.String(), "\n")
}

func (e *ConfigError) summary() string {
	return e.File + ": " + plural(len(e.Faults), "fault")
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// writeFaults writes faults as compilers do: file:line:column, the message, the line and
// a caret under the place.
func writeFaults(w io.Writer, file, kind string, faults []Fault, colour bool) {
	bold, red, reset := "", "", ""
	if colour {
		bold, red, reset = "\x1b[1m", "\x1b[31m", "\x1b[0m"
	}
	for _, f := range faults {
		path := f.Path
		if path != "" {
			path += ": "
		}
		fmt.Fprintf(w, "%s%s:%d:%d:%s %s%s%s\n", bold, file, f.Line, f.Column, reset, kind, printable(path), printable(f.Message))
		if f.source != "" {
			fmt.Fprintf(w, "    %s\n    %s%s^%s\n", f.source, strings.Repeat(" ", f.caret), red, reset)
		}
	}
}

// quote gives the fault its source line, unless the line is too long to help.
func (f *Fault) quote(lines []string) {
	if f.Line > len(lines) || len(lines[f.Line-1]) > 200 {
		return
	}
	f.source = strings.TrimRight(printable(withoutSecret(lines, f.Line-1)), " ")
	f.caret = min(max(f.Column-1, 0), utf8.RuneCountInString(f.source))
}

// printable returns text with spaces in the place of what a terminal would obey; a tab is
// one too, as it is one column.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

var (
	secretKey = regexp.MustCompile(`(?i)(secret|password|token)["']?\s*:(\s|$)`)
	userInfo  = regexp.MustCompile(`://[^/\s@]*@`) // of a URL: user and password
	anyKey    = regexp.MustCompile(`^[\s-]*[{"']*[\w-]+["']?\s*:(\s|$)`)
)

const cut = "[secret]"

// withoutUser returns text without the users and passwords that its URLs have.
func withoutUser(s string) string { return userInfo.ReplaceAllLiteralString(s, "://"+cut+"@") }

// withoutSecret returns a line with everything from a secret on cut off. It goes by the
// text and not by what was parsed, because a syntax error may be on that line. A line
// that seems to go on with a secret from above is taken for one.
func withoutSecret(lines []string, i int) string {
	line := withoutUser(lines[i])
	if at := secretKey.FindStringIndex(line); at != nil {
		return strings.TrimRight(line[:at[1]], " \t") + " " + cut
	}
	indent := func(s string) int { return len(s) - len(strings.TrimLeft(s, " \t-")) }
	for _, above := range slices.Backward(lines[:i]) {
		if secretKey.MatchString(above) {
			if indent(line) > indent(above) || !anyKey.MatchString(line) {
				return strings.Repeat(" ", indent(line)) + cut
			}
			break
		}
		if anyKey.MatchString(above) {
			break
		}
	}
	return line
}

func inOrder(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
