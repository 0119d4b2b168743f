package email

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/big"
	"sync"
	"time"
)

// An Outbox sends letters that nobody waits for and that have to survive a restart. It
// has 1,000 places, each a record that is free or has a letter in it:
//
//	free ──Add──► due ──claim──► leased ──sent, or given up──► free
//	               ▲               │
//	               └──pause passed─┴─lease passed
//
// To claim a letter is to move the time at which it is due, in one update, to where no
// attempt lasts: who does so has it alone. Several processes can therefore serve one
// store. One that dies between the server's answer and the update that frees the place
// has its letter sent once more when the lease has passed, with the same Message-ID.
type Outbox struct {
	Letters Records
	Send    func(ctx context.Context, m Message) error // what IsTemporary denies is not tried again
	Log     *slog.Logger
	PerHour int // letters one recipient gets in an hour, counted by each process; 10 if zero

	once  sync.Once
	added chan struct{} // something is due

	mu     sync.Mutex
	recent map[string]*recipient
}

// Records keeps letters by key; store.Table is one. It has to be sealed: a letter can carry
// a link that enrols.
type Records interface {
	Update(ctx context.Context, key string, fn func(old *Letter) (*Letter, error)) error
	All(ctx context.Context, prefix string) iter.Seq2[Letter, error]
}

// A Letter is a message in an Outbox.
type Letter struct {
	Place   string    `cbor:"1,keyasint"` // its key, "000" to "999"
	Message Message   `cbor:"2,keyasint"`
	Added   time.Time `cbor:"3,keyasint"`
	Due     time.Time `cbor:"4,keyasint"` // when it may be claimed
	Tries   int       `cbor:"5,keyasint,omitempty"`
}

const (
	places   = 1000
	lookEach = 15 * time.Second // for letters whose pause or lease has passed, or that another process added
	parallel = 2                // fewer than a Sender's conversations: a user may wait for a code

	patience = time.Minute // with one Send
	lease    = 3 * time.Minute
	minPause = time.Minute
	maxPause = time.Hour
	giveUp   = 24 * time.Hour
)

// ErrFull is Add's error when no place is free.
var ErrFull = errors.New("email: the outbox is full")

var (
	errTaken = errors.New("email: the place is taken")
	errGone  = errors.New("email: somebody else has the letter")
)

// Add puts a letter into the outbox; it is durable when Add returns nil. What exceeds a
// recipient's letters of an hour is dropped, with no error and one line in the log.
func (o *Outbox) Add(ctx context.Context, m Message) error {
	m.ID = cmp.Or(m.ID, newID())
	if err := m.check(); err != nil {
		return err
	}
	now := time.Now()
	switch ok, told := o.spend(m.To, now); {
	case !ok && !told:
		o.Log.Warn("letters to a recipient are dropped for up to an hour", "to", m.To, "limit", o.perHour())
		fallthrough
	case !ok:
		return nil
	}
	err := o.place(ctx, Letter{Message: m, Added: now, Due: now})
	if err != nil {
		o.refund(m.To, now)
		return err
	}
	o.wake()
	return nil
}

// place writes a letter into a free place. It begins anywhere, so that a place is found at
// once in all but a full outbox.
func (o *Outbox) place(ctx context.Context, l Letter) error {
	first := random(places)
	for i := range int64(places) {
		l.Place = fmt.Sprintf("%03d", (first+i)%places)
		err := o.Letters.Update(ctx, l.Place, func(old *Letter) (*Letter, error) {
			if old != nil {
				return nil, errTaken
			}
			return &l, nil
		})
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, errTaken):
			return fmt.Errorf("email: write letter: %w", err)
		}
	}
	return ErrFull
}

// Serve sends what is due until ctx ends; attempts under way then end first, within a
// minute. Failures are logged, with the recipient and without the letter.
func (o *Outbox) Serve(ctx context.Context) error {
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	healthy := true
	for ctx.Err() == nil {
		err := o.sendDue(ctx)
		if err != nil && healthy && ctx.Err() == nil {
			o.Log.Error("letters wait for the store", "error", err)
		}
		healthy = err == nil
		select {
		case <-o.wakes():
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// sendDue sends all letters that are due, some at once. Its error is the store's; a letter
// that cannot be read holds no other one up.
func (o *Outbox) sendDue(ctx context.Context) (err error) {
	var senders sync.WaitGroup
	defer senders.Wait()
	free := make(chan struct{}, parallel)
	for l, unread := range o.Letters.All(ctx, "") {
		if unread != nil {
			err = fmt.Errorf("email: read letters: %w", unread)
			continue
		}
		if l.Due.After(time.Now()) {
			continue
		}
		free <- struct{}{}
		if ctx.Err() != nil {
			return err
		}
		claimed := l
		claimed.Tries, claimed.Due = l.Tries+1, time.Now().Add(lease)
		if unclaimed := o.change(ctx, l, &claimed); errors.Is(unclaimed, errGone) {
			<-free
			continue
		} else if unclaimed != nil {
			return fmt.Errorf("email: claim letter: %w", unclaimed)
		}
		senders.Go(func() {
			defer func() { <-free }()
			// What has begun is ended: half an attempt is a letter sent twice.
			o.attempt(context.WithoutCancel(ctx), claimed)
		})
	}
	return err
}

// attempt sends a letter that has been claimed, and frees its place or says when to try
// again.
func (o *Outbox) attempt(ctx context.Context, l Letter) {
	sending, cancel := context.WithTimeout(ctx, patience)
	err := o.Send(sending, l.Message)
	cancel()
	now := time.Now()
	var next *Letter
	switch {
	case err == nil:
	case !IsTemporary(err), now.Sub(l.Added) >= giveUp:
		o.Log.Error("a letter is given up", "to", l.Message.To, "tries", l.Tries, "error", err)
	default:
		if l.Tries == 1 {
			o.Log.Warn("a letter waits", "to", l.Message.To, "error", err)
		}
		next = new(l)
		next.Due = now.Add(pause(l.Tries))
	}
	if err := o.change(ctx, l, next); err != nil {
		o.Log.Error("a letter may be sent twice, its place cannot be written", "to", l.Message.To, "error", err)
	}
}

// change replaces a letter as it is known here; nil frees its place. It is errGone if
// there is another letter by now, or somebody has claimed it.
func (o *Outbox) change(ctx context.Context, from Letter, to *Letter) error {
	return o.Letters.Update(ctx, from.Place, func(old *Letter) (*Letter, error) {
		if old == nil || old.Message.ID != from.Message.ID || !old.Due.Equal(from.Due) {
			return nil, errGone
		}
		return to, nil
	})
}

// pause returns how long a letter waits after so many tries: a minute, doubled up to an
// hour, less up to a quarter so that letters of one outage come apart.
func pause(tries int) time.Duration {
	d := min(minPause<<min(tries-1, 10), maxPause)
	return d - time.Duration(random(int64(d/4)))
}

// random returns a number from 0 up to n.
func random(n int64) int64 {
	r, _ := rand.Int(rand.Reader, big.NewInt(n)) // fails with its reader, which never does
	return r.Int64()
}

// wakes returns what receives when a letter has been added.
func (o *Outbox) wakes() chan struct{} {
	o.once.Do(func() { o.added = make(chan struct{}, 1) })
	return o.added
}

func (o *Outbox) wake() {
	select {
	case o.wakes() <- struct{}{}:
	default: // it is awake
	}
}
