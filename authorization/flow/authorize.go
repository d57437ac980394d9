package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// authorize makes the first authorize call, or makes it again.
func (c *Coordinator) authorize(ctx context.Context, p *purchase) error {
	if to, reason := c.tooLateToBegin(p); to != "" {
		return c.end(ctx, p, to, reason, nil)
	}
	content, err := c.seals.open(p.ID, p.Sealed)
	if err != nil {
		return c.later(ctx, p, p.ranBefore, err)
	}
	answer, err := c.authorizations(p).Authorize(ctx, content.Request, klarna.WithSessionToken(content.SessionToken))
	if err != nil {
		return c.authorizeFailed(ctx, p, err)
	}
	switch outcome := answer.Outcome.(type) {
	case authorization.Approved:
		return c.paid(ctx, p, outcome, p.Amount)
	case authorization.StepUpRequired:
		return c.steppedUp(ctx, p, content, outcome.PaymentRequest)
	case authorization.Declined:
		return c.end(ctx, p, StateDeclined, outcome.Reason, nil)
	default:
		return c.end(ctx, p, StateUnknown, unexpected(outcome), nil)
	}
}

// tooLateToBegin tells when to stop repeating the first call, and how the purchase ends then: soon when no call can have run, and otherwise when
// Klarna no longer promises the first answer.
func (c *Coordinator) tooLateToBegin(p *purchase) (to State, reason string) {
	age := c.time().Sub(p.BegunAt)
	switch {
	case !p.ranBefore && p.Cause != "":
		return StateCanceled, string(p.Cause)
	case !p.ranBefore && age >= beginWithin:
		return StateRejected, reasonNotSent
	case age >= idempotent:
		return StateUnknown, reasonNoAnswer
	}
	return "", ""
}

// The Coordinator's own reasons, beside the causes of a cancelation.
const (
	reasonNotSent       = "NOT_SENT"
	reasonNoAnswer      = "NO_ANSWER"
	reasonNotFinalized  = "NOT_FINALIZED_IN_TIME"
	reasonUnexpected    = "UNEXPECTED_ANSWER"
	reasonOtherAmount   = "OTHER_AMOUNT"
	reasonOthersPayment = "OTHER_PURCHASES_PAYMENT"
)

func (c *Coordinator) authorizeFailed(ctx context.Context, p *purchase, failure error) error {
	mayHaveRun := p.ranBefore || klarna.OutcomeOf(failure) == klarna.OutcomeUnknown
	to := StateRejected
	reason, settled := refused(failure, p.ranBefore)
	if !settled && conflict(failure) && c.conflictLasts(p) {
		// Nobody else's call takes that long: the session token is another purchase's, for one.
		to, reason, settled = unpaid(mayHaveRun, StateRejected), string(klarna.CodeResourceConflict), true
	}
	if !settled {
		return c.later(ctx, p, mayHaveRun, failure)
	}
	if err := c.end(ctx, p, to, reason, nil); err != nil {
		return errors.Join(failure, err)
	}
	if p.State != StateRejected {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrRejected, failure)
}

// conflictLasts reports that Klarna has answered with conflicts for longer than any call runs.
func (c *Coordinator) conflictLasts(p *purchase) bool {
	return !p.ConflictSince.IsZero() && c.time().Sub(p.ConflictSince) >= conflictPatience
}

// unpaid is how a purchase ends that is given up: in the state given, or, if money may have moved, in StateUnknown.
func unpaid(mayHaveRun bool, otherwise State) State {
	if mayHaveRun {
		return StateUnknown
	}
	return otherwise
}

// unexpected is the reason of an answer that is none to the question.
func unexpected(outcome authorization.Outcome) string {
	if u, ok := outcome.(authorization.UnknownResult); ok {
		return u.Result
	}
	return reasonUnexpected
}

// paid records the transaction. One of another amount than was asked for is neither a payment of the purchase nor none.
func (c *Coordinator) paid(ctx context.Context, p *purchase, outcome authorization.Approved, amount int64) error {
	t := outcome.PaymentTransaction
	to, reason := StateAuthorized, ""
	if t.Amount != 0 && t.Amount != amount || t.Currency != "" && t.Currency != p.Currency {
		to, reason = StateUnknown, reasonOtherAmount
		c.logger.ErrorContext(ctx, "klarna flow: a transaction is of another amount than was asked for",
			"purchase", p.ID, "payment_transaction_id", t.PaymentTransactionID, "amount", t.Amount, "asked", amount)
	}
	err := c.end(ctx, p, to, reason, func() {
		p.Transaction = t.PaymentTransactionID
		p.Approved = &amount
		if p.PaymentRequestID == "" {
			p.PaymentRequestID = t.PaymentTransactionID // which no two records share, either
		}
	})
	if errors.Is(err, ErrExists) {
		return c.othersPayment(ctx, p)
	}
	if err == nil && p.State == StateAuthorized && p.Transaction != t.PaymentTransactionID {
		c.logger.ErrorContext(ctx, "klarna flow: a purchase has a second transaction",
			"purchase", p.ID, "payment_transaction_id", p.Transaction, "second", t.PaymentTransactionID)
	}
	return err
}

// othersPayment ends a purchase that Klarna takes for another, whose reference and content are the same. What is paid is the other's.
func (c *Coordinator) othersPayment(ctx context.Context, p *purchase) error {
	return c.end(ctx, p, StateUnknown, reasonOthersPayment, nil)
}

// steppedUp records the payment request. Its URL and its token are not recorded: they can be read again.
func (c *Coordinator) steppedUp(ctx context.Context, p *purchase, content *sealed, request *authorization.PaymentRequest) error {
	var resealed []byte
	if !content.SessionToken.IsZero() || content.older {
		// The session token was for the first call alone.
		content.SessionToken = klarna.Secret{}
		var err error
		if resealed, err = c.seals.seal(p.ID, content); err != nil {
			return err
		}
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	err := c.change(ctx, p, func() bool {
		if p.State != StateBegun {
			return false
		}
		p.PaymentRequestID = request.PaymentRequestID
		p.ExpiresAt = request.ExpiresAt.UTC()
		if p.ExpiresAt.IsZero() {
			p.ExpiresAt = c.time().Add(longestOpen)
		}
		if resealed != nil {
			p.Sealed = resealed
		}
		p.move(StateAwaitingCustomer, "", c.time(), c.report != nil)
		p.DueAt = c.lookAgain(p, request)
		if p.Cause != "" {
			p.DueAt = c.time()
		}
		return true
	})
	if errors.Is(err, ErrExists) {
		return c.othersPayment(ctx, p)
	}
	if err != nil {
		return err
	}
	if p.PaymentRequestID == request.PaymentRequestID {
		p.seen, p.fresh = request, true
	}
	return nil
}

// newPurchase is a purchase at its beginning, with the lease of its first call.
func (c *Coordinator) newPurchase(from *Purchase) (*purchase, error) {
	request, err := from.request()
	if err != nil {
		return nil, err
	}
	now := c.time()
	p := &purchase{
		Record: Record{ID: from.ID, State: StateBegun, DueAt: now.Add(lease), Version: 1},
		content: content{
			Account:    from.PartnerAccountID,
			Amount:     request.RequestPaymentTransaction.Amount,
			Currency:   request.Currency,
			Reference:  request.RequestPaymentTransaction.PaymentTransactionReference,
			BegunAt:    now,
			UpdatedAt:  now,
			LeaseUntil: now.Add(lease),
			MayHaveRun: true,
		},
		held: true,
	}
	p.Sealed, err = c.seals.seal(p.ID, &sealed{Request: request, SessionToken: from.SessionToken})
	return p, err
}

// patience is how long a caller waits for somebody else who is at the same purchase: longer than a lease, so that a caller who repeats what died in the
// middle has an answer, and not only word that there is none.
const patience = lease + 5*time.Second

// Begin records a purchase, makes its first authorize call and records the outcome. A repeat, by a client that tries again, after a crash or
// on another replica, gets the same purchase and the same answer, however far it has come meanwhile.
//
// Switch over the Status:
//
//	StateAwaitingCustomer  send the customer to PaymentRequestURL
//	StateAuthorized        paid at once
//	StateDeclined          offer another payment method
//	StateBegun             another call of it has no answer yet, or died: repeat in a moment
//
// A request that local validation refuses ends the purchase, too, though nothing was sent: correct it under a new ID.
//
// An error is not the end of the purchase, except for ErrRejected: it may have been authorized, and recovery goes on with it. Repeat Begin, or call
// Cancel before the customer is offered another method. With an error of Klarna's, a *klarna.Error, the Status is there all the same; other errors are the
// store's, the context's, ErrOtherPurchase, and those of a Purchase that lacks something, which nothing was recorded of.
func (c *Coordinator) Begin(ctx context.Context, from Purchase) (*Status, error) {
	p, err := c.newPurchase(&from)
	if err != nil {
		return nil, err
	}
	r, err := p.encoded()
	if err != nil {
		return nil, err
	}
	p.Record, p.stored = r, r
	switch err := c.store.Create(ctx, r); {
	case errors.Is(err, ErrExists):
		known, err := c.load(ctx, from.ID)
		if err != nil {
			return nil, err
		}
		if difference := known.differs(p); difference != "" {
			return nil, fmt.Errorf("%w, with another %s", ErrOtherPurchase, difference)
		}
		p = known
	case err != nil:
		return nil, fmt.Errorf("flow: create: %w", err)
	}
	err = c.advance(ctx, p, patience)
	if err == nil && p.State == StateRejected {
		err = fmt.Errorf("%w: %s", ErrRejected, p.Reason)
	}
	return p.status(), err
}

// differs names what makes two purchases of one ID different ones. A repeat may differ in the rest, a time stamp or a renewed token for example:
// then the first one counts.
func (p *purchase) differs(other *purchase) string {
	switch {
	case p.Account != other.Account:
		return "PartnerAccountID"
	case p.Amount != other.Amount:
		return "amount"
	case p.Currency != other.Currency:
		return "currency"
	case p.Reference != other.Reference:
		return "payment_transaction_reference"
	}
	return ""
}
