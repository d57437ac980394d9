package flow

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/idempotency"
	"github.com/klarna-go/klarna-go/klarna"
)

// finalize makes or repeats the final authorize call.
func (c *Coordinator) finalize(ctx context.Context, p *purchase) error {
	api, err := c.api(ctx, p)
	if err != nil {
		return c.finalizeFailed(ctx, p, p.ranBefore, err)
	}
	read := p.seen
	if read == nil || read.State != authorization.PaymentRequestStateCompleted || p.ranBefore || p.Tries > 0 {
		// The session token is not stored, and the payment request may have been canceled.
		if read, err = api.GetPaymentRequest(ctx, p.PaymentRequestID, c.callOptions(p)...); err != nil {
			return c.finalizeFailed(ctx, p, p.ranBefore, err)
		}
		p.seen = read
	}
	switch done, err := c.transactionOf(ctx, p, read); {
	case done:
		return err
	case err != nil:
		c.logger.WarnContext(ctx, "klarna flow: the transaction that a payment request names cannot be read", "purchase", p.ID, "error", err)
	}
	switch read.State {
	case authorization.PaymentRequestStateCompleted:
	case authorization.PaymentRequestStateCanceled, authorization.PaymentRequestStateExpired, authorization.PaymentRequestStateDeclined:
		// Klarna closes no payment request that was finalized.
		return c.end(ctx, p, endOf(read.State), read.StateReason, nil)
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
	call, err := c.finalCall(p, api, approval)
	if err != nil {
		return c.finalizeFailed(ctx, p, p.ranBefore, err)
	}
	if p.otherCall && !p.ranBefore && !p.Conflicted {
		// No call was executed, and Klarna refuses a known key with another session token.
		p.FinalKey = finalKey(p, p.opened.first(), approval)
		if err := c.save(ctx, p); err != nil {
			return err
		}
		call.IdempotencyKey, p.otherCall = p.FinalKey, false
	}
	answer, err := api.FinalizePrepared(ctx, *call, append(c.callOptions(p), klarna.WithSessionToken(approval.SessionToken))...)
	if err != nil {
		return c.finalizeFailed(ctx, p, p.ranBefore || klarna.OutcomeOf(err) == klarna.OutcomeUnknown, err)
	}
	switch result := answer.Result.(type) {
	case authorization.Approved:
		return c.recordTransaction(ctx, p, result, *p.Approved)
	case authorization.Declined:
		return c.end(ctx, p, StateDeclined, result.Reason, nil)
	default:
		return c.finalizeFailed(ctx, p, true, undecided(result))
	}
}

// finalCall returns the final call as it was recorded.
func (c *Coordinator) finalCall(p *purchase, api *authorization.Client, approval authorization.Approval) (*authorization.Prepared, error) {
	content, err := c.open(p)
	if err != nil {
		return nil, err
	}
	p.otherCall = finalKey(p, content.first(), approval) != p.FinalKey
	if content.FinalBody != "" {
		if content.FinalAmount != *p.Approved {
			return nil, fmt.Errorf("flow: purchase %s: %w: the approved amount differs from the sealed one", strconv.Quote(p.ID), ErrDamaged)
		}
		return &authorization.Prepared{
			Body: klarna.NewRawJSON(content.FinalBody), IdempotencyKey: p.FinalKey, Reference: p.content.Reference,
		}, nil
	}
	// An older release recorded only the key. If it encoded the call differently, Klarna refuses
	// this call because of its key.
	call, err := c.makeFinalCall(p, api, content, approval)
	if err != nil {
		return nil, err
	}
	call.IdempotencyKey = p.FinalKey
	return call, nil
}

// makeFinalCall encodes the final call, before it is recorded.
func (c *Coordinator) makeFinalCall(p *purchase, api *authorization.Client, content *sealed, approval authorization.Approval) (*authorization.Prepared, error) {
	request, err := content.request()
	if err != nil {
		return nil, fmt.Errorf("flow: purchase %s: decode the first request: %w", strconv.Quote(p.ID), err)
	}
	call, err := api.PrepareFinalize(request, approval)
	if err != nil {
		return nil, err
	}
	call.IdempotencyKey = finalKey(p, content.first(), approval)
	return call, nil
}

// finalKey returns the idempotency key of the final call.
//
// The key is recorded with the body of the call before the first attempt, and every repeat has it.
// The session token is not recorded but read again. If Klarna has renewed the token, a repeat is
// another call with the same key, so Klarna refuses it or repeats its answer. With a new key Klarna
// would execute a second payment. The key changes only if every earlier call was refused or not
// sent.
func finalKey(p *purchase, first string, approval authorization.Approval) string {
	recipe := idempotency.Final{
		Account: p.Account, PaymentRequestID: p.PaymentRequestID, SessionToken: approval.SessionToken,
		First: first, Amount: approval.Amount,
	}
	return recipe.Key()
}

var (
	errReopened    = errors.New("flow: a completed payment request is open again")
	errAmountMoved = errors.New("flow: a completed payment request has another amount")
)

// finalizeFailed repeats the final call after a failure, whatever the answer was, until Klarna's 60
// minutes are certainly over. Then it ends the purchase with what is known. It compares this
// replica's clock with the end of the 60 minutes, and never with a time that another replica
// recorded.
func (c *Coordinator) finalizeFailed(ctx context.Context, p *purchase, mayHaveRun bool, failure error) error {
	now, over := c.time(), p.FinalizeBy.Add(clockSkew)
	seen := p.Seen
	if answer := answerIn(failure); answer != "" {
		seen = answer
	}
	switch {
	case !now.After(over), c.hasOtherCredentials(ctx, p, failure):
	case conflict(failure) && !now.After(over.Add(conflictPatience)):
		// Klarna may still be executing a call that began in time.
	case conflict(failure) && !p.otherCall && !p.Conflicted:
		// All calls were the same. If one of them had been executed, Klarna would have repeated its
		// answer. So none was executed, and none can be any more.
		return c.giveUp(ctx, p, StateExpired, reasonNotFinalized, failure)
	case conflict(failure):
		// Another system may have finalized the approval.
		return c.giveUp(ctx, p, StateUnknown, string(klarna.CodeResourceConflict), failure)
	case !mayHaveRun && p.Conflicted:
		return c.giveUp(ctx, p, StateUnknown, string(klarna.CodeResourceConflict), failure)
	case !mayHaveRun && seen != "":
		return c.giveUp(ctx, p, StateRejected, seen, failure)
	case !mayHaveRun:
		return c.giveUp(ctx, p, StateExpired, reasonNotFinalized, failure)
	case now.After(p.keyEnds()):
		return c.giveUp(ctx, p, StateUnknown, orElse(seen, reasonNoAnswer), failure)
	}
	return c.retryLater(ctx, p, mayHaveRun, failure)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// giveUp ends a purchase after a failure that a repeat cannot fix.
func (c *Coordinator) giveUp(ctx context.Context, p *purchase, to State, reason string, failure error) error {
	c.logger.WarnContext(ctx, "klarna flow: a purchase was given up", "purchase", p.ID, "state", p.State, "error", failure)
	return c.end(ctx, p, to, reason, nil)
}
