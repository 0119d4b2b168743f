package login_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
	"radpush/otp/grid"
	"radpush/store"
)

// withLessons runs a test in virtual time, in a house where alice can choose a pattern.
func withLessons(t *testing.T, f func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.Lessons = store.Table[login.Lesson]{Backend: h.disk, Prefix: "lesson"}
		f(t, h)
	})
}

// lesson makes a lesson of 5x5 for a user and returns its code.
func (h *house) lesson(t *testing.T, user string) string {
	t.Helper()
	code, err := h.NewLesson(t.Context(), user, 5, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// typed is what a user with a pattern types from the sheets of a code.
func (h *house) typed(t *testing.T, code string, p grid.Pattern) (first, second string) {
	t.Helper()
	l, err := h.Lesson(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return numbers(l, 0, p), numbers(l, 1, p)
}

func numbers(l login.Lesson, step int, p grid.Pattern) string {
	var s []string
	for _, cell := range p.Cells {
		s = append(s, fmt.Sprint(l.Sheets.Sheets[step][cell]))
	}
	return strings.Join(s, " ")
}

func (h *house) user(t *testing.T, name string) login.User {
	t.Helper()
	u, err := h.User(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func wantNotExist(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want fs.ErrNotExist", what, err)
	}
}

// From the code to the first login with the pattern.
func TestGrid_4_2_UserChoosesAPattern(t *testing.T) {
	for size := grid.MinSize; size <= grid.MaxSize; size++ {
		withLessons(t, func(t *testing.T, h *house) {
			code, err := h.NewLesson(t.Context(), `EXAMPLE\Alice`, size, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			chosen := grid.Pattern{Size: size, Cells: pattern.Cells}
			first, second := h.typed(t, code, chosen)
			if err := h.Learn(t.Context(), " "+strings.ToLower(code)+"\n", first, second); err != nil {
				t.Fatal(err)
			}
			if p := h.user(t, "alice").Grid; p == nil || p.Size != size || !slices.Equal(p.Cells, chosen.Cells) {
				t.Fatalf("%dx%d: learned %#v", size, size, p)
			}
			var changes []string
			for r, err := range h.Activity.List(t.Context(), login.Filter{User: "alice"}) {
				if err != nil {
					t.Fatal(err)
				}
				changes = append(changes, string(r.Reason))
			}
			if !slices.Contains(changes, "grid enrolled") || !slices.Contains(changes, "grid enrolment code made") {
				t.Errorf("activity: %q", changes)
			}
			v := h.prompted(t, at("g", ""))
			card, err := h.TakePicture(t.Context(), linked(t, v.Message))
			if err != nil {
				t.Fatal(err)
			}
			wantVerdict(t, h.login(t, at(card.Answer(chosen), v.State)), login.Accept, login.CodeAccepted)
		})
	}
}

// linked returns the key of the picture that a prompt links to.
func linked(t *testing.T, prompt string) string {
	t.Helper()
	_, key, ok := strings.Cut(prompt, "https://radpush.example.com:8443/grid/")
	if !ok {
		t.Fatalf("no link in %q", prompt)
	}
	return strings.Fields(key)[0]
}

func TestGrid_4_2_LessonIsGoodOnceInParallel(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		code := h.lesson(t, "alice")
		first, second := h.typed(t, code, pattern)
		var learned atomic.Int32
		var users sync.WaitGroup
		for range 50 {
			users.Go(func() {
				switch err := h.Learn(t.Context(), code, first, second); {
				case err == nil:
					learned.Add(1)
				case !errors.Is(err, fs.ErrNotExist):
					t.Error(err)
				}
			})
		}
		users.Wait()
		if n := learned.Load(); n != 1 {
			t.Errorf("the code was good %d times", n)
		}
		_, err := h.Lesson(t.Context(), code)
		wantNotExist(t, "lesson", err)
	})
}

func TestGrid_4_2_MistakesAreBounded(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		code := h.lesson(t, "alice")
		line := grid.Pattern{Size: 5, Cells: []uint8{0, 1, 2, 3}}
		for left := 4; left >= 0; left-- {
			l, err := h.Lesson(t.Context(), code)
			if err != nil {
				t.Fatal(err)
			}
			for typed, want := range map[string]string{
				numbers(l, 0, pattern): "",
				numbers(l, 0, line):    "others try first",
				"":                     "0 cells; choose 4",
				"x":                    "you typed something that is no digit",
			} {
				err := l.First(typed)
				m, ok := errors.AsType[*login.Mistake](err)
				if ok != (want != "") || ok && (!strings.Contains(m.Text, want) || strings.Contains(m.Text, "grid:") || strings.Contains(m.Text, "time") || m.Left != left+1) {
					t.Errorf("first %q: %v, want %q", typed, err, want)
				}
			}
			before := l.Sheets
			err = h.Learn(t.Context(), code, numbers(l, 0, pattern), numbers(l, 1, line))
			m, ok := errors.AsType[*login.Mistake](err)
			if !ok || m.Left != left || !strings.Contains(m.Text, "the second time you chose other cells") {
				t.Fatalf("%v, want a mistake with %d tries left", err, left)
			}
			if l, err = h.Lesson(t.Context(), code); err == nil && slices.Equal(l.Sheets.Sheets[0], before.Sheets[0]) {
				t.Error("the sheets are shown again after the answers to them")
			}
		}
		_, err := h.Lesson(t.Context(), code)
		wantNotExist(t, "lesson after five mistakes", err)
		if h.user(t, "alice").Grid != nil {
			t.Error("a pattern was learned")
		}
	})
}

func TestGrid_4_2_LessonExpires(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		code := h.lesson(t, "alice")
		first, second := h.typed(t, code, pattern)
		time.Sleep(24 * time.Hour)
		_, err := h.Lesson(t.Context(), code)
		wantNotExist(t, "lesson", err)
		wantNotExist(t, "learn", h.Learn(t.Context(), code, first, second))
		wantNotExist(t, "learn by no code", h.Learn(t.Context(), "", first, second))
		_, err = h.NewLesson(t.Context(), "nobody", 5, time.Hour)
		wantNotExist(t, "lesson for nobody", err)
		for _, size := range []int{-1, 0, 4, 8, 1 << 40} {
			_, err := h.NewLesson(t.Context(), "alice", size, time.Hour)
			if _, ok := errors.AsType[login.Refusal](err); !ok || !strings.Contains(err.Error(), "5x5 to 7x7 are possible") {
				t.Errorf("size %d: %v", size, err)
			}
		}
	})
}

// A code that was given to somebody who has left is no good for the next of that name.
func TestGrid_4_2_LessonIsBoundToItsUser(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		code := h.lesson(t, "alice")
		first, second := h.typed(t, code, pattern)
		if err := h.RemoveUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := h.AddUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		wantNotExist(t, "learn", h.Learn(t.Context(), code, first, second))
		if h.user(t, "alice").Grid != nil {
			t.Error("the new alice has the pattern of the old one")
		}
	})
}

// Whoever has seen the old pattern can do nothing with it once it is replaced or removed.
func TestGrid_4_2_OldPatternIsWorthless(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		for what, change := range map[string]func(){
			"replaced": func() {
				code := h.lesson(t, "alice")
				first, second := h.typed(t, code, grid.Pattern{Size: 5, Cells: []uint8{4, 12, 6, 23}})
				if err := h.Learn(t.Context(), code, first, second); err != nil {
					t.Fatal(err)
				}
			},
			"removed": func() {
				if err := h.RemoveGrid(t.Context(), "alice"); err != nil {
					t.Fatal(err)
				}
				if u := h.user(t, "alice"); u.Grid != nil || u.Prefers != login.NoMethod {
					t.Errorf("left: %#v, preferred: %q", u.Grid, u.Prefers)
				}
			},
		} {
			h.set(t, func(u *login.User) { u.Grid, u.Prefers = &pattern, login.ByGrid })
			a := at("g", "")
			a.Station = what
			v := h.prompted(t, a)
			change()
			a.State, a.Passcode = v.State, text(readCard(t, v.Message).Answer(pattern))
			wantVerdict(t, h.login(t, a), login.Reject, login.UnknownState)
		}
	})
}

func TestGrid_4_2_RemovedWithItsLessons(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		if _, err := h.AddUser(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		wantNotExist(t, "nothing to remove", h.RemoveGrid(t.Context(), "alice"))
		wantNotExist(t, "nobody", h.RemoveGrid(t.Context(), "nobody"))
		alices, bobs := h.lesson(t, "alice"), h.lesson(t, "bob")
		if err := h.RemoveGrid(t.Context(), `example\ALICE`); err != nil {
			t.Error(err)
		}
		_, err := h.Lesson(t.Context(), alices)
		wantNotExist(t, "lesson of alice", err)
		if _, err := h.Lesson(t.Context(), bobs); err != nil {
			t.Errorf("lesson of bob: %v", err)
		}
	})
}

// A store that does not write is nobody's mistake, and uses a code up but does not let it
// be used again.
func TestGrid_5_5_LessonOnABrokenStore(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		code := h.lesson(t, "alice")
		first, second := h.typed(t, code, pattern)
		broken := errors.New("disk full")
		failing := "lesson/"
		h.disk.Fail = func(key string) error {
			if strings.HasPrefix(key, failing) {
				return broken
			}
			return nil
		}
		for range 2 {
			if err := h.Learn(t.Context(), code, first, second); !errors.Is(err, broken) {
				t.Errorf("lessons cannot be written: %v", err)
			}
		}
		failing = "user/"
		if err := h.Learn(t.Context(), code, first, second); !errors.Is(err, broken) {
			t.Errorf("users cannot be written: %v", err)
		}
		h.disk.Fail = nil
		wantNotExist(t, "once more", h.Learn(t.Context(), code, first, second))
		if h.user(t, "alice").Grid != nil {
			t.Error("a pattern was learned")
		}
	})
}

func TestGrid_4_2_PictureIsTakenOnceInParallel(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		h.set(t, func(u *login.User) { u.Grid = &pattern })
		v := h.prompted(t, at("g", ""))
		key := linked(t, v.Message)
		var cards sync.Map
		var taken atomic.Int32
		var lookers sync.WaitGroup
		for range 50 {
			lookers.Go(func() {
				card, err := h.TakePicture(t.Context(), strings.ToLower(key))
				if err == nil {
					taken.Add(1)
					cards.Store("card", card)
				} else if !errors.Is(err, fs.ErrNotExist) || card != (grid.Card{}) {
					t.Errorf("%+v, %v", card, err)
				}
			})
		}
		lookers.Wait()
		card, _ := cards.Load("card")
		if taken.Load() != 1 || card != readCard(t, v.Message) {
			t.Errorf("taken %d times: %+v", taken.Load(), card)
		}
		wantVerdict(t, h.login(t, at(readCard(t, v.Message).Answer(pattern), v.State)), login.Accept, login.CodeAccepted)
	})
}

func TestGrid_4_2_PictureExpiresAndHostileKeys(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		h.set(t, func(u *login.User) { u.Grid = &pattern })
		key := linked(t, h.prompted(t, at("g", "")).Message)
		writes := 0
		h.disk.Fail = func(string) error { writes++; return nil }
		for _, bad := range []string{
			"", "/", "..", key[1:], key + "A", key[:25] + "/", key[:25] + "\x00", key[:25] + "1", key[:6] + strings.Repeat("A", 20), strings.Repeat("A", 26),
			strings.Repeat("A", 4<<10), "\xff" + key[1:], strings.Repeat("ſ", 13), "picture/" + key,
		} {
			_, err := h.TakePicture(t.Context(), bad)
			wantNotExist(t, fmt.Sprintf("%.30q", bad), err)
		}
		time.Sleep(5 * time.Minute)
		_, err := h.TakePicture(t.Context(), key)
		wantNotExist(t, "expired picture", err)
		if writes != 0 {
			t.Errorf("what there is not cost %d writes", writes)
		}
		h.Pictures = nil
		_, err = h.TakePicture(t.Context(), key)
		wantNotExist(t, "no pictures", err)
	})
}

func TestGrid_4_2_PruneRemovesWhatHasExpired(t *testing.T) {
	withLessons(t, func(t *testing.T, h *house) {
		h.set(t, func(u *login.User) { u.Grid = &pattern })
		h.lesson(t, "alice")
		h.prompted(t, at("g", ""))
		time.Sleep(24*time.Hour - time.Minute)
		open := h.lesson(t, "alice")
		elsewhere := at("g", "")
		elsewhere.Station = "203.0.113.9"
		picture := linked(t, h.prompted(t, elsewhere).Message)
		time.Sleep(time.Minute)
		unreadable := "lesson/!" // comes first
		err := h.disk.Update(t.Context(), unreadable, func([]byte) ([]byte, error) { return []byte("x"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := h.PruneGrids(t.Context(), time.Now()); n != 2 || err == nil || !strings.Contains(err.Error(), unreadable[len("lesson/"):]) {
			t.Errorf("pruned %d: %v", n, err)
		}
		if _, err := h.Lesson(t.Context(), open); err != nil {
			t.Error(err)
		}
		if _, err := h.TakePicture(t.Context(), picture); err != nil {
			t.Error(err)
		}
		for e, err := range h.disk.Scan(t.Context(), "") {
			if err != nil || strings.HasPrefix(e.Key, "picture/") {
				t.Errorf("left: %s, %v", e.Key, err)
			}
		}
	})
}
