package login

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// A Row is one event of the activity record (statements 6.1 to 6.4). Rows are only ever
// added.
type Row struct {
	Time      time.Time     `cbor:"1,keyasint"`
	ID        string        `cbor:"2,keyasint"` // with Time it makes the key; random if empty
	User      string        `cbor:"3,keyasint"` // as typed
	Client    string        `cbor:"4,keyasint,omitempty"`
	Method    Method        `cbor:"5,keyasint,omitempty"`
	Result    Result        `cbor:"6,keyasint"`
	Reason    Reason        `cbor:"7,keyasint,omitempty"`
	Message   string        `cbor:"8,keyasint,omitempty"`  // what the user read
	Protocol  string        `cbor:"9,keyasint,omitempty"`  // PAP, CHAP or MS-CHAPv2
	NAS       string        `cbor:"10,keyasint,omitempty"` // NAS-Identifier
	Station   string        `cbor:"11,keyasint,omitempty"` // Calling-Station-Id
	From      netip.Addr    `cbor:"12,keyasint,omitzero"`  // the user's address
	Challenge string        `cbor:"13,keyasint,omitempty"` // ID of the push challenge
	Shown     string        `cbor:"14,keyasint,omitempty"` // JSON of the prompt, on a Challenge row
	Device    string        `cbor:"15,keyasint,omitempty"` // ID of the device that answered
	Took      time.Duration `cbor:"16,keyasint,omitempty"` // from the request to the verdict
	Repeats   int           `cbor:"17,keyasint,omitempty"` // rows like this one that were folded into it (statement 6.6)
	Session   string        `cbor:"18,keyasint,omitempty"` // Acct-Session-Id, on an accounting row
}

// A Result is what a row records.
type Result string

const (
	ResultChallenge Result = "Challenge" // a push or an Access-Challenge went out
	ResultSuccess   Result = "Success"
	ResultFailure   Result = "Failure"
	ResultStart     Result = "Start" // a session, told by accounting
	ResultStop      Result = "Stop"
	ResultChange    Result = "Change" // an operator or a device changed something
)

// A Method is a second factor.
type Method string

const (
	NoMethod Method = ""
	ByPush   Method = "push"
	ByOTP    Method = "otp"
	BySMS    Method = "sms"
	ByEmail  Method = "email"
	ByGrid   Method = "grid"
	ByBackup Method = "backup"
)

// A Journal writes the activity rows and reads them back. What an attacker can repeat at
// will is folded: of failures, and of grids shown, that agree in user, client and reason,
// foldAfter rows a foldWindow are written and the rest are counted in one more; of foldKinds
// kinds, and beyond those without regard to the user.
type Journal struct {
	Rows Records[Row]

	mu        sync.Mutex
	folds     map[fold]*folded
	strangers int // how many of them are strangers
}

const (
	foldAfter  = 5
	foldWindow = time.Minute
	foldKinds  = 1000

	foldStrangers = 30 // of foldKinds, with names that no user has: an attacker has enough of them
)

// A fold is what rows that fold into one agree in.
type fold struct {
	User, Client string
	Reason       Reason
}

// stranger reports whether the name is one that anybody can make up.
func (f fold) stranger() bool {
	switch f.Reason {
	case WrongPasscode, WrongPIN, ReplayedCode, OuterWindow, UnseenPIN, Locked, NothingEnrolled, NotAllowed, PushElsewhere,
		PushPaused, CoolingDown, Undelivered, NotSent, TooManySent, CodeSent, GridShown, UnknownState:
		return false
	}
	return f.User != ""
}

type folded struct {
	since   time.Time
	seen    int
	pending *Row // the latest row that was not written, its Repeats counting the others
}

// Append adds a row, durable when it returns; a failure or a grid may be folded instead.
func (j *Journal) Append(ctx context.Context, r Row) error {
	if r.Result == ResultFailure || r.Reason == GridShown {
		rows := j.fold(r, time.Now())
		for _, r := range rows {
			if _, err := j.AppendOnce(ctx, r); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := j.AppendOnce(ctx, r)
	return err
}

// AppendOnce adds a row, unless one with its time and ID is there already, and reports
// whether it did.
func (j *Journal) AppendOnce(ctx context.Context, r Row) (first bool, err error) {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	if r.ID == "" {
		r.ID = strconv.FormatUint(rand.Uint64(), 36)
	}
	err = j.Rows.Update(ctx, rowKey(r.Time, r.ID), func(old *Row) (*Row, error) {
		if first = old == nil; !first {
			return nil, errKeep
		}
		return &r, nil
	})
	if err != nil && err != errKeep {
		return false, fmt.Errorf("login: write activity: %w", err)
	}
	return first, nil
}

// rowKey sorts the newest row first, so that the newest are found without a walk through
// all of them.
func rowKey(t time.Time, id string) string {
	b := make([]byte, 0, 40)
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[^uint64(t.UnixNano())>>shift&15])
	}
	return string(append(append(b, '-'), id...))
}

// fold returns what has to be written now: the row itself, what was pending of an earlier
// window, both or nothing.
func (j *Journal) fold(r Row, now time.Time) (write []Row) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.folds == nil {
		j.folds = make(map[fold]*folded)
	}
	kind := fold{UserKey(r.User), r.Client, r.Reason}
	if _, known := j.folds[kind]; !known && (len(j.folds) >= foldKinds || kind.stranger() && j.strangers >= foldStrangers) {
		kind.User = "" // too many names
	}
	f := j.folds[kind]
	if f == nil || now.Sub(f.since) >= foldWindow {
		if f != nil && f.pending != nil {
			write = append(write, *f.pending)
		}
		if f == nil && kind.stranger() {
			j.strangers++
		}
		f = &folded{since: now}
		j.folds[kind] = f
	}
	if f.seen++; f.seen <= foldAfter {
		return append(write, r)
	}
	if f.pending != nil {
		r.Repeats = f.pending.Repeats + 1
	}
	f.pending = &r
	return write
}

// Serve writes what is folded when its window has passed, until ctx ends; then all of it.
// What cannot be written is tried again, and is an error only at the end.
func (j *Journal) Serve(ctx context.Context) (err error) {
	tick := time.NewTicker(foldWindow / 4)
	defer tick.Stop()
	var rows []Row
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		rows = append(rows, j.due(time.Now(), ctx.Err() != nil)...)
		for err = nil; len(rows) > 0; rows = rows[1:] {
			if _, err = j.AppendOnce(context.WithoutCancel(ctx), rows[0]); err != nil {
				break
			}
		}
		rows = rows[max(0, len(rows)-2*foldKinds):]
	}
	return err
}

// due takes out the folds whose window has passed, or all.
func (j *Journal) due(now time.Time, all bool) (rows []Row) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for kind, f := range j.folds {
		if !all && now.Sub(f.since) < foldWindow {
			continue
		}
		if f.pending != nil {
			rows = append(rows, *f.pending)
		}
		if delete(j.folds, kind); kind.stranger() {
			j.strangers--
		}
	}
	return rows
}

// A Filter chooses rows. A zero field chooses all.
type Filter struct {
	User, Client string
	Since, Until time.Time // from Since on, before Until
	Limit        int       // at most so many rows
}

// List yields the rows that a filter chooses, newest first.
func (j *Journal) List(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		n := 0
		for r, err := range j.Rows.All(ctx, "") {
			switch {
			case err != nil:
				if !yield(Row{}, err) {
					return
				}
				continue
			case r.Time.Before(f.Since):
				return
			case !f.Until.IsZero() && !r.Time.Before(f.Until),
				f.User != "" && UserKey(f.User) != UserKey(r.User),
				f.Client != "" && f.Client != r.Client:
				continue
			}
			if n++; !yield(r, nil) || n == f.Limit {
				return
			}
		}
	}
}

// Prune removes the rows older than before and returns how many there were.
func (j *Journal) Prune(ctx context.Context, before time.Time) (n int, err error) {
	for r, rerr := range j.Rows.All(ctx, "") {
		if rerr != nil || !r.Time.Before(before) {
			continue
		}
		err = j.Rows.Update(ctx, rowKey(r.Time, r.ID), func(*Row) (*Row, error) { return nil, nil })
		if err != nil {
			return n, fmt.Errorf("login: prune activity: %w", err)
		}
		n++
	}
	return n, ctx.Err()
}

// errKeep leaves a record as it is: the update's outcome is in the caller's variables.
var errKeep = errors.New("login: nothing to change")
