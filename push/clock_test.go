package push

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// challenges is a store with one challenge.
type challenges struct {
	Records[Challenge]
	challenge Challenge
}

func (c challenges) Get(context.Context, string) (Challenge, error) { return c.challenge, nil }

func TestPush_2_9_AClockThatIsSetBackDoesNotHoldForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// As it looks an hour back: the hold is as long as it was, the record's end far away.
		c := Challenge{Expires: time.Now().Add(time.Hour + 30*time.Second)}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		start := time.Now()
		p := Pending{broker: &Broker{Challenges: challenges{challenge: c}}, ctx: ctx, timer: time.NewTimer(30 * time.Second)}
		p.Wait()
		c, err := p.End()
		if took := time.Since(start); c.Outcome != Expired || err != nil || took != 30*time.Second {
			t.Errorf("%v, %v after %v", c.Outcome, err, took)
		}
	})
}
