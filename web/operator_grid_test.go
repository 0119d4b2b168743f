package web_test

import (
	"errors"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"radpush/otp/grid"
	"radpush/web"
	"radpush/web/wire"
)

func TestOperatorTeachesAPattern(t *testing.T) {
	w := newGridWorld(t)
	o, ctx := w.client(), t.Context()
	chosen := func(l web.Lesson, step int, cells ...uint8) (typed string) {
		numbers := regexp.MustCompile(`\d+`).FindAllString(l.Sheets[step], -1)
		for _, cell := range cells {
			typed += " " + numbers[cell]
		}
		return typed
	}
	l, err := o.NewLesson(ctx, "alice", 6, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if l.Link != "https://radpush.example/grid/enrol/"+l.Code || time.Until(l.Expires).Round(time.Minute) != time.Hour || len(l.Sheets) != 2 {
		t.Errorf("%+v", l)
	}
	b := w.browse(t)
	b.open(strings.TrimPrefix(l.Link, b.base))
	b.at(200, titleOne)

	err = o.Learn(ctx, l.Code, chosen(l, 0, 0, 1, 2, 3), chosen(l, 1, 0, 1, 2, 3))
	if p, ok := errors.AsType[*wire.Problem](err); !ok || p.Status != http.StatusUnprocessableEntity || p.Detail != "the cells lie on one line, which others try first; scatter them" {
		t.Errorf("a line: %v", err)
	}
	if l, err = o.NewLesson(ctx, "alice", 6, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := o.Learn(ctx, l.Code, chosen(l, 0, 30, 4, 17, 9), chosen(l, 1, 30, 4, 17, 9)); err != nil {
		t.Fatal(err)
	}
	if u, err := w.engine.User(ctx, "alice"); err != nil || u.Grid == nil || u.Grid.Size != 6 {
		t.Errorf("learned %#v, %v", u.Grid, err)
	}
	if err := o.Learn(ctx, l.Code, "", ""); !errors.Is(err, fs.ErrNotExist) || err.Error() != "there is no such code, or it is used up or has expired" {
		t.Errorf("once more: %v", err)
	}
	if err := o.RemoveGrid(ctx, "alice"); err != nil {
		t.Error(err)
	}
	if err := o.RemoveGrid(ctx, "alice"); !errors.Is(err, fs.ErrNotExist) || err.Error() != `there is no pattern of user "alice"` {
		t.Errorf("once more: %v", err)
	}
	for name, call := range map[string]func() error{
		"size":      func() error { _, err := o.NewLesson(ctx, "alice", grid.MaxSize+1, time.Hour); return err },
		"too short": func() error { _, err := o.NewLesson(ctx, "alice", 5, time.Second); return err },
		"too long":  func() error { _, err := o.NewLesson(ctx, "alice", 5, 31*24*time.Hour); return err },
		"long code": func() error { return o.Learn(ctx, strings.Repeat("A", 129), "", "") },
		"long text": func() error { return o.Learn(ctx, "A", strings.Repeat("1", 257), "") },
	} {
		if p, ok := errors.AsType[*wire.Problem](call()); !ok || p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v", name, p)
		}
	}
	if _, err := o.NewLesson(ctx, "nobody", 5, time.Hour); !errors.Is(err, fs.ErrNotExist) || err.Error() != `there is no user "nobody"` {
		t.Errorf("nobody: %v", err)
	}
}
