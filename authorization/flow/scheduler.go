package flow

import (
	"math"
	"slices"
	"time"
)

const (
	// moneySlots is how many purchases recovery goes on with at once, reportSlots how many it reports
	// at once.
	moneySlots  = 64
	reportSlots = 16
	// slowAfter is how long a step holds a slot. It goes on without one, so that others are not held
	// up by it.
	slowAfter = 5 * time.Second
	// slowMost is how many slow steps an account may have before no more is begun for it.
	slowMost = 64
	// slowWindow is how many steps of a slow account hold a slot at once.
	slowWindow = 8
	// lingering bounds how many steps may go on without a slot.
	lingering = 256
	// burst is how many purchases recovery may look at beyond its rate.
	burst = 16
	// calmLag and latestLag are how overdue the most overdue purchase is when recovery goes at a fifth
	// of its rate, and at its full rate.
	calmLag   = 5 * time.Second
	latestLag = time.Minute
	// mostUrgent bounds the pause after a failure of what was approved and has ten minutes left at
	// most.
	mostUrgent = 5 * time.Second
	// longestPause is the longest one that a rate limit of Klarna's makes for an account.
	longestPause = time.Minute
)

// scheduler decides what recovery looks at next: how many purchases, how soon and of which
// accounts. It has no clock and starts nothing; whoever uses it says what happened and when.
type scheduler struct {
	// most is the rate in purchases a second, math.Inf(1) for none; slots bounds how many steps run at
	// once.
	most  float64
	slots int
	// patient steps keep their slot, however long they take.
	patient bool

	tokens   float64
	refilled time.Time
	claims   int
	lag      time.Duration
	running  int
	slow     int
	accounts map[string]*accountState
}

// accountState is how recovery goes on with the purchases of one account.
type accountState struct {
	running, slow int
	// window bounds how many steps of the account run at once. A rate limit or a slow step halves it,
	// an answer lets it grow.
	window      float64
	pausedUntil time.Time
}

// claimRequest is what to claim.
type claimRequest struct {
	limit, perAccount int
	except            []string
	// busy: one of these accounts has as many steps as it may have, and may have more of them soon.
	busy bool
	// backwards: the lanes in reverse, so that what is least urgent is not forgotten.
	backwards bool
}

// limits is what a step learned about Klarna's limits: quiet is for how long the account wants no
// more calls, limited, that a call was refused.
type limits struct {
	quiet   time.Duration
	limited bool
}

func newScheduler(most float64, slots int, patient bool) *scheduler {
	return &scheduler{most: most, slots: slots, patient: patient, tokens: burst, accounts: map[string]*accountState{}}
}

// rate is how many purchases a second recovery looks at: a fifth of the most while nothing is
// overdue, and the more, the more overdue they are.
func (s *scheduler) rate() float64 {
	share := min(max(float64(s.lag-calmLag)/float64(latestLag-calmLag), 0), 1)
	return max(s.most*(0.2+0.8*share), min(s.most, 1))
}

// next returns what to claim. Where its limit is 0, there is nothing to claim before the pause is
// over, or, where the pause is 0, before a step has ended.
func (s *scheduler) next(now time.Time) (r claimRequest, pause time.Duration) {
	free := s.slots - s.running
	if free <= 0 {
		return r, 0
	}
	rate := s.rate()
	if math.IsInf(rate, 1) {
		s.tokens = burst
	} else {
		if !s.refilled.IsZero() {
			s.tokens = min(burst, s.tokens+rate*max(now.Sub(s.refilled).Seconds(), 0))
		}
		s.refilled = now
	}
	// A few together cost less than one after the other.
	batch := min(max(rate/4, 1), burst/2)
	if s.tokens < math.Floor(batch) {
		return r, max(time.Duration((math.Floor(batch)-s.tokens)/rate*float64(time.Second)), time.Millisecond)
	}
	r.limit = min(free, int(s.tokens))
	s.claims++
	r.backwards = s.claims%8 == 0
	share := s.share()
	r.perAccount = max(share/2, 1)
	for name, a := range s.accounts {
		switch {
		case a.pausedUntil.After(now), a.slow >= slowMost:
			r.except = append(r.except, name)
		case a.running >= min(share, int(a.window)):
			r.except, r.busy = append(r.except, name), true
		default:
			s.forget(name, a, now)
		}
	}
	slices.Sort(r.except)
	return r, 0
}

// share is how many slots an account may have. Some are always left for those that have none yet.
func (s *scheduler) share() int {
	if s.patient {
		return s.slots
	}
	active := 0
	for _, a := range s.accounts {
		if a.running > 0 {
			active++
		}
	}
	if active <= 1 {
		return max(s.slots*3/4, 1)
	}
	return max(s.slots/(active+1), 2)
}

// forget drops an account about which nothing is left to know.
func (s *scheduler) forget(name string, a *accountState, now time.Time) {
	if a.running+a.slow == 0 && !a.pausedUntil.After(now) && a.window >= float64(s.slots) {
		delete(s.accounts, name)
	}
}

func (s *scheduler) account(name string) *accountState {
	a := s.accounts[name]
	if a == nil {
		a = &accountState{window: float64(s.slots)}
		s.accounts[name] = a
	}
	return a
}

// claimed takes down what a claim came to: how many of how many, and how overdue the most overdue
// of them was.
func (s *scheduler) claimed(r claimRequest, n int, lag time.Duration) {
	s.tokens -= float64(n)
	if n >= r.limit {
		lag = max(lag, s.lag) // there may be more of them
	}
	s.lag = lag
}

// begun takes down that a step has begun.
func (s *scheduler) begun(account string) {
	s.running++
	s.account(account).running++
}

// slowed takes down that a step takes long. It reports whether the step has given its slot back.
func (s *scheduler) slowed(account string) bool {
	if s.patient || s.slow >= lingering {
		return false
	}
	a := s.account(account)
	a.window = max(a.window/2, min(a.window, slowWindow))
	a.running--
	a.slow++
	s.running--
	s.slow++
	return true
}

// ended takes down that a step has ended, with or without a slot.
func (s *scheduler) ended(now time.Time, account string, wasSlow bool, learned limits) {
	a := s.account(account)
	if wasSlow {
		a.slow--
		s.slow--
	} else {
		a.running--
		s.running--
	}
	switch {
	case learned.limited:
		a.window = max(a.window/2, 1)
	case !wasSlow:
		a.window = min(a.window+1, float64(s.slots))
	}
	if learned.quiet > 0 {
		until := now.Add(min(max(learned.quiet, 100*time.Millisecond), longestPause))
		if until.After(a.pausedUntil) {
			a.pausedUntil = until
		}
	}
}

// paused counts the accounts for which nothing is begun at the moment.
func (s *scheduler) paused(now time.Time) (n int) {
	for _, a := range s.accounts {
		if a.pausedUntil.After(now) || a.slow >= slowMost {
			n++
		}
	}
	return n
}

// moneyLanes are the lanes of what is not only to be reported, the most urgent first: of what was
// approved, what has the least time left. Before it comes what has none left by this clock, which
// may be ahead.
func moneyLanes(now time.Time) []Lane {
	lanes := make([]Lane, 0, int(LaneReports))
	for i := range approvedLanes {
		lanes = append(lanes, approvedLane(now.Add(Lane(i).tenMinutes()-tenMinutes)))
	}
	return append(lanes, LaneBusy, LaneBegun, LaneOperations, LaneWaiting, LaneEnding, LaneWatching)
}

// params are the parameters of a claim.
func (r *claimRequest) params(now time.Time, lanes []Lane) ClaimParams {
	if r.backwards {
		slices.Reverse(lanes)
	}
	return ClaimParams{Now: now, Until: now.Add(lease), Lanes: lanes, Limit: r.limit, PerAccount: r.perAccount, ExceptAccounts: r.except}
}

func reportLanes(time.Time) []Lane { return []Lane{LaneReports} }

// approvedLanes is how many lanes what was approved is in.
const approvedLanes = int(LaneBusy - LaneApproved)

// approvedLane is that of a purchase that is to be finalized by a time.
func approvedLane(by time.Time) Lane {
	return LaneApproved + Lane(by.Unix()/600%int64(approvedLanes)) //nolint:gosec // at most seven
}

// retryWithin bounds the pause after a failure. What was approved is tried again the sooner, the
// less time is left: each pause is a thirtieth of the time until the ten minutes that its lane
// stands for.
func retryWithin(now time.Time, lane Lane) time.Duration {
	if lane >= LaneBusy {
		return time.Minute
	}
	ahead := (lane - approvedLane(now) + LaneBusy) % LaneBusy
	if ahead == LaneBusy-1 {
		ahead = 0 // no lane is that far ahead: the time is over by this clock, which may be ahead
	}
	return min(max(ahead.tenMinutes()/30, mostUrgent), time.Minute)
}

const tenMinutes = 10 * time.Minute

func (l Lane) tenMinutes() time.Duration { return time.Duration(l) * tenMinutes }
