package email_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"radpush/otp/email"
)

func message() email.Message {
	return email.Message{To: "alice@example.com", Subject: "Your code", Text: "The code is 918273645.\n", HTML: "<p>The code is <b>918273645</b>.</p>\n"}
}

func TestMain(m *testing.M) {
	*email.Pauses = [...]time.Duration{10 * time.Millisecond, 20 * time.Millisecond}
	os.Exit(m.Run())
}

func TestSend_4_1_ALetterArrives(t *testing.T) {
	for name, p := range map[string]*peer{
		"STARTTLS":                 {},
		"implicit TLS":             {tls: email.ImplicitTLS},
		"no TLS":                   {tls: email.NoTLS},
		"STARTTLS and AUTH PLAIN":  {mechanism: "PLAIN"},
		"STARTTLS and AUTH LOGIN":  {mechanism: "LOGIN"},
		"implicit TLS, AUTH LOGIN": {tls: email.ImplicitTLS, mechanism: "LOGIN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := p.start(t)
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			if err := s.Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			got := p.got()
			if len(got) != 1 || got[0].from != "vpn@example.com" || got[0].to != "alice@example.com" || got[0].user != string(s.User) || got[0].utf8 {
				t.Fatalf("got %+v", got)
			}
			wantMessage(t, got[0].wire, message())
		})
	}
}

// A server that refuses is told from one that cannot now, and what it said is passed on.
func TestSend_4_1_RefusalsSayWhatToDo(t *testing.T) {
	for _, v := range []struct {
		step      string
		code      int
		temporary bool
		advice    string
	}{
		{"AUTH", 454, true, ""},
		{"AUTH", 535, true, "check user and password"}, // the letter can wait for an operator
		{"MAIL", 421, true, ""},
		{"MAIL", 450, true, ""},
		{"MAIL", 451, true, ""},
		{"MAIL", 530, true, "check user and password"},
		{"MAIL", 550, false, "send from this address"},
		{"MAIL", 552, false, "send from this address"},
		{"MAIL", 554, false, "send from this address"},
		{"RCPT", 421, true, ""},
		{"RCPT", 450, true, ""},
		{"RCPT", 451, true, ""},
		{"RCPT", 550, false, "recipient is unknown"},
		{"RCPT", 552, false, "recipient is unknown"},
		{"RCPT", 554, false, "recipient is unknown"},
		{"end of data", 421, true, ""},
		{"end of data", 450, true, ""},
		{"end of data", 451, true, ""},
		{"end of data", 550, false, ""},
		{"end of data", 552, false, ""},
		{"end of data", 554, false, ""},
	} {
		t.Run(fmt.Sprint(v.step, " ", v.code), func(t *testing.T) {
			t.Parallel()
			p := &peer{mechanism: "PLAIN", answer: refuse(v.step, v.code, 0, "not so")}
			err := p.start(t).Send(t.Context(), message())
			wantFailure(t, err, v.temporary, v.step+": "+fmt.Sprint(v.code), "not so", p.Addr, v.advice)
			tries := 1
			if v.code < 500 {
				tries = 3
			}
			if n := len(p.got()); n != 0 || p.count(v.step) != tries {
				t.Errorf("%d letters, %d tries", n, p.count(v.step))
			}
		})
	}
}

func TestSend_4_1_ATemporaryRefusalIsTriedAgain(t *testing.T) {
	for _, step := range []string{"AUTH", "MAIL", "RCPT", "end of data"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			p := &peer{mechanism: "PLAIN", answer: refuse(step, 451, 1, "later")}
			if err := p.start(t).Send(t.Context(), message()); err != nil {
				t.Error(err)
			}
			if got := p.got(); len(got) != 1 || p.count(step) != 2 {
				t.Errorf("%d letters, %d tries", len(got), p.count(step))
			}
		})
	}
	t.Run("but not after its time", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &peer{answer: func(string) error { cancel(); return refuse("MAIL", 450, 0, "later")("MAIL") }}
		if err := p.start(t).Send(ctx, message()); err == nil || p.count("MAIL") != 1 {
			t.Errorf("%v after %d tries", err, p.count("MAIL"))
		}
	})
}

// After the letter without an answer it may have been taken: it is not sent again.
func TestSend_4_1_ALetterThatMayHaveBeenTakenIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w io.Writer){
		"cut":      func(io.Writer) {},
		"half":     func(w io.Writer) { io.WriteString(w, "25") },
		"no SMTP":  func(w io.Writer) { io.WriteString(w, "hello\r\n") },
		"silence":  func(io.Writer) { time.Sleep(3 * time.Second) },
		"too much": func(w io.Writer) { io.WriteString(w, strings.Repeat("250-thank you\r\n", 1<<15)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			taken := ""
			s, connections := scripted(t, func(r *bufio.Reader, w io.Writer) {
				answers("220 hello", "250 hello", "250 ok", "250 ok", "354 go on")(r, w)
				for line := ""; line != ".\r\n"; {
					var err error
					if line, err = r.ReadString('\n'); err != nil {
						return
					}
					mu.Lock()
					taken += line
					mu.Unlock()
				}
				end(w)
			})
			s.Timeout = 2 * time.Second
			wantFailure(t, s.Send(t.Context(), message()), true, "end of data", "may have taken the letter")
			mu.Lock()
			defer mu.Unlock()
			if connections() != 1 || !strings.Contains(taken, "918273645") {
				t.Errorf("%d conversations, %q", connections(), taken)
			}
		})
	}
}

func TestSend_4_1_WhatWasNotTakenIsTriedAgain(t *testing.T) {
	for name, script := range map[string][]string{
		"cut at once":      {},
		"cut after EHLO":   {"220 hello", "250 hello"},
		"cut after MAIL":   {"220 hello", "250 hello", "250 ok"},
		"cut at DATA":      {"220 hello", "250 hello", "250 ok", "250 ok"},
		"DATA 451":         {"220 hello", "250 hello", "250 ok", "250 ok", "451 later", "221 bye"},
		"greeting 421":     {"421 too busy"},
		"greeting 421 cut": {"421 too busy\r\n421 bye"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, connections := scripted(t, answers(script...))
			wantFailure(t, s.Send(t.Context(), message()), true, s.Host)
			if connections() != 3 {
				t.Errorf("%d conversations", connections())
			}
		})
	}
	t.Run("DATA 554", func(t *testing.T) {
		s, connections := scripted(t, answers("220 hello", "250 hello", "250 ok", "250 ok", "554 no", "221 bye"))
		wantFailure(t, s.Send(t.Context(), message()), false, "DATA: 554 no")
		if connections() != 1 {
			t.Errorf("%d conversations", connections())
		}
	})
}

func TestSend_4_1_WithoutTrustNothingIsSaid(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		peer   *peer
		change func(*email.Sender)
		want   string
	}{
		"certificate of nobody":  {&peer{}, func(s *email.Sender) { s.Roots = nil }, "trust the authority"},
		"of nobody, implicit":    {&peer{tls: email.ImplicitTLS}, func(s *email.Sender) { s.Roots = nil }, "trust the authority"},
		"certificate of another": {&peer{}, func(s *email.Sender) { s.Host = "localhost" }, "a name that is in its certificate"},
		"out of date":            {&peer{ended: true}, nil, "needs a valid certificate"},
		"no STARTTLS offered":    {&peer{noOffer: true}, nil, "offers no STARTTLS"},
		"an unknown mode":        {&peer{noOffer: true}, func(s *email.Sender) { s.TLS = "nnoe" }, "offers no STARTTLS"},
		"STARTTLS to a TLS port": {&peer{tls: email.ImplicitTLS}, func(s *email.Sender) {
			s.TLS, s.Timeout = email.StartTLS, time.Second
		}, "wants implicit TLS"},
		"TLS to a STARTTLS port": {&peer{}, func(s *email.Sender) { s.TLS = email.ImplicitTLS }, "wants STARTTLS"},
		"no AUTH that we have":   {&peer{mechanism: "CRAM-MD5"}, nil, "neither AUTH PLAIN nor AUTH LOGIN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := v.peer.start(t)
			if v.change != nil {
				v.change(s)
			}
			wantFailure(t, s.Send(t.Context(), message()), true, v.want)
			if v.peer.count("AUTH")+v.peer.count("MAIL") != 0 {
				t.Errorf("the server heard %v", v.peer.log)
			}
		})
	}
}

// What a man in the middle says before TLS is forgotten (RFC 3207, section 4.2).
func TestSend_4_1_AnswersInClearAreForgotten(t *testing.T) {
	cert, roots := certificate(t, "127.0.0.1", time.Hour)
	s, _ := scripted(t, func(r *bufio.Reader, w io.Writer) {
		answers("220 hello", "250-hello\r\n250 STARTTLS", "220 go on\r\n250-hello\r\n250 AUTH PLAIN")(r, w)
		c := tls.Server(w.(net.Conn), &tls.Config{Certificates: []tls.Certificate{cert}})
		answers("", "250 without AUTH")(bufio.NewReader(c), silent{c})
	})
	s.TLS, s.Roots, s.User, s.Password = email.StartTLS, roots, user, password
	wantFailure(t, s.Send(t.Context(), message()), true, "neither AUTH PLAIN nor AUTH LOGIN")
	t.Run("refused", func(t *testing.T) {
		s, _ := scripted(t, answers("220 hello", "250-hello\r\n250 STARTTLS", "454 not now"))
		s.TLS = email.StartTLS
		wantFailure(t, s.Send(t.Context(), message()), true, "TLS: 454 not now")
	})
}

// A silent connection does not greet: empty lines are not said.
type silent struct{ io.Writer }

func (s silent) Write(p []byte) (int, error) {
	if string(p) == "\r\n" {
		return len(p), nil
	}
	return s.Writer.Write(p)
}

func TestSend_4_1_EverythingEnds(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		serve   func(r *bufio.Reader, w io.Writer)
		timeout time.Duration
		want    string
	}{
		"silence":          {func(r *bufio.Reader, _ io.Writer) { r.ReadByte() }, 400 * time.Millisecond, "no answer in time"},
		"a letter a while": {func(_ *bufio.Reader, w io.Writer) { drip(w) }, 400 * time.Millisecond, "no answer in time"},
		"an endless line":  {func(_ *bufio.Reader, w io.Writer) { endless(w, "220-hello") }, 20 * time.Second, "do not end"},
		"endless lines":    {func(_ *bufio.Reader, w io.Writer) { endless(w, "220-hello\r\n") }, 20 * time.Second, "do not end"},
		"silence to QUIT": {func(r *bufio.Reader, w io.Writer) {
			answers("220 hello", "250 hello", "550 no")(r, w)
			r.ReadString(0)
		}, 20 * time.Second, "550 no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := scripted(t, v.serve)
			s.Timeout = v.timeout
			start := time.Now()
			wantFailure(t, s.Send(t.Context(), message()), v.want != "550 no", v.want)
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("after %v", took)
			}
		})
	}
	t.Run("the context ends", func(t *testing.T) {
		t.Parallel()
		s, _ := scripted(t, func(r *bufio.Reader, _ io.Writer) { r.ReadByte() })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		start := time.Now()
		err := s.Send(ctx, message())
		if took := time.Since(start); !errors.Is(err, context.Canceled) || took > 5*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		l := listen(t)
		s := sender(t, l, nil)
		l.Close()
		wantFailure(t, s.Send(t.Context(), message()), true, "connect", "check host, port")
	})
}

func endless(w io.Writer, text string) {
	for {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}

func drip(w io.Writer) {
	for {
		if _, err := io.WriteString(w, "2"); err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestSend_4_1_ConversationsAreBounded(t *testing.T) {
	p := &peer{pause: 50 * time.Millisecond}
	s := p.start(t)
	s.Limit = 3
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if err := s.Send(t.Context(), message()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if p.most > 3 || len(p.got()) != 12 {
		t.Errorf("%d at once, %d letters", p.most, len(p.got()))
	}
	t.Run("and who waits can go", func(t *testing.T) {
		s, connections := scripted(t, func(r *bufio.Reader, _ io.Writer) { r.ReadByte() })
		s.Limit = 1
		ctx, cancel := context.WithCancel(t.Context())
		var first sync.WaitGroup
		first.Go(func() { _ = s.Send(ctx, message()) })
		for connections() == 0 {
			time.Sleep(time.Millisecond)
		}
		second, end := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer end()
		wantFailure(t, s.Send(second, message()), true, "wait for a free connection")
		cancel()
		first.Wait()
	})
}

// A server repeats what it was sent, in every place; no error does.
func TestSend_4_1_ErrorsCarryNoSecret(t *testing.T) {
	m := message()
	m.Text = "Somebody wants the code 918273645 and opens\nhttps://example.com/enrol#code=QWERTYUIOPASDFGH now.\n"
	b64 := base64.StdEncoding.EncodeToString
	echoes := strings.Join([]string{password, b64([]byte(password)), b64([]byte("\x00" + user + "\x00" + password)), "\x1b[31m"}, " ")
	letter := " " + strings.ReplaceAll(m.Subject+m.Text, "\n", " ")
	for _, v := range []struct {
		step string
		code int
		said string
	}{
		{"AUTH", 535, echoes}, {"AUTH", 454, echoes}, {"MAIL", 550, echoes}, {"RCPT", 451, echoes},
		{"end of data", 554, echoes + letter}, {"end of data", 451, letter + echoes},
	} {
		t.Run(fmt.Sprint(v.step, v.code), func(t *testing.T) {
			t.Parallel()
			p := &peer{mechanism: "PLAIN", answer: refuse(v.step, v.code, 0, "see "+v.said)}
			s := p.start(t)
			err := s.Send(t.Context(), m)
			wantFailure(t, err, v.code != 550 && v.code != 554, fmt.Sprint(v.code), "see")
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, shown := range []string{e.Error(), fmt.Sprintf("%+v %#v", e, s)} {
					for _, secret := range []string{password, b64([]byte(password)), "vbxzZXNhbWU", "918273645", "QWERTY", "Somebody", "\x1b"} {
						if strings.Contains(shown, secret) {
							t.Errorf("%q is in %q", secret, shown)
						}
					}
				}
			}
		})
	}
	t.Run("no SMTP", func(t *testing.T) {
		s, _ := scripted(t, func(r *bufio.Reader, w io.Writer) {
			answers("220 hello", "250 hello", "250 ok", "250 ok", "354 go on")(r, w)
			for line := ""; line != ".\r\n"; {
				line, _ = r.ReadString('\n')
			}
			io.WriteString(w, m.Text)
		})
		err := s.Send(t.Context(), m)
		wantFailure(t, err, true, "end of data")
		if strings.Contains(fmt.Sprintf("%+v", err), "918273645") || errors.Unwrap(err) != nil {
			t.Error(err)
		}
	})
}

func TestPasswordDoesNotPrint(t *testing.T) {
	p := email.Password(password)
	text, _ := p.MarshalText()
	for _, shown := range []string{fmt.Sprintf("%v %s %q %x %d %#v %+v", p, p, p, p, p, p, email.Sender{Password: p}.Password), p.LogValue().String(), string(text)} {
		if strings.Contains(shown, password) || strings.Contains(shown, fmt.Sprintf("%x", password)) {
			t.Error(shown)
		}
	}
}

func TestCheckFindsEveryFault(t *testing.T) {
	s := &email.Sender{Host: "mail example", Port: 70000, TLS: "yes", Password: "x", From: "a@b, c@d", HELO: "a b", Timeout: -1, Limit: -1}
	err := s.Check()
	for _, want := range []string{"host", "port 70000", `TLS is "yes"`, "come together", "sender", "HELO", "timeout", "limit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not speak of the %s", err, want)
		}
	}
	good := email.Sender{Host: "mail.example.com", From: "Müller <vpn@example.com>"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	good.User, good.Password, good.TLS = "vpn", "x", email.NoTLS
	if good.Check() == nil {
		t.Error("a password may go in clear")
	}
}

func wantFailure(t *testing.T, err error, temporary bool, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if email.IsTemporary(err) != temporary {
		t.Errorf("temporary is %v: %v", !temporary, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if _, isNet := errors.AsType[*net.OpError](err); isNet {
		t.Error("the error lets a library's through")
	}
}
