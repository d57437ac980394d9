package flow

import (
	"context"
	"errors"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// resolve asks Klarna for the outcome of a purchase in StateUnknown. Klarna's 60 minutes are over,
// so the final call executes nothing any more: Klarna repeats the first answer to its key. When
// Klarna may have forgotten the key, resolve deletes the sealed call, and a person has to
// investigate.
func (c *Coordinator) resolve(ctx context.Context, p *purchase) error {
	var failure error
	if !c.time().After(p.keyEnds()) {
		if failure = c.askAgain(ctx, p); p.State != StateUnknown {
			return failure
		}
	}
	err := c.change(ctx, p, func() bool {
		if !p.resolvable() {
			return false
		}
		if now := c.time(); now.After(p.keyEnds()) {
			p.Sealed = nil
			p.DueAt = time.Time{}
		} else {
			p.DueAt = p.nextLook(now)
		}
		if len(p.Unreported) > 0 {
			p.DueAt = c.time().Add(lease)
		}
		return true
	})
	return errors.Join(failure, err)
}

func (c *Coordinator) askAgain(ctx context.Context, p *purchase) error {
	if _, err := c.open(p); err != nil {
		return err
	}
	api, err := c.api(ctx, p)
	if err != nil {
		return err
	}
	read, err := api.GetPaymentRequest(ctx, p.PaymentRequestID, c.callOptions(p)...)
	if err != nil {
		return err
	}
	if done, err := c.transactionOf(ctx, p, read); done || err != nil {
		return err
	}
	approval, err := read.Approval()
	if err != nil || approval.Amount != *p.Approved {
		return err
	}
	call, err := c.finalCall(p, api, approval)
	if err != nil {
		return err
	}
	answer, err := api.FinalizePrepared(ctx, *call, append(c.callOptions(p), klarna.WithSessionToken(approval.SessionToken))...)
	if conflict(err) {
		return nil // the outcome stays unknown
	}
	if err != nil {
		return err
	}
	if result, ok := answer.Result.(authorization.Approved); ok {
		return c.recordTransaction(ctx, p, result, *p.Approved)
	}
	return nil
}

// transactionOf records the transaction that a payment request names, if it names one. It reports
// whether that settles the purchase.
func (c *Coordinator) transactionOf(ctx context.Context, p *purchase, read *authorization.PaymentRequest) (done bool, err error) {
	var id string
	named, ok := read.Unknown["payment_transaction_id"]
	if ok && wire.DecodeAny(named.Bytes(), &id) == nil && id != "" {
		return c.confirm(ctx, p, id)
	}
	return false, nil
}

// confirm reads a transaction and records it if its reference is the purchase's. The state of the
// purchase does not matter.
func (c *Coordinator) confirm(ctx context.Context, p *purchase, transactionID string) (done bool, err error) {
	if p.Transaction == transactionID && p.State == StateAuthorized {
		return true, nil
	}
	api, err := c.api(ctx, p)
	if err != nil {
		return false, err
	}
	t, err := api.GetTransaction(ctx, transactionID, c.callOptions(p)...)
	if err != nil {
		return false, err
	}
	if t.PaymentTransactionID != transactionID || t.PaymentTransactionReference != "" && t.PaymentTransactionReference != p.content.Reference {
		c.logger.WarnContext(ctx, "klarna flow: a transaction does not belong to the purchase that it was named for",
			"purchase", p.ID, "payment_transaction_id", transactionID)
		return false, nil
	}
	amount := p.Amount
	if p.Approved != nil {
		amount = *p.Approved
	}
	if p.State.ended() {
		c.logger.WarnContext(ctx, "klarna flow: a purchase that has ended has a transaction",
			"purchase", p.ID, "state", p.State, "payment_transaction_id", transactionID)
	}
	return true, c.recordTransaction(ctx, p, authorization.Approved{PaymentTransaction: t}, amount)
}
