package page_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A desktop is what shows the notifications of a browser on Linux: the session's D-Bus and the
// service org.freedesktop.Notifications on it, as much of both as Chromium asks for. Somebody who
// taps a notification here is a person to the browser, as a script never is.
//
// The protocol is the D-Bus specification's, 0.43; messages are little-endian.
type desktop struct {
	t       *testing.T
	address string

	mu     sync.Mutex
	conns  []net.Conn
	shown  []toast // newest last
	seen   int     // how many of them toast has looked at
	serial uint32
}

// A toast is a notification on the desktop.
type toast struct {
	id            uint32
	closed        bool
	summary, body string
	actions       []string // name, label, name, label …
}

func newDesktop(t *testing.T) *desktop {
	path := filepath.Join(t.TempDir(), "bus")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	d := &desktop{t: t, address: "unix:path=" + path}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

// env has a browser use it.
func (d *desktop) env() chromedp.ExecAllocatorOption {
	return chromedp.Env("DBUS_SESSION_BUS_ADDRESS=" + d.address)
}

// toast waits for a notification that it has not returned before, and that has a text in its
// summary.
func (d *desktop) toast(summary string) toast {
	d.t.Helper()
	var newest toast
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		d.mu.Lock()
		if len(d.shown) > d.seen {
			newest = d.shown[d.seen]
			d.seen++
		}
		d.mu.Unlock()
		if newest.id != 0 && strings.Contains(newest.summary, summary) {
			return newest
		}
	}
	d.t.Fatalf("no notification with %q: the newest is %+v", summary, newest)
	return newest
}

// closed waits until no notification is shown.
func (d *desktop) closed() {
	d.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		d.mu.Lock()
		open := slices.ContainsFunc(d.shown, func(n toast) bool { return !n.closed })
		d.mu.Unlock()
		if !open {
			return
		}
		if time.Now().After(end) {
			d.t.Fatal("a notification stays")
		}
	}
}

// tap taps a button of a notification, by its label; "" is the notification itself.
func (d *desktop) tap(n toast, label string) {
	d.t.Helper()
	action := "default"
	for i := 0; label != "" && i+1 < len(n.actions); i += 2 {
		if n.actions[i+1] == label {
			action = n.actions[i]
			label = ""
		}
	}
	if label != "" {
		d.t.Fatalf("%q is not among %q", label, n.actions)
	}
	var body message
	body.u32(n.id)
	body.text(action)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.conns {
		d.send(conn, signal, "us", body.Bytes(), field{1, "o", "/org/freedesktop/Notifications"},
			field{2, "s", "org.freedesktop.Notifications"}, field{3, "s", "ActionInvoked"})
	}
}

func (d *desktop) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for { // authentication, in lines
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(strings.TrimPrefix(line, "\x00"), "AUTH EXTERNAL"):
			fmt.Fprint(conn, "OK 0123456789abcdef0123456789abcdef\r\n")
			continue
		case line != "BEGIN\r\n":
			fmt.Fprint(conn, "ERROR\r\n") // among it what would pass files
			continue
		}
		break
	}
	d.mu.Lock()
	d.conns = append(d.conns, conn)
	d.mu.Unlock()
	for {
		c, err := readCall(r)
		if err != nil {
			return
		}
		signature, body := d.answer(c)
		d.mu.Lock()
		d.send(conn, reply, signature, body, field{5, "u", c.serial})
		d.mu.Unlock()
	}
}

// answer returns the body of a reply, with its signature.
func (d *desktop) answer(c call) (signature string, body []byte) {
	var m message
	switch c.member {
	case "Hello":
		m.text(":1.1")
		return "s", m.Bytes()
	case "GetNameOwner":
		m.text(":1.2")
		return "s", m.Bytes()
	case "NameHasOwner":
		m.u32(1)
		return "b", m.Bytes()
	case "StartServiceByName", "RequestName":
		m.u32(1)
		return "u", m.Bytes()
	case "ListNames", "ListActivatableNames":
		m.texts("org.freedesktop.DBus", "org.freedesktop.Notifications")
		return "as", m.Bytes()
	case "GetCapabilities":
		m.texts("actions", "body", "persistence")
		return "as", m.Bytes()
	case "GetServerInformation":
		for _, s := range []string{"desktop", "radpush", "1", "1.2"} {
			m.text(s)
		}
		return "ssss", m.Bytes()
	case "CloseNotification":
		d.mu.Lock()
		defer d.mu.Unlock()
		b := reader{b: c.body}
		d.close(b.u32())
	case "Notify":
		d.mu.Lock()
		defer d.mu.Unlock()
		b := reader{b: c.body}
		n := toast{id: uint32(len(d.shown) + 1)}
		b.text() // the program's name
		if replaces := b.u32(); replaces != 0 {
			n.id = replaces
		}
		b.text() // icon
		n.summary, n.body = b.text(), b.text()
		for end := b.u32() + uint32(b.at); uint32(b.at) < end; {
			n.actions = append(n.actions, b.text())
		}
		d.close(n.id)
		d.shown = append(d.shown, n)
		m.u32(n.id)
		return "u", m.Bytes()
	}
	return "", nil
}

// close marks a notification as not shown any more. D.mu is held.
func (d *desktop) close(id uint32) {
	for i := range d.shown {
		d.shown[i].closed = d.shown[i].closed || d.shown[i].id == id
	}
}

// kinds of message
const (
	reply  = 2
	signal = 4
)

// A field is one of a message's header.
type field struct {
	code      byte
	signature string
	value     any
}

// send writes a message. D.mu is held.
func (d *desktop) send(conn net.Conn, kind byte, signature string, body []byte, fields ...field) {
	fields = append(fields, field{6, "s", ":1.1"}, field{7, "s", ":1.2"})
	if signature != "" {
		fields = append(fields, field{8, "g", signature})
	}
	d.serial++
	var m message
	m.Write([]byte{'l', kind, 1, 1})
	m.u32(uint32(len(body)))
	m.u32(d.serial)
	var list message
	for _, f := range fields {
		list.align(8)
		list.WriteByte(f.code)
		list.signature(f.signature)
		switch f.signature {
		case "u":
			list.u32(f.value.(uint32))
		case "g":
			list.signature(f.value.(string))
		default:
			list.text(f.value.(string))
		}
	}
	m.u32(uint32(list.Len()))
	m.Write(list.Bytes())
	m.align(8)
	m.Write(body)
	_, _ = conn.Write(m.Bytes()) // the browser may have gone
}

// A message is written; each value stands at a multiple of its size.
type message struct{ bytes.Buffer }

func (m *message) align(n int) {
	for m.Len()%n != 0 {
		m.WriteByte(0)
	}
}

func (m *message) u32(v uint32) {
	m.align(4)
	m.Write(binary.LittleEndian.AppendUint32(nil, v))
}

func (m *message) text(s string) {
	m.u32(uint32(len(s)))
	m.WriteString(s + "\x00")
}

func (m *message) signature(s string) { m.WriteString(string(rune(len(s))) + s + "\x00") }

func (m *message) texts(all ...string) {
	var list message
	for _, s := range all {
		list.text(s)
	}
	m.u32(uint32(list.Len()))
	m.Write(list.Bytes())
}

// A call is a message that asks for something.
type call struct {
	serial uint32
	member string
	body   []byte
}

func readCall(r io.Reader) (c call, err error) {
	head := make([]byte, 16)
	if _, err = io.ReadFull(r, head); err != nil {
		return c, err
	}
	length, fields := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[12:])
	if head[0] != 'l' || length > 1<<20 || fields > 1<<16 {
		return c, fmt.Errorf("not a message: %x", head)
	}
	c.serial = binary.LittleEndian.Uint32(head[8:])
	rest := make([]byte, (fields+7)/8*8+length)
	if _, err = io.ReadFull(r, rest); err != nil {
		return c, err
	}
	c.body = rest[(fields+7)/8*8:]
	for b := (reader{b: rest[:fields]}); b.at < len(b.b); {
		b.align(8)
		code := b.octet()
		switch b.signature() {
		case "g":
			b.signature()
		case "u":
			b.u32()
		default:
			if s := b.text(); code == 3 {
				c.member = s
			}
		}
	}
	return c, nil
}

// A reader reads what a message writes.
type reader struct {
	b  []byte
	at int
}

func (b *reader) align(n int) { b.at = (b.at + n - 1) / n * n }

func (b *reader) octet() byte {
	b.at++
	return b.b[b.at-1]
}

func (b *reader) u32() uint32 {
	b.align(4)
	b.at += 4
	return binary.LittleEndian.Uint32(b.b[b.at-4:])
}

func (b *reader) text() string {
	n := int(b.u32())
	b.at += n + 1
	return string(b.b[b.at-n-1 : b.at-1])
}

func (b *reader) signature() string {
	n := int(b.octet())
	b.at += n + 1
	return string(b.b[b.at-n-1 : b.at-1])
}
