package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const maxConfig = 16 << 20 // octets; 100,000 clients fit

// LoadConfig reads a configuration file and the files it names, and returns the
// configuration with every default filled in. What is wrong in the file is a
// *ConfigError, all of it at once.
func LoadConfig(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("configuration: %s is larger than %d MiB", path, maxConfig>>20)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return parseConfig(path, data, info.Mode().IsRegular() && isPublic(info))
}

// parseConfig makes a configuration of a file's content. Public says that every user of
// the machine can read the file.
func parseConfig(file string, data []byte, public bool) (*Config, error) {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	d := newDecoder(dir)
	c := new(Config)
	if root := d.parse(data); root != nil {
		d.section("", root, reflect.ValueOf(c).Elem())
		d.check(c, public)
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	for _, found := range [][]Fault{d.faults, d.warnings} {
		inOrder(found)
		for i := range found {
			found[i].quote(lines)
		}
	}
	if len(d.faults) > 0 {
		found := &ConfigError{File: file, Faults: d.faults, Warnings: d.warnings}
		if !d.bad["socket"] && !d.bad["state"] {
			found.Socket = c.Socket
		}
		return nil, found
	}
	c.Warnings = d.warnings
	return c, nil
}

// parse returns the one document of a file, or nil if there is none that can be read.
// An empty file is an empty document.
func (d *decoder) parse(data []byte) ast.Node {
	defer func() {
		if broken := recover(); broken != nil { // the parser's fault: the file is odd, at least
			d.fault("", "this is not YAML that can be read: %v", broken)
		}
	}()
	if !utf8.Valid(data) {
		d.fault("", "this is not text in UTF-8")
		return nil
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			d.faultAt(syntax.Token, "", syntax.Message)
		} else {
			d.fault("", "%v", err)
		}
		return nil
	}
	var root ast.Node
	for _, document := range file.Docs {
		switch {
		case document.Body == nil:
		case root != nil:
			d.faultAt(firstToken(document.Body), "", "a second document: want one")
			return nil
		default:
			root = document.Body
		}
	}
	if root == nil {
		root = &ast.MappingNode{}
	}
	return root
}

// secretFile reads a shared secret that stands alone in a file.
func secretFile(path Path) (Secret, error) {
	if err := privateFile(path); err != nil {
		return "", err
	}
	f, err := os.Open(string(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case secret == "":
		return "", fmt.Errorf("%s is empty", path)
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s is too large for a secret", path)
	}
	return Secret(secret), nil
}

const maxSecret = 4096 // octets of a secret's file

// regularFile looks at a file, which has to be one: reading a pipe or a device might
// never end.
func regularFile(path Path) (os.FileInfo, error) {
	info, err := os.Stat(string(path))
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", path)
	}
	return info, err
}

// privateFile returns an error unless path is a file that not everybody can read.
func privateFile(path Path) error {
	info, err := regularFile(path)
	if err == nil && isPublic(info) {
		err = fmt.Errorf("every user can read %s: make it 0600, or 0640", path)
	}
	return err
}

// isPublic reports whether every user of the machine can read a file.
func isPublic(info os.FileInfo) bool { return info.Mode().Perm()&0o004 != 0 }
