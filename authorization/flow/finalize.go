package flow

import (
	"context"
	"errors"
	"net/http"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// finalize makes the final authorize call, or makes it again.
func (c *Coordinator) finalize(ctx context.Context, p *purchase) error {
	read := p.seen
	if read == nil || read.State != authorization.StateCompleted || p.ranBefore || p.Tries > 0 {
		// The session token is not stored: it can be read again. And somebody may have canceled.
		var err error
		if read, err = c.authorizations(p).ReadPaymentRequest(ctx, p.PaymentRequestID); err != nil {
			return c.finalizeFailed(ctx, p, p.ranBefore, err)
		}
		p.seen = read
	}
	switch read.State {
	case authorization.StateCompleted:
	case authorization.StateCanceled:
		// Klarna cancels no payment request that was finalized.
		return c.end(ctx, p, StateCanceled, read.StateReason, nil)
	case authorization.StateExpired, authorization.StateDeclined:
		return c.end(ctx, p, unpaid(p.ranBefore, endOf(read.State)), read.StateReason, nil)
	default:
		return c.finalizeFailed(ctx, p, p.ranBefore, errReopened)
	}
	approval, err := read.Approval()
	if err == nil && approval.Amount != *p.Approved {
		err = errAmountMoved
	}
	if err != nil {
		return c.finalizeFailed(ctx, p, p.ranBefore, err)
	}
	content := p.opened
	if content == nil || p.ranBefore {
		if content, err = c.seals.open(p.ID, p.Sealed); err != nil {
			return c.finalizeFailed(ctx, p, p.ranBefore, err)
		}
		key, err := finalKey(p, content, approval)
		if err != nil {
			return c.finalizeFailed(ctx, p, p.ranBefore, err)
		}
		p.otherCall = key != p.FinalKey
	}
	answer, err := c.authorizations(p).Finalize(ctx, content.Request, approval, klarna.WithIdempotencyKey(p.FinalKey))
	if err != nil {
		// The customer has approved.
		if reason, isRefused := refused(err, p.ranBefore); isRefused && !p.ranBefore && !mendable(err) {
			return c.giveUpApproved(ctx, p, reason, err)
		}
		return c.finalizeFailed(ctx, p, p.ranBefore || klarna.OutcomeOf(err) == klarna.OutcomeUnknown, err)
	}
	switch outcome := answer.Outcome.(type) {
	case authorization.Approved:
		return c.paid(ctx, p, outcome, *p.Approved)
	case authorization.Declined:
		return c.end(ctx, p, StateDeclined, outcome.Reason, nil)
	default:
		return c.end(ctx, p, StateUnknown, unexpected(outcome), nil)
	}
}

var (
	errReopened    = errors.New("flow: a payment request that was completed is open again")
	errAmountMoved = errors.New("flow: a payment request that was completed has another amount")
)

// finalizeFailed repeats the final call for as long as the answer can still come, and then gives up with what is known.
func (c *Coordinator) finalizeFailed(ctx context.Context, p *purchase, mayHaveRun bool, failure error) error {
	now := c.time()
	lasting := conflict(failure) && c.conflictLasts(p)
	switch {
	case lasting && !p.otherCall && !p.ConflictSince.Before(p.FinalizeBy.Add(-clockSkew)):
		// Each repeat was the same call as every call before it. Had one run, this would have been answered with its answer; so none has,
		// and none can any more.
		return c.giveUp(ctx, p, StateExpired, reasonNotFinalized, failure)
	case lasting:
		// Nobody's call takes that long: what the customer approved was finalized with other content, by somebody else, or before the content changed.
		return c.giveUp(ctx, p, StateUnknown, string(klarna.CodeResourceConflict), failure)
	case !mayHaveRun && now.After(p.FinalizeBy.Add(clockSkew)):
		return c.giveUp(ctx, p, StateExpired, reasonNotFinalized, failure)
	case now.After(p.FinalizeBy.Add(idempotent - finalizeWithin)):
		return c.giveUp(ctx, p, StateUnknown, reasonNoAnswer, failure)
	}
	return c.later(ctx, p, mayHaveRun, failure)
}

// giveUp ends a purchase after a failure that no repeat mends.
func (c *Coordinator) giveUp(ctx context.Context, p *purchase, to State, reason string, failure error) error {
	c.logger.WarnContext(ctx, "klarna flow: a purchase was given up", "purchase", p.ID, "state", p.State, "error", failure)
	return c.end(ctx, p, to, reason, nil)
}

// giveUpApproved lets go of what the customer approved and Klarna refuses to finalize.
func (c *Coordinator) giveUpApproved(ctx context.Context, p *purchase, reason string, failure error) error {
	c.logger.WarnContext(ctx, "klarna flow: an approved purchase was refused", "purchase", p.ID, "error", failure)
	ctx, cancel := recording(ctx)
	defer cancel()
	found := p.turn()
	return c.change(ctx, p, func() bool {
		if p.turn() != found {
			return false
		}
		p.toCanceling(causeRejected, reason, c.time(), c.report != nil)
		return true
	})
}

// mendable reports that not the call was refused but its credentials, or that who refused was not Klarna, which gives a code.
func mendable(err error) bool {
	e, ok := errors.AsType[*klarna.Error](err)
	return ok && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden || e.Code == "")
}
