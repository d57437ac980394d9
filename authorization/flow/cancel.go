package flow

import (
	"context"
	"errors"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// toCanceling records that the payment request has to be canceled, and why.
func (c *Coordinator) toCanceling(ctx context.Context, p *purchase, why cause) error {
	p.toCanceling(why, string(why), c.time(), c.report != nil)
	return c.save(ctx, p)
}

func (p *purchase) toCanceling(why cause, reason string, now time.Time, reporting bool) {
	p.move(StateCanceling, reason, now, reporting)
	p.Cause, p.Reason, p.DueAt = why, reason, now
}

// cancelWithin is the time limit of the call that cancels. The client does not retry that call,
// because the payment request is read before each attempt.
const cancelWithin = 10 * time.Second

// cancel cancels the payment request. It reads it first, because the customer may have returned to
// Klarna's page or even approved.
func (c *Coordinator) cancel(ctx context.Context, p *purchase) error {
	api, err := c.api(ctx, p)
	if err != nil {
		return c.retryLater(ctx, p, false, err)
	}
	read, err := api.GetPaymentRequest(ctx, p.PaymentRequestID, c.callOptions(p)...)
	if err != nil {
		return c.cancelFailed(ctx, p, nil, err)
	}
	p.seen = read
	switch done, err := c.transactionOf(ctx, p, read); {
	case done:
		return err
	case err != nil:
		return c.transactionUnread(ctx, p, err)
	}
	overtime := c.time().After(p.ExpiresAt.Add(clockSkew))
	switch read.State {
	case authorization.PaymentRequestStateDeclined, authorization.PaymentRequestStateExpired, authorization.PaymentRequestStateCanceled:
		return c.recordCanceled(ctx, p, read)
	case authorization.PaymentRequestStateSubmitted:
	case authorization.PaymentRequestStateCompleted:
		switch {
		case p.Cause == causeAbandoned:
			return c.resume(ctx, p)
		case p.Cause == causeAmount && approvesWhatWasBegun(p, read):
			// One of the two reads was wrong. The next read decides.
			if err := c.resume(ctx, p); err != nil {
				return err
			}
			return c.retryLater(ctx, p, false, errAmountMoved)
		}
	default:
		if p.Cause == causeAbandoned && !overtime {
			return c.resume(ctx, p)
		}
	}
	// An event or a return may have undone the cancelation since.
	now, err := c.load(ctx, p.ID)
	switch {
	case err != nil:
		return c.retryLater(ctx, p, false, err)
	case now.leaseID() != p.leaseID():
		return ErrChanged
	}
	once, cancel := context.WithTimeout(ctx, cancelWithin)
	defer cancel()
	canceled, err := api.CancelPaymentRequest(once, p.PaymentRequestID, append(c.callOptions(p), klarna.WithoutRetries())...)
	if err == nil && (canceled.State.Open() || canceled.State == authorization.PaymentRequestStateCompleted) {
		err = errNotCanceled
	}
	if err != nil {
		return c.cancelFailed(ctx, p, read, err)
	}
	p.seen = canceled
	return c.recordCanceled(ctx, p, canceled)
}

// approvesWhatWasBegun reports whether the customer approved the amount that was begun.
func approvesWhatWasBegun(p *purchase, read *authorization.PaymentRequest) bool {
	approval, err := read.Approval()
	return err == nil && approval.Amount == p.Amount && isCurrency(p, approval.Currency)
}

var errNotCanceled = errors.New("flow: Klarna has not canceled the payment request")

// recordCanceled records the final state of a payment request that was canceled, or that had ended
// in another state before.
func (c *Coordinator) recordCanceled(ctx context.Context, p *purchase, read *authorization.PaymentRequest) error {
	to, reason := endOf(read.State), read.StateReason
	if to == StateCanceled {
		reason = string(p.Cause)
	}
	return c.end(ctx, p, to, reason, nil)
}

// resume undoes a cancelation and saves the purchase, because its customer is active.
func (c *Coordinator) resume(ctx context.Context, p *purchase) error {
	c.undoCancelation(p)
	return c.save(ctx, p)
}

func (c *Coordinator) undoCancelation(p *purchase) {
	p.move(StateAwaitingCustomer, "", c.time(), c.report != nil)
	p.Cause, p.Reason = "", ""
	p.DueAt = c.lookAgain(p, p.seen)
}

// undoAbandonment undoes the cancelation of an abandoned purchase because its customer is active. A
// replica that is canceling it stops before the call that cancels, and reads the payment request
// again.
func (c *Coordinator) undoAbandonment(ctx context.Context, p *purchase) error {
	return c.change(ctx, p, func() bool {
		if p.State != StateCanceling || p.Cause != causeAbandoned {
			return false
		}
		c.undoCancelation(p)
		p.DueAt = c.time().Add(time.Second)
		return true
	})
}

// cancelFailed retries until the payment request and any approval of it have certainly expired.
// read is the payment request as read before the call that cancels, or nil if that call was not
// made.
func (c *Coordinator) cancelFailed(ctx context.Context, p *purchase, read *authorization.PaymentRequest, failure error) error {
	over := c.time().After(p.ExpiresAt.Add(finalizeWithin + clockSkew))
	if read != nil && read.State == authorization.PaymentRequestStateCompleted && !read.UpdatedAt.IsZero() {
		over = over || c.time().After(c.finalizeBy(read).Add(clockSkew))
	}
	switch {
	case !over || c.hasOtherCredentials(ctx, p, failure):
		return c.retryLater(ctx, p, false, failure)
	case read != nil && read.State == authorization.PaymentRequestStateCompleted && conflict(failure):
		// Klarna does not cancel completed payment requests, or another system has finalized it.
		return c.giveUp(ctx, p, StateUnknown, string(klarna.CodeResourceConflict), failure)
	}
	return c.giveUp(ctx, p, StateCanceled, string(p.Cause), failure)
}

// Cancel cancels a purchase that the caller no longer wants. It cancels the payment request at
// Klarna. Once the customer's approval is being finalized, Cancel changes nothing.
//
// Switch over the Status:
//
//	StateCanceled    no money moves
//	StateAuthorized  the payment was made: void it
//	any other state  not known yet: call Cancel again before the customer pays in another way
//
// If another replica is processing the purchase, Cancel waits up to 25 seconds, or until ctx ends.
//
// The error is [ErrNotFound] if no such purchase exists. A later [Coordinator.Begin] still begins
// the purchase. So wait until Begin has returned before you call Cancel. If Begin returned an error
// of the store, the purchase may have been stored or not. With a [*klarna.Error], Cancel returns
// the Status as well.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Coordinator) Cancel(ctx context.Context, id string) (*Status, error) {
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	p, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := c.checkIntact(p); err != nil {
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
			// The caller's cancelation is not undone if the customer returns.
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
