package flow

import (
	"math"
	"slices"
	"time"
)

const (
	// moneySlots is how many purchases recovery processes concurrently, and reportSlots how many it
	// reports concurrently.
	moneySlots  = 64
	reportSlots = 16
	// slowAfter is how long a step holds a slot. It continues without one, so that it does not
	// delay others.
	slowAfter = 5 * time.Second
	// maxSlowPerAccount is how many slow steps an account may have. No step is begun for an account
	// with so many.
	maxSlowPerAccount = 64
	// slowWindow is how many steps of a slow account may hold a slot.
	slowWindow = 8
	// maxSlow is how many steps may continue without a slot.
	maxSlow = 256
	// burst is how many purchases recovery may process beyond its rate.
	burst = 16
	// calmLag is how overdue the most overdue purchase may be while recovery runs at a fifth of its
	// rate. At latestLag it runs at the full rate.
	calmLag   = 5 * time.Second
	latestLag = time.Minute
	// shortestPause is the shortest limit of the pause after a failure: that of an approval with
	// ten minutes left.
	shortestPause = 5 * time.Second
	// longestPause is the longest pause of an account because of Klarna's rate limit.
	longestPause = time.Minute
)

// scheduler decides which purchases recovery processes next: how many, how soon and of which
// accounts. It has no clock and starts nothing; its caller passes the time.
type scheduler struct {
	// most is the rate in purchases a second, or math.Inf(1). slots is how many steps may run
	// concurrently.
	most  float64
	slots int
	// patient reports whether steps keep their slot even if they are slow.
	patient bool

	tokens   float64
	refilled time.Time
	claims   int
	lag      time.Duration
	running  int
	slow     int
	accounts map[string]*accountState
}

// accountState is the state of one account in recovery.
type accountState struct {
	running, slow int
	// window is how many steps of the account may run concurrently. A rate limit or a slow step
	// halves it, and a fast answer increments it.
	window      float64
	pausedUntil time.Time
}

// claimRequest says what to claim.
type claimRequest struct {
	limit, perAccount int
	except            []string
	// busy reports whether one of the excepted accounts only waits for its own steps.
	busy bool
	// backwards reports whether to reverse the lanes, so that the least urgent one gets its turn.
	backwards bool
}

// limits is what a step learned about Klarna's rate limits. quiet is how long to pause the account.
// limited reports whether a call was refused.
type limits struct {
	quiet   time.Duration
	limited bool
}

func newScheduler(most float64, slots int, patient bool) *scheduler {
	return &scheduler{most: most, slots: slots, patient: patient, tokens: burst, accounts: map[string]*accountState{}}
}

// rate returns how many purchases a second recovery processes: a fifth of the maximum while nothing
// is overdue, and more the more overdue the purchases are.
func (s *scheduler) rate() float64 {
	share := min(max(float64(s.lag-calmLag)/float64(latestLag-calmLag), 0), 1)
	return max(s.most*(0.2+0.8*share), min(s.most, 1))
}

// next returns what to claim. If the limit is 0, there is nothing to claim until the pause is over
// or, if the pause is 0, until a step has ended.
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
	// A claim of several records costs less than several claims.
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
		case a.pausedUntil.After(now), a.slow >= maxSlowPerAccount:
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

// share returns how many slots an account may have. Some slots always stay free for other accounts.
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

// forget deletes the state of an account that is as good as new.
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

// claimed records the result of a claim: the number of records, and how overdue the most overdue
// one was.
func (s *scheduler) claimed(r claimRequest, n int, lag time.Duration) {
	s.tokens -= float64(n)
	if n >= r.limit {
		lag = max(lag, s.lag) // more records may be due
	}
	s.lag = lag
}

// begun records that a step has begun.
func (s *scheduler) begun(account string) {
	s.running++
	s.account(account).running++
}

// slowed records that a step is slow. It reports whether the step has given its slot back.
func (s *scheduler) slowed(account string) bool {
	if s.patient || s.slow >= maxSlow {
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

// ended records that a step has ended, with or without a slot.
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

// paused returns the number of accounts for which no step is begun at the moment.
func (s *scheduler) paused(now time.Time) (n int) {
	for _, a := range s.accounts {
		if a.pausedUntil.After(now) || a.slow >= maxSlowPerAccount {
			n++
		}
	}
	return n
}

// moneyLanes returns all lanes but LaneReports, the most urgent first. Approvals are ordered by the
// time that is left. The lane of those whose time is over comes first, because this replica's clock
// may be fast.
func moneyLanes(now time.Time) []Lane {
	lanes := make([]Lane, 0, int(LaneReports))
	for i := range approvedLanes {
		lanes = append(lanes, approvedLane(now.Add(Lane(i).tenMinutes()-tenMinutes)))
	}
	return append(lanes, LaneBusy, LaneBegun, LaneOperations, LaneWaiting, LaneEnding, LaneWatching)
}

// params returns the parameters of the claim.
func (r *claimRequest) params(now time.Time, lanes []Lane) ClaimParams {
	if r.backwards {
		slices.Reverse(lanes)
	}
	return ClaimParams{Now: now, Until: now.Add(lease), Lanes: lanes, Limit: r.limit, PerAccount: r.perAccount, ExceptAccounts: r.except}
}

func reportLanes(time.Time) []Lane { return []Lane{LaneReports} }

// approvedLanes is the number of lanes for approvals.
const approvedLanes = int(LaneBusy - LaneApproved)

// approvedLane returns the lane of a purchase that has to be finalized by a time.
func approvedLane(by time.Time) Lane {
	return LaneApproved + Lane(by.Unix()/600%int64(approvedLanes)) //nolint:gosec // at most seven
}

// retryWithin returns the limit of the pause after a failure. The less time an approval has left,
// the shorter the pause: it is a thirtieth of the time until the ten minutes that the lane stands
// for.
func retryWithin(now time.Time, lane Lane) time.Duration {
	if lane >= LaneBusy {
		return time.Minute
	}
	ahead := (lane - approvedLane(now) + LaneBusy) % LaneBusy
	if ahead == LaneBusy-1 {
		ahead = 0 // no lane is that far ahead: the time is over by this clock, which may be fast
	}
	return min(max(ahead.tenMinutes()/30, shortestPause), time.Minute)
}

const tenMinutes = 10 * time.Minute

func (l Lane) tenMinutes() time.Duration { return time.Duration(l) * tenMinutes }
