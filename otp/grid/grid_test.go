package grid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// drawn reads a pattern from a picture: rows between spaces, the cells in the order 1 to
// 9, then 0.
func drawn(picture string) Pattern {
	rows := strings.Fields(picture)
	cells := strings.Join(rows, "")
	p := Pattern{Size: len(rows)}
	for _, n := range "1234567890" {
		if i := strings.IndexRune(cells, n); i >= 0 {
			p.Cells = append(p.Cells, uint8(i))
		}
	}
	return p
}

func TestGrid_4_2_TrivialPatternsAreRefused(t *testing.T) {
	for _, v := range []struct{ name, picture, want string }{
		{"row", "1234. ..... ..... ..... .....", "one line"},
		{"row, out of order", "..... 3.142 ..... ..... .....", "one line"},
		{"whole row", "..... 54321 ..... ..... .....", "one line"},
		{"column with a gap", ".1... .2... ..... .3... .4...", "one line"},
		{"diagonal", "....1 ...2. ..3.. .4... .....", "one line"},
		{"flat line of a large grid", "1...... ..2.... ....3.. ......4 ....... ....... .......", "one line"},
		{"reading on", "...12 34... ..... ..... .....", "reading order"},
		{"reading on from the right", "21... ...43 ..... ..... .....", "reading order"},
		{"reading columns", "..3.. ..4.. ..5.. .1... .2...", "reading order"},
		{"every second cell", "1.2.3 .4.5. ..... ..... .....", "reading order"},
		{"backwards", "..... ..... ..... ...76 54321", "reading order"},
		{"corners", "1...2 ..... ..... ..... 3...4", "symmetric"},
		{"corners around, 6x6", "2....3 ...... ...... ...... ...... 1....4", "symmetric"},
		{"corners crosswise, 7x7", "1.....3 ....... ....... ....... ....... ....... 4.....2", "symmetric"},
		{"block", "..... .12.. .43.. ..... .....", "symmetric"},
		{"block, out of order", "..... .13.. .24.. ..... .....", "symmetric"},
		{"block of 2x3", "..... .126. .345. ..... .....", "symmetric"},
		{"block of 3x3", ".123. .456. .789. ..... .....", "symmetric"},
		{"diamond", "..1.. .4.2. ..3.. ..... .....", "symmetric"},
		{"cross", "..1.. ..2.. 67589 ..3.. ..4..", "symmetric"},
		{"rectangle", "..... 1...2 ..... 3...4 .....", "symmetric"},
		{"tilted square", ".1... ....2 ..... 4.... ...3.", "symmetric"},
		{"large square and its middle", "1...2 ..... ..5.. ..... 4...3", "symmetric"},
		{"corners and the centre", "1...2 ..... ..4.. ..... 3....", "corners, middles"},
		{"Z drawn large", "1..2..3 ....... ....... ...4... ....... ....... 5..6...", "corners, middles"},
		{"L", "1.... 2.... 3.... 45... .....", "line of neighbours"},
		{"V", "1...5 .2.4. ..3.. ..... .....", "line of neighbours"},
		{"U", "1..0. 2..9. 3..8. 4567. .....", "line of neighbours"},
		{"Z", "1234. ..5.. .6... 7890. .....", "line of neighbours"},
		{"N", "4...0 35..9 2.6.8 1..7. .....", "line of neighbours"},
		{"M", "3...7 24.68 1.5.9 ..... .....", "line of neighbours"},
		{"four neighbours", "12... .3... .4... ..... .....", "line of neighbours"},
		{"five neighbours, three bends", "13... .24.. ...5. ..... .....", "line of neighbours"},
		{"stairs", "12... .34.. ..56. ...78 .....", "line of neighbours"},
		{"saw", ".2.4.6. 1.3.5.7 ....... ....... ....... ....... .......", "line of neighbours"},
		{"spiral", "7890. 612.. 543.. ..... .....", "line of neighbours"},
	} {
		t.Run(v.name, func(t *testing.T) {
			err := drawn(v.picture).Check()
			if err == nil || !strings.Contains(err.Error(), v.want) {
				t.Errorf("%v, want an error with %q", err, v.want)
			}
		})
	}
}

func TestGrid_4_2_ScatteredPatternsAreGood(t *testing.T) {
	for _, picture := range []string{
		"1.... ...2. 4.... ..3.. .....",
		".2... ....3 ..... .4..1 .....",
		"..1.. ..... 2...4 ..... .3...",
		"..... 12... ..... ...3. 4....",
		"1..4.. ...... .2...5 ...... ..3... ......",
		"..... .1... 62.4. 5.3.7 .....", // neighbours, but many bends to both sides
		"4..... .....1 ..7... 3...6. ...2.. .5....",
		"1..2..3 ....... ....... .....4. ....... ....... .......",
		"1.....4 ....... ..2.... .....5. ....... ...3... 6.....7",
		"..8...1 .4..... ......7 3...9.. .6....2 ....0.. ..5....",
	} {
		if err := drawn(picture).Check(); err != nil {
			t.Errorf("%s: %v", picture, err)
		}
	}
}

func TestGrid_4_2_SizeAndLength(t *testing.T) {
	long := []uint8{0, 7, 3, 11, 22, 14, 5, 18, 9, 24, 16}
	for _, v := range []struct {
		pattern Pattern
		want    string
	}{
		{Pattern{4, []uint8{0, 7, 3, 11}}, "5x5 to 7x7"},
		{Pattern{8, long[:4]}, "5x5 to 7x7"},
		{Pattern{}, "5x5 to 7x7"},
		{Pattern{-5, long[:4]}, "5x5 to 7x7"},
		{Pattern{5, nil}, "0 cells; choose 4 to 10"},
		{Pattern{5, long[:3]}, "3 cells; choose 4 to 10"},
		{Pattern{5, long[:4]}, ""},
		{Pattern{5, long[:10]}, ""},
		{Pattern{5, long}, "11 cells; choose 4 to 10"},
		{Pattern{5, []uint8{0, 7, 3, 25}}, "not on the grid"},
		{Pattern{6, []uint8{0, 7, 3, 35}}, ""},
		{Pattern{7, []uint8{0, 7, 3, 255}}, "not on the grid"},
		{Pattern{5, []uint8{0, 7, 13, 7}}, "comes twice"},
	} {
		err := v.pattern.Check()
		if (err == nil) != (v.want == "") || err != nil && !strings.Contains(err.Error(), v.want) {
			t.Errorf("%dx%[1]d, %d cells: %v, want %q", v.pattern.Size, len(v.pattern.Cells), err, v.want)
		}
	}
}

// patterns calls f with every way to choose length cells, in order, whether Check
// likes it or not. It reuses the pattern.
func patterns(size, length int, f func(Pattern)) {
	p := Pattern{Size: size, Cells: make([]uint8, 0, length)}
	var choose func()
	choose = func() {
		if len(p.Cells) == length {
			f(p)
			return
		}
		for cell := range uint8(size * size) {
			if !slices.Contains(p.Cells, cell) {
				p.Cells = append(p.Cells, cell)
				choose()
				p.Cells = p.Cells[:len(p.Cells)-1]
			}
		}
	}
	choose()
}

// What is refused must not make the rest easy to guess.
func TestGrid_4_2_FewPatternsAreRefused(t *testing.T) {
	var all, refused int
	why := map[string]int{}
	patterns(5, 4, func(p Pattern) {
		all++
		if figure := p.figure(); figure != "" {
			refused++
			why[figure]++
		}
	})
	t.Logf("%d of %d patterns of 4 cells on 5x5 are refused: %v", refused, all, why)
	if all != 25*24*23*22 || refused < 1000 || refused > all/20 {
		t.Errorf("%d of %d patterns are refused, want under 5%%", refused, all)
	}
}

// A figure is the same to the eye turned, mirrored or drawn backwards.
func TestGrid_4_2_FiguresInAnyPosition(t *testing.T) {
	check := func(p Pattern) {
		for turn := range 8 {
			q := Pattern{p.Size, slices.Clone(p.Cells)}
			for i, cell := range p.Cells {
				x, y := int(cell)%p.Size, int(cell)/p.Size
				if turn&1 != 0 {
					x = p.Size - 1 - x
				}
				if turn&2 != 0 {
					y = p.Size - 1 - y
				}
				if turn&4 != 0 {
					x, y = y, x
				}
				q.Cells[i] = uint8(y*p.Size + x)
			}
			for range 2 {
				if slices.Reverse(q.Cells); q.figure() != p.figure() {
					t.Fatalf("%v is %q, %v is %q", p.Cells, p.figure(), q.Cells, q.figure())
				}
			}
		}
	}
	n := 0
	patterns(5, 4, func(p Pattern) {
		if n++; n%97 == 0 || p.figure() != "" {
			check(p)
		}
	})
	for _, size := range []int{5, 6, 7} {
		for length := 5; length <= 10; length++ {
			for range 50 {
				check(walk(size, length))
			}
		}
	}
}

// walk returns a random walk from neighbour to neighbour: what comes nearest to the figures.
func walk(size, length int) Pattern {
	for {
		near := Pattern{Size: size}
		cells := make([]uint8, size*size)
		for i := range cells {
			cells[i] = uint8(i)
		}
		for len(near.Cells) < length && len(cells) > 0 {
			shuffle(cells)
			i := slices.IndexFunc(cells, func(c uint8) bool {
				if len(near.Cells) == 0 {
					return true
				}
				last := near.Cells[len(near.Cells)-1]
				dx, dy := int(c)%size-int(last)%size, int(c)/size-int(last)/size
				return dx*dx <= 1 && dy*dy <= 1
			})
			if i < 0 {
				break
			}
			near.Cells = append(near.Cells, cells[i])
			cells = slices.Delete(cells, i, i+1)
		}
		if len(near.Cells) == length {
			return near
		}
	}
}

func TestPatternNeverPrintsItsCells(t *testing.T) {
	p := Pattern{5, []uint8{17, 3, 14, 20}}
	user := struct {
		Name string
		Grid Pattern
		Old  []*Pattern
	}{"alice", p, []*Pattern{&p}}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%o"} {
		fmt.Fprintf(&shown, verb+"\n", p)
		fmt.Fprintf(&shown, verb+"\n", &p)
	}
	fmt.Fprintf(&shown, "%v %+v %#v %d\n", user, user, user, user.Old[0])
	timeless := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for _, h := range []slog.Handler{slog.NewTextHandler(&shown, timeless), slog.NewJSONHandler(&shown, timeless)} {
		slog.New(h).Info("shown", "pattern", p, "user", user)
	}
	b, err := json.Marshal(user)
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(b)
	for line := range strings.Lines(shown.String()) {
		for _, form := range []string{"17", "11", "21", "EQMO", "\x11"} { // decimal, hex, octal, base64, as it is
			if strings.Contains(line, form) || !strings.Contains(line, "[pattern]") {
				t.Errorf("shown: %s", line)
			}
		}
	}
}

func TestStoredWhole(t *testing.T) {
	lesson := NewLesson(6)
	for _, v := range []any{&Pattern{5, []uint8{17, 3, 14, 20}}, new(NewCard(7)), &lesson} {
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if err := cbor.Unmarshal(b, got); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%T: %v, came back different", v, err)
		}
	}
}
