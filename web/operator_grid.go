package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radpush/login"
	"radpush/web/wire"
)

// A LessonRequest asks for a code with which a user chooses a pattern.
type LessonRequest struct {
	Size  int `json:"size" enum:"5,6,7" default:"5" required:"false" doc:"Cells a side of the grid."`
	Valid int `json:"valid" minimum:"60" maximum:"2592000" default:"86400" required:"false" doc:"Seconds that the code is good for."`
}

// A Lesson is a code with which a user chooses a pattern, once.
type Lesson struct {
	Code    string    `json:"code"`
	Link    string    `json:"link" doc:"A page where the user does it alone."`
	Expires time.Time `json:"expires"`
	Sheets  []string  `json:"sheets" nullable:"false" doc:"The two sheets as text, for an operator who shows them to the user."`
}

// A LessonAnswer is what a user typed from both sheets of a lesson.
type LessonAnswer struct {
	Code   string `json:"code" maxLength:"128"`
	First  string `json:"first" maxLength:"256"`
	Second string `json:"second" maxLength:"256"`
}

func (o *Operator) registerGrids(api huma.API, operation func(id, method, path, summary string) huma.Operation) {
	huma.Register(api, operation("new-lesson", http.MethodPost, "user/lesson", "Make a code with which a user chooses a pattern"), o.newLesson)
	huma.Register(api, operation("learn", http.MethodPost, "lesson", "Give a user the pattern that was typed"), o.learn)
	huma.Register(api, operation("remove-grid", http.MethodDelete, "user/grid", "Take a user's pattern away"), o.removeGrid)
}

func (o *Operator) newLesson(ctx context.Context, in *struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	Body LessonRequest
}) (*body[Lesson], error) {
	code, err := o.People.NewLesson(ctx, in.User, in.Body.Size, time.Duration(in.Body.Valid)*time.Second)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	l, err := o.People.Lesson(ctx, code)
	return reply(Lesson{Code: code, Link: strings.TrimSuffix(o.URL, "/") + "/grid/enrol/" + code, Expires: l.Expires,
		Sheets: []string{l.Sheets.Text(0), l.Sheets.Text(1)}}, err)
}

func (o *Operator) learn(ctx context.Context, in *body[LessonAnswer]) (*struct{}, error) {
	err := o.People.Learn(ctx, in.Body.Code, in.Body.First, in.Body.Second)
	if m, ok := errors.AsType[*login.Mistake](err); ok {
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, m.Text)
	}
	return nil, about("such code, or it is used up or has expired", err)
}

func (o *Operator) removeGrid(ctx context.Context, in *byUser) (*struct{}, error) {
	return nil, about(fmt.Sprintf("pattern of user %q", in.User), o.People.RemoveGrid(ctx, in.User))
}

// NewLesson makes a code with which a user chooses a pattern on a grid of a size, good for
// a time, in whole seconds.
func (c *OperatorClient) NewLesson(ctx context.Context, name string, size int, valid time.Duration) (Lesson, error) {
	return call[Lesson](ctx, c, http.MethodPost, "user/lesson", user(name), LessonRequest{Size: size, Valid: int(valid / time.Second)})
}

// Learn gives the user of a code the pattern that was typed from the two sheets, and uses
// the code up.
func (c *OperatorClient) Learn(ctx context.Context, code, first, second string) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, "lesson", nil, LessonAnswer{code, first, second})
	return err
}

// RemoveGrid takes a user's pattern away, and codes with which a new one could be chosen.
func (c *OperatorClient) RemoveGrid(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, "user/grid", user(name), nil)
	return err
}
