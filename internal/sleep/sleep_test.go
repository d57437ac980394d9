package sleep

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestForPausesUntilTheContextEnds(t *testing.T) {
	for name, test := range map[string]struct {
		d, deadline, took time.Duration
		want              error
	}{
		"for its time":           {time.Minute, time.Hour, time.Minute, nil},
		"until the context ends": {time.Hour, time.Minute, time.Minute, context.DeadlineExceeded},
		"not at all":             {0, time.Hour, 0, nil},
		"not after the context":  {0, 0, 0, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
				defer cancel()
				if err := For(ctx, test.d); !errors.Is(err, test.want) || time.Since(start) != test.took {
					t.Errorf("%v after %s", err, time.Since(start))
				}
			})
		})
	}
}

func TestJitterIsAtLeastHalfTheDuration(t *testing.T) {
	lowest, highest := time.Hour, time.Duration(0)
	for range 1000 {
		d := Jitter(time.Minute)
		lowest, highest = min(lowest, d), max(highest, d)
	}
	if lowest < 30*time.Second || lowest > 31*time.Second || highest > time.Minute || highest < 59*time.Second {
		t.Errorf("from %s to %s", lowest, highest)
	}
}
