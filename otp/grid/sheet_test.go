package grid

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A shown is a sheet as a client may get it, and what has to be on it.
type shown struct {
	name    string
	size    int
	symbols []string
	text    string
	svg     []byte
	limit   int // of the text, in octets
}

func allShown() (all []shown) {
	for size := MinSize; size <= MaxSize; size++ {
		card := NewCard(size)
		all = append(all, shown{fmt.Sprintf("card %d", size), size, strings.Split(card.Digits, ""), card.Text(), card.SVG(), 123})
		lesson := NewLesson(size)
		for step, sheet := range lesson.Sheets {
			var symbols []string
			for _, n := range sheet {
				symbols = append(symbols, fmt.Sprint(n))
			}
			all = append(all, shown{fmt.Sprintf("lesson %d, sheet %d", size, step), size, symbols, lesson.Text(step), lesson.SVG(step), 172})
		}
	}
	return all
}

func TestGrid_4_2_TextIsReadableWithAndWithoutLines(t *testing.T) {
	for _, s := range allShown() {
		if len(s.text) > s.limit || s.size == MaxSize && len(s.text) != s.limit {
			t.Errorf("%s: %d octets, want %d for 7x7 and less for others", s.name, len(s.text), s.limit)
		}
		if i := strings.IndexFunc(s.text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
			t.Errorf("%s: %q is not printable ASCII", s.name, s.text[i:])
		}
		if lines := strings.Split(s.text, "\n"); len(lines) != s.size {
			t.Errorf("%s: %d lines", s.name, len(lines))
		}
		for client, displayed := range map[string]string{
			"lines":                s.text,
			"line ends as spaces":  strings.ReplaceAll(s.text, "\n", " "),
			"line ends lost":       strings.ReplaceAll(s.text, "\n", ""),
			"line ends of Windows": strings.ReplaceAll(s.text, "\n", "\r\n"),
		} {
			var read []string
			for i, row := range strings.Split(displayed, "|") {
				row := strings.Fields(row)
				if len(row) != s.size+1 || row[0] != string(rune('A'+i)) {
					t.Errorf("%s, %s: row %d is %q", s.name, client, i, row)
					continue
				}
				read = append(read, row[1:]...)
			}
			if !slices.Equal(read, s.symbols) {
				t.Errorf("%s, %s: reads %q, want %q", s.name, client, read, s.symbols)
			}
		}
	}
}

func TestGrid_4_2_PictureShowsTheSame(t *testing.T) {
	may := []string{"svg", "title", "desc", "style", "rect", "path", "g", "text"} // no script, no link, no image
	for _, s := range allShown() {
		type symbol struct {
			x, y int
			text string
		}
		var symbols []symbol
		text := map[string]string{}
		var within []xml.StartElement
		var width, height int
		for d := xml.NewDecoder(bytes.NewReader(s.svg)); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				if !slices.Contains(may, token.Name.Local) {
					t.Errorf("%s: there is a %s in it", s.name, token.Name.Local)
				}
				for _, a := range token.Attr {
					if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || a.Name.Local == "style" {
						t.Errorf("%s: %s has %s", s.name, token.Name.Local, a.Name.Local)
					}
				}
				if token.Name.Local == "svg" {
					fmt.Sscanf(attribute(token, "viewBox"), "0 0 %d %d", &width, &height)
				}
				within = append(within, token.Copy())
			case xml.EndElement:
				within = within[:len(within)-1]
			case xml.CharData:
				if len(within) == 0 {
					break
				}
				in := within[len(within)-1]
				text[in.Name.Local] += string(token)
				if in.Name.Local == "text" && attribute(in, "font-weight") == "bold" {
					x, _ := strconv.Atoi(attribute(in, "x"))
					y, _ := strconv.Atoi(attribute(in, "y"))
					if x < 10 || y < 10 || x > width-10 || y > height-5 {
						t.Errorf("%s: %s at %d, %d of %d, %d", s.name, token, x, y, width, height)
					}
					symbols = append(symbols, symbol{x, y, string(token)})
				}
			}
		}
		slices.SortStableFunc(symbols, func(a, b symbol) int { return 1000*(a.y-b.y) + a.x - b.x })
		var read []string
		for _, s := range symbols {
			read = append(read, s.text)
		}
		if !slices.Equal(read, s.symbols) {
			t.Errorf("%s: shows %q, want %q", s.name, read, s.symbols)
		}
		if text["title"] == "" || text["desc"] != s.text || !strings.Contains(text["style"], "prefers-color-scheme: dark") {
			t.Errorf("%s: title %q, description %q, style %q", s.name, text["title"], text["desc"], text["style"])
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
