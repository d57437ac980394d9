package flow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
)

// load reads a purchase.
func (c *Coordinator) load(ctx context.Context, id string) (*purchase, error) {
	r, err := c.store.Load(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("flow: load: %w", err)
	}
	return decode(r)
}

// reload replaces p by what is stored.
func (c *Coordinator) reload(ctx context.Context, p *purchase) error {
	fresh, err := c.load(ctx, p.ID)
	if err != nil {
		return err
	}
	p.replaceWith(fresh)
	return nil
}

// save stores p if the stored version is still the one that p was read from. Otherwise the error is
// ErrChanged. After any error p is the record that is known to be stored, so that callers do not
// see unsaved changes.
func (c *Coordinator) save(ctx context.Context, p *purchase) error {
	r, err := p.encoded()
	if err == nil {
		if err = c.store.Update(ctx, r); err != nil {
			err = fmt.Errorf("flow: update: %w", err)
		}
	}
	if err != nil {
		if before, broken := decode(p.stored); broken == nil {
			p.replaceWith(before)
		}
		return err
	}
	r.Version++
	p.Record, p.stored = r, r
	return nil
}

// change applies a change to the newest version of the record and stores it. apply makes the change
// in p and reports whether a change is needed.
func (c *Coordinator) change(ctx context.Context, p *purchase, apply func() bool) error {
	for {
		if !apply() {
			return nil
		}
		err := c.save(ctx, p)
		if !errors.Is(err, ErrChanged) {
			return err
		}
		if err := c.reloadAfterConflict(ctx, p); err != nil {
			return err
		}
	}
}

// reloadAfterConflict reads p again after another replica has changed it. It backs off while the
// store still returns the old version, for example from a replica that lags behind.
func (c *Coordinator) reloadAfterConflict(ctx context.Context, p *purchase) error {
	known, until := p.Version, time.Now().Add(lagPatience)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		if err := c.reload(ctx, p); err != nil {
			return err
		}
		if p.Version > known {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("flow: the store returns an old version of purchase %s: %w", strconv.Quote(p.ID), ErrChanged)
		}
		if err := sleep.For(ctx, sleep.Jitter(pause)); err != nil {
			return err
		}
	}
}

// recording returns a context for recording an answer, even if the caller's context has ended.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// end ends a purchase. StateAuthorized always wins, because a transaction exists. Any other state
// is recorded only if the purchase still has the lease under which the state was found: another
// replica may since have begun a call with another result.
func (c *Coordinator) end(ctx context.Context, p *purchase, to State, reason string, also func()) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	found, ended := p.leaseID(), false
	err := c.change(ctx, p, func() bool {
		if ended = p.State != to && (to == StateAuthorized || p.leaseID() == found); !ended {
			return false
		}
		p.move(to, reason, c.time(), c.report != nil)
		if also != nil {
			also()
		}
		return true
	})
	if err == nil && ended && to == StateUnknown {
		c.logger.ErrorContext(ctx, "klarna flow: a purchase has ended, and it is not known whether money moved",
			"purchase", p.ID, "payment_request_id", p.PaymentRequestID, "reason", reason)
	}
	return err
}

// leaseID identifies a state and the lease of the call in that state. While it stays the same, no
// other replica has made a call.
type leaseID struct {
	state State
	lease time.Time
}

func (p *purchase) leaseID() leaseID { return leaseID{p.State, p.LeaseUntil} }

// retryLater records that a step failed and has to be repeated, and returns why.
func (c *Coordinator) retryLater(ctx context.Context, p *purchase, mayHaveRun bool, why error) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	state, first := p.State, true
	err := c.change(ctx, p, func() bool {
		if p.State != state {
			return false
		}
		now := c.time()
		if answer := answerIn(why); answer != "" {
			p.Seen = answer
		}
		if conflict(why) && (p.State == StateBegun || p.State == StateFinalizing && now.Before(p.FinalizeBy.Add(-clockSkew))) {
			p.Conflicted = true
		}
		p.Tries++
		if first { // after a conflict the lease may belong to another replica
			first = false
			p.MayHaveRun = mayHaveRun
			p.LeaseUntil = time.Time{}
		}
		p.Lane = p.laneAt(now)
		p.DueAt = now.Add(c.pauseAfter(p, now))
		return true
	})
	if err != nil {
		return errors.Join(why, err)
	}
	return why
}
