package main

import (
	"fmt"
	"slices"
	"strings"

	"radpush/dictionary"
	"radpush/radius/access"
)

// loadDictionary returns the embedded dictionaries with the operator's files, or nil if
// one of these is no good or nothing needs them.
func (d *decoder) loadDictionary(c *Config) *dictionary.Dictionary {
	replies := slices.ContainsFunc(c.Clients, func(c Client) bool { return len(c.Reply) > 0 })
	if len(c.Dictionaries) == 0 && !replies {
		return nil
	}
	names := make([]string, len(c.Dictionaries))
	good := !d.bad["dictionaries"]
	for i, file := range c.Dictionaries {
		path := fmt.Sprintf("dictionaries[%d]", i)
		if !d.bad[path] {
			if _, err := regularFile(file); err != nil {
				d.fault(path, "%v", err)
			}
		}
		names[i], good = string(file), good && !d.bad[path]
	}
	if !good {
		return nil
	}
	known, err := dictionary.Load(names...)
	if err != nil {
		d.fault("dictionaries", "%v", err)
		return nil
	}
	return known
}

// maxReply is how many octets of a packet (4,096: RFC 2865, section 3) are the client's:
// the rest is for what the server adds, Proxy-State most of all.
const maxReply = 3000

// checkReply reads the reply attributes by the dictionary. Without one nothing is said about
// them: it has a fault itself.
func (d *decoder) checkReply(path string, c *Client, known *dictionary.Dictionary) {
	if known == nil {
		return
	}
	size := 0
	for i := range c.Reply {
		attribute := &c.Reply[i]
		at := joinPath(path, attribute.Name)
		for j, text := range attribute.Values {
			at := fmt.Sprintf("%s[%d]", at, j)
			if d.bad[at] {
				continue
			}
			value, err := known.Parse(attribute.Name, text)
			if err != nil {
				d.fault(at, "%s", strings.TrimPrefix(err.Error(), "dictionary: "))
				continue
			}
			if err := access.CheckReply(value); err != nil {
				d.fault(at, "%s", strings.TrimPrefix(err.Error(), "access: "))
				continue
			}
			attribute.secret = value.Attribute.Encrypt != dictionary.Plain
			c.reply = append(c.reply, value)
			size += len(value.Data) + 24 // octets of the heads, and of salt and padding, at most
		}
	}
	if size > maxReply {
		d.fault(path, "%d octets do not fit in one packet with what else is in it: %d do", size, maxReply)
	}
}
