package push

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// retryPause comes before the second try, and twice as long a one before each try after.
const retryPause = 500 * time.Millisecond

// A Temporary error of a push service is one after which a [Ringer] tries again.
type Temporary struct {
	Err   error
	After time.Duration // what the service asked to wait
}

func (e Temporary) Error() string { return e.Err.Error() }
func (e Temporary) Unwrap() error { return e.Err }

// Retry calls try as often as tries says, at most, as long as its error is Temporary. No try
// begins at the end of ctx or after it: who could only wait for that is told the last error
// at once.
func Retry(ctx context.Context, tries int, try func() error) error {
	for n := 0; ; n++ {
		err := try()
		again, ok := errors.AsType[Temporary](err)
		if !ok || n+1 >= tries {
			return err
		}
		wait := again.After + jitter(retryPause<<n)
		if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// jitter returns half of a time to all of it: those who failed together try apart.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// longest is the longest wait that is told apart: no challenge lasts as long.
const longest = time.Hour

// RetryAfter reads the header of that name: seconds or a date (RFC 9110, section 10.2.3).
// What cannot be read, or is past, is 0.
func RetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), longest)
}
