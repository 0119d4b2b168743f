// Package grid makes one-time codes from a pattern that a user remembers.
//
// The user's secret is a [Pattern]: some cells of a square grid, in an order. A login
// shows a [Card], the grid filled with fresh digits, and the user types the digits that
// stand on the pattern's cells. [Lesson] and [Learn] are how a pattern is enrolled without
// its cells ever being named. Everything here is a value: the caller stores it, uses each
// card once, counts failures and compares in constant time.
//
// A pattern is something the user knows, as a PIN is, and whoever sees cards and answers
// learns it. How many patterns are left on average after whole logins were seen, and for
// how many users only the right one is left, whichever they chose:
//
//	grid, cells   1 login   2 logins    3 logins     4 logins
//	5x5, 4             37   1.4  67%    1.03  97%    1.00  99.9%
//	5x5, 6            190   1.7  55%    1.04  96%    1.00  99.8%
//	6x6, 4            160   2.0  45%    1.06  94%    1.01  99.4%
//	6x6, 6          1,700   2.8  30%    1.09  91%    1.01  99.2%
//	7x7, 4            520   2.9  26%    1.10  91%    1.01  99.3%
//	7x7, 6         11,000   4.9  14%    1.16  86%    1.01  98.6%
//
// BenchmarkObserver measures this. Larger grids and longer patterns make guessing harder,
// not watching: three logins reveal nearly every pattern, so one that was used before
// somebody's eyes has to be changed, and a grid never stands in for the first factor.
package grid

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// What a pattern may be.
const (
	MinSize, MaxSize     = 5, 7  // cells a side of the grid
	MinLength, MaxLength = 4, 10 // cells of a pattern
)

// A Pattern is a user's secret: cells of a grid in the order in which they are read. It
// prints, logs and marshals to text as "[pattern]"; CBOR keeps it whole.
type Pattern struct {
	Size  int     `cbor:"1,keyasint"` // cells a side
	Cells []uint8 `cbor:"2,keyasint"` // row by row from the top left, which is 0
}

func (p Pattern) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, p.String()) }
func (p Pattern) LogValue() slog.Value         { return slog.StringValue(p.String()) }
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
func (p Pattern) String() string               { return "[pattern]" }

// Check returns an error, in words for the user who chose the pattern, if it cannot be
// one, or if it is a figure that others would guess first: a line, evenly spaced cells in
// reading order, a symmetric set such as the four corners, a block or a cross, corners with
// middles of sides and the centre, or a walk over neighbours with few or regular bends, as
// letters, stairs and spirals are. On 5x5 that is one pattern of four cells in 27.
func (p Pattern) Check() error {
	if err := p.sound(); err != nil {
		return err
	}
	if figure := p.figure(); figure != "" {
		return fmt.Errorf("grid: the cells %s, which others try first; scatter them", figure)
	}
	return nil
}

// sound returns what makes the pattern no pattern at all.
func (p Pattern) sound() error {
	if p.Size < MinSize || p.Size > MaxSize {
		return fmt.Errorf("grid: a grid of %dx%[1]d; %dx%[2]d to %dx%[3]d are possible", p.Size, MinSize, MaxSize)
	}
	if len(p.Cells) < MinLength || len(p.Cells) > MaxLength {
		return fmt.Errorf("grid: %d cells; choose %d to %d", len(p.Cells), MinLength, MaxLength)
	}
	var seen uint64
	for _, cell := range p.Cells {
		switch bit := uint64(1) << cell; {
		case int(cell) >= p.Size*p.Size:
			return errors.New("grid: a cell is not on the grid")
		case seen&bit != 0:
			return errors.New("grid: a cell comes twice; choose each cell once")
		default:
			seen |= bit
		}
	}
	return nil
}
