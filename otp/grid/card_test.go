package grid

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/cryptotest"
)

// chosen returns a random pattern that passes Check.
func chosen(size, length int) Pattern {
	cells := make([]uint8, size*size)
	for i := range cells {
		cells[i] = uint8(i)
	}
	for {
		shuffle(cells)
		if p := (Pattern{size, append([]uint8(nil), cells[:length]...)}); p.Check() == nil {
			return p
		}
	}
}

func TestGrid_4_2_AnswerIsTheDigitsOnThePattern(t *testing.T) {
	card := Card{5, "31415" + "92653" + "58979" + "32384" + "62643"}
	for _, v := range []struct{ picture, want string }{
		{"1.... ...2. 4.... ..3.. .....", "3535"},
		{"..... 6...5 ..4.. 3...2 ....1", "343939"},
		{"..8.. .41.. ..6.. 57..3 9.2.0", "6642392463"},
	} {
		if got := card.Answer(drawn(v.picture)); got != v.want {
			t.Errorf("%s: %s, want %s", v.picture, got, v.want)
		}
	}
}

// What does not go together must not be answered by an empty passcode, or by anything
// else that could be typed twice.
func TestGrid_4_2_NoAnswerWithoutItsPattern(t *testing.T) {
	good := chosen(5, 4)
	for name, v := range map[string]struct {
		card    Card
		pattern Pattern
	}{
		"no pattern":          {NewCard(5), Pattern{}},
		"no cells":            {NewCard(5), Pattern{Size: 5}},
		"other size":          {NewCard(6), good},
		"no card":             {Card{}, good},
		"no card, no pattern": {Card{}, Pattern{}},
		"impossible size":     {NewCard(16), Pattern{Size: 16, Cells: good.Cells}},
		"digits cut off":      {Card{5, "123456"}, good},
		"cell not on it":      {NewCard(5), Pattern{5, []uint8{1, 7, 20, 25}}},
	} {
		first, second := v.card.Answer(v.pattern), v.card.Answer(v.pattern)
		if len(first) < 20 || first == second {
			t.Errorf("%s: the answer is %q, then %q", name, first, second)
		}
	}
}

// Every digit is as likely on every cell, and hardly more often on the card than another.
func TestGrid_4_2_CardsAreFreshAndEven(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	for size := MinSize; size <= MaxSize; size++ {
		const cards = 20_000
		cells := size * size
		seen := make(map[string]bool)
		count := make([][10]int, cells)
		equal := make([]int, cells) // to the next cell
		for range cards {
			card := NewCard(size)
			if seen[card.Digits] || card.Size != size || len(card.Digits) != cells {
				t.Fatalf("%dx%[1]d: %d digits for size %d, or seen before", size, len(card.Digits), card.Size)
			}
			seen[card.Digits] = true
			for d := range 10 {
				if n := strings.Count(card.Digits, string(rune('0'+d))); n < cells/10 || n > cells/10+1 {
					t.Fatalf("%dx%[1]d: %d stands on %d cells", size, d, n)
				}
			}
			for i := range cells {
				count[i][card.Digits[i]-'0']++
				if card.Digits[i] == card.Digits[(i+1)%cells] {
					equal[i]++
				}
			}
		}
		low, more := cells/10, cells%10 // so many cells a digit; so many digits on one more
		pair := float64((10-more)*low*(low-1)+more*(low+1)*low) / float64(cells*(cells-1))
		for i := range cells {
			for d, n := range count[i] {
				near(t, fmt.Sprintf("%dx%[1]d: %d on cell %d", size, d, i), n, cards, 0.1)
			}
			near(t, fmt.Sprintf("%dx%[1]d: cell %d equal to the next", size, i), equal[i], cards, pair)
		}
	}
}

// near fails if n of all is further from its probability than chance explains.
func near(t *testing.T, what string, n, all int, probability float64) {
	t.Helper()
	mean := float64(all) * probability
	if math.Abs(float64(n)-mean) > 5*math.Sqrt(mean*(1-probability)) {
		t.Errorf("%s: %d of %d, want %.0f", what, n, all, mean)
	}
}

func BenchmarkNewCard(b *testing.B) {
	for size := MinSize; size <= MaxSize; size++ {
		b.Run(fmt.Sprintf("%dx%[1]d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				NewCard(size)
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	card, p := NewCard(7), chosen(7, 6)
	b.ReportAllocs()
	for b.Loop() {
		card.Answer(p)
	}
}
