package email

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// A recipient is who got letters in the last hour. There are no more of them than users
// and operators have addresses.
type recipient struct {
	letters []time.Time // when they were added
	told    bool        // it is in the log that more are dropped
}

func (o *Outbox) perHour() int { return cmp.Or(o.PerHour, 10) }

// spend takes one of a recipient's letters of the hour before now, if one is left. Told
// reports whether it has said before, within that hour, that none is.
func (o *Outbox) spend(to string, now time.Time) (ok, told bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.recent, func(_ string, r *recipient) bool {
		r.letters = slices.DeleteFunc(r.letters, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
		return len(r.letters) == 0
	})
	if o.recent == nil {
		o.recent = make(map[string]*recipient)
	}
	r := o.recent[strings.ToLower(to)]
	if r == nil {
		r = new(recipient)
		o.recent[strings.ToLower(to)] = r
	}
	if len(r.letters) >= o.perHour() {
		told, r.told = r.told, true
		return false, told
	}
	r.letters, r.told = append(r.letters, now), false
	return true, false
}

// refund gives back what a letter spent that could not be added.
func (o *Outbox) refund(to string, spent time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r := o.recent[strings.ToLower(to)]; r != nil {
		if i := slices.Index(r.letters, spent); i >= 0 {
			r.letters = slices.Delete(r.letters, i, i+1)
		}
	}
}
