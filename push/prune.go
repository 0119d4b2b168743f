package push

import (
	"context"
	"fmt"
	"time"
)

// Prune removes the challenges, enrolment codes and pairings that ended before a time and
// returns how many. Each is an update of its own, so that no login waits for the rest. A record
// that cannot be read or removed is left; the first such error is returned at the end.
func (b *Broker) Prune(ctx context.Context, before time.Time) (n int, err error) {
	note := func(e error) {
		if err == nil && e != nil {
			err = fmt.Errorf("push: prune: %w", e)
		}
	}
	for c, e := range b.Challenges.All(ctx, "") {
		c.settle(before)
		if e == nil && c.Outcome != Open && c.Ended.Before(before) {
			if e = remove(ctx, b.Challenges, c.ID); e == nil {
				n++
			}
		}
		note(e)
	}
	for c, e := range b.Enrolments.All(ctx, "") {
		if e == nil && c.Expires.Before(before) {
			if e = remove(ctx, b.Enrolments, c.ID); e == nil {
				n++
			}
		}
		note(e)
	}
	for p, e := range b.pairings(ctx) {
		old := false
		if e == nil {
			old, e = b.pruned(ctx, &p, before)
		}
		if old {
			if e = remove(ctx, b.Pairings, p.Serial); e == nil {
				n++
			}
		}
		note(e)
	}
	return n, err
}
