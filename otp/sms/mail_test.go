package sms_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/otp/sms"
)

func TestMail_4_1_Letter(t *testing.T) {
	var got [3]string
	c := &sms.Mail{Address: "{{digits}}@sms.example.com", Subject: "{{number}} {{text}}", Post: func(_ context.Context, to, subject, text string) error {
		got = [3]string{to, subject, text}
		return nil
	}}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), number, "483920\r\nBcc: a@example.com"); err != nil {
		t.Fatal(err)
	}
	if want := [3]string{"491701234567@sms.example.com", number + " 483920 Bcc: a@example.com", "483920\nBcc: a@example.com"}; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, number := range []string{"", "1,evil@example.com", "+49170@evil.example"} {
		fails(t, c.Send(t.Context(), number, text))
	}
}

func TestMail_4_1_Failures(t *testing.T) {
	cause := errors.New("550 no such user: " + number[1:] + "@sms.example.com, in \"" + text + "\"\r\n")
	c := &sms.Mail{Address: "{{digits}}@sms.example.com", Post: func(context.Context, string, string, string) error { return cause }}
	err := c.Send(t.Context(), number, text)
	if s := fails(t, err); s != `sms: send by mail: 550 no such user: …@sms.example.com, in "…"` || !errors.Is(err, cause) {
		t.Error(s)
	}
}

func TestMailCheck(t *testing.T) {
	post := func(context.Context, string, string, string) error { return nil }
	for name, c := range map[string]struct {
		mail *sms.Mail
		want []string
	}{
		"good":       {&sms.Mail{Address: "{{number}}@sms.example.com", Post: post}, nil},
		"empty":      {&sms.Mail{}, []string{"nobody", "not a mail address"}},
		"no number":  {&sms.Mail{Address: "sms@example.com", Post: post}, []string{"the number is not in it"}},
		"text in it": {&sms.Mail{Address: "{{text}}@sms.example.com", Post: post}, []string{`"text" not defined`}},
		"two":        {&sms.Mail{Address: "{{number}}@a.example, b@b.example", Post: post}, []string{"not a mail address"}},
		"a name":     {&sms.Mail{Address: "SMS <{{number}}@a.example>", Post: post}, []string{"not a mail address"}},
		"subject":    {&sms.Mail{Address: "{{number}}@a.example", Subject: "{{user}}", Post: post, AtOnce: -1}, []string{`"user" not defined`, "negative"}},
	} {
		faults(t, name, c.mail.Check(), c.want)
	}
}

// A carrier that does not end: as many texts as configured are on their way, more wait and
// give up, yet more are refused at once; and nothing is held afterwards.
func TestMail_4_1_SendsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var posts atomic.Int32
		stuck := true
		c := &sms.Mail{Address: "{{digits}}@sms.example.com", AtOnce: 2, Timeout: 5 * time.Second, Post: func(ctx context.Context, _, _, _ string) error {
			if posts.Add(1); stuck {
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		}}
		for range 2 { // the second round finds all places free again
			posts.Store(0)
			var refused, waited atomic.Int32
			begun := time.Now()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					err := c.Send(t.Context(), number, text)
					s := fails(t, err)
					switch d := time.Since(begun); {
					case d == 0 && strings.Contains(s, "32 texts are held already"):
						refused.Add(1)
					case d == 5*time.Second && strings.Contains(s, "wait for a turn, 2 texts are on their way") && errors.Is(err, context.DeadlineExceeded):
						waited.Add(1)
					case d != 5*time.Second || !errors.Is(err, context.DeadlineExceeded):
						t.Errorf("after %v: %v", d, err)
					}
				})
			}
			synctest.Wait()
			if n := posts.Load(); n != 2 {
				t.Errorf("%d at once, want 2", n)
			}
			all.Wait()
			if refused.Load() != 68 || waited.Load()+posts.Load() != 32 {
				t.Errorf("%d refused, %d waited, %d posted", refused.Load(), waited.Load(), posts.Load())
			}
		}
		stuck = false
		for range 100 {
			if err := c.Send(t.Context(), number, text); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Who waits is served when there is room, and goes when the caller goes.
func TestMail_4_1_TurnsComeRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &sms.Mail{Address: "{{digits}}@sms.example.com", AtOnce: 1, Post: func(context.Context, string, string, string) error {
			time.Sleep(time.Second)
			return nil
		}}
		var all sync.WaitGroup
		begun := time.Now()
		for range 9 {
			all.Go(func() {
				if err := c.Send(t.Context(), number, text); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, cancel)
		if err := c.Send(ctx, number, text); !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second/2 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		all.Wait()
		if d := time.Since(begun); d != 9*time.Second {
			t.Errorf("nine texts, one at once, took %v", d)
		}
	})
}
