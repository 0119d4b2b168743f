package grid

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// typed returns what the user of a pattern types from a sheet.
func typed(sheet []byte, cells []uint8, between string) string {
	var numbers []string
	for _, cell := range cells {
		numbers = append(numbers, strconv.Itoa(int(sheet[cell])))
	}
	return strings.Join(numbers, between)
}

func TestGrid_4_2_LearnFindsEveryPattern(t *testing.T) {
	spaces := []string{"", " ", "  ", "\n", "\t", "\u00a0"}
	for size := MinSize; size <= MaxSize; size++ {
		for length := MinLength; length <= MaxLength; length++ {
			for range 50 {
				l, want := NewLesson(size), chosen(size, length)
				for i, space := range spaces {
					got, err := Learn(l, typed(l.Sheets[0], want.Cells, space), typed(l.Sheets[1], want.Cells, spaces[len(spaces)-1-i])+" ")
					if err != nil || got.Size != size || !slices.Equal(got.Cells, want.Cells) {
						t.Fatalf("%dx%[1]d: learned %v of %v: %v", size, got.Cells, want.Cells, err)
					}
				}
			}
		}
	}
}

func TestGrid_4_2_LessonsAreFreshAndUnambiguous(t *testing.T) {
	for size := MinSize; size <= MaxSize; size++ {
		l, other := NewLesson(size), NewLesson(size)
		if slices.Equal(l.Sheets[0], l.Sheets[1]) || slices.Equal(l.Sheets[0], other.Sheets[0]) {
			t.Errorf("%dx%[1]d: two sheets are the same", size)
		}
		for _, sheet := range l.Sheets {
			numbers := slices.Sorted(slices.Values(sheet))
			if len(numbers) != size*size || len(slices.Compact(numbers)) != size*size || numbers[0] < 10 || numbers[size*size-1] > 99 {
				t.Errorf("%dx%[1]d: a sheet has %d", size, sheet)
			}
		}
	}
	if l := NewLesson(8); l.Size != 0 || l.Sheets[0] != nil {
		t.Errorf("a lesson of size %d", l.Size)
	}
}

// fixed is a lesson whose sheets read 10, 11, … and 99, 98, …
func fixed() Lesson {
	l := Lesson{Size: 5}
	for i := range byte(25) {
		l.Sheets[0], l.Sheets[1] = append(l.Sheets[0], 10+i), append(l.Sheets[1], 99-i)
	}
	return l
}

func TestGrid_4_2_LearnSaysWhatWentWrong(t *testing.T) {
	const first, second = "10 17 24 28", "99 92 85 81"
	damaged := fixed()
	damaged.Sheets[1] = damaged.Sheets[1][:24]
	for _, v := range []struct {
		name          string
		lesson        Lesson
		first, second string
		want          string
	}{
		{"good", fixed(), first, second, ""},
		{"one cell differs", fixed(), first, "99 92 85 82", "the second time you chose other cells"},
		{"order differs", fixed(), first, "92 99 85 81", "or another order"},
		{"one cell less", fixed(), first + "30", second, "the second time you chose other cells"},
		{"first numbers typed again", fixed(), first, first, "the second time, you typed a number that was not on the grid"},
		{"not on the first sheet", fixed(), "10 17 24 98", second, "the first time, you typed a number that was not on the grid"},
		{"zero", fixed(), "10 17 24 00", second, "the first time, you typed a number that was not on the grid"},
		{"a digit missing", fixed(), "10 17 24 2", second, "the first time, a digit was missing"},
		{"letters", fixed(), first, "99 92 85 B1", "the second time, you typed something that is no digit"},
		{"a sign", fixed(), "+10 17 24 28", second, "the first time, you typed something that is no digit"},
		{"digits of another script", fixed(), "١٠ 17 24 28", second, "no digit"},
		{"not UTF-8", fixed(), "10 17 24 28\xff", second, "no digit"},
		{"too much", fixed(), strings.Repeat("10", 1<<20), second, "the first time, you typed more than 10 numbers"},
		{"nothing", fixed(), "", " ", "0 cells; choose 4"},
		{"too short", fixed(), "10 17 24", "99 92 85", "3 cells; choose 4"},
		{"a cell twice", fixed(), "10 17 24 17", "99 92 85 92", "a cell comes twice"},
		{"a trivial figure", fixed(), "10 11 12 13", "99 98 97 96", "lie on one line"},
		{"no lesson", Lesson{}, "", "", "begin again"},
		{"half a lesson", damaged, first, second, "begin again"},
		{"wrong size", Lesson{6, damaged.Sheets}, first, second, "begin again"},
	} {
		t.Run(v.name, func(t *testing.T) {
			p, err := Learn(v.lesson, v.first, v.second)
			if v.want == "" {
				if err != nil || !slices.Equal(p.Cells, []uint8{0, 7, 14, 18}) {
					t.Fatalf("learned %v: %v", p.Cells, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), v.want) {
				t.Fatalf("%v, want an error with %q", err, v.want)
			}
			if p.Size != 0 || p.Cells != nil {
				t.Errorf("a pattern beside the error: %v", p.Cells)
			}
			for _, number := range strings.Fields(first + " " + second)[1:] { // 10 is also the greatest length
				if strings.Contains(err.Error(), number) {
					t.Errorf("%q tells the cell with %s", err, number)
				}
			}
		})
	}
}

func FuzzLearn(f *testing.F) {
	f.Add("10 17 24 28", "99 92 85 81")
	f.Add("10172428", "9992 8581\n")
	f.Add("10 17 24 2", "")
	f.Add("10 11 12 13", "99 98 97 96")
	f.Add("1017242810172428101", "\u00a0\xff")
	f.Fuzz(func(t *testing.T, first, second string) {
		l := fixed()
		p, err := Learn(l, first, second)
		if err != nil {
			if p.Size != 0 || p.Cells != nil || len(err.Error()) > 150 {
				t.Errorf("%v with %v", err, p.Cells)
			}
			return
		}
		if err := p.Check(); err != nil {
			t.Errorf("learned what is no pattern: %v", err)
		}
		for i, text := range []string{first, second} {
			if got := typed(l.Sheets[i], p.Cells, ""); got != strings.Join(strings.FieldsFunc(text, unicode.IsSpace), "") {
				t.Errorf("%q was read as %q", text, got)
			}
		}
	})
}
