package grid

import (
	"fmt"
	"slices"
	"testing"
	"testing/cryptotest"
)

// An observer has seen whole logins: cards, and what was typed.
type observer struct {
	cards   []Card
	answers []string
}

func (o *observer) see(c Card, answer string) {
	o.cards, o.answers = append(o.cards, c), append(o.answers, answer)
}

// left counts the patterns that explain all that was seen and that Check allows.
func (o *observer) left() (n int) {
	p := Pattern{Size: o.cards[0].Size}
	explains := func(i int, cell uint8) bool {
		for j, c := range o.cards {
			if c.Digits[cell] != o.answers[j][i] {
				return false
			}
		}
		return true
	}
	var choose func(i int)
	choose = func(i int) {
		if i == len(o.answers[0]) {
			if p.figure() == "" {
				n++
			}
			return
		}
		for cell := range uint8(p.Size * p.Size) {
			if explains(i, cell) && !slices.Contains(p.Cells, cell) {
				p.Cells = append(p.Cells, cell)
				choose(i + 1)
				p.Cells = p.Cells[:i]
			}
		}
	}
	choose(0)
	return n
}

const maxSeen = 4

// observe lets somebody see 1 to maxSeen logins of one user, and returns how many patterns
// are left after each.
func observe(size, length int) (left [maxSeen]int) {
	var o observer
	p := chosen(size, length)
	for i := range left {
		card := NewCard(size)
		o.see(card, card.Answer(p))
		left[i] = o.left()
	}
	return left
}

// What the package comment says of three logins.
func TestGrid_4_2_ThreeObservedLoginsRevealThePattern(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	const users = 500
	var sum, alone [maxSeen]int
	for range users {
		for i, left := range observe(5, 4) {
			sum[i] += left
			if left == 1 {
				alone[i]++
			}
			if left < 1 {
				t.Fatalf("after %d logins the user's own pattern is not among those left", i+1)
			}
		}
	}
	t.Logf("of %d patterns revealed after 1, 2, 3, 4 logins: %d", users, alone)
	switch {
	case sum[0] < 30*users || alone[0] > 0:
		t.Errorf("one login leaves %d patterns, and only one of %d users", sum[0]/users, alone[0])
	case alone[1] < users*55/100 || alone[1] > users*75/100:
		t.Errorf("two logins reveal %d of %d", alone[1], users)
	case alone[2] < users*94/100:
		t.Errorf("three logins reveal %d of %d", alone[2], users)
	case alone[3] < users*99/100:
		t.Errorf("four logins reveal %d of %d", alone[3], users)
	}
}

// guesses returns how many patterns the most common answer to a card stands for: of each
// digit the first use has as many cells as there are, the next one fewer.
func guesses(c Card, length int) int {
	var factors []int
	for d := range 10 {
		n := 0
		for i := range c.Digits {
			if int(c.Digits[i]-'0') == d {
				n++
				factors = append(factors, n)
			}
		}
	}
	slices.Sort(factors)
	product := 1
	for _, f := range factors[len(factors)-length:] {
		product *= f
	}
	return product
}

// Somebody who has the password may ask for cards until one is easy to guess: the digits
// are even so that none is.
func TestGrid_4_2_GuessingACard(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	for _, v := range []struct{ size, all, most int }{ // most: patterns of 4 cells that one answer stands for
		{5, 25 * 24 * 23 * 22, 3 * 3 * 3 * 3},
		{6, 36 * 35 * 34 * 33, 4 * 4 * 4 * 4},
		{7, 49 * 48 * 47 * 46, 5 * 5 * 5 * 5},
	} {
		independent := 0
		for range 1000 {
			if n := guesses(NewCard(v.size), 4); n != v.most {
				t.Fatalf("%dx%[1]d: the best guess is right for %d patterns, want %d", v.size, n, v.most)
			}
			var random [49]byte
			for i := range random {
				ten := []byte("0123456789")
				shuffle(ten)
				random[i] = ten[0]
			}
			independent = max(independent, guesses(Card{v.size, string(random[:v.size*v.size])}, 4))
		}
		t.Logf("%dx%[1]d: a guess is right once in %d; if digits were independent, on the best of 1000 cards once in %d",
			v.size, v.all/v.most, v.all/independent)
		if v.all/v.most < 3000 || independent < 4*v.most {
			t.Errorf("%dx%[1]d: %d of %d patterns against %d", v.size, v.most, v.all, independent)
		}
	}
}

// BenchmarkObserver measures the package comment's table: the patterns left after n logins
// (mean) and the share of users whose pattern is the only one left.
func BenchmarkObserver(b *testing.B) {
	for size := MinSize; size <= MaxSize; size++ {
		for length := 4; length <= 6; length++ {
			b.Run(fmt.Sprintf("%dx%[1]d/%d", size, length), func(b *testing.B) {
				var sum, alone [maxSeen]int
				for b.Loop() {
					for i, left := range observe(size, length) {
						sum[i] += left
						if left == 1 {
							alone[i]++
						}
					}
				}
				for i := range sum {
					b.ReportMetric(float64(sum[i])/float64(b.N), fmt.Sprintf("left-%d", i+1))
					b.ReportMetric(100*float64(alone[i])/float64(b.N), fmt.Sprintf("%%revealed-%d", i+1))
				}
			})
		}
	}
}
