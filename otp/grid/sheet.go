package grid

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// A sheet is what is shown to the user: a card, or one step of a lesson.
type sheet struct {
	title   string
	size    int
	symbols []string // row by row
}

func (c Card) sheet() sheet {
	return sheet{"Grid of digits", c.Size, strings.Split(c.Digits, "")}
}

func (l Lesson) sheet(step int) sheet {
	s := sheet{"Grid of numbers", l.Size, make([]string, len(l.Sheets[step]))}
	for i, n := range l.Sheets[step] {
		s.symbols[i] = strconv.Itoa(int(n))
	}
	return s
}

// Text returns the card in ASCII, at most 123 octets: a line a row, such as
//
//	A 3 1 4 1 5 |
//	B 9 2 6 0 3 |
//
// and so on, the last without the bar. Where a client drops line ends, or shows them as
// spaces, letters and bars still tell the rows. A Reply-Message (253 octets: RFC 2865,
// section 5.18) has room for it and for a sentence in front.
func (c Card) Text() string { return c.sheet().text() }

// SVG returns the card as a picture that fits a phone's screen and follows its light or
// dark scheme. It is a whole image/svg+xml document without script or references, and may
// also stand inside a page; a page that forbids styles shows it light.
func (c Card) SVG() []byte { return c.sheet().svg() }

// Text returns the sheet of a step, 0 or 1, as [Card.Text] does: at most 172 octets.
func (l Lesson) Text(step int) string { return l.sheet(step).text() }

// SVG returns the sheet of a step, 0 or 1, as [Card.SVG] does.
func (l Lesson) SVG(step int) []byte { return l.sheet(step).svg() }

func (s sheet) text() string {
	var b strings.Builder
	for i, symbol := range s.symbols {
		if i%s.size == 0 {
			if i > 0 {
				b.WriteString(" |\n")
			}
			b.WriteByte(rowName(i / s.size))
		}
		b.WriteString(" " + symbol)
	}
	return b.String()
}

func rowName(row int) byte { return byte('A' + row) }

func (s sheet) svg() []byte {
	const cell, names, edge, width = 40, 24, 4, 320 // all but width (pixels) in units of the drawing
	w, h := names+s.size*cell+edge, edge+s.size*cell+edge
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="radpush-grid" role="img" width="%d" height="%d" viewBox="0 0 %d %d">
<title>%s</title>
<desc>%s</desc>
<style>
@media (prefers-color-scheme: dark) {
.radpush-grid { color-scheme: dark }
.radpush-grid rect { fill: #111 }
.radpush-grid path { stroke: #999 }
.radpush-grid text { fill: #fff }
}
</style>
<rect width="100%%" height="100%%" fill="#fff"/>
<path fill="none" stroke="#666" stroke-width="1" shape-rendering="crispEdges" d="`,
		width, width*h/w, w, h, s.title, s.text())
	for i := range s.size + 1 {
		at := i * cell
		fmt.Fprintf(&b, "M%d %dh%dM%d %dv%d", names, edge+at, s.size*cell, names+at, edge, s.size*cell)
	}
	b.WriteString(`"/>
<g font-family="ui-monospace, Menlo, Consolas, monospace" text-anchor="middle" fill="#000">
`)
	for i, symbol := range s.symbols {
		x, y := i%s.size, i/s.size
		base := edge + y*cell + 28 // of the letters
		if x == 0 {
			fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="14">%c</text>`+"\n", names/2, base, rowName(y))
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="24" font-weight="bold">%s</text>`+"\n", names+x*cell+cell/2, base, symbol)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}
