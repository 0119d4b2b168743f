// Package radpush_test holds the house to its plan: who may import whom, and the rules
// that a reader relies on. docs/design.md has the drawing.
package radpush_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says which packages of ours a package may import, and why no others. A package
// that is not here has no place in the house yet: give it one.
var arrows = map[string]struct {
	may []string
	why string
}{
	"cmd/radpush": {[]string{"dictionary", "geoip", "login", "otp", "otp/email", "otp/grid", "otp/seeds", "otp/sms", "password", "push", "push/apns", "push/fcm", "push/ntfy", "push/webpush", "radius", "radius/access", "store", "store/bolt", "web", "web/phone", "web/wire"},
		"it wires everything together, and nothing imports it"},
	"cmd/demo-push": {[]string{"login", "otp", "password", "push", "push/apns", "push/apns/apnstest", "push/fcm", "push/fcm/fcmtest", "push/webpush", "push/webpush/webpushtest", "radius", "radius/access", "store", "store/bolt", "web", "web/phone", "web/wire"},
		"it wires a server to the stand-ins, which are no part of radpush"},
	"radius":                   {nil, "it never sees a user"},
	"radius/radiustest":        {[]string{"radius"}, "it stands in for a NAS and the network"},
	"radius/access":            {[]string{"radius", "login", "dictionary"}, "it alone knows packets and logins; it never sees a device or a store"},
	"dictionary":               {nil, "leaf"},
	"geoip":                    {nil, "leaf: addresses and names of places"},
	"geoip/geoiptest":          {nil, "it makes files"},
	"login":                    {[]string{"otp", "otp/grid", "password", "push"}, "it never sees a packet, a page or a database"},
	"otp":                      {nil, "leaf"},
	"otp/email":                {nil, "leaf: it carries letters and knows nothing of logins"},
	"otp/grid":                 {nil, "leaf: patterns and cards are values"},
	"otp/seeds":                {[]string{"otp"}, "files of tokens; who has them is for others"},
	"otp/sms":                  {nil, "leaf: it carries a text to a number"},
	"password":                 {nil, "leaf"},
	"push":                     {[]string{"push/pipush"}, "devices and challenges, nothing of logins"},
	"push/pipush":              {nil, "leaf: the messages of an app that is not ours"},
	"push/pipush/pipushtest":   {nil, "it stands in for that app, and shares no code with what it judges"},
	"push/apns":                {[]string{"push"}, "a push service rings devices and knows no logins"},
	"push/apns/apnstest":       {[]string{"push/standin"}, "it stands in for a push service"},
	"push/fcm":                 {[]string{"push"}, "a push service rings devices and knows no logins"},
	"push/fcm/fcmtest":         {[]string{"push/standin"}, "it stands in for a push service"},
	"push/ntfy":                {[]string{"push"}, "a bell wakes people and knows no logins"},
	"push/ntfy/ntfytest":       {[]string{"push/standin"}, "it stands in for a server and its subscribers"},
	"push/standin":             {nil, "leaf: what the stand-ins share, of no product's code"},
	"push/webpush":             {[]string{"push"}, "a push service rings devices and knows no logins"},
	"push/webpush/webpushtest": {[]string{"push/standin"}, "it stands in for a push service and for a browser"},
	"store":                    {nil, "leaf: it does not know what it keeps"},
	"store/bolt":               {[]string{"store"}, "a backend keeps bytes"},
	"store/storetest":          {[]string{"store"}, "a suite for backends"},
	"web":                      {[]string{"login", "otp", "otp/email", "otp/grid", "otp/sms", "push", "push/pipush", "web/page", "web/wire"}, "devices and operators, never packets and never the store"},
	"web/page":                 {nil, "leaf: files for browsers"},
	"web/phone":                {[]string{"otp", "push", "web/wire"}, "it is the other end: what it shares with the server is on the wire"},
	"web/wire":                 {nil, "leaf: what both ends send and sign"},
}

// foreign says where a library may be imported, so that it can be replaced there.
var foreign = map[string]struct {
	in  []string
	why string
}{
	"go.etcd.io/bbolt":                      {[]string{"store/bolt"}, "the other packages know store.Backend"},
	"layeh.com/radius":                      {[]string{"radius", "radius/access", "radius/radiustest", "dictionary", "cmd/radpush", "cmd/demo-push"}, "a codec: logins and devices never see a packet"},
	"github.com/SherClockHolmes/webpush-go": {[]string{"push/webpush"}, "push services are rung there"},
	"github.com/sideshow/apns2":             {[]string{"push/apns"}, "push services are rung there"},
	"firebase.google.com/go":                {[]string{"push/fcm"}, "push services are rung there"},
	"github.com/oschwald/geoip2-golang":     {[]string{"geoip"}, "files of places are read there"},
	"github.com/maxmind/mmdbwriter":         {[]string{"geoip/geoiptest"}, "files of places are made by tests alone"},
	"github.com/spf13/cobra":                {[]string{"cmd/radpush"}, "commands are there"},
	"github.com/goccy/go-yaml":              {[]string{"cmd/radpush"}, "configuration is read there and nowhere else"},
	"github.com/danielgtaylor/":             {[]string{"web"}, "the API is there"},
	"github.com/wneessen/go-mail":           {[]string{"otp/email"}, "letters are written there"},
	"github.com/pquerna/otp":                {nil, "it has no guard against replay and makes one code at a time; package otp is held to it by its tests"},
	"log":                                   {nil, "log/slog, by a field"},
	"math/rand":                             {nil, "math/rand/v2"},
	"math/rand/v2":                          {[]string{"login", "otp/email", "push", "radius", "store/storetest", "web/phone"}, "for jitter, numbering and tests: what is guessable is no secret"},
	"github.com/prometheus/client_golang/prometheus/promauto": {nil, "a registry is passed in"},
}

// calls are not made outside of the files named here, and why.
var calls = map[string]struct {
	in  []string
	why string
}{
	"os.Exit":                      {[]string{"cmd/radpush/main.go", "cmd/demo-push/main.go"}, "everything else returns an error"},
	"http.DefaultClient":           {nil, "it waits for ever and follows redirects: a client of one's own has a deadline"},
	"http.Get":                     {nil, "it is http.DefaultClient"},
	"http.Post":                    {nil, "it is http.DefaultClient"},
	"http.DefaultServeMux":         {nil, "whatever is linked in can be on it"},
	"http.HandleFunc":              {nil, "it is http.DefaultServeMux"},
	"prometheus.MustRegister":      {nil, "a registry is passed in"},
	"prometheus.Register":          {nil, "a registry is passed in"},
	"prometheus.DefaultRegisterer": {nil, "a registry is passed in"},
	"slog.SetDefault":              {nil, "a logger is a field"},
}

// longFiles may have more than maxLines lines; say why.
var longFiles = map[string]string{}

const maxLines = 450

// A source is a Go file of ours that is no test.
type source struct {
	name string // "login/engine.go"
	dir  string // "login"
	text []byte
	tree *ast.File
}

func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		rule, known := arrows[s.dir]
		if !known && !seen[s.dir] {
			t.Errorf("%s: the package has no place in the table of arrows", s.dir)
		}
		seen[s.dir] = true
		for _, imported := range imports(s) {
			ours, isOurs := strings.CutPrefix(imported, "radpush/")
			if isOurs && known && !slices.Contains(rule.may, ours) {
				t.Errorf("%s imports %s, which %s may not: %s", s.name, ours, s.dir, rule.why)
			}
			for library, rule := range foreign {
				isIt := imported == library || strings.Contains(library, ".") && strings.HasPrefix(imported, library)
				if isIt && !slices.Contains(rule.in, s.dir) {
					t.Errorf("%s imports %s, which %s may not: %s", s.name, imported, s.dir, rule.why)
				}
			}
		}
	}
	for dir := range arrows {
		if !seen[dir] {
			t.Errorf("%s is in the table of arrows and not in the house", dir)
		}
	}
}

// Otp is pure: time and records are arguments.
func TestOTPIsPure(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range imports(s) {
			if s.dir == "otp" && slices.Contains([]string{"context", "log/slog", "net", "net/http", "os", "sync"}, imported) {
				t.Errorf("%s imports %s: otp computes, it does not wait, read or write", s.name, imported)
			}
		}
	}
}

// The comment of a package is where a reader begins: in the file that bears its name.
func TestPackageComments(t *testing.T) {
	comments := map[string][]source{}
	for _, s := range sources(t) {
		comments[s.dir] = append(comments[s.dir], nil...)
		if s.tree.Doc != nil {
			comments[s.dir] = append(comments[s.dir], s)
		}
	}
	for dir, in := range comments {
		if len(in) != 1 {
			t.Errorf("%s: %d files have a package comment, want one", dir, len(in))
			continue
		}
		name := in[0].tree.Name.Name
		begins, file := "Package "+name+" ", name+".go"
		if name == "main" {
			begins, file = "Command "+path.Base(dir)+" ", "main.go"
		}
		if text := in[0].tree.Doc.Text(); !strings.HasPrefix(text, begins) {
			t.Errorf("%s: the package comment begins %.20q, not %q", in[0].name, text, begins)
		}
		if path.Base(in[0].name) != file {
			t.Errorf("%s has the package comment; it belongs in %s", in[0].name, file)
		}
	}
}

func TestFiles(t *testing.T) {
	long := maps.Clone(longFiles)
	for _, s := range sources(t) {
		if base := strings.TrimSuffix(path.Base(s.name), ".go"); slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "manager", "misc"}, base) {
			t.Errorf("%s: a file is called what one would grep for", s.name)
		}
		if n := bytes.Count(s.text, []byte("\n")); n > maxLines && long[s.name] == "" {
			t.Errorf("%s has %d lines: does it do two things? If not, say why in longFiles", s.name, n)
		} else if n > maxLines {
			delete(long, s.name)
		}
		for _, word := range []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"} {
			if bytes.Contains(s.text, []byte(word)) {
				t.Errorf("%s: %s: do it, or write it into docs", s.name, word)
			}
		}
		for _, declaration := range s.tree.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init runs before anybody asked for it", s.name)
			}
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := selector.X.(*ast.Ident); ok {
					name := pkg.Name + "." + selector.Sel.Name
					if rule, isRuled := calls[name]; isRuled && !slices.Contains(rule.in, s.name) {
						t.Errorf("%s: %s: %s", s.name, name, rule.why)
					}
				}
			}
			return true
		})
	}
	for name := range long {
		t.Errorf("longFiles has %s, which is not long", name)
	}
}

// sources returns the Go files of the module, without tests.
func sources(t *testing.T) (all []source) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "var", "testdata"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		all = append(all, source{name: name, dir: path.Dir(name), text: text, tree: tree})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("%d files found: the test looks in the wrong place", len(all))
	}
	return all
}

func imports(s source) []string {
	var all []string
	for _, spec := range s.tree.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			all = append(all, imported)
		}
	}
	return all
}
