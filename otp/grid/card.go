package grid

import (
	"bytes"
	"crypto/rand"
)

// A Card is one challenge: a grid of digits.
//
// The digits are shuffled, but each is on almost as many cells as the others: on 5x5 on two
// or three. Were they independent, a card would have one digit in abundance now and then,
// and whoever knows the password could ask for cards until it does: of four cells on 5x5 a
// guess is right once in 3,700 on every card of ours, but about once in 100 on the best of
// a thousand such cards. The price: two logins that somebody saw reveal two patterns of
// three and not two of five; after three there is little difference.
type Card struct {
	Size   int    `cbor:"1,keyasint"` // cells a side
	Digits string `cbor:"2,keyasint"` // row by row from the top left
}

// NewCard returns a fresh card of a size that a pattern may have. Of another size it
// returns the zero Card, which nobody can answer.
func NewCard(size int) Card {
	if size < MinSize || size > MaxSize {
		return Card{}
	}
	digits := []byte("0123456789")
	shuffle(digits) // some come once more than others
	cells := bytes.Repeat(digits, size*size/len(digits)+1)[:size*size]
	shuffle(cells)
	return Card{size, string(cells)}
}

// Answer returns what the user of a pattern has to type: a digit a cell. If the pattern
// does not go with the card (the user may have changed it while the card was shown) it is
// a random text that nobody can type; an empty one would equal an empty passcode.
func (c Card) Answer(p Pattern) string {
	if p.sound() != nil || p.Size != c.Size || len(c.Digits) != c.Size*c.Size {
		return rand.Text()
	}
	answer := make([]byte, len(p.Cells))
	for i, cell := range p.Cells {
		answer[i] = c.Digits[cell]
	}
	return string(answer)
}

// shuffle puts at most 256 things into an order drawn from crypto/rand, every order
// equally likely (Fisher and Yates).
func shuffle[T any](s []T) {
	var random [64]byte
	left := random[:0]
	for n := len(s); n > 1; {
		if len(left) == 0 {
			rand.Read(random[:])
			left = random[:]
		}
		b := int(left[0])
		left = left[1:]
		if b < 256-256%n { // above, some remainders would have one chance more
			s[b%n], s[n-1] = s[n-1], s[b%n]
			n--
		}
	}
}
