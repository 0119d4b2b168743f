package grid

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode"
)

// A Lesson is how a user tells a pattern: two sheets, shown one after the other, on which
// every cell has a number of two digits that no other cell of the sheet has. The user
// types the numbers on the chosen cells, in order, from each sheet, and [Learn] finds the
// cells. The numbers differ from sheet to sheet, so whoever only remembers numbers is
// found out.
//
// A lesson is no secret, but with what was typed it is: use it once.
type Lesson struct {
	Size   int       `cbor:"1,keyasint"` // cells a side
	Sheets [2][]byte `cbor:"2,keyasint"` // numbers from 10 to 99, row by row
}

// NewLesson returns a fresh lesson of a size that a pattern may have. Of another size it
// returns the zero Lesson, of which nothing can be learned.
func NewLesson(size int) (l Lesson) {
	if size < MinSize || size > MaxSize {
		return l
	}
	l.Size = size
	for i := range l.Sheets {
		numbers := make([]byte, 90)
		for j := range numbers {
			numbers[j] = byte(10 + j)
		}
		shuffle(numbers)
		l.Sheets[i] = numbers[: size*size : size*size]
	}
	return l
}

// Learn returns the pattern of a user who typed first from the lesson's first sheet and
// second from its second, with or without white space. Its errors are for that user, and
// do not tell the cells.
func Learn(l Lesson, first, second string) (Pattern, error) {
	for _, sheet := range l.Sheets {
		if l.Size < MinSize || l.Size > MaxSize || len(sheet) != l.Size*l.Size {
			return Pattern{}, errors.New("grid: this is no lesson; begin again")
		}
	}
	cells, err := find(l.Sheets[0], first)
	if err != nil {
		return Pattern{}, fmt.Errorf("grid: the first time, %w", err)
	}
	again, err := find(l.Sheets[1], second)
	if err != nil {
		return Pattern{}, fmt.Errorf("grid: the second time, %w", err)
	}
	if !slices.Equal(cells, again) {
		return Pattern{}, errors.New("grid: the second time you chose other cells, or another order; begin again")
	}
	p := Pattern{l.Size, cells}
	if err := p.Check(); err != nil {
		return Pattern{}, err
	}
	return p, nil
}

// find returns the cells of a sheet whose numbers were typed.
func find(sheet []byte, typed string) (cells []uint8, err error) {
	ten := -1 // the first digit of a number that waits for its second
	for _, r := range typed {
		switch {
		case unicode.IsSpace(r):
		case r < '0' || r > '9':
			return nil, errors.New("you typed something that is no digit")
		case len(cells) == MaxLength:
			return nil, errors.New("you typed more than " + strconv.Itoa(MaxLength) + " numbers")
		case ten < 0:
			ten = int(r - '0')
		default:
			cell := bytes.IndexByte(sheet, byte(10*ten+int(r-'0')))
			if cell < 0 {
				return nil, errors.New("you typed a number that was not on the grid")
			}
			cells, ten = append(cells, uint8(cell)), -1
		}
	}
	if ten >= 0 {
		return nil, errors.New("a digit was missing: every number has two")
	}
	return cells, nil
}
