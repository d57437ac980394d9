package flow

import (
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func TestALimitedAccountIsPausedAlone(t *testing.T) {
	s := newScheduler(1000, moneySlots, false)
	for _, account := range []string{"limited", "other"} {
		s.begun(account)
	}
	s.ended(noon, "limited", false, limits{quiet: 30 * time.Second, limited: true})
	s.ended(noon, "other", false, limits{})
	for _, tc := range []struct {
		after time.Duration
		want  []string
	}{{0, []string{"limited"}}, {29 * time.Second, []string{"limited"}}, {31 * time.Second, nil}} {
		r, _ := s.next(noon.Add(tc.after))
		if r.limit == 0 || !slices.Equal(r.except, tc.want) {
			t.Errorf("after %v a claim of %d leaves out %q, want %q", tc.after, r.limit, r.except, tc.want)
		}
	}
}

func TestALimitedAccountRunsFewerStepsAtOnce(t *testing.T) {
	s := newScheduler(1000, moneySlots, false)
	for range 5 {
		s.begun("limited")
		s.ended(noon, "limited", false, limits{limited: true})
	}
	if got := s.accounts["limited"].window; got != 2 {
		t.Errorf("after five refusals the window is %v, want 2", got)
	}
}

func TestTheRateFollowsTheBacklog(t *testing.T) {
	for _, tc := range []struct {
		overdue  time.Duration
		low, top float64
	}{
		{0, 12, 12}, {calmLag, 12, 12}, {latestLag / 2, 30, 40}, {latestLag, 60, 60}, {time.Hour, 60, 60},
	} {
		s := newScheduler(60, moneySlots, false)
		s.claimed(claimRequest{limit: 8}, 7, tc.overdue)
		if got := s.rate(); got < tc.low || got > tc.top {
			t.Errorf("at a lag of %v the rate is %v, want %v to %v", tc.overdue, got, tc.low, tc.top)
		}
	}
	s := newScheduler(60, moneySlots, false)
	s.claimed(claimRequest{limit: 8}, 8, latestLag)
	s.claimed(claimRequest{limit: 8}, 8, 0)
	if got := s.rate(); got != 60 {
		t.Errorf("after a full claim the rate is %v, want 60: more may be due", got)
	}
}

// At every time of the day a claim lists the lanes of approved purchases by the time that is left.
// Purchases without time left, by a clock that is ahead, come first.
func TestLanesAreOrderedByTheTimeLeft(t *testing.T) {
	for minute := range 3 * 60 {
		now := noon.Add(time.Duration(minute) * time.Minute)
		lanes := moneyLanes(now)
		last := 0
		for left := -clockSkew; left <= finalizeWithin; left += time.Minute {
			place := slices.Index(lanes, approvedLane(now.Add(left)))
			if place < last || place >= approvedLanes {
				t.Fatalf("at %v a purchase with %v left is in place %d, after place %d", now, left, place, last)
			}
			last = place
		}
		if last < 6 {
			t.Fatalf("at %v a purchase with an hour left is in place %d", now, last)
		}
	}
}

func TestThePauseShrinksWithTheTimeLeft(t *testing.T) {
	for _, tc := range []struct{ left, want time.Duration }{
		{time.Hour, time.Minute}, {40 * time.Minute, time.Minute}, {20 * time.Minute, 40 * time.Second},
		{10 * time.Minute, 20 * time.Second}, {9 * time.Minute, shortestPause}, {0, shortestPause}, {-299 * time.Second, shortestPause},
	} {
		if got := retryWithin(noon, approvedLane(noon.Add(tc.left))); got != tc.want {
			t.Errorf("with %v left the longest pause is %v, want %v", tc.left, got, tc.want)
		}
	}
	if got := retryWithin(noon, LaneWaiting); got != time.Minute {
		t.Errorf("without an approval the longest pause is %v", got)
	}
}
