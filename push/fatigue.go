package push

import (
	"cmp"
	"slices"
	"time"
)

// orDefault fills in the defaults.
func (l Limits) orDefault() Limits {
	return Limits{
		Unanswered: cmp.Or(l.Unanswered, 5),
		Window:     cmp.Or(l.Window, 10*time.Minute),
		CoolDown:   cmp.Or(l.CoolDown, 5*time.Minute),
		Grace:      cmp.Or(l.Grace, 30*time.Second),
	}
}

// fresh reports whether a challenge ended a moment ago. One that ended in the future did so
// before the clock was set back, or a little ahead of us, on another server.
func (l Limits) fresh(c *Challenge, now time.Time) bool { return now.Sub(c.Ended).Abs() < l.Grace }

// coolingDown reports whether the user has said "it wasn't me" to this source a moment
// ago. Without a source (no calling station) nobody can be told from another, and
// nobody cools down: a stranger could lock the user out of push that way.
func (l Limits) coolingDown(newestFirst []*Challenge, source string, now time.Time) bool {
	return source != "" && slices.ContainsFunc(newestFirst, func(c *Challenge) bool {
		return c.Source == source && l.cools(c, now)
	})
}

func (l Limits) cools(c *Challenge, now time.Time) bool {
	return c.Outcome == DeniedNotMe && now.Sub(c.Ended) < l.CoolDown
}

// paused reports whether too many pushes came to nothing since the last approval.
func (l Limits) paused(newestFirst []*Challenge, now time.Time) bool {
	n := 0
	for _, c := range newestFirst {
		if c.Outcome == Approved {
			break
		}
		if l.cameToNothing(c, now) {
			n++
		}
	}
	return n >= l.Unanswered
}

func (l Limits) cameToNothing(c *Challenge, now time.Time) bool {
	switch c.Outcome {
	case DeniedNotMe, DeniedMistake, Mismatch, Expired:
		return now.Sub(c.Created) < l.Window
	}
	return false
}

// matter returns Refs, newest last, to those challenges that a later request may have to
// know: for a retransmission or a late approval, the cool-down, or the count. What does
// not count ends soon: the bound holds against a client that asks without pause while
// no device can be reached.
func (l Limits) matter(newestFirst []*Challenge, now time.Time) []Ref {
	var refs []Ref
	approved := false
	for _, c := range newestFirst[:min(len(newestFirst), l.Unanswered+64)] {
		approved = approved || c.Outcome == Approved
		if l.fresh(c, now) || l.cools(c, now) || !approved && l.cameToNothing(c, now) {
			refs = append(refs, Ref{c.ID, c.Created})
		}
	}
	slices.Reverse(refs)
	return refs
}
