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
	// recoveryPause is how long Run pauses when nothing is due.
	recoveryPause = 2 * time.Second
	// recoveryGrace is how long Run continues after its context has ended. It cancels its steps
	// stopBefore earlier.
	recoveryGrace = 10 * time.Second
	stopBefore    = time.Second
	// stepPatience is how long a step may take. Klarna answers a call within 59 seconds, and a step
	// makes two calls.
	stepPatience = 150 * time.Second
	// maxQueued is how many steps may wait for a slot.
	maxQueued = 1000
)

// Run is the recovery loop. Until ctx ends, it performs the next step of every purchase that is
// due, for example because its webhook was lost, a replica died or Klarna could not be reached. Run
// it in every replica; each due purchase is processed by one of them. After ctx has ended, Run
// waits up to ten seconds for the purchases that it is processing.
//
// Approved purchases come first, then purchases that may be approved, then repeated first calls,
// then the rest. Accounts take turns, and an account that is slow or rate limited delays no other.
// Reports have their own workers. [Coordinator.Health] reports how recovery is doing.
//
// Klarna's documentation: https://docs.klarna.com/payments/
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
					c.logger.WarnContext(ctx, "klarna flow: recovery failed and will be repeated", "error", err)
				}
				_ = sleep.For(ctx, sleep.Jitter(recoveryPause))
			}
		})
	}
	loops.Go(func() { c.watch(ctx) })
	loops.Wait()
}

// Recover performs the next step of every purchase that is due, once. It is for programs that are
// started by a schedule, and for tests. It returns the number of purchases that it processed.
// Purchases of an account that is paused stay due. Recover logs failed calls to Klarna, and those
// purchases are due again later. The error is the store's or the context's.
//
// Klarna's documentation: https://docs.klarna.com/payments/
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

// recoveryRun is one call of Run or Recover: the number of its steps, and their context.
type recoveryRun struct {
	// step is the context of the steps. It ends later than that of the run.
	step context.Context //nolint:containedctx // the run has one context
	// over ends when the run must end, even if steps are still running.
	over context.Context //nolint:containedctx // as above
	stop func()

	mu    sync.Mutex
	open  int
	ended bool
	// idle is closed once the run has ended and no step is open. An abandoned step may still open
	// another one.
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
	s.closeIfIdle()
}

// closeIfIdle closes idle if the run has ended and no step is open. The caller holds the lock.
func (s *recoveryRun) closeIfIdle() {
	if s.open == 0 && s.ended && !s.closed {
		s.closed = true
		close(s.idle)
	}
}

// end waits until no step is open or the run is over.
func (s *recoveryRun) end() {
	s.mu.Lock()
	s.ended = true
	s.closeIfIdle()
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
	// step processes a purchase.
	step func(context.Context, *recoveryRun, Record) limits

	mu         sync.Mutex
	plan       *scheduler
	queue      []offered
	inProgress map[string]bool // by the IDs of the purchases
	abandoned  int             // steps that were abandoned
	change     chan struct{}   // a slot was freed
}

func newWorkerPool(c *Coordinator, lanes func(time.Time) []Lane, plan *scheduler, step func(context.Context, *recoveryRun, Record) limits) *workerPool {
	return &workerPool{c: c, lanes: lanes, plan: plan, step: step, inProgress: map[string]bool{}, change: make(chan struct{}, 1)}
}

// work begins steps for due purchases until none is due. It does not wait for the last steps.
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

// check calls Check with a deadline, even if the store ignores the end of its context.
func (k *workerPool) check(ctx context.Context) error {
	if k.c.checked.Load() {
		return nil
	}
	return k.c.claimCalls.call(ctx, "", strconv.FormatInt(k.c.claims.Add(1), 10), k.c.Check)
}

// waitForAStep waits until a step frees its slot. It reports whether a step did. A slow step frees
// its slot unless too many steps are slow.
func (k *workerPool) waitForAStep(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, slowAfter+time.Second)
	defer cancel()
	return k.wait(ctx, 0) == nil
}

// wait waits for a pause, or for a free slot if pause is zero.
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

// claim claims due purchases. If the store does not answer, claim abandons the call, and a later
// claim tries again.
func (k *workerPool) claim(ctx context.Context, r claimRequest) ([]Claimed, error) {
	now := k.c.time()
	params := r.params(now, k.lanes(now))
	var list []Claimed
	returned := make(chan []Claimed, 1) // an abandoned claim would write to a variable
	err := k.c.claimCalls.call(ctx, "", strconv.FormatInt(k.c.claims.Add(1), 10), func(ctx context.Context) error {
		list, err := k.c.store.ClaimDue(ctx, params)
		returned <- list
		return err
	})
	select {
	case list = <-returned:
	default: // the claim was abandoned; what it still claims is due again after the lease
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

// start begins a step unless one of the same purchase is in progress.
func (k *workerPool) start(s *recoveryRun, r Record) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.inProgress[r.ID] {
		return false
	}
	k.begin(s, r)
	return true
}

// offer begins a step when a slot is free. If too many steps wait, it does nothing: the record
// stays due.
func (k *workerPool) offer(s *recoveryRun, r Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.inProgress[r.ID]:
	case k.plan.running < k.plan.slots:
		k.begin(s, r)
	case len(k.queue) < maxQueued:
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

// next begins steps that wait for a slot. The caller holds the lock.
func (k *workerPool) next() {
	for len(k.queue) > 0 && k.plan.running < k.plan.slots {
		o := k.queue[0]
		k.queue = k.queue[1:]
		// After the lease another replica may have claimed it.
		if !k.inProgress[o.ID] && o.run.step.Err() == nil && time.Since(o.since) < lease/2 {
			k.begin(o.run, o.Record)
		}
		o.run.done()
	}
}

// begin begins a step. The caller holds the lock.
func (k *workerPool) begin(s *recoveryRun, r Record) {
	k.inProgress[r.ID] = true
	k.plan.begun(r.PartnerAccountID)
	s.begun()
	go k.run(s, r)
}

// run runs one step from beginning to end.
func (k *workerPool) run(s *recoveryRun, r Record) {
	ctx, cancel := context.WithTimeout(s.step, stepPatience)
	defer cancel()
	var slow, abandoned, ended bool // guarded by k.mu
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
		k.abandoned++
		s.done()
		k.c.logger.ErrorContext(ctx, "klarna flow: a step of recovery ignored the end of its context and was abandoned", "purchase", r.ID)
	})
	defer givenUp.Stop()
	var learned limits
	defer func() { // deferred, because the store may end the goroutine
		k.mu.Lock()
		defer k.mu.Unlock()
		ended = true
		delete(k.inProgress, r.ID)
		k.plan.ended(time.Now(), r.PartnerAccountID, slow, learned)
		k.next()
		k.freed()
		if abandoned {
			k.abandoned--
		} else {
			s.done()
		}
	}()
	learned = k.step(ctx, s, r)
}

// freed signals that a slot is free.
func (k *workerPool) freed() {
	select {
	case k.change <- struct{}{}:
	default:
	}
}

// recoverPurchase continues one purchase and leaves its reports to the pool for reports.
func (c *Coordinator) recoverPurchase(ctx context.Context, s *recoveryRun, r Record) (learned limits) {
	defer c.recoverPanic(ctx, r)
	p, err := decode(r)
	if err != nil {
		_ = c.postponeDamaged(ctx, r, err) // which logs it
		return limits{}
	}
	p.overdue, p.started = true, c.time()
	switch {
	case p.isOpen():
		err = c.followUp(ctx, p)
	case p.State.ended() && !p.resolvable():
		err = c.moveToReports(ctx, p)
	default:
		err = c.steps(ctx, p, time.Now())
	}
	switch {
	case len(p.Unreported)+len(p.UnreportedOperations) > 0 && c.report != nil:
		c.reports.offer(s, p.stored)
	default:
		c.deliver(ctx, p)
	}
	if err == nil || errors.Is(err, ErrRejected) { // the purchase has ended
		return quotaLimits(p.response.RateLimit)
	}
	c.logger.WarnContext(ctx, "klarna flow: a step of a purchase failed and will be repeated", "purchase", r.ID, "error", err)
	if e, ok := errors.AsType[*klarna.Error](err); ok && e.StatusCode == http.StatusTooManyRequests {
		return limits{quiet: max(e.RateLimit.Reset, time.Second), limited: true}
	}
	return quotaLimits(p.response.RateLimit)
}

// quotaLimits pauses an account whose quota is nearly used up, so that the rest is left to calls
// that cannot wait.
func quotaLimits(l klarna.RateLimit) limits {
	if l.Limit > 0 && l.Remaining*5 < l.Limit {
		return limits{quiet: l.Reset}
	}
	return limits{}
}

// followUp executes operations and reads the transaction of an authorized purchase, as far as they
// are due.
func (c *Coordinator) followUp(ctx context.Context, p *purchase) error {
	now, version := c.time(), p.Version
	err := c.operate(ctx, p, "", time.Now())
	switch {
	case err != nil: // the operation is due again later
	case !p.WatchAt.IsZero() && !p.WatchAt.After(now):
		err = c.watchAuthorization(ctx, p)
	case !p.LookAt.IsZero() && !p.LookAt.After(now):
		if err = c.readTransaction(ctx, p, eventFacts{}); err != nil {
			err = errors.Join(err, c.postponeWatch(ctx, p))
		}
	}
	if p.Version != version {
		return err
	}
	return errors.Join(err, c.change(ctx, p, func() bool {
		if p.Version != version {
			return false // another replica has set the due time
		}
		p.DueAt = p.dueAfter(c.time())
		return true
	}))
}

// moveToReports moves a purchase that has ended to LaneReports. Releases without lanes store it in
// another lane.
func (c *Coordinator) moveToReports(ctx context.Context, p *purchase) error {
	return c.change(ctx, p, func() bool {
		if p.Lane == LaneReports || !p.State.ended() || len(p.Unreported)+len(p.UnreportedOperations) == 0 {
			return false
		}
		p.DueAt = c.time()
		return true
	})
}

// reportPurchase reports the unreported changes of one purchase.
func (c *Coordinator) reportPurchase(ctx context.Context, _ *recoveryRun, r Record) limits {
	defer c.recoverPanic(ctx, r)
	p, err := decode(r)
	if err != nil {
		_ = c.postponeDamaged(ctx, r, err) // which logs it
		return limits{}
	}
	c.deliver(ctx, p)
	return limits{}
}

// recoverPanic recovers from a panic. It does not log the value, which may hold secrets.
func (c *Coordinator) recoverPanic(ctx context.Context, r Record) {
	if panicked := recover(); panicked != nil {
		c.logger.ErrorContext(ctx, "klarna flow: recovery panicked", "purchase", r.ID, "panic", fmt.Sprintf("%T", panicked))
	}
}
