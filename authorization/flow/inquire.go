package flow

import (
	"context"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
)

// inquire reads the payment request. A webhook or a redirect is only a reason to read it: either
// may be late, out of order or forged by the customer.
func (c *Coordinator) inquire(ctx context.Context, p *purchase) (settled bool, err error) {
	if p.Cause != "" {
		return false, c.toCanceling(ctx, p, p.Cause)
	}
	if p.fresh && p.seen.State.Open() {
		p.fresh = false
		return true, nil
	}
	api, err := c.api(ctx, p)
	if err != nil {
		return false, c.retryLater(ctx, p, false, err)
	}
	read, err := api.GetPaymentRequest(ctx, p.PaymentRequestID, c.callOptions(p)...)
	if err != nil {
		if c.time().After(p.ExpiresAt.Add(finalizeWithin+clockSkew)) && !c.hasOtherCredentials(ctx, p, err) {
			// An approval could no longer be finalized, and no final call was made.
			return false, c.end(ctx, p, StateExpired, reasonNoAnswer, nil)
		}
		return false, c.retryLater(ctx, p, false, err)
	}
	p.seen = read
	moved := !read.ExpiresAt.IsZero() && !read.ExpiresAt.Equal(p.ExpiresAt)
	if moved {
		p.ExpiresAt = read.ExpiresAt.UTC()
	}
	switch read.State {
	case authorization.PaymentRequestStateCompleted:
		return false, c.approved(ctx, p, read)
	case authorization.PaymentRequestStateDeclined, authorization.PaymentRequestStateExpired, authorization.PaymentRequestStateCanceled:
		return false, c.recordClosed(ctx, p, read)
	}
	now := c.time()
	switch {
	case now.After(p.ExpiresAt.Add(clockSkew)),
		read.State == authorization.PaymentRequestStateSubmitted && !now.Before(c.abandonAt(p, read)):
		return false, c.toCanceling(ctx, p, causeAbandoned)
	case p.overdue || moved:
		return true, c.scheduleLook(ctx, p, read, c.lookAgain)
	}
	return true, nil
}

// recordClosed ends a purchase whose payment request is closed, unless the payment request names a
// transaction.
func (c *Coordinator) recordClosed(ctx context.Context, p *purchase, read *authorization.PaymentRequest) error {
	done, err := c.transactionOf(ctx, p, read)
	switch {
	case done:
		return err
	case err != nil:
		return c.transactionUnread(ctx, p, err)
	}
	return c.end(ctx, p, endOf(read.State), read.StateReason, nil)
}

// transactionUnread retries later if the transaction that a payment request names cannot be read.
// When time is over, the purchase becomes StateUnknown, because money may have moved.
func (c *Coordinator) transactionUnread(ctx context.Context, p *purchase, failure error) error {
	if c.time().After(p.ExpiresAt.Add(finalizeWithin + clockSkew)) {
		return c.giveUp(ctx, p, StateUnknown, reasonNoAnswer, failure)
	}
	return c.retryLater(ctx, p, false, failure)
}

// scheduleLook records when to read the payment request again.
func (c *Coordinator) scheduleLook(ctx context.Context, p *purchase, read *authorization.PaymentRequest, when func(*purchase, *authorization.PaymentRequest) time.Time) error {
	return c.change(ctx, p, func() bool {
		if p.State != StateAwaitingCustomer {
			return false
		}
		if !read.ExpiresAt.IsZero() {
			p.ExpiresAt = read.ExpiresAt.UTC()
		}
		p.Tries = 0
		p.DueAt = when(p, read)
		return true
	})
}

// endOf returns the final state for a payment request's closed state.
func endOf(s authorization.PaymentRequestState) State {
	switch s {
	case authorization.PaymentRequestStateDeclined:
		return StateDeclined
	case authorization.PaymentRequestStateCanceled:
		return StateCanceled
	default:
		return StateExpired
	}
}

// approved records what the customer approved before it is finalized, so that every replica
// finalizes the same amount.
func (c *Coordinator) approved(ctx context.Context, p *purchase, read *authorization.PaymentRequest) error {
	approval, err := read.Approval()
	if err != nil {
		return c.postponeApproval(ctx, p, read, err)
	}
	accepted := isCurrency(p, approval.Currency)
	if accepted && approval.Amount != p.Amount {
		accepted, err = c.accept(ctx, AmountChange{
			Status: *p.status(), Begun: p.Amount, Approved: approval.Amount, PaymentRequest: read,
		})
		if err != nil {
			return c.postponeApproval(ctx, p, read, err)
		}
	}
	if !accepted {
		return c.toCanceling(ctx, p, causeAmount)
	}
	content, err := c.open(p)
	if err != nil {
		return err
	}
	api, err := c.api(ctx, p)
	if err != nil {
		return c.postponeApproval(ctx, p, read, err)
	}
	call, err := c.makeFinalCall(p, api, content, approval)
	if err != nil {
		return c.postponeApproval(ctx, p, read, err)
	}
	recorded := *content
	recorded.FinalBody, recorded.FinalAmount = string(call.Body.Bytes()), approval.Amount
	resealed, err := c.seals.seal(p, &recorded)
	if err != nil {
		return c.postponeApproval(ctx, p, read, err)
	}
	now := c.time()
	p.Sealed, p.FinalKey, p.Approved = resealed, call.IdempotencyKey, &approval.Amount
	p.move(StateFinalizing, "", now, c.report != nil)
	p.FinalizeBy = c.finalizeBy(read)
	p.LeaseUntil, p.DueAt, p.MayHaveRun = now.Add(lease), now.Add(lease), true
	// The decision is about this version of the record, so it is not applied to a newer one.
	if err := c.save(ctx, p); err != nil {
		return err
	}
	p.held, p.ranBefore, p.opened = true, false, &recorded
	return nil
}

// isCurrency reports whether an approval's currency is the purchase's, or "".
func isCurrency(p *purchase, currency string) bool {
	return currency == "" || strings.EqualFold(currency, p.Currency)
}

// postponeApproval retries later while the approval can still be finalized. If Klarna does not say
// when the customer approved, it was before the payment request expired.
func (c *Coordinator) postponeApproval(ctx context.Context, p *purchase, read *authorization.PaymentRequest, why error) error {
	if now := c.time(); now.After(c.finalizeBy(read).Add(clockSkew)) || now.After(p.ExpiresAt.Add(finalizeWithin+clockSkew)) {
		return c.giveUp(ctx, p, StateExpired, reasonNotFinalized, why)
	}
	return c.retryLater(ctx, p, false, why)
}

// finalizeBy returns the end of Klarna's 60 minutes.
func (c *Coordinator) finalizeBy(read *authorization.PaymentRequest) time.Time {
	now := c.time()
	since := read.UpdatedAt.UTC()
	if since.IsZero() || since.After(now.Add(clockSkew)) {
		since = now
	}
	return since.Add(finalizeWithin)
}
