package flow

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// advance takes a purchase as far as it gets now. Where somebody else is at it, it waits for the
// result, but no longer than patience, which is time of the machine's.
//
// Whoever comes here, however many at once, and wherever an earlier one died: the calls that move
// money are the same calls, with the same references, bytes and idempotency keys, so Klarna makes
// them once; and what they lead to is recorded by compare-and-swap.
func (c *Coordinator) advance(ctx context.Context, p *purchase, patience time.Duration) error {
	err := c.steps(ctx, p, time.Now().Add(patience))
	c.deliver(ctx, p)
	return err
}

func (c *Coordinator) steps(ctx context.Context, p *purchase, until time.Time) error {
	if p.resolvable() && p.overdue {
		return c.resolve(ctx, p)
	}
	for !p.State.Final() {
		// Nothing is done upon a record that is not what was stored.
		switch _, err := c.open(p); {
		case err != nil && p.overdue:
			return c.damaged(ctx, p.stored, err)
		case err != nil:
			return err
		}
		p.DamagedAt = time.Time{} // somebody has mended it
		var err error
		settled := false // nothing to do until the customer acts
		switch p.State {
		case StateAwaitingCustomer:
			settled, err = c.inquire(ctx, p)
		default:
			if !p.held && c.time().Before(p.LeaseUntil) {
				changed, err := c.await(ctx, p, until)
				if err != nil || !changed {
					return err
				}
				continue
			}
			err = c.exclusively(ctx, p)
		}
		if errors.Is(err, ErrChanged) {
			err = c.overtaken(ctx, p)
		}
		if err != nil || settled {
			return err
		}
	}
	return nil
}

// exclusively makes the step of a state whose calls must not be made twice at the same time.
func (c *Coordinator) exclusively(ctx context.Context, p *purchase) error {
	if !p.held {
		p.ranBefore = p.MayHaveRun
		p.LeaseUntil = c.time().Add(lease)
		p.DueAt = p.LeaseUntil
		p.MayHaveRun = p.State != StateCanceling
		if err := c.save(ctx, p); err != nil {
			return err
		}
	}
	p.held = false // one call a lease
	switch p.State {
	case StateBegun:
		return c.authorize(ctx, p)
	case StateFinalizing:
		return c.finalize(ctx, p)
	default:
		return c.cancel(ctx, p)
	}
}

// await lets somebody else finish. It reports whether there is something new to look at.
func (c *Coordinator) await(ctx context.Context, p *purchase, until time.Time) (changed bool, err error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		left := time.Until(until)
		if left <= 0 {
			return false, nil
		}
		if err := sleep(ctx, min(jitter(pause), left)); err != nil {
			return false, err
		}
		version := p.Version
		if err := c.reload(ctx, p); err != nil {
			return false, err
		}
		if p.Version != version || !c.time().Before(p.LeaseUntil) {
			return true, nil
		}
	}
}

// end closes a purchase. StateAuthorized always wins: a transaction exists then, whatever was
// thought before. Any other end holds for the turn in which it was found: what another replica has
// begun meanwhile may end otherwise.
func (c *Coordinator) end(ctx context.Context, p *purchase, to State, reason string, also func()) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	found, ended := p.turn(), false
	err := c.change(ctx, p, func() bool {
		if ended = p.State != to && (to == StateAuthorized || p.turn() == found); !ended {
			return false
		}
		p.move(to, reason, c.time(), c.report != nil)
		if also != nil {
			also()
		}
		return true
	})
	if err == nil && ended && to == StateUnknown {
		c.logger.ErrorContext(ctx, "klarna flow: a purchase has ended without it being known whether money moved",
			"purchase", p.ID, "payment_request_id", p.PaymentRequestID, "reason", reason)
	}
	return err
}

// turn is a state, and in it the lease of the call that is made: while it stays the same, nobody
// else has made one.
type turn struct {
	state State
	lease time.Time
}

func (p *purchase) turn() turn { return turn{p.State, p.LeaseUntil} }

// later records that a step failed and is to be repeated, and returns why.
func (c *Coordinator) later(ctx context.Context, p *purchase, mayHaveRun bool, why error) error {
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
		if first { // otherwise the lease is somebody else's by now
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

// pauseAfter is the pause after a failure. What is asked for hours, and cannot run any more, is
// asked less often.
func (c *Coordinator) pauseAfter(p *purchase, now time.Time) time.Duration {
	patient := false
	switch p.State {
	case StateBegun:
		patient = now.After(p.BegunAt.Add(2 * time.Hour))
	case StateFinalizing:
		patient = now.After(p.FinalizeBy.Add(2 * clockSkew))
	}
	if patient && p.Tries > 30 {
		return jitter(10 * time.Minute)
	}
	pause := jitter(min(backoffAfter(p.Tries), retryWithin(now, p.lane())))
	if p.started.IsZero() || p.lane() >= LaneBusy {
		return pause
	}
	return waited(pause, now.Sub(p.started))
}

// answerIn is what Klarna said where it decided nothing: an error's code, or a result that nobody
// here knows. It is "" for what is no answer of Klarna's, and for a rate limit or a conflict, which
// say nothing of the call.
func answerIn(err error) string {
	if u, ok := errors.AsType[*UndecidedError](err); ok {
		return u.Result
	}
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok || e.Code == "" || e.StatusCode == http.StatusConflict || e.StatusCode == http.StatusTooManyRequests ||
		e.StatusCode >= http.StatusInternalServerError || mendable(err) {
		return ""
	}
	return string(e.Code)
}

// UndecidedError is the error of an answer that is neither an approval nor a refusal, such as a
// result of PENDING. Klarna is asked again.
type UndecidedError struct {
	// Result is Klarna's, or UNEXPECTED_ANSWER for an answer of another kind than was asked for.
	Result string
}

// Error names the result.
func (e *UndecidedError) Error() string {
	return "flow: Klarna has not decided: the result is " + strconv.Quote(e.Result)
}

// undecided is the error of a result that decides nothing.
func undecided(result authorization.Result) error {
	if u, ok := result.(authorization.Undecided); ok && len(u.Result) <= 64 {
		return &UndecidedError{Result: u.Result}
	}
	return &UndecidedError{Result: reasonUnexpected}
}

// mendable reports that not the call was refused but its credentials, or that who refused was not
// Klarna, which gives a code.
func mendable(err error) bool {
	e, ok := errors.AsType[*klarna.Error](err)
	return ok && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden || e.Code == "")
}

// conflict reports that Klarna answered 409, last of all.
func conflict(err error) bool {
	e, ok := errors.AsType[*klarna.Error](err)
	return ok && e.StatusCode == http.StatusConflict
}

// refused reports that Klarna refused the call for what it is, and would again: then it was not
// executed, and nor was an earlier one that was the same, or else the answer would be that one's.
// Refused credentials, rate limits, conflicts and the answers of proxies are not that: they settle
// a call only where nothing can have run before.
func refused(err error, mayHaveRun bool) (reason string, ok bool) {
	e, isError := errors.AsType[*klarna.Error](err)
	switch {
	case !isError || e.Outcome == klarna.OutcomeUnknown:
		return "", false
	case e.StatusCode == http.StatusBadRequest && e.Code != "":
		return reasonOf(e), true
	case mayHaveRun:
		return "", false
	case e.StatusCode == 0:
		return reasonOf(e), e.Code == klarna.CodeValidationError // by local validation
	}
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return "", false
	}
	return reasonOf(e), true
}

// reasonOf is Klarna's code of an error, or its status.
func reasonOf(e *klarna.Error) string {
	if e.Code != "" {
		return string(e.Code)
	}
	return http.StatusText(e.StatusCode)
}
