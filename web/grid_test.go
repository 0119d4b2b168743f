package web_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"radpush/login"
	"radpush/otp/grid"
	"radpush/store"
	"radpush/web"
	"radpush/web/wire"
)

var pattern = grid.Pattern{Size: 5, Cells: []uint8{3, 17, 8, 21, 10}}

// newGridWorld is a world with grids, and a client that can show them.
func newGridWorld(tb testing.TB) *world {
	w := newWorld(tb)
	w.engine.Lessons = store.Table[login.Lesson]{Backend: w.store, Prefix: "lesson"}
	w.engine.Pictures = store.Table[login.Picture]{Backend: w.store, Prefix: "picture"}
	w.engine.URL = "https://radpush.example"
	w.engine.Clients["vpn"] = login.Client{Name: "vpn", Challenge: true}
	w.server.Grids = w.engine
	w.handler = w.server.Handler()
	return w
}

// prompt begins a login of alice with a grid, and returns the path of its picture and the card.
func (w *world) prompt(tb testing.TB) (path string, card grid.Card) {
	tb.Helper()
	err := w.engine.Users.Update(tb.Context(), "alice", func(u *login.User) (*login.User, error) { u.Grid = &pattern; return u, nil })
	if err != nil {
		tb.Fatal(err)
	}
	v, err := w.engine.Login(tb.Context(), login.Attempt{User: "alice", Client: "vpn", Passcode: typed("g"), Received: time.Now(), Request: rand.Text()})
	if err != nil {
		tb.Fatal(err)
	}
	_, key, ok := strings.Cut(v.Message, "https://radpush.example/grid/")
	if !ok {
		tb.Fatalf("no link in %q", v.Message)
	}
	key = strings.Fields(key)[0]
	p, err := w.engine.Pictures.Get(tb.Context(), key[:6])
	if err != nil {
		tb.Fatal(err)
	}
	return "/grid/" + key, p.Card
}

// lesson returns the path of a page where a user chooses a pattern.
func (w *world) lesson(tb testing.TB, user string) string {
	tb.Helper()
	code, err := w.engine.NewLesson(tb.Context(), user, 5, 24*time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return "/grid/enrol/" + code
}

const (
	titleOne, titleTwo = "Choose your pattern: step 1 of 2", "Choose your pattern: step 2 of 2"
	titleNotYet        = "Not yet: choose your pattern"
)

func TestGrid_4_2_UserChoosesAPattern(t *testing.T) {
	w := newGridWorld(t)
	w.listen(t)
	b := w.browse(t)
	link := w.lesson(t, "alice")
	b.open(link)
	b.at(200, titleOne)
	if page := text(b.page); !strings.Contains(page, "for alice at Example Ltd") || !strings.Contains(page, "Simple shapes") {
		t.Errorf("the page does not say what for: %s", page)
	}
	// The first step tells at once what cannot be, and costs no try.
	for range 10 {
		b.press(b.numbers(grid.Pattern{Size: 5, Cells: []uint8{0, 1, 2, 3}}))
		b.at(422, titleNotYet)
		if alert := b.alert(); alert != "The cells lie on one line, which others try first; scatter them." {
			t.Errorf("alert %q", alert)
		}
	}
	b.press("11 <b>")
	b.at(422, titleNotYet)

	sheet := b.read()
	b.press(b.numbers(pattern))
	b.at(200, titleTwo)
	if again := b.read(); slices.Equal(sheet, again) {
		t.Error("both sheets are the same")
	}
	b.press(b.numbers(grid.Pattern{Size: 5, Cells: []uint8{3, 17, 8, 10, 21}}))
	b.at(422, titleNotYet)
	if alert := b.alert(); alert != "The second time you chose other cells, or another order; begin again. Tries left: 4." {
		t.Errorf("alert %q", alert)
	}
	b.press(strings.ReplaceAll(b.numbers(pattern), " ", ""))
	b.at(200, titleTwo)
	b.press(b.numbers(pattern))
	b.at(200, "Your pattern is set")
	if u, err := w.engine.User(t.Context(), "alice"); err != nil || u.Grid == nil || !slices.Equal(u.Grid.Cells, pattern.Cells) {
		t.Fatalf("learned %#v, %v", u.Grid, err)
	}
	b.open(link)
	b.at(404, "Nothing here")
	b.post(url.Values{"first": {"11 12 13 14"}, "second": {"11 12 13 14"}})
	b.at(404, "Nothing here")
	if strings.Contains(w.log.String(), strings.TrimPrefix(link, "/grid/enrol/")) {
		t.Error("the code is in the log")
	}
}

func TestGrid_4_2_FiveTriesALink(t *testing.T) {
	w := newGridWorld(t)
	b := w.browse(t)
	b.open(w.lesson(t, "alice"))
	for range 4 {
		b.press(b.numbers(pattern))
		b.press("11")
		b.at(422, titleNotYet)
	}
	b.press(b.numbers(pattern))
	b.press("11")
	b.at(422, "No more tries")
	b.alert()
	b.open(b.url)
	b.at(404, "Nothing here")
}

func TestGrid_4_2_PictureIsShownOnce(t *testing.T) {
	w := newGridWorld(t)
	w.listen(t)
	b := w.browse(t)
	path, card := w.prompt(t)

	// Whatever opens the link before its user does uses nothing up.
	for range 3 {
		b.open(path)
		b.at(200, "Your grid")
		b.do("HEAD", path, http.Header{}, "")
	}
	door := w.browse(t)
	door.open("/grid/" + strings.Repeat("A", 26))
	b.open(path)
	if door.got.status != b.got.status || door.got.body != b.got.body {
		t.Error("the door tells which picture there is")
	}

	var shown atomic.Int32
	var lookers sync.WaitGroup
	each := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} // a connection
	for range 50 {
		lookers.Go(func() {
			resp, err := each.RoundTrip(postTo(t, b.base+path))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			switch {
			case err != nil:
				t.Error(err)
			case resp.StatusCode == 404 && !bytes.Contains(body, []byte("<svg")):
			case resp.StatusCode == 200 && bytes.Contains(body, card.SVG()) && bytes.Contains(body, []byte(card.Text())):
				shown.Add(1)
			default:
				t.Errorf("%s: %s", resp.Status, body)
			}
		})
	}
	lookers.Wait()
	if n := shown.Load(); n != 1 {
		t.Errorf("the picture was shown %d times", n)
	}
	b.press("")
	b.at(404, "Nothing here")
	if strings.Contains(w.log.String(), strings.TrimPrefix(path, "/grid/")) {
		t.Error("the key is in the log")
	}
}

func postTo(tb testing.TB, url string) *http.Request {
	r, err := http.NewRequestWithContext(tb.Context(), "POST", url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// A stranger who guesses gets the same from a link that was never made, is used up or has
// expired, down to the last octet.
func TestGrid_4_2_StrangersLearnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newGridWorld(t)
		w.handler = web.Unlimited(w.server)
		b := w.browse(t)
		used, _ := w.prompt(t)
		b.open(used)
		b.press("")
		b.at(200, "Your grid")
		expired, _ := w.prompt(t)
		lesson := w.lesson(t, "alice")
		time.Sleep(24 * time.Hour)

		code := strings.Repeat("A", 26)
		for name, paths := range map[string][]string{
			"picture": {used, expired, "/grid/" + code, "/grid/enrol", "/grid/x", "/grid/%00", "/grid/a%2Fb", "/grid/" + strings.Repeat("x", 8<<10)},
			"lesson":  {lesson, "/grid/enrol/" + code, "/grid/enrol/x", "/grid/enrol/%00%ff", "/grid/enrol/a%2Fb", "/grid/enrol/" + strings.Repeat("x", 8<<10)},
		} {
			for _, method := range []string{"POST", "GET"} {
				var first got
				for i, path := range paths {
					b.do(method, path, http.Header{}, "")
					if want := 404; method == "POST" || name == "lesson" {
						b.got.want(t, want)
					}
					if i == 0 {
						first = b.got
					}
					if b.got.body != first.body || fmt.Sprint(b.got.header) != fmt.Sprint(first.header) {
						t.Errorf("%s %.40s is told apart: %v %s", method, path, b.got.header, b.got.body)
					}
				}
			}
		}
		for _, path := range []string{"/grid", "/grid/", "/grid/enrol/", "/grid/enrol/x/y"} {
			b.do("GET", path, http.Header{}, "")
			b.got.want(t, 404)
		}
	})
}

// The pages are styled and drawn by what is in them, load nothing and run nothing.
func TestGridPagesKeepToTheirPolicy(t *testing.T) {
	w := newGridWorld(t)
	for _, user := range []string{`<script>alert(1)</script>`, `"><img src=//x onerror=x>`, "{{.}}", `</style><style>*{}`} {
		if _, err := w.engine.AddUser(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		w.server.Organization = user
		b := w.browse(t)
		check := func() {
			t.Helper()
			policy := b.got.header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none';", "base-uri 'none';", "form-action 'self';", "frame-ancestors 'none';"} {
				if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
					t.Errorf("policy %q has no %q, or is unsafe", policy, want)
				}
			}
			for header, want := range map[string]string{
				"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
			} {
				if got := b.got.header.Get(header); got != want {
					t.Errorf("%s: %q", header, got)
				}
			}
			for d := range b.page.Descendants() {
				if d.Type != html.ElementNode {
					continue
				}
				if d.Data == "style" {
					sum := sha256.Sum256([]byte(text(d)))
					if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(policy, "'sha256-"+hash+"'") {
						t.Errorf("a style is not allowed: %s", text(d))
					}
				}
				for _, bad := range []string{"script", "img", "link", "a", "iframe", "object", "image", "use"} {
					if d.Data == bad {
						t.Errorf("there is a <%s>", bad)
					}
				}
				for _, a := range d.Attr {
					if a.Key == "style" || a.Key == "src" || a.Key == "href" || strings.HasPrefix(a.Key, "on") {
						t.Errorf("<%s %s=%q>", d.Data, a.Key, a.Val)
					}
				}
			}
		}
		b.open(w.lesson(t, user))
		check()
		if !strings.Contains(text(b.page), user+" at "+user) {
			t.Errorf("%s is not shown as it is", user)
		}
		b.press(user)
		b.at(422, titleNotYet)
		check()
		b.press(b.numbers(pattern))
		b.at(200, titleTwo)
		check()
		b.press(b.numbers(pattern))
		check()
		b.open(b.url)
		check()
		path, _ := w.prompt(t)
		b.open(path)
		check()
		b.press("")
		check()
	}
}

// Nobody else's page can make a browser look at a picture or send numbers.
func TestGridFormsOfOthersAreRefused(t *testing.T) {
	w := newGridWorld(t)
	b := w.browse(t)
	picture, _ := w.prompt(t)
	lesson := w.lesson(t, "alice")
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://other.example"}}, {"Origin": {"null"}},
	} {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, path := range []string{picture, lesson} {
			b.do("POST", path, header, "first=11&second=11")
			b.at(403, "Not from there")
		}
	}
	b.do("POST", picture, http.Header{"Origin": {b.base}}, "") // a browser without Sec-Fetch-Site
	b.at(200, "Your grid")
	b.open(lesson)
	b.at(200, titleOne)
}

func TestGridBodiesAreBounded(t *testing.T) {
	w := newGridWorld(t)
	w.listen(t)
	b := w.browse(t)
	lesson := w.lesson(t, "alice")
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	b.do("POST", lesson, form, "first="+strings.Repeat("1", wire.MaxBody))
	b.got.want(t, 413)
	for _, body := range []string{
		"first=" + strings.Repeat("1", wire.MaxBody-10), "first=" + strings.Repeat("+", wire.MaxBody-10),
		strings.Repeat("a&", wire.MaxBody/2), "first=%zz", "first=1;second=2", "",
	} {
		b.do("POST", lesson, form, body)
		b.at(422, titleNotYet)
		if len(b.got.body) > 16<<10 {
			t.Errorf("what was sent comes back: %d octets", len(b.got.body))
		}
	}
	b.do("POST", lesson, http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, "--x\r\nContent-Disposition: form-data; name=\"first\"; filename=\"f\"\r\n\r\n11\r\n--x--\r\n")
	b.at(422, titleNotYet)
	b.open(lesson)
	b.at(200, titleOne)
}

// A fault of ours is no news about the link, and the operator hears of it.
func TestGridOnABrokenStore(t *testing.T) {
	w := newGridWorld(t)
	b := w.browse(t)
	picture, _ := w.prompt(t)
	lesson := w.lesson(t, "alice")
	w.store.Fail = func(string) error { return errors.New("no room in /var") }
	b.open(picture)
	b.press("")
	b.at(503, "Not now")
	b.open(lesson)
	b.press(b.numbers(pattern))
	b.press(b.numbers(pattern))
	b.at(503, "Not now")
	if strings.Contains(b.got.body, "/var") || strings.Count(w.log.String(), "no room in /var") != 2 {
		t.Errorf("people read %s, operators\n%s", b.got.body, w.log)
	}
	w.store.Fail = nil
	b.open(picture)
	b.press("")
	b.at(200, "Your grid")
	w.server.Grids = nil
	w.handler = w.server.Handler()
	b = w.browse(t)
	b.open(picture)
	b.got.want(t, 404)
}

// Whatever is sent, the page is a page, nothing of it runs, and no pattern is learned from
// what was not on both sheets.
func FuzzGridPage(f *testing.F) {
	w := newGridWorld(f)
	w.handler = web.Unlimited(w.server)
	f.Add("11 22 33 44", "55 66 77 88", true)
	f.Add(`"><script>`, "", false)
	f.Add("１１ 22\x00\xff", strings.Repeat("11", 40), true)
	f.Fuzz(func(t *testing.T, first, second string, both bool) {
		b := w.browse(t)
		b.url = w.lesson(t, "bob")
		values := url.Values{"first": {first}}
		if both {
			values.Set("second", second)
		}
		b.post(values)
		if b.got.status != 422 && b.got.status != 200 || len(find(b.page, "script")) != 0 {
			t.Errorf("%q, %q: %d %s", first, second, b.got.status, b.got.body)
		}
		if u, err := w.engine.User(t.Context(), "bob"); err != nil || u.Grid != nil {
			t.Errorf("%q, %q: learned %#v, %v", first, second, u.Grid, err)
		}
	})
}
