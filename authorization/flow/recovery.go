package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/klarna"
)

const (
	// recoveryPause is how long Run rests when nothing is due.
	recoveryPause = 2 * time.Second
	// recoveryGrace is how long Run goes on after its context has ended. Steps that have not ended
	// when stopBefore of it is left are canceled.
	recoveryGrace = 10 * time.Second
	stopBefore    = time.Second
	// stepPatience is how long a step may take. Klarna answers a call after 59 seconds at the latest,
	// and a step makes two.
	stepPatience = 150 * time.Second
	// queueMost bounds how many steps wait for a slot in memory.
	queueMost = 1000
)

// Run is the recovery loop. It goes on with every purchase whose next step is overdue, whether a
// webhook was lost, a replica died or Klarna could not be reached, until ctx ends. Every replica
// may run it: a purchase that is due is handed to one of them. Run returns when the steps that it
// had begun have ended, ten seconds after ctx at the latest.
//
// What was approved comes first, then what may have been approved, then first calls that are to be
// repeated, then the rest. Accounts take turns, and one that is limited or slow is paused alone.
// Reports have workers of their own. [Coordinator.Health] says how recovery stands.
func (c *Coordinator) Run(ctx context.Context) {
	if c.missing() {
		slog.Default().ErrorContext(ctx, "klarna flow: recovery does not run", "error", errNoCoordinator)
		return
	}
	s := newRecoveryRun(ctx)
	defer s.end()
	c.health.began()
	defer c.health.ended()
	var loops sync.WaitGroup
	for _, k := range []*workerPool{c.money, c.reports} {
		loops.Go(func() {
			for ctx.Err() == nil {
				if _, err := k.work(ctx, s); err != nil && ctx.Err() == nil {
					c.logger.WarnContext(ctx, "klarna flow: recovery", "error", err)
				}
				_ = sleep.For(ctx, sleep.Jitter(recoveryPause))
			}
		})
	}
	loops.Go(func() { c.watch(ctx) })
	loops.Wait()
}

// Recover goes on once with every purchase that is due, for programs that are started by a
// schedule, and for tests. It returns how many it looked at. Purchases of an account that is paused
// at the moment stay due. Failures at Klarna are logged, and those purchases are due again later;
// the error is the store's or the context's.
func (c *Coordinator) Recover(ctx context.Context) (purchases int, err error) {
	if c.missing() {
		return 0, errNoCoordinator
	}
	s := newRecoveryRun(ctx)
	defer s.end()
	var group sync.WaitGroup
	var looked [2]int
	var failed [2]error
	for i, k := range []*workerPool{c.money, c.reports} {
		group.Go(func() { looked[i], failed[i] = k.work(ctx, s) })
	}
	group.Wait()
	if failed[0] == nil || failed[1] == nil || failed[0].Error() != failed[1].Error() {
		return looked[0] + looked[1], errors.Join(failed[0], failed[1])
	}
	return looked[0] + looked[1], failed[0]
}

// recoveryRun is one run of recovery: the steps that it has begun, and their context.
type recoveryRun struct {
	// step is the context of a purchase's step, which may go on for a while when recovery is to end.
	step context.Context //nolint:containedctx // it is that of the whole run
	// over ends when the run must end, whatever still runs.
	over context.Context //nolint:containedctx // as above
	stop func()

	mu    sync.Mutex
	open  int
	ended bool
	// idle is closed once the run has ended and no step is open. An abandoned step may still
	// open another.
	idle   chan struct{}
	closed bool
}

func newRecoveryRun(ctx context.Context) *recoveryRun {
	step, cancelSteps := context.WithCancel(context.WithoutCancel(ctx))
	over, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		steps := time.AfterFunc(recoveryGrace-stopBefore, cancelSteps)
		all := time.AfterFunc(recoveryGrace, giveUp)
		<-over.Done()
		steps.Stop()
		all.Stop()
	})
	return &recoveryRun{step: step, over: over, idle: make(chan struct{}), stop: func() {
		stop()
		giveUp()
		cancelSteps()
	}}
}

func (s *recoveryRun) begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
}

func (s *recoveryRun) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.rest()
}

// rest is called with the lock held.
func (s *recoveryRun) rest() {
	if s.open == 0 && s.ended && !s.closed {
		s.closed = true
		close(s.idle)
	}
}

// end waits for the steps that were begun, unless the run is over before.
func (s *recoveryRun) end() {
	s.mu.Lock()
	s.ended = true
	s.rest()
	s.mu.Unlock()
	select {
	case <-s.idle:
	case <-s.over.Done():
	}
	s.stop()
}

// workerPool runs the steps of some lanes.
type workerPool struct {
	c     *Coordinator
	lanes func(now time.Time) []Lane
	// step goes on with a purchase.
	step func(context.Context, *recoveryRun, Record) limits

	mu     sync.Mutex
	plan   *scheduler
	queue  []offered
	at     map[string]bool // the purchases that steps go on with, by their IDs
	lost   int             // steps that were abandoned
	change chan struct{}   // a slot was freed
}

func newWorkerPool(c *Coordinator, lanes func(time.Time) []Lane, plan *scheduler, step func(context.Context, *recoveryRun, Record) limits) *workerPool {
	return &workerPool{c: c, lanes: lanes, plan: plan, step: step, at: map[string]bool{}, change: make(chan struct{}, 1)}
}

// work goes on with every purchase until none is due, and does not wait for the last ones.
func (k *workerPool) work(ctx context.Context, s *recoveryRun) (purchases int, err error) {
	if err := k.check(ctx); err != nil {
		return 0, err
	}
	for {
		k.mu.Lock()
		r, pause := k.plan.next(time.Now())
		k.mu.Unlock()
		if r.limit == 0 {
			if err := k.wait(ctx, pause); err != nil {
				return purchases, err
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return purchases, err
		}
		list, err := k.claim(ctx, r)
		for _, claimed := range list {
			if k.start(s, claimed.Record) {
				purchases++
			}
		}
		switch {
		case err != nil:
			return purchases, fmt.Errorf("flow: claim: %w", err)
		case len(list) > 0:
		case !r.busy || !k.waitForAStep(ctx):
			return purchases, nil
		}
	}
}

// check is Check with a deadline, also for a store that ignores the end of its context.
func (k *workerPool) check(ctx context.Context) error {
	if k.c.checked.Load() {
		return nil
	}
	return k.c.claimCalls.call(ctx, "", strconv.FormatInt(k.c.claims.Add(1), 10), k.c.Check)
}

// waitForAStep waits until a step returns its slot, so that its account can have another one. It
// reports whether a step did: a slow step does, unless too many are slow.
func (k *workerPool) waitForAStep(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, slowAfter+time.Second)
	defer cancel()
	return k.wait(ctx, 0) == nil
}

// wait waits for a pause to be over, or, where there is none, for a slot.
func (k *workerPool) wait(ctx context.Context, pause time.Duration) error {
	if pause > 0 {
		return sleep.For(ctx, pause)
	}
	select {
	case <-k.change:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claim claims what is due. A store that does not answer is given up after a while, and asked again
// later.
func (k *workerPool) claim(ctx context.Context, r claimRequest) ([]Claimed, error) {
	now := k.c.time()
	params := r.params(now, k.lanes(now))
	var list []Claimed
	returned := make(chan []Claimed, 1) // a variable would be written to by a claim that was abandoned
	err := k.c.claimCalls.call(ctx, "", strconv.FormatInt(k.c.claims.Add(1), 10), func(ctx context.Context) error {
		list, err := k.c.store.ClaimDue(ctx, params)
		returned <- list
		return err
	})
	select {
	case list = <-returned:
	default: // it was abandoned: what it still claims is due again after its lease
	}
	var oldest time.Time
	for _, claimed := range list {
		if !claimed.WasDueAt.IsZero() && (oldest.IsZero() || claimed.WasDueAt.Before(oldest)) {
			oldest = claimed.WasDueAt
		}
	}
	if err == nil || len(list) > 0 {
		lag := time.Duration(0)
		if !oldest.IsZero() {
			lag = now.Sub(oldest)
		}
		k.mu.Lock()
		k.plan.claimed(r, len(list), lag)
		k.mu.Unlock()
	}
	if err == nil && k == k.c.money {
		k.c.health.round(now, oldest, len(list) < r.limit)
	}
	return list, err
}

// start begins a step unless one of the same purchase goes on: another call of it would not be
// faster.
func (k *workerPool) start(s *recoveryRun, r Record) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at[r.ID] {
		return false
	}
	k.begin(s, r)
	return true
}

// offer begins a step as soon as there is a slot for it, if that is soon. Otherwise the record is
// due in a moment, for whoever claims it then.
func (k *workerPool) offer(s *recoveryRun, r Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.at[r.ID]:
	case k.plan.running < k.plan.slots:
		k.begin(s, r)
	case len(k.queue) < queueMost:
		s.begun()
		k.queue = append(k.queue, offered{r, s, time.Now()})
	}
}

// offered is a step that waits for a slot.
type offered struct {
	Record
	run   *recoveryRun
	since time.Time
}

// next begins what waits for a slot. It is called with the lock held.
func (k *workerPool) next() {
	for len(k.queue) > 0 && k.plan.running < k.plan.slots {
		o := k.queue[0]
		k.queue = k.queue[1:]
		// When the lease is over, somebody else may have claimed it.
		if !k.at[o.ID] && o.run.step.Err() == nil && time.Since(o.since) < lease/2 {
			k.begin(o.run, o.Record)
		}
		o.run.done()
	}
}

// begin is called with the lock held.
func (k *workerPool) begin(s *recoveryRun, r Record) {
	k.at[r.ID] = true
	k.plan.begun(r.PartnerAccountID)
	s.begun()
	go k.run(s, r)
}

// run is one step, from its beginning to its end.
func (k *workerPool) run(s *recoveryRun, r Record) {
	ctx, cancel := context.WithTimeout(s.step, stepPatience)
	defer cancel()
	var slow, abandoned, ended bool // with the lock held
	slowly := time.AfterFunc(slowAfter, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if slow = !ended && k.plan.slowed(r.PartnerAccountID); slow {
			k.freed()
		}
	})
	defer slowly.Stop()
	givenUp := time.AfterFunc(stepPatience+recoveryGrace, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if ended {
			return
		}
		abandoned = true
		k.lost++
		s.done()
		k.c.logger.ErrorContext(ctx, "klarna flow: a step of recovery ignores the end of its context and was abandoned", "purchase", r.ID)
	})
	defer givenUp.Stop()
	var learned limits
	defer func() { // also where the store ends the goroutine
		k.mu.Lock()
		defer k.mu.Unlock()
		ended = true
		delete(k.at, r.ID)
		k.plan.ended(time.Now(), r.PartnerAccountID, slow, learned)
		k.next()
		k.freed()
		if abandoned {
			k.lost--
		} else {
			s.done()
		}
	}()
	learned = k.step(ctx, s, r)
}

// freed wakes the loop.
func (k *workerPool) freed() {
	select {
	case k.change <- struct{}{}:
	default:
	}
}

// recoverPurchase goes on with one purchase, and leaves what it reports to the pool that does.
func (c *Coordinator) recoverPurchase(ctx context.Context, s *recoveryRun, r Record) (learned limits) {
	defer c.recoverPanic(ctx, r)
	p, err := decode(r)
	if err != nil {
		_ = c.damaged(ctx, r, err) // which logs it
		return limits{}
	}
	p.overdue, p.started = true, c.time()
	switch {
	case p.isOpen():
		err = c.followUp(ctx, p)
	case p.State.ended() && !p.resolvable():
		err = c.toReports(ctx, p)
	default:
		err = c.steps(ctx, p, time.Now())
	}
	switch {
	case len(p.Unreported)+len(p.UnreportedOperations) > 0 && c.report != nil:
		c.reports.offer(s, p.stored)
	default:
		c.deliver(ctx, p)
	}
	if err == nil || errors.Is(err, ErrRejected) { // which is an end
		return quotaLimits(p.response.RateLimit)
	}
	c.logger.WarnContext(ctx, "klarna flow: a purchase could not be recovered and will be tried again", "purchase", r.ID, "error", err)
	if e, ok := errors.AsType[*klarna.Error](err); ok && e.StatusCode == http.StatusTooManyRequests {
		return limits{quiet: max(e.RateLimit.Reset, time.Second), limited: true}
	}
	return quotaLimits(p.response.RateLimit)
}

// quotaLimits pauses the account: it leaves the rest of a quota that is nearly used up to those who
// cannot wait.
func quotaLimits(l klarna.RateLimit) limits {
	if l.Limit > 0 && l.Remaining*5 < l.Limit {
		return limits{quiet: l.Reset}
	}
	return limits{}
}

// followUp goes on with what follows the approval of a purchase.
func (c *Coordinator) followUp(ctx context.Context, p *purchase) error {
	now, version := c.time(), p.Version
	err := c.operate(ctx, p, "", time.Now())
	switch {
	case err != nil: // which it waits for
	case !p.WatchAt.IsZero() && !p.WatchAt.After(now):
		err = c.watchAuthorization(ctx, p)
	case !p.LookAt.IsZero() && !p.LookAt.After(now):
		if err = c.look(ctx, p, eventFacts{}); err != nil {
			err = errors.Join(err, c.watchLater(ctx, p))
		}
	}
	if p.Version != version {
		return err
	}
	return errors.Join(err, c.change(ctx, p, func() bool {
		if p.Version != version {
			return false // somebody else has eventFacts when to look again
		}
		p.DueAt = p.dueAfter(c.time())
		return true
	}))
}

// toReports moves a purchase that has ended to the lane of reports. One that a program wrote that
// knows no lanes is elsewhere.
func (c *Coordinator) toReports(ctx context.Context, p *purchase) error {
	return c.change(ctx, p, func() bool {
		if p.Lane == LaneReports || !p.State.ended() || len(p.Unreported)+len(p.UnreportedOperations) == 0 {
			return false
		}
		p.DueAt = c.time()
		return true
	})
}

// reportOn reports what is unreported of one purchase.
func (c *Coordinator) reportOn(ctx context.Context, _ *recoveryRun, r Record) limits {
	defer c.recoverPanic(ctx, r)
	p, err := decode(r)
	if err != nil {
		_ = c.damaged(ctx, r, err) // which logs it
		return limits{}
	}
	c.deliver(ctx, p)
	return limits{}
}

// recoverPanic ends a panic. Its value may hold anything.
func (c *Coordinator) recoverPanic(ctx context.Context, r Record) {
	if panicked := recover(); panicked != nil {
		c.logger.ErrorContext(ctx, "klarna flow: recovery panicked", "purchase", r.ID, "panic", fmt.Sprintf("%T", panicked))
	}
}
