package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"radpush/otp/grid"
)

// A Lesson lets whoever has its code choose the pattern of one user, once (statement 4.2).
type Lesson struct {
	ID      string      `cbor:"1,keyasint"` // SHA-256 of the code, hexadecimal: the record's key
	User    string      `cbor:"2,keyasint"` // the name as added
	Added   int64       `cbor:"3,keyasint"` // User.Added: of a later user of the same name it teaches nothing
	Sheets  grid.Lesson `cbor:"4,keyasint"`
	Expires time.Time   `cbor:"5,keyasint"`
	Tries   int         `cbor:"6,keyasint,omitempty"` // that have failed
}

// lessonTries is how many answers to a lesson may fail.
const lessonTries = 5

// A Mistake is what was wrong with a pattern that a user chose, in words for that user.
type Mistake struct {
	Text string // begins in lower case, without a full stop
	Left int    // further tries; 0: the code is used up
}

func (m *Mistake) Error() string { return "login: " + m.Text }

// First returns a *Mistake if what was typed from the first sheet cannot be a pattern. It
// costs no try.
func (l Lesson) First(typed string) error {
	once := grid.Lesson{Size: l.Sheets.Size, Sheets: [2][]byte{l.Sheets.Sheets[0], l.Sheets.Sheets[0]}}
	if _, err := grid.Learn(once, typed, typed); err != nil {
		m := l.mistake(err)
		m.Text = strings.TrimPrefix(m.Text, "the first time, ") // there is no second yet
		return m
	}
	return nil
}

func (l Lesson) mistake(err error) *Mistake {
	return &Mistake{Text: strings.TrimPrefix(err.Error(), "grid: "), Left: lessonTries - l.Tries}
}

// open reports whether the lesson can be answered.
func (l *Lesson) open(now time.Time) bool { return l != nil && now.Before(l.Expires) }

// NewLesson makes a code, 26 letters and digits of 130 bits, with which a user can choose a
// pattern on a grid of a size.
func (e *Engine) NewLesson(ctx context.Context, name string, size int, valid time.Duration) (code string, err error) {
	u, err := e.User(ctx, name)
	if err != nil {
		return "", err
	}
	code = rand.Text()
	l := Lesson{ID: lessonKey(code), User: u.Name, Added: u.Added, Sheets: grid.NewLesson(size), Expires: time.Now().Add(valid)}
	if l.Sheets.Size == 0 {
		return "", refuse("a grid of %dx%[1]d; %dx%[2]d to %dx%[3]d are possible", size, grid.MinSize, grid.MaxSize)
	}
	err = e.Lessons.Update(ctx, l.ID, func(*Lesson) (*Lesson, error) { return &l, nil })
	if err != nil {
		return "", fmt.Errorf("login: new lesson: %w", err)
	}
	return code, e.changed(ctx, u.Name, "grid enrolment code made")
}

// lessonKey forgives what typing and pasting do to a code.
func lessonKey(code string) string {
	sum := sha256.Sum256([]byte(strings.ToUpper(strings.TrimSpace(code))))
	return hex.EncodeToString(sum[:])
}

// Lesson returns the lesson of a code. One that is unknown, used or expired is
// fs.ErrNotExist.
func (e *Engine) Lesson(ctx context.Context, code string) (Lesson, error) {
	l, err := e.Lessons.Get(ctx, lessonKey(code))
	if err == nil && !l.open(time.Now()) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Lesson{}, fmt.Errorf("login: read lesson: %w", err)
	}
	return l, nil
}

// Learn gives a user the pattern that was typed from the lesson's two sheets, in place of
// the one there was, and uses the code up. A pattern that is none is a *Mistake: then the
// lesson has fresh sheets, as long as tries are left. A code that is unknown, used or
// expired is fs.ErrNotExist.
func (e *Engine) Learn(ctx context.Context, code, first, second string) error {
	var (
		lesson  Lesson
		pattern grid.Pattern
		mistake *Mistake
	)
	err := e.Lessons.Update(ctx, lessonKey(code), func(l *Lesson) (*Lesson, error) {
		mistake = nil
		if !l.open(time.Now()) {
			return nil, fs.ErrNotExist
		}
		lesson = *l
		var wrong error
		if pattern, wrong = grid.Learn(l.Sheets, first, second); wrong == nil {
			return nil, nil
		}
		l.Tries++
		l.Sheets = grid.NewLesson(l.Sheets.Size) // what was typed tells cells of the old ones
		if mistake = l.mistake(wrong); mistake.Left <= 0 {
			return nil, nil
		}
		return l, nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("login: use lesson: %w", err)
	case mistake != nil:
		return mistake
	}
	err = e.update(ctx, lesson.User, func(u *User) (*User, error) {
		if u.Added != lesson.Added {
			return nil, fs.ErrNotExist
		}
		u.setGrid(&pattern)
		return u, nil
	})
	if err != nil {
		return err
	}
	return e.changed(ctx, lesson.User, "grid enrolled")
}

// setGrid replaces the pattern. What was asked by the old one cannot be answered any more,
// and nobody prefers what there is not.
func (u *User) setGrid(p *grid.Pattern) {
	u.Grid = p
	u.dropRoundsOf(ByGrid)
	if !u.has(u.Prefers) {
		u.Prefers = NoMethod
	}
}

// RemoveGrid takes a user's pattern away, and the codes with which a new one could be
// chosen. If there is neither, that is fs.ErrNotExist.
func (e *Engine) RemoveGrid(ctx context.Context, name string) error {
	codes, left := discard(ctx, e.Lessons, func(l Lesson) (string, bool) { return l.ID, UserKey(l.User) == UserKey(name) })
	err := e.update(ctx, name, func(u *User) (*User, error) {
		if u.Grid == nil && codes == 0 {
			return nil, fs.ErrNotExist
		}
		u.setGrid(nil)
		return u, nil
	})
	if err != nil {
		return err
	}
	if left != nil {
		left = fmt.Errorf("login: withdraw lessons: %w", left)
	}
	return errors.Join(e.changed(ctx, name, "grid removed"), left)
}

// TakePicture returns the card of a picture and uses the picture up. One that is unknown,
// used or expired is fs.ErrNotExist after the same work: nothing tells a stranger which.
func (e *Engine) TakePicture(ctx context.Context, key string) (card grid.Card, err error) {
	key = strings.ToUpper(key) // it may have been typed from a prompt
	if e.Pictures == nil || len(key) != pictureKey || strings.Trim(key, base32Alphabet) != "" {
		return grid.Card{}, fs.ErrNotExist
	}
	err = e.Pictures.Update(ctx, key[:picturePlace], func(p *Picture) (*Picture, error) {
		if p == nil || subtle.ConstantTimeCompare([]byte(p.Key), []byte(key)) == 0 || !time.Now().Before(p.Expires) {
			return nil, fs.ErrNotExist
		}
		card = p.Card
		return nil, nil
	})
	if err != nil {
		return grid.Card{}, fmt.Errorf("login: take picture: %w", err)
	}
	return card, nil
}

// PruneGrids removes the pictures that nobody looked at and the lessons that nobody
// finished, if they have expired at a time, and returns how many.
func (e *Engine) PruneGrids(ctx context.Context, now time.Time) (n int, err error) {
	lessons, err := discard(ctx, e.Lessons, func(l Lesson) (string, bool) { return l.ID, !l.open(now) })
	if e.Pictures != nil {
		pictures, perr := discard(ctx, e.Pictures, func(p Picture) (string, bool) { return p.place(), !now.Before(p.Expires) })
		lessons, err = lessons+pictures, errors.Join(err, perr)
	}
	if err != nil {
		return lessons, fmt.Errorf("login: prune grids: %w", err)
	}
	return lessons, nil
}

// discard removes the records that which names by their keys, each in an update of its own,
// and returns how many. One that cannot be read or removed is left; the first such error is
// returned at the end.
func discard[T any](ctx context.Context, records Records[T], which func(T) (key string, ok bool)) (n int, err error) {
	for v, rerr := range records.All(ctx, "") {
		if rerr == nil {
			key, ok := which(v)
			if !ok {
				continue
			}
			rerr = records.Update(ctx, key, func(*T) (*T, error) { return nil, nil })
		}
		if rerr == nil {
			n++
		} else if err == nil {
			err = rerr
		}
	}
	return n, err
}
