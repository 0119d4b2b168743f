package push_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
)

// fails is a push service that fails a few times, each with an error of its own.
type fails struct {
	errs  []error
	times []time.Time // of the tries
}

func (f *fails) try() error {
	f.times = append(f.times, time.Now())
	if n := len(f.times); n <= len(f.errs) {
		return f.errs[n-1]
	}
	return nil
}

func busy(after time.Duration) error {
	return fmt.Errorf("push.example.com: %w", push.Temporary{Err: errors.New("busy"), After: after})
}

func TestRetry_2_16_EachPauseIsTwiceAsLongAndHalfByChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met := make(map[time.Duration]bool)
		for range 50 {
			f := fails{errs: []error{busy(0), busy(0), busy(0)}}
			if err := push.Retry(t.Context(), 4, f.try); err != nil || len(f.times) != 4 {
				t.Fatalf("%v after %d tries", err, len(f.times))
			}
			for i, most := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
				pause := f.times[i+1].Sub(f.times[i])
				if pause < most/2 || pause > most {
					t.Errorf("pause %d is %v, want %v to %v", i+1, pause, most/2, most)
				}
				met[pause] = true
			}
		}
		if len(met) < 100 {
			t.Errorf("150 pauses are %d different ones: those who failed together try together", len(met))
		}
	})
}

func TestRetry_2_16_TheServiceSaysHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fails{errs: []error{busy(3 * time.Second)}}
		if err := push.Retry(t.Context(), 2, f.try); err != nil {
			t.Fatal(err)
		}
		if pause := f.times[1].Sub(f.times[0]); pause < 3250*time.Millisecond || pause > 3500*time.Millisecond {
			t.Errorf("tried again after %v", pause)
		}
	})
}

func TestRetry_2_16_TheLastErrorIsTold(t *testing.T) {
	first, last := busy(0), push.Temporary{Err: errors.New("down")}
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		errs  []error
		tries int
		want  error
		made  int
	}{
		"all fail":        {[]error{first, last, refused}, 2, last, 2},
		"not temporary":   {[]error{first, refused, nil}, 4, refused, 2},
		"once":            {[]error{first}, 1, first, 1},
		"good at once":    {nil, 4, nil, 1},
		"good in the end": {[]error{first, last}, 3, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fails{errs: c.errs}
				if err := push.Retry(t.Context(), c.tries, f.try); err != c.want || len(f.times) != c.made {
					t.Errorf("%v after %d tries", err, len(f.times))
				}
			})
		})
	}
}

// Everything is bounded by the hold: who would wait beyond it is told at once.
func TestRetry_2_16_NoTryOutlivesTheChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		f := fails{errs: []error{busy(10 * time.Second)}}
		if err := push.Retry(ctx, 4, f.try); !errors.As(err, new(push.Temporary)) || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}

		// One that ends before its time, because another device has answered.
		time.AfterFunc(time.Second, cancel)
		f = fails{errs: []error{busy(5 * time.Second)}}
		err := push.Retry(ctx, 4, f.try)
		if !errors.As(err, new(push.Temporary)) || time.Since(start) != time.Second || len(f.times) != 1 {
			t.Errorf("%v after %v and %d tries", err, time.Since(start), len(f.times))
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "1.5": 0, "soon": 0, "99999999999999999999": 0,
		"2147483647": time.Hour, "Fri, 31 Dec 9999 23:59:59 GMT": time.Hour, // without a bound, a little more wait would be a negative one
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := push.RetryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
