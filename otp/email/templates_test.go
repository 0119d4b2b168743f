package email_test

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"radpush/otp/email"
)

var at = time.Date(2026, time.May, 4, 9, 30, 0, 0, time.FixedZone("", 2*3600))

func rejection() email.Rejection {
	return email.Rejection{Organization: "Example Ltd", Resource: "Example VPN", User: `EXAMPLE\alice`, IP: "192.0.2.7", Location: "Berlin, Germany",
		Client: "hq", NAS: "gateway-1", Station: "02-00-00-00-00-01", Time: at, Device: "Alice's phone"}
}

var builtIn = sync.OnceValues(func() (*email.Templates, error) { return email.LoadTemplates("") })

func render(t *testing.T, kind string, data any) email.Message {
	t.Helper()
	templates, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	m, err := templates.Render(kind, "alice@example.com", data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// visible returns what a reader of the HTML sees.
func visible(m email.Message) string {
	text := regexp.MustCompile(`(?s)<style>.*</style>|<[^>]*>`).ReplaceAllString(m.HTML, "")
	return html.UnescapeString(text)
}

// wantShown looks for words in both forms of a letter.
func wantShown(t *testing.T, m email.Message, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(m.Text, w) || !strings.Contains(visible(m), w) {
			t.Errorf("%q is not in %s\n%s", w, m.Text, visible(m))
		}
	}
}

func wantHidden(t *testing.T, m email.Message, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(m.Subject+m.Text+m.HTML, w) {
			t.Errorf("%q is in %s\n%s\n%s", w, m.Subject, m.Text, m.HTML)
		}
	}
}

func TestCode_4_1_TheLetterShowsTheCodeAndTheSubjectDoesNot(t *testing.T) {
	m := render(t, email.KindCode, email.Code{Organization: "Example Ltd", Resource: "Example VPN", Code: "012345", Valid: 5, User: "alice"})
	wantShown(t, m, "012345", "5 minutes", "Example VPN", "Example Ltd", "alice")
	if m.To != "alice@example.com" || m.Subject != "Your code to sign in to Example VPN" || m.ID == "" {
		t.Errorf("to %s: %s, %s", m.To, m.Subject, m.ID)
	}
	one := render(t, email.KindCode, email.Code{Code: "012345", Valid: 1})
	wantShown(t, one, "1 minute.")
	if one.ID == m.ID {
		t.Error("two letters have one ID")
	}
}

func TestRejection_5_3_UserAndOperatorHaveLettersOfTheirOwn(t *testing.T) {
	told := []string{"Example VPN", `EXAMPLE\alice`, "Monday, 4 May 2026, 09:30 (UTC+02:00)", "192.0.2.7", "Berlin, Germany", "Alice's phone", "Example Ltd"}
	ours := []string{"hq", "gateway-1", "02-00-00-00-00-01"}
	toUser := render(t, email.KindRejectionUser, rejection())
	wantShown(t, toUser, append(told, "What to do next", "Change your password")...)
	wantHidden(t, toUser, ours...)
	wantShown(t, render(t, email.KindRejectionOperator, rejection()), append(append(told, ours...), "What to do next")...)
	// What is not known is not shown, not as an empty line or as the year 1 either.
	wantHidden(t, render(t, email.KindRejectionOperator, email.Rejection{Client: "hq"}), "IP address", "Location", "NAS", "Time:", "0001", "\n\n\n\n")
}

func TestLockout_5_4_TheRejectionIsAppended(t *testing.T) {
	r := rejection()
	lockout := email.Lockout{Organization: "Example Ltd", User: "alice", Until: at.Add(15 * time.Minute), Failures: 10, Time: at, Reason: "user rejected the sign-in"}
	for _, kind := range []string{email.KindLockoutUser, email.KindLockoutOperator} {
		lockout.Rejection = nil
		alone := render(t, kind, lockout)
		wantShown(t, alone, "locked", "alice", "10", "09:30", "09:45", "user rejected the sign-in", "What to do next")
		wantHidden(t, alone, "192.0.2.7", "Berlin", "rejected on your", "0001")
		lockout.Rejection = &r
		both := render(t, kind, lockout)
		wantShown(t, both, "09:45", "192.0.2.7", "Berlin, Germany", "Example VPN", "Alice's phone")
		if kind == email.KindLockoutOperator {
			wantShown(t, both, "hq", "gateway-1", "02-00-00-00-00-01")
		} else {
			wantHidden(t, both, "gateway-1")
		}
		for begin := range strings.SplitSeq(alone.Text, "\n\n") { // nothing of the lockout's own is lost
			if !strings.Contains(both.Text, begin) {
				t.Errorf("%s: the letter with a rejection lacks %q", kind, begin)
			}
		}
	}
	lockout.Until, r.NAS = time.Time{}, "vpn.example.com"
	given := r
	m := render(t, email.KindLockoutUser, lockout)
	wantShown(t, m, "an administrator unlocks it", "Ask your administrator to unlock")
	wantHidden(t, m, "0001")
	if r != given {
		t.Error("Render changed the rejection that it was given")
	}
}

func TestEnrolmentShowsTheLink(t *testing.T) {
	const link = "https://radpush.example.com:8443/enrol#code=abc&pin=xyz"
	m := render(t, email.KindEnrolment, email.Enrolment{User: "alice@example.com", Link: link, Expires: at})
	wantShown(t, m, link, "09:30 (UTC+02:00)", "alice@example.com")
	if !strings.Contains(html.UnescapeString(m.HTML), `<a href="`+link+`">`) {
		t.Error(m.HTML)
	}
}

func TestBell_9_4_TheLetterOnlyWakes(t *testing.T) {
	const page = "https://radpush.example.com:8443/app/"
	m := render(t, email.KindBell, email.Bell{Organization: "Example Ltd", Link: page})
	wantShown(t, m, page, "Open your authenticator", "to answer it", "Example Ltd", "Nobody gets in by this")
	if m.Subject != "Sign-in request for Example Ltd" || !strings.Contains(m.HTML, `<a href="`+page+`">`) {
		t.Errorf("%s\n%s", m.Subject, m.HTML)
	}
	bare := render(t, email.KindBell, email.Bell{})
	wantShown(t, bare, "Open your authenticator to answer it.")
	wantHidden(t, bare, "href", "http", " for \n")
}

func TestDevices_9_3_TheLetterSaysWhoDidWhat(t *testing.T) {
	d := email.Device{Organization: "Example Ltd", User: "alice", Name: "new phone", Kind: "a browser", Replaced: "old phone", By: "tablet", Time: at}
	m := render(t, email.KindDevice, d)
	wantShown(t, m, "Example Ltd", "alice", "new phone", "a browser", "old phone", "your device tablet", "09:30 (UTC+02:00)", "can approve", "at once to remove it")
	if m.Subject != "A device was enrolled for your account" {
		t.Error(m.Subject)
	}
	m = render(t, email.KindDevice, email.Device{Name: "old phone", Removed: true})
	wantShown(t, m, "old phone", "an administrator", "can not approve", "Tell your administrator")
	wantHidden(t, m, "In place of", "Kind", "Time", "0001", "your device ", "at once to remove it", "\n\n\n")
	if m.Subject != "A device was removed from your account" {
		t.Error(m.Subject)
	}
}

// What strangers choose is shown, on one line, as text, and as no link.
func TestAlerts_5_3_WhatAStrangerChoosesIsInert(t *testing.T) {
	hostile := map[string]string{ // and as it is shown
		`https://evil.example/radpush\alice`:         `https[:]//evil[.]example/radpush\alice`,
		"http://192.0.2.66/":                         "http[:]//192.0.2.66/",
		`http:\\localhost`:                           `http[:]\\localhost`,
		"www.evil.example":                           "www[.]evil[.]example",
		"evil。example":                               "evil[.]example",
		"пример.испытание":                           "пример[.]испытание",
		"www.evil.example@bank.example":              "www[.]evil[.]example@bank[.]example",
		"evil.example/a@bank.example":                "evil[.]example/a@bank[.]example",
		"alice\r\nBcc: mallory@evil.example":         "alice Bcc: mallory@evil[.]example",
		"alice\n\nCall your help desk":               "alice Call your help desk",
		"alice\u2028\u202egro.live\u200b":            "alice gro[.]live",
		`<a href="https://evil.example">sign in</a>`: `<a href="https[:]//evil[.]example">sign in</a>`,
		"<script>alert(1)</script>":                  "<script>alert(1)</script>",
		"{{.Code}}":                                  "{{[.]Code}}",
		"\xff\xfe":                                   "��",
		strings.Repeat("long ", 100):                 strings.Repeat("long ", 15) + "long…",
		"alice.smith@example.com":                    "alice.smith@example.com",
		"02-00-00-00-00-01":                          "02-00-00-00-00-01",
		"2001:db8::7":                                "2001:db8::7",
		"fe80::1%eth0":                               "fe80::1%eth0",
		"Subject: =?utf-8?q?a?=":                     "Subject: =?utf-8?q?a?=",
	}
	for typed, shown := range hostile {
		r := email.Rejection{Resource: "VPN", User: typed, IP: typed, Location: typed, NAS: typed, Station: typed, Device: typed, Time: at}
		for kind, data := range map[string]any{
			email.KindRejectionUser:     r,
			email.KindRejectionOperator: r,
			email.KindLockoutUser:       email.Lockout{User: typed, Rejection: &r},
			email.KindLockoutOperator:   email.Lockout{User: typed, Rejection: &r},
			email.KindCode:              email.Code{User: typed, Code: "012345", Valid: 5},
			email.KindEnrolment:         email.Enrolment{User: typed, Link: "https://radpush.example.com"},
			email.KindDevice:            email.Device{User: typed, Name: typed, Replaced: typed, By: typed},
		} {
			m := render(t, kind, data)
			wantShown(t, m, shown)
			if strings.Contains(m.Subject, shown) {
				t.Errorf("%s: a stranger writes the subject %q", kind, m.Subject)
			}
			if strings.Contains(m.HTML, "<script") || strings.Count(m.HTML, "<a ") != strings.Count(kind, "enrolment") {
				t.Errorf("%s: %s", kind, m.HTML)
			}
			if strings.ContainsFunc(m.Text, func(r rune) bool { return r != '\n' && r < ' ' || r == '\u202e' || r == '\u2028' }) {
				t.Errorf("%s: %q", kind, m.Text)
			}
		}
		// As many lines as with a harmless name.
		plain := r
		plain.User, plain.IP, plain.Location, plain.NAS, plain.Station, plain.Device = "a", "a", "a", "a", "a", "a"
		if n, m := render(t, email.KindRejectionOperator, r), render(t, email.KindRejectionOperator, plain); strings.Count(n.Text, "\n") != strings.Count(m.Text, "\n") {
			t.Errorf("%q adds a line: %s", typed, n.Text)
		}
	}
	// An operator's names cannot break a header either.
	m := render(t, email.KindCode, email.Code{Resource: "VPN\r\nBcc: mallory@example.com", Code: "012345", Valid: 5})
	if m.Subject != "Your code to sign in to VPN Bcc: mallory@example.com" {
		t.Errorf("%q", m.Subject)
	}
}

func TestLettersLoadNothing(t *testing.T) {
	r := rejection()
	for kind, data := range map[string]any{
		email.KindCode: email.Code{Code: "012345", Valid: 5}, email.KindRejectionUser: r, email.KindRejectionOperator: r,
		email.KindLockoutUser: email.Lockout{Rejection: &r}, email.KindLockoutOperator: email.Lockout{Rejection: &r},
		email.KindBell:   email.Bell{Organization: "Example Ltd"},
		email.KindDevice: email.Device{Name: "phone"},
	} {
		m := render(t, kind, data)
		wantHidden(t, m, "http", "src=", "url(", "@import", "<link", "ZgotmplZ")
		if !strings.Contains(m.HTML, `name="color-scheme" content="light dark"`) {
			t.Errorf("%s has no dark form", kind)
		}
	}
}

func TestTemplatesCanBeReplaced(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "code.txt", "Subject: Ihr Code für {{.Resource}} ({{.User}})\n\nCode: {{.Code}}\n\n{{template \"foot.txt\" .}}")
	write(t, dir, "README", "not a template")
	templates, err := email.LoadTemplates(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := templates.Render(email.KindCode, "alice@example.com", email.Code{Resource: "VPN", Code: "012345", Valid: 5, User: "a\nBcc: b"})
	if err != nil || m.Subject != "Ihr Code für VPN (a Bcc: b)" || !strings.HasPrefix(m.Text, "Code: 012345\n\nThis letter was sent") {
		t.Errorf("%q\n%s%v", m.Subject, m.Text, err)
	}
	wantHidden(t, m, "minute{{")
	m, err = templates.Render(email.KindRejectionUser, "alice@example.com", rejection())
	if err != nil || !strings.Contains(m.Text, "What to do next") {
		t.Errorf("the other letters are not as before: %v", err)
	}
}

func TestTemplatesAllFaultsAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "code.txt", "Subject: Code\n\nhello\n")
	write(t, dir, "rejection-user.txt", "Hello {{.User}}\n")
	write(t, dir, "rejection-operator.html", "<p>{{.Nobody}}</p>")
	write(t, dir, "lockout-user.txt", "Subject: locked\n{{with .Rejection}}{{.Nothing}}{{end}} text")
	write(t, dir, "lockout-operator.txt", "Subject: \n\nlocked")
	write(t, dir, "enrolment.html", "<p>come here</p>")
	write(t, dir, "bell.txt", "Subject: wake up\n\nhello\n")
	_, err := email.LoadTemplates(dir)
	for _, want := range []string{"code.txt: the letter does not show {{.Code}}", "rejection-user.txt: the first line", "rejection-operator.html", "Nobody",
		"lockout-user.txt", "Nothing", "lockout-operator", "subject", "enrolment.html: the letter does not show {{.Link}}",
		"bell.txt: the letter does not show {{.Link}}"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	write(t, dir, "code.txt", "Subject: {{.Code}}\n\n{{.Code}}")
	if _, err := email.LoadTemplates(dir); err == nil || !strings.Contains(err.Error(), "the subject shows {{.Code}}") {
		t.Errorf("a code in the subject: %v", err)
	}
	write(t, dir, "code.txt", "Subject: {{if}}")
	write(t, dir, "enrolment.html", "{{end}}")
	write(t, dir, "lockout_user.txt", "")
	_, err = email.LoadTemplates(dir)
	for _, want := range []string{"code.txt:1", "enrolment.html:1", "lockout_user.txt: no template has this name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if _, err := email.LoadTemplates(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there is no fault")
	}
}

func TestRenderKnowsItsKinds(t *testing.T) {
	templates, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		kind, to string
		data     any
	}{
		{"code", "alice@example.com", email.Rejection{}},
		{"code", "alice@example.com", nil},
		{"code", "alice@example.com", &email.Code{}},
		{"layout", "alice@example.com", email.Code{}},
		{"attempt", "alice@example.com", email.Rejection{}},
		{"", "alice@example.com", email.Code{}},
		{"code", "Alice <alice@example.com>", email.Code{Code: "012345"}},
	} {
		if m, err := templates.Render(v.kind, v.to, v.data); err == nil {
			t.Errorf("%q to %q of %T is %q", v.kind, v.to, v.data, m.Subject)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
