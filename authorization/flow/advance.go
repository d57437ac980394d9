package flow

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/klarna"
)

// advance takes a purchase as far as it can get now. If another replica is processing it, advance
// waits for the result, at most as long as patience in wall-clock time.
//
// Any number of callers may run advance concurrently, and any earlier one may have died at any
// point. The calls that move money are always the same calls, with the same references, bytes and
// idempotency keys, so Klarna executes them once. Their results are recorded by compare-and-swap.
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
		// A record that was changed outside of the Coordinator is left alone.
		switch _, err := c.open(p); {
		case err != nil && p.overdue:
			return c.postponeDamaged(ctx, p.stored, err)
		case err != nil:
			return err
		}
		p.DamagedAt = time.Time{} // the record was repaired
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
			err = c.reloadAfterConflict(ctx, p)
		}
		if err != nil || settled {
			return err
		}
	}
	return nil
}

// exclusively makes the next step of a state whose calls must not be made twice at the same time.
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
	p.held = false // a lease is for one call
	switch p.State {
	case StateBegun:
		return c.authorize(ctx, p)
	case StateFinalizing:
		return c.finalize(ctx, p)
	default:
		return c.cancel(ctx, p)
	}
}

// await waits until another replica has changed the record or its lease has ended. It reports
// whether p has changed.
func (c *Coordinator) await(ctx context.Context, p *purchase, until time.Time) (changed bool, err error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		left := time.Until(until)
		if left <= 0 {
			return false, nil
		}
		if err := sleep.For(ctx, min(sleep.Jitter(pause), left)); err != nil {
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

// pauseAfter returns the pause after a failure. Calls that have been repeated for hours, and that
// cannot be executed any more, are repeated less often.
func (c *Coordinator) pauseAfter(p *purchase, now time.Time) time.Duration {
	patient := false
	switch p.State {
	case StateBegun:
		patient = now.After(p.BegunAt.Add(2 * time.Hour))
	case StateFinalizing:
		patient = now.After(p.FinalizeBy.Add(2 * clockSkew))
	}
	if patient && p.Tries > 30 {
		return sleep.Jitter(10 * time.Minute)
	}
	pause := sleep.Jitter(min(backoffAfter(p.Tries), retryWithin(now, p.lane())))
	if p.started.IsZero() || p.lane() >= LaneBusy {
		return pause
	}
	return remainingPause(pause, now.Sub(p.started))
}

// answerIn returns Klarna's answer that decided nothing: an error code, or a result that this
// version does not know. It returns "" for errors that are not an answer of Klarna's, and for rate
// limits and conflicts, which say nothing about the call.
func answerIn(err error) string {
	if u, ok := errors.AsType[*UndecidedError](err); ok {
		return u.Result
	}
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok || e.Code == "" || e.StatusCode == http.StatusConflict || e.StatusCode == http.StatusTooManyRequests ||
		e.StatusCode >= http.StatusInternalServerError || credentialsRefused(err) {
		return ""
	}
	return string(e.Code)
}

// UndecidedError reports that Klarna's answer is neither an approval nor a refusal, such as a
// result of PENDING. The Coordinator asks Klarna again.
type UndecidedError struct {
	// Result is Klarna's result, or UNEXPECTED_ANSWER if the answer is of another kind than
	// requested.
	Result string
}

// Error returns a text with the result.
func (e *UndecidedError) Error() string {
	return "flow: Klarna has not decided: the result is " + strconv.Quote(e.Result)
}

// undecided returns the error for a result that decides nothing.
func undecided(result authorization.Result) error {
	if u, ok := result.(authorization.Undecided); ok && len(u.Result) <= 64 {
		return &UndecidedError{Result: u.Result}
	}
	return &UndecidedError{Result: reasonUnexpected}
}

// credentialsRefused reports whether the credentials were refused and not the call, or whether a
// proxy refused. Only Klarna's own refusals have a code.
func credentialsRefused(err error) bool {
	e, ok := errors.AsType[*klarna.Error](err)
	return ok && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden || e.Code == "")
}

// conflict reports whether Klarna's last answer was 409.
func conflict(err error) bool {
	e, ok := errors.AsType[*klarna.Error](err)
	return ok && e.StatusCode == http.StatusConflict
}

// refused reports whether Klarna refused the call itself and would refuse it again. Then the call
// was not executed. An earlier call with the same bytes was not executed either, because Klarna
// would have repeated its answer. Refused credentials, rate limits, conflicts and answers of
// proxies settle a call only if no earlier call may have been executed.
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

// reasonOf returns Klarna's error code, or the text of the HTTP status.
func reasonOf(e *klarna.Error) string {
	if e.Code != "" {
		return string(e.Code)
	}
	return http.StatusText(e.StatusCode)
}
