package email_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"radpush/otp/email"
	"radpush/store"
	"radpush/store/bolt"
	"radpush/store/storetest"
)

// A post is an outbox on a store, and a mail server that answers as it is told.
type post struct {
	email.Outbox
	disk *storetest.Memory
	logs *lines

	mu     sync.Mutex
	tries  []try
	answer func(ctx context.Context, m email.Message) error
}

type try struct {
	m     email.Message
	after time.Duration // since the post was made
}

func newPost(disk *storetest.Memory) *post {
	p := &post{disk: disk, logs: new(lines)}
	begin := time.Now()
	p.Outbox.Letters = store.Table[email.Letter]{Backend: disk, Prefix: "letter", Sealer: sealer}
	p.Log = slog.New(slog.NewJSONHandler(p.logs, nil))
	p.Send = func(ctx context.Context, m email.Message) error {
		p.mu.Lock()
		p.tries = append(p.tries, try{m, time.Since(begin)})
		answer := p.answer
		p.mu.Unlock()
		if answer == nil {
			return nil
		}
		return answer(ctx, m)
	}
	return p
}

// lines are a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve serves until stop is called, which returns when Serve has.
func (p *post) serve(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		if err := p.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); served.Wait() }
}

func (p *post) sent() []try {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]try(nil), p.tries...)
}

func (p *post) waiting(t *testing.T) (all []email.Letter) {
	t.Helper()
	for l, err := range p.Letters.All(t.Context(), "") {
		if err != nil {
			t.Error(err)
		}
		all = append(all, l)
	}
	return all
}

func to(i int) email.Message {
	m := message()
	m.To = fmt.Sprintf("user%d@example.com", i)
	return m
}

var (
	sealer    = mustSeal()
	errLater  = errors.New("451 later")
	errDisk   = errors.New("no space left")
	permanent = permanentError()
)

func mustSeal() *store.Sealer {
	s, err := store.NewSealer(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		panic(err)
	}
	return s
}

// permanentError is one that a Sender returns.
func permanentError() error {
	return new(email.Sender).Send(context.Background(), email.Message{})
}

func TestOutbox_5_3_ALetterIsSentOnceAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		defer p.serve(t)()
		synctest.Wait()
		if err := p.Add(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if sent := p.sent(); len(sent) != 1 || sent[0].after != 0 || sent[0].m.Text != message().Text || sent[0].m.To != message().To || len(p.waiting(t)) != 0 {
			t.Errorf("sent %v, waiting %v", sent, p.waiting(t))
		}
		time.Sleep(48 * time.Hour)
		if sent := p.sent(); len(sent) != 1 || p.logs.String() != "" {
			t.Errorf("sent %v, log %s", sent, p.logs)
		}
	})
}

func TestOutbox_5_3_PausesGrowToAnHourAndEndAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		p.answer = func(context.Context, email.Message) error { return errLater }
		defer p.serve(t)()
		if err := p.Add(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(72 * time.Hour)
		sent := p.sent()
		want := time.Minute
		for i := range sent[1:] {
			// Less a quarter of jitter, and up to a look later.
			if got := sent[i+1].after - sent[i].after; got < want*3/4 || got > want+15*time.Second {
				t.Errorf("pause %d is %v, want %v", i+1, got, want)
			}
			want = min(2*want, time.Hour)
			if sent[i+1].m.ID != sent[0].m.ID || sent[i+1].m.ID == "" {
				t.Errorf("the ID %q became %q", sent[0].m.ID, sent[i+1].m.ID)
			}
		}
		if last := sent[len(sent)-1].after; last < 24*time.Hour || last > 25*time.Hour+15*time.Second {
			t.Errorf("the last of %d tries came after %v", len(sent), last)
		}
		if len(p.waiting(t)) != 0 {
			t.Error("the letter still waits")
		}
		log := p.logs.String()
		if strings.Count(log, "a letter waits") != 1 || strings.Count(log, "given up") != 1 || !strings.Contains(log, "451 later") || !strings.Contains(log, message().To) {
			t.Error(log)
		}
		wantNoText(t, log)
	})
}

func TestOutbox_5_3_JitterTakesLettersApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		p.answer = func(context.Context, email.Message) error { return errLater }
		defer p.serve(t)()
		for i := range 50 {
			if err := p.Add(t.Context(), to(i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		due := map[time.Time]bool{}
		for _, l := range p.waiting(t) {
			due[l.Due] = true
		}
		if len(due) < 45 {
			t.Errorf("50 letters are due at %d times", len(due))
		}
	})
}

func TestOutbox_5_3_APermanentRefusalIsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		p.answer = func(context.Context, email.Message) error { return permanent }
		defer p.serve(t)()
		if err := p.Add(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if n := len(p.sent()); n != 1 || len(p.waiting(t)) != 0 || !strings.Contains(p.logs.String(), "given up") {
			t.Errorf("%d tries, log %s", n, p.logs)
		}
		wantNoText(t, p.logs.String())
	})
}

func TestOutbox_5_3_LettersSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := new(storetest.Memory)
		before := newPost(disk)
		before.answer = func(context.Context, email.Message) error { return errLater }
		stop := before.serve(t)
		for i := range 20 {
			if err := before.Add(t.Context(), to(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute)
		stop()
		after := newPost(disk)
		defer after.serve(t)()
		time.Sleep(time.Hour)
		got := map[string]int{}
		for _, s := range after.sent() {
			got[s.m.To+s.m.Text]++
		}
		if len(got) != 20 || len(after.sent()) != 20 || len(after.waiting(t)) != 0 {
			t.Errorf("sent %v, %d wait", got, len(after.waiting(t)))
		}
	})
}

// A process that dies while it sends has its letter sent by another when the lease is over.
func TestOutbox_5_3_ALeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := new(storetest.Memory)
		dead, alive := newPost(disk), newPost(disk)
		hang := make(chan struct{})
		dead.answer = func(context.Context, email.Message) error { <-hang; return nil }
		stop := dead.serve(t)
		if err := dead.Add(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		defer alive.serve(t)()
		time.Sleep(2 * time.Minute)
		if n := len(alive.sent()); n != 0 {
			t.Error("a letter that is being sent was sent")
		}
		time.Sleep(2 * time.Minute)
		if n := len(alive.sent()); n != 1 || len(alive.waiting(t)) != 0 {
			t.Errorf("sent %d times after the lease", n)
		}
		if alive.sent()[0].m.ID != dead.sent()[0].m.ID {
			t.Error("the letter has another ID now")
		}
		// It comes back to life and must not touch what has its place now.
		alive.answer = func(context.Context, email.Message) error { return errLater }
		for i := range 999 {
			if err := alive.Add(t.Context(), to(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := alive.Add(t.Context(), to(999)); err != nil { // all places are taken
			t.Fatal(err)
		}
		close(hang)
		stop()
		if n := len(alive.waiting(t)); n != 1000 {
			t.Errorf("%d letters wait", n)
		}
	})
}

func TestOutbox_5_3_TwoProcessesSendALetterOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := new(storetest.Memory)
		both := []*post{newPost(disk), newPost(disk)}
		for _, p := range both {
			p.answer = func(ctx context.Context, m email.Message) error {
				time.Sleep(3 * time.Second)
				if len(m.To)%2 == 0 && len(both[0].sent())+len(both[1].sent()) < 100 {
					return errLater
				}
				return nil
			}
			defer p.serve(t)()
		}
		var adding sync.WaitGroup
		for i := range 200 {
			adding.Go(func() {
				if err := both[i%2].Add(t.Context(), to(i)); err != nil {
					t.Error(err)
				}
			})
		}
		adding.Wait()
		time.Sleep(2 * time.Hour)
		tries := append(both[0].sent(), both[1].sent()...)
		last := map[string]time.Duration{}
		for _, s := range tries {
			if d := (s.after - last[s.m.ID]).Abs(); last[s.m.ID] != 0 && d < 45*time.Second {
				t.Errorf("%s was tried twice within %v", s.m.To, d)
			}
			last[s.m.ID] = s.after
		}
		if len(last) != 200 || len(both[0].waiting(t)) != 0 || len(both[0].sent()) == 0 || len(both[1].sent()) == 0 {
			t.Errorf("%d letters, %d and %d tries", len(last), len(both[0].sent()), len(both[1].sent()))
		}
	})
}

func TestOutbox_5_3_AThousandLettersWaitAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		var adding sync.WaitGroup
		var mu sync.Mutex
		full := 0
		for i := range 1100 {
			adding.Go(func() {
				switch err := p.Add(t.Context(), to(i)); {
				case errors.Is(err, email.ErrFull):
					mu.Lock()
					full++
					mu.Unlock()
				case err != nil:
					t.Error(err)
				}
			})
		}
		adding.Wait()
		if n := len(p.waiting(t)); n != 1000 || full != 100 {
			t.Errorf("%d wait, %d refused", n, full)
		}
		stop := p.serve(t)
		synctest.Wait()
		if len(p.sent()) != 1000 || len(p.waiting(t)) != 0 {
			t.Errorf("%d sent", len(p.sent()))
		}
		if err := p.Add(t.Context(), to(5000)); err != nil {
			t.Error(err)
		}
		stop()
	})
}

func TestOutbox_5_3_NobodyIsBuriedInLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		defer p.serve(t)()
		add := func(n int, address string) {
			for range n {
				m := message()
				m.To = address
				if err := p.Add(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
			synctest.Wait()
		}
		count := func(address string) (n int) {
			for _, s := range p.sent() {
				if strings.EqualFold(s.m.To, address) {
					n++
				}
			}
			return n
		}
		add(6, "alice@example.com")
		time.Sleep(30 * time.Minute)
		add(500, "Alice@EXAMPLE.com")
		add(3, "bob@example.com")
		if a, b := count("alice@example.com"), count("bob@example.com"); a != 10 || b != 3 {
			t.Errorf("alice has %d letters, bob %d", a, b)
		}
		if log := p.logs.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "dropped") {
			t.Error(log)
		}
		time.Sleep(30 * time.Minute) // the first six are an hour old
		add(500, "alice@example.com")
		if n := count("alice@example.com"); n != 16 {
			t.Errorf("alice has %d letters", n)
		}
		time.Sleep(2 * time.Hour)
		p.PerHour = 2
		add(5, "alice@example.com")
		if n := count("alice@example.com"); n != 18 {
			t.Errorf("alice has %d letters", n)
		}
	})
}

func TestOutbox_5_5_AStoreThatFailsLosesNothingAndSpendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		full := true
		var mu sync.Mutex
		p.disk.Fail = func(string) error {
			mu.Lock()
			defer mu.Unlock()
			if full {
				return errDisk
			}
			return nil
		}
		set := func(to bool) { mu.Lock(); full = to; mu.Unlock() }
		for range 30 {
			if err := p.Add(t.Context(), message()); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
		}
		set(false)
		for range 10 {
			if err := p.Add(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
		}
		set(true)
		defer p.serve(t)()
		time.Sleep(time.Hour)
		if n := len(p.sent()); n != 0 {
			t.Errorf("%d letters were sent that could not be claimed", n)
		}
		if n := strings.Count(p.logs.String(), "\n"); n != 1 || !strings.Contains(p.logs.String(), "no space left") {
			t.Error(p.logs)
		}
		set(false)
		time.Sleep(time.Minute)
		if n := len(p.sent()); n != 10 || len(p.waiting(t)) != 0 {
			t.Errorf("%d sent, %d wait", n, len(p.waiting(t)))
		}
	})
}

func TestOutbox_5_3_ALetterThatCannotBeReadHoldsNoneUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		for i := range 5 {
			if err := p.Add(t.Context(), to(i)); err != nil {
				t.Fatal(err)
			}
		}
		broken := p.waiting(t)[2]
		err := p.disk.Update(t.Context(), "letter/"+broken.Place, func([]byte) ([]byte, error) { return []byte("x"), nil })
		if err != nil {
			t.Fatal(err)
		}
		defer p.serve(t)()
		time.Sleep(time.Hour)
		if n := len(p.sent()); n != 4 || strings.Count(p.logs.String(), "\n") != 1 {
			t.Errorf("%d sent, %s", n, p.logs)
		}
	})
}

// An attempt under way ends before Serve does, and within a minute.
func TestOutbox_5_3_ServeEndsWhatItHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(new(storetest.Memory))
		p.answer = func(ctx context.Context, m email.Message) error {
			select {
			case <-time.After(5 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for i := range 10 {
			if err := p.Add(t.Context(), to(i)); err != nil {
				t.Fatal(err)
			}
		}
		stop := p.serve(t)
		time.Sleep(time.Second)
		begun := len(p.sent())
		start := time.Now()
		stop()
		if took := time.Since(start); took != 4*time.Second || begun == 0 || len(p.sent()) != begun || len(p.waiting(t)) != 10-begun {
			t.Errorf("%v; %d begun, %d tried, %d wait", took, begun, len(p.sent()), len(p.waiting(t)))
		}
		p.answer = func(ctx context.Context, _ email.Message) error { <-ctx.Done(); return ctx.Err() }
		stop = p.serve(t)
		time.Sleep(time.Second)
		start = time.Now()
		stop()
		if took := time.Since(start); took > time.Minute {
			t.Errorf("Serve ended after %v", took)
		}
	})
}

func TestOutbox_5_3_WhatIsNoLetterIsRefused(t *testing.T) {
	p := newPost(new(storetest.Memory))
	m := message()
	m.Subject = "a\r\nBcc: mallory@example.com"
	if err := p.Add(t.Context(), m); err == nil || len(p.waiting(t)) != 0 {
		t.Error(err)
	}
}

// The whole way: a real server that is away at first, and takes the letter then.
func TestOutbox_5_3_FromTheStoreToTheServer(t *testing.T) {
	server := &peer{mechanism: "PLAIN"}
	p := newPost(new(storetest.Memory))
	p.Outbox.Send = server.start(t).Send
	stop := p.serve(t)
	defer stop()
	if err := p.Add(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); len(server.got()) == 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	got := server.got()
	if len(got) != 1 {
		t.Fatalf("%d letters, %s", len(got), p.logs)
	}
	wantMessage(t, got[0].wire, message())
}

func wantNoText(t *testing.T, log string) {
	t.Helper()
	if m := message(); strings.Contains(log, "918273645") || strings.Contains(log, m.Subject) {
		t.Error(log)
	}
}

// Add as a login waits for it: on a real file, beside letters that wait.
func BenchmarkAdd(b *testing.B) {
	for _, waiting := range []int{0, 500, 900} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			o := filled(b, waiting)
			m := message()
			m.ID = "benchmark"
			for b.Loop() {
				if err := o.Add(b.Context(), m); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				for l, err := range o.Letters.All(b.Context(), "") {
					if err == nil && l.Message.ID == m.ID {
						err = o.Letters.Update(b.Context(), l.Place, func(*email.Letter) (*email.Letter, error) { return nil, nil })
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
			}
		})
	}
	b.Run("full", func(b *testing.B) {
		o := filled(b, 1000)
		for b.Loop() {
			if err := o.Add(b.Context(), message()); !errors.Is(err, email.ErrFull) {
				b.Fatal(err)
			}
		}
	})
}

// filled returns an outbox on a file, with letters in it.
func filled(b *testing.B, letters int) *email.Outbox {
	file, err := bolt.Open(b.TempDir() + "/db")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	o := &email.Outbox{
		Letters: store.Table[email.Letter]{Backend: file, Prefix: "letter", Sealer: sealer},
		Log:     slog.New(slog.DiscardHandler), PerHour: 1 << 30,
	}
	for i := range letters {
		if err := o.Add(b.Context(), to(i)); err != nil {
			b.Fatal(err)
		}
	}
	return o
}
