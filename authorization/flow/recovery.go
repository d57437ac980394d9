package flow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

const (
	// recoveryWorkers is how many purchases recovery has in work at once.
	recoveryWorkers = 16
	// recoveryPause is how long Run rests when nothing is due.
	recoveryPause = 2 * time.Second
	// longestPause is the longest one that a rate limit of Klarna's makes of it.
	longestPause = time.Minute
	// recoveryGrace is how long a step may go on that was begun before Run's context ended.
	recoveryGrace = 10 * time.Second
)

// Run is the recovery loop: it goes on with every purchase whose next step is overdue, whether a webhook was lost, a replica died or Klarna was out of reach,
// until ctx ends. Every replica may run it: a purchase that is due is one replica's. It returns when what it had begun is done, or after ten
// seconds.
func (c *Coordinator) Run(ctx context.Context) {
	w := newWorkers(ctx)
	defer w.end()
	for ctx.Err() == nil {
		// What hangs is not waited for: the others are due meanwhile.
		if _, err := c.recoverDue(ctx, w); err != nil && ctx.Err() == nil {
			c.logger.WarnContext(ctx, "klarna flow: recovery", "error", err)
		}
		_ = sleep(ctx, jitter(recoveryPause))
	}
}

// Recover goes on once with every purchase that is due, for programs that are started by a schedule, and for tests. It returns how many it looked
// at. Failures at Klarna are logged, and those purchases are due again later; the error is the store's or the context's.
func (c *Coordinator) Recover(ctx context.Context) (purchases int, err error) {
	w := newWorkers(ctx)
	defer w.end()
	return c.recoverDue(ctx, w)
}

// workers are what recovery has in work.
type workers struct {
	sync.WaitGroup
	free chan struct{}
	// step is the context of a purchase's step, which may go on for a while when recovery is to end.
	step context.Context //nolint:containedctx // it is that of the workers' whole life
	end  func()
}

func newWorkers(ctx context.Context) *workers {
	step, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		grace := time.AfterFunc(recoveryGrace, cancel)
		<-step.Done()
		grace.Stop()
	})
	w := &workers{free: make(chan struct{}, recoveryWorkers), step: step}
	w.end = func() {
		w.Wait()
		stop()
		cancel()
	}
	return w
}

// recoverDue goes on with every purchase until none is due, and does not wait for the last ones.
func (c *Coordinator) recoverDue(ctx context.Context, w *workers) (purchases int, err error) {
	if err := c.Check(ctx); err != nil {
		return 0, err
	}
	for {
		slots, err := c.take(ctx, w.free)
		if err != nil {
			return purchases, err
		}
		if err := sleep(ctx, time.Until(time.Unix(0, c.paused.Load()))); err != nil {
			return purchases, err
		}
		now := c.time()
		records, err := c.store.ClaimDue(ctx, now, now.Add(lease), slots)
		c.limiter.ReserveN(time.Now(), len(records))
		for range slots - len(records) {
			<-w.free
		}
		for _, r := range records {
			if _, inWork := c.inWork.LoadOrStore(r.ID, true); inWork {
				<-w.free // it takes longer than its lease; another call of it would not be faster
				continue
			}
			purchases++
			w.Go(func() {
				defer func() { <-w.free }()
				defer c.inWork.Delete(r.ID)
				if wait := c.recoverOne(w.step, r); wait > 0 {
					c.paused.Store(time.Now().Add(wait).UnixNano())
				}
			})
		}
		if err != nil {
			return purchases, fmt.Errorf("flow: claim: %w", err)
		}
		if len(records) == 0 {
			return purchases, nil
		}
	}
}

// take waits for a slot and for its turn at the rate, and takes others that can be had at the moment. The turn comes before the claim: what was claimed
// and then waited would be another's when its lease is over.
func (c *Coordinator) take(ctx context.Context, free chan struct{}) (slots int, err error) {
	select {
	case free <- struct{}{}:
		slots++
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	pause := max(time.Duration(min(1, 1/c.perSecond)*float64(time.Second)), time.Millisecond)
	for c.limiter.Tokens() < 1 {
		if err := sleep(ctx, pause); err != nil {
			return 0, err
		}
	}
	for slots < min(recoveryWorkers/2, int(c.limiter.Tokens())) && len(free) < cap(free) {
		free <- struct{}{} // nobody else puts one in
		slots++
	}
	return slots, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recoverOne goes on with one purchase. It returns for how long Klarna wants no more calls.
func (c *Coordinator) recoverOne(ctx context.Context, r Record) (quiet time.Duration) {
	defer func() {
		if panicked := recover(); panicked != nil {
			// A policy's or a report's, and perhaps of this purchase alone. Its value may hold anything.
			c.logger.ErrorContext(ctx, "klarna flow: recovery panicked", "purchase", r.ID, "panic", fmt.Sprintf("%T", panicked))
		}
	}()
	p, err := decode(r)
	if err == nil {
		p.overdue = true
		err = c.advance(ctx, p, 0)
	} else {
		err = c.damaged(ctx, r, err)
	}
	if err == nil || errors.Is(err, ErrRejected) { // which is an end
		return 0
	}
	c.logger.WarnContext(ctx, "klarna flow: a purchase could not be recovered and will be tried again", "purchase", r.ID, "error", err)
	if e, ok := errors.AsType[*klarna.Error](err); ok && e.StatusCode == http.StatusTooManyRequests {
		return min(max(e.RateLimit.Reset, time.Second), longestPause)
	}
	return 0
}
