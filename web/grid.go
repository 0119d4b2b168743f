package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"radpush/login"
	"radpush/otp/grid"
)

// Grids are the pictures of grids and the lessons by which users choose a pattern.
// *login.Engine is one. What is unknown, used up or expired is fs.ErrNotExist.
type Grids interface {
	TakePicture(ctx context.Context, key string) (grid.Card, error)
	NewLesson(ctx context.Context, user string, size int, valid time.Duration) (code string, err error)
	Lesson(ctx context.Context, code string) (login.Lesson, error)
	// Learn uses the code up; a pattern that cannot be is a *login.Mistake.
	Learn(ctx context.Context, code, first, second string) error
	RemoveGrid(ctx context.Context, user string) error
}

// gridPages are what people open in a browser (statement 4.2). A GET changes nothing (RFC
// 9110, section 9.2.1): mail scanners, previews of links and browsers that load ahead follow
// every link they see, and would use up a picture that is good once before its user comes.
// So the link leads to a door, the same for every key, and only its button takes the picture.
type gridPages struct {
	*deviceAPI
	policy string // Content-Security-Policy
	forms  *http.CrossOriginProtection
}

//go:embed grid.html
var gridText string

var gridTemplates = template.Must(template.New("grid").Parse(gridText))

// gridPolicy lets a page of the grid be styled by what is in it now, and send its form to us.
func gridPolicy() string {
	policy := "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src"
	for _, text := range []string{gridText, string(grid.NewCard(grid.MinSize).SVG())} {
		_, style, _ := strings.Cut(text, "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		policy += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return policy
}

func (a *deviceAPI) addGridPages(mux *http.ServeMux) {
	p := &gridPages{a, gridPolicy(), http.NewCrossOriginProtection()}
	mux.HandleFunc("GET /grid/{key}", p.door)
	mux.HandleFunc("POST /grid/{key}", p.picture)
	mux.HandleFunc("GET /grid/enrol/{code}", p.lesson)
	mux.Handle("POST /grid/enrol/{code}", bounded(http.HandlerFunc(p.learn)))
}

func (p *gridPages) door(w http.ResponseWriter, _ *http.Request) {
	p.show(w, http.StatusOK, "door", nil)
}

// picture shows a card inside of a page: on its own, a phone's browser would show it as small
// as on a desk.
func (p *gridPages) picture(w http.ResponseWriter, r *http.Request) {
	if !p.fromUs(w, r) {
		return
	}
	card, err := p.Grids.TakePicture(r.Context(), r.PathValue("key"))
	if err != nil {
		p.end(w, err, "no-picture")
		return
	}
	p.show(w, http.StatusOK, "picture", gridPage{SVG: template.HTML(card.SVG()), Text: card.Text()})
}

func (p *gridPages) lesson(w http.ResponseWriter, r *http.Request) {
	l, err := p.Grids.Lesson(r.Context(), r.PathValue("code"))
	if err != nil {
		p.end(w, err, "no-lesson")
		return
	}
	p.step(w, l, "", "")
}

// learn takes what was typed from the first sheet and shows the second, or takes both. The
// first stays in the form meanwhile: the browser that it came from may know it.
func (p *gridPages) learn(w http.ResponseWriter, r *http.Request) {
	if !p.fromUs(w, r) {
		return
	}
	// Of two steps one must not be lost because the browser hangs up in between.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerTime)
	defer cancel()
	code, first := r.PathValue("code"), strings.Join(strings.Fields(r.PostFormValue("first")), " ")
	l, err := p.Grids.Lesson(ctx, code)
	if err != nil {
		p.end(w, err, "no-lesson")
		return
	}
	if !r.PostForm.Has("second") {
		if m, ok := errors.AsType[*login.Mistake](l.First(first)); ok {
			p.step(w, l, "", sentence(m.Text))
			return
		}
		p.step(w, l, first, "")
		return
	}
	err = p.Grids.Learn(ctx, code, first, r.PostForm.Get("second"))
	m, ok := errors.AsType[*login.Mistake](err)
	switch {
	case err == nil:
		p.show(w, http.StatusOK, "done", nil)
	case !ok:
		p.end(w, err, "no-lesson")
	case m.Left == 0:
		p.show(w, http.StatusUnprocessableEntity, "no-tries", gridPage{Mistake: sentence(m.Text)})
	default:
		if l, err = p.Grids.Lesson(ctx, code); err != nil {
			p.end(w, err, "no-lesson")
			return
		}
		p.step(w, l, "", fmt.Sprintf("%s Tries left: %d.", sentence(m.Text), m.Left))
	}
}

// A gridPage is what a page with a grid shows.
type gridPage struct {
	SVG  template.HTML
	Text string

	User, Organization string
	First              string // typed from the first sheet; "": the page is the first step
	Mistake            string
}

// step shows the sheet that is to be typed from next.
func (p *gridPages) step(w http.ResponseWriter, l login.Lesson, first, mistake string) {
	step, status := 0, http.StatusOK
	if first != "" {
		step = 1
	}
	if mistake != "" {
		status = http.StatusUnprocessableEntity
	}
	p.show(w, status, "lesson", gridPage{
		SVG: template.HTML(l.Sheets.SVG(step)), Text: l.Sheets.Text(step),
		User: l.User, Organization: p.Organization, First: first, Mistake: mistake,
	})
}

// end shows why there is nothing to show; missing is the page for what is not there.
func (p *gridPages) end(w http.ResponseWriter, err error, missing string) {
	if errors.Is(err, fs.ErrNotExist) {
		p.show(w, http.StatusNotFound, missing, nil)
		return
	}
	broken := p.broken(err)
	p.show(w, broken.Status, "broken", broken.Detail)
}

// fromUs reports whether a form came from one of our pages. If it did not, it has answered.
func (p *gridPages) fromUs(w http.ResponseWriter, r *http.Request) bool {
	err := p.forms.Check(r)
	if err != nil {
		p.show(w, http.StatusForbidden, "foreign", nil)
	}
	return err == nil
}

func (p *gridPages) show(w http.ResponseWriter, status int, page string, v any) {
	var b bytes.Buffer
	if err := gridTemplates.ExecuteTemplate(&b, page, v); err != nil {
		p.Log.Error("web: page of the grid", "page", page, "err", err) // a fault of ours: tests see all pages
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	// With no-referrer a form is sent with "Origin: null", and where a browser has no
	// Sec-Fetch-Site to say otherwise (Safari before 16.4) that is a foreign one.
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // nobody to tell: the peer has gone
}

// sentence makes one of a text for users that is an error's.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}
