package flow

import (
	"context"
	"errors"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// toCanceling records that the payment request is to be canceled, and why.
func (c *Coordinator) toCanceling(ctx context.Context, p *purchase, why cause) error {
	p.toCanceling(why, string(why), c.time(), c.report != nil)
	return c.save(ctx, p)
}

func (p *purchase) toCanceling(why cause, reason string, now time.Time, reporting bool) {
	p.move(StateCanceling, reason, now, reporting)
	p.Cause, p.Reason, p.DueAt = why, reason, now
}

// cancel cancels the payment request. It asks first, because a customer who was thought to have gone may have come back, or even have
// approved.
func (c *Coordinator) cancel(ctx context.Context, p *purchase) error {
	read, err := c.authorizations(p).ReadPaymentRequest(ctx, p.PaymentRequestID)
	if err != nil {
		return c.cancelFailed(ctx, p, err)
	}
	p.seen = read
	overtime := c.time().After(p.ExpiresAt.Add(clockSkew))
	switch read.State {
	case authorization.StateDeclined, authorization.StateExpired, authorization.StateCanceled:
		return c.canceled(ctx, p, read)
	case authorization.StateSubmitted:
	case authorization.StateCompleted:
		if p.Cause == causeAbandoned {
			return c.comeBack(ctx, p)
		}
	default:
		if p.Cause == causeAbandoned && !overtime {
			return c.comeBack(ctx, p)
		}
	}
	completed := read.State == authorization.StateCompleted
	read, err = c.authorizations(p).CancelPaymentRequest(ctx, p.PaymentRequestID)
	switch {
	case err != nil && completed && conflict(err) && c.conflictLasts(p):
		// Klarna cancels what is completed until it is finalized, so it was, by somebody else.
		return c.giveUp(ctx, p, StateUnknown, string(klarna.CodeResourceConflict), err)
	case err == nil && (read.State.Open() || read.State == authorization.StateCompleted):
		err = errNotCanceled
	}
	if err != nil {
		return c.cancelFailed(ctx, p, err)
	}
	p.seen = read
	return c.canceled(ctx, p, read)
}

var errNotCanceled = errors.New("flow: Klarna has not canceled the payment request")

// canceled records the end of a payment request that was to be canceled, which may have ended otherwise before.
func (c *Coordinator) canceled(ctx context.Context, p *purchase, read *authorization.PaymentRequest) error {
	to, reason := endOf(read.State), read.StateReason
	switch {
	case p.Cause == causeRejected:
		to, reason = StateRejected, p.Reason
	case to == StateCanceled:
		reason = string(p.Cause)
	}
	return c.end(ctx, p, to, reason, nil)
}

// comeBack takes back a cancelation: the customer is there.
func (c *Coordinator) comeBack(ctx context.Context, p *purchase) error {
	p.move(StateAwaitingCustomer, "", c.time(), c.report != nil)
	p.Cause, p.Reason = "", ""
	p.DueAt = c.lookAgain(p, p.seen)
	return c.save(ctx, p)
}

// cancelFailed tries again until the payment request, and an approval of it, have surely expired.
func (c *Coordinator) cancelFailed(ctx context.Context, p *purchase, failure error) error {
	if c.time().After(p.ExpiresAt.Add(finalizeWithin + clockSkew)) {
		to, reason := StateCanceled, string(p.Cause)
		if p.Cause == causeRejected {
			to, reason = StateRejected, p.Reason
		}
		return c.giveUp(ctx, p, to, reason, failure)
	}
	return c.later(ctx, p, false, failure)
}

// Cancel gives a purchase up: the caller does not want it any more. It cancels the payment request at Klarna, until the customer's approval is being
// finalized; from then on it changes nothing. So look at the Status: in StateCanceled no money moves; in StateAuthorized the payment was made, and voiding it is
// what is left; in any other state it is not known yet, so ask again before the customer pays otherwise. With a *klarna.Error, the Status is there all
// the same.
//
// The error is ErrNotFound for a purchase that there is not. A Begin that comes later begins it: one that has not returned, or whose store failed and may yet
// do what it was told, is to be waited for.
func (c *Coordinator) Cancel(ctx context.Context, id string) (*Status, error) {
	p, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	err = c.change(ctx, p, func() bool {
		switch {
		case p.State == StateAwaitingCustomer:
			p.toCanceling(causeCaller, string(causeCaller), c.time(), c.report != nil)
			return true
		case p.State == StateBegun && p.Cause == "":
			p.Cause = causeCaller
			return true
		case p.State == StateCanceling && p.Cause == causeAbandoned:
			// Now it is not taken back, should the customer come back.
			p.Cause, p.Reason = causeCaller, string(causeCaller)
			return true
		default:
			return false
		}
	})
	if err != nil {
		return nil, err
	}
	err = c.advance(ctx, p, patience)
	return p.status(), err
}
