package flow

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// authorize makes or repeats the first authorize call.
func (c *Coordinator) authorize(ctx context.Context, p *purchase) error {
	if to, reason := c.tooLateToBegin(p); to != "" {
		return c.end(ctx, p, to, reason, nil)
	}
	content, err := c.open(p)
	if err != nil {
		return err
	}
	api, err := c.api(ctx, p)
	if err != nil {
		return c.retryLater(ctx, p, p.ranBefore, err)
	}
	// The bytes and the key were stored before the first attempt. A seal of the first form has no
	// key: the client derives the same key from the same bytes.
	answer, err := api.AuthorizePrepared(ctx, authorization.Prepared{
		Body: klarna.NewRawJSON(content.first()), IdempotencyKey: content.FirstKey, Reference: p.content.Reference,
	}, append(c.callOptions(p), klarna.WithSessionToken(content.SessionToken))...)
	if err != nil {
		return c.authorizeFailed(ctx, p, err)
	}
	switch result := answer.Result.(type) {
	case authorization.Approved:
		return c.recordTransaction(ctx, p, result, p.Amount)
	case authorization.StepUpRequired:
		return c.recordStepUp(ctx, p, content, result.PaymentRequest)
	case authorization.Declined:
		return c.end(ctx, p, StateDeclined, result.Reason, nil)
	default:
		return c.retryLater(ctx, p, true, undecided(result))
	}
}

// tooLateToBegin returns how the purchase ends if the first call is no longer repeated, or "". If
// no call can have been executed, that is soon. Otherwise it is when Klarna no longer guarantees to
// repeat the first answer.
func (c *Coordinator) tooLateToBegin(p *purchase) (to State, reason string) {
	age := c.time().Sub(p.BegunAt)
	switch {
	case !p.ranBefore && p.Cause != "":
		return StateCanceled, string(p.Cause)
	case !p.ranBefore && p.Conflicted && age < finalizeWithin+2*clockSkew:
		return "", "" // the customer may have approved in the browser
	case !p.ranBefore && age >= beginWithin:
		return StateRejected, reasonNotSent
	case age >= idempotent:
		return StateUnknown, orElse(p.Seen, reasonNoAnswer)
	}
	return "", ""
}

// The Coordinator's own reasons. The causes of a cancelation are reasons as well.
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
	reason, settled := refused(failure, p.ranBefore)
	if conflict(failure) && !mayHaveRun && c.time().After(p.BegunAt.Add(finalizeWithin+clockSkew)) {
		// A session token from an approval in the browser has expired as well.
		reason, settled = string(klarna.CodeResourceConflict), true
	}
	if !settled || c.hasOtherCredentials(ctx, p, failure) {
		return c.retryLater(ctx, p, mayHaveRun, failure)
	}
	if err := c.end(ctx, p, StateRejected, reason, func() { p.Refused = parametersOf(failure) }); err != nil {
		return errors.Join(failure, err)
	}
	if p.State != StateRejected {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrRejected, failure)
}

// parametersOf returns the paths of the parameters that Klarna refused.
func parametersOf(err error) string {
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok {
		return ""
	}
	var names []string
	for i, v := range e.ValidationErrors {
		if i == 20 {
			names = append(names, "…")
			break
		}
		names = append(names, v.LogValue().String())
	}
	return strings.Join(names, ", ")
}

// recordTransaction records the transaction. If its amount differs from the requested one, the
// purchase becomes StateUnknown.
func (c *Coordinator) recordTransaction(ctx context.Context, p *purchase, result authorization.Approved, amount int64) error {
	t := result.PaymentTransaction
	if _, odd := t.Unknown["amount"]; odd {
		c.logger.WarnContext(ctx, "klarna flow: the amount of a transaction is unreadable",
			"purchase", p.ID, "payment_transaction_id", t.PaymentTransactionID)
	}
	also := func() {
		p.Transaction = t.PaymentTransactionID
		p.Approved = &amount
		if p.PaymentRequestID == "" {
			p.PaymentRequestID = t.PaymentTransactionID // no two records share this one either
		}
		c.afterApproval(p, t)
	}
	var err error
	if t.Amount != 0 && t.Amount != amount || isOtherCurrency(t.Currency, p.Currency) {
		c.logger.ErrorContext(ctx, "klarna flow: a transaction has another amount than requested",
			"purchase", p.ID, "payment_transaction_id", t.PaymentTransactionID, "amount", t.Amount, "asked", amount)
		err = c.recordOtherAmount(ctx, p, t.PaymentTransactionID, also)
	} else {
		err = c.end(ctx, p, StateAuthorized, "", also)
	}
	if errors.Is(err, ErrExists) {
		return c.endAsDuplicate(ctx, p)
	}
	if err == nil && p.State == StateAuthorized && p.Transaction != t.PaymentTransactionID {
		c.logger.ErrorContext(ctx, "klarna flow: a purchase has a second transaction",
			"purchase", p.ID, "payment_transaction_id", p.Transaction, "second", t.PaymentTransactionID)
	}
	return err
}

// isOtherCurrency reports whether an answer names another currency. A missing or garbled currency
// does not count.
func isOtherCurrency(answered, asked string) bool {
	return answered != "" && !strings.ContainsRune(answered, utf8.RuneError) && !strings.EqualFold(answered, asked)
}

// recordOtherAmount records a transaction whose amount is not the purchase's. It also replaces an
// outcome that is unknown for another reason. It does not replace the transaction of an authorized
// purchase.
func (c *Coordinator) recordOtherAmount(ctx context.Context, p *purchase, transactionID string, also func()) error {
	ctx, cancel := recording(ctx)
	defer cancel()
	found := p.leaseID()
	return c.change(ctx, p, func() bool {
		if p.State == StateAuthorized || p.leaseID() != found || p.State == StateUnknown && p.Transaction == transactionID {
			return false
		}
		p.move(StateUnknown, reasonOtherAmount, c.time(), c.report != nil)
		also()
		return true
	})
}

// endAsDuplicate ends a purchase that Klarna treats as a repeat of another purchase with the same
// reference and content. The payment belongs to the other purchase.
func (c *Coordinator) endAsDuplicate(ctx context.Context, p *purchase) error {
	return c.end(ctx, p, StateUnknown, reasonOthersPayment, nil)
}

// recordStepUp records the payment request. It does not record the URL and the token, because they
// can be read again.
func (c *Coordinator) recordStepUp(ctx context.Context, p *purchase, content *sealed, request *authorization.PaymentRequest) error {
	var resealed []byte
	if !content.SessionToken.IsZero() || content.outdated {
		// Only the first call needs the session token.
		content.SessionToken = klarna.Secret{}
		var err error
		if resealed, err = c.seals.seal(p, content); err != nil {
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
		return c.endAsDuplicate(ctx, p)
	}
	if err != nil {
		return err
	}
	if p.PaymentRequestID == request.PaymentRequestID {
		p.seen, p.fresh = request, true
	}
	return nil
}

// newPurchase returns a new purchase that holds the lease of its first call. It validates and
// encodes the call first, so that an invalid request is not recorded and does not use up the ID.
func (c *Coordinator) newPurchase(ctx context.Context, from *Purchase) (*purchase, error) {
	request, err := from.request()
	if err != nil {
		return nil, err
	}
	client, err := c.clientFor(ctx, from.PartnerAccountID)
	if err != nil {
		return nil, err
	}
	call, err := authorization.New(client).PrepareAuthorize(request, klarna.WithSessionToken(from.SessionToken))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidPurchase, err)
	}
	now := c.time()
	p := &purchase{
		Record: Record{ID: from.ID, State: StateBegun, DueAt: now.Add(lease), Version: 1},
		content: content{
			Account:     from.PartnerAccountID,
			Amount:      request.RequestPaymentTransaction.Amount,
			Currency:    request.Currency,
			Reference:   request.RequestPaymentTransaction.PaymentTransactionReference,
			BegunAt:     now,
			UpdatedAt:   now,
			LeaseUntil:  now.Add(lease),
			MayHaveRun:  true,
			Credentials: client.KeyFingerprint(),

			CaptureNow:       request.RequestPaymentTransaction.Capture == authorization.CaptureTimingNow,
			CaptureReference: request.RequestPaymentTransaction.PaymentCaptureReference,
		},
		held: true,
	}
	p.Record.Reference = referenceKey(p.Account, p.content.Reference)
	digest, err := c.seals.digest(c.seals.roots[0], p, string(call.Body.Bytes()))
	if err != nil {
		return nil, fmt.Errorf("flow: decode the encoded request: %w", err)
	}
	p.Digest = c.seals.fingerprints()[0] + ":" + digest
	p.opened = &sealed{FirstBody: string(call.Body.Bytes()), FirstKey: call.IdempotencyKey, SessionToken: from.SessionToken}
	p.Sealed, err = c.seals.seal(p, p.opened)
	return p, err
}

// referenceKey returns the Record.Reference of an account's reference.
func referenceKey(account, reference string) string {
	var text []byte
	for _, part := range []string{"klarna-go flow reference 1", account, reference} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// patience is how long a caller waits for another replica that is processing the same purchase. It
// is longer than a lease, so that a caller who repeats a call gets an answer even if the first one
// died.
const patience = lease + 5*time.Second

// Begin records a purchase, makes its first authorize call and records the result. It is safe to
// repeat, after an error, a crash or on another replica: a repeat returns the same purchase,
// however far it has come.
//
// Switch over the Status:
//
//	StateAwaitingCustomer  redirect the customer to PaymentRequestURL
//	StateAuthorized        authorized without a step-up
//	StateDeclined          offer another payment method
//	StateBegun             another call has no answer yet: repeat Begin in a moment
//
// A call of Begin leases the purchase for up to 20 seconds. If another replica holds the lease,
// Begin waits up to 25 seconds, or until ctx ends. Give ctx a deadline that suits your page.
//
// The error is [ErrInvalidPurchase] if the Purchase is incomplete or local validation refuses the
// request. Begin returns no Status, and nothing was recorded: correct the request and begin again
// with the same ID.
//
// The error is [ErrRejected] if Klarna refused the request. Begin returns the Status as well.
// Nothing was executed, so the purchase can be begun again with the same ID and a corrected
// request. A repeat of the refused request returns ErrRejected again. A later
// HandleReturn or GetStatus returns the Status and no error.
//
// The error is [ErrOtherPurchase] if another purchase has the ID or the reference, and [ErrDamaged]
// or [ErrOthersStore] if the store cannot be used.
//
// After any other error the purchase may still be authorized, and recovery continues it. Repeat
// Begin, or call [Coordinator.Cancel] before you offer another payment method. With a
// [*klarna.Error] or an [*UndecidedError], Begin returns the Status as well. Other errors come from
// the store or from ctx.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Coordinator) Begin(ctx context.Context, from Purchase) (*Status, error) {
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	p, err := c.newPurchase(ctx, &from)
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
		if p, err = c.existing(ctx, p); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("flow: create: %w", err)
	}
	err = c.advance(ctx, p, patience)
	if err == nil && p.State == StateRejected {
		err = fmt.Errorf("%w: %s", ErrRejected, p.Reason)
		if p.Refused != "" {
			err = fmt.Errorf("%w: %s [%s]", ErrRejected, p.Reason, p.Refused)
		}
	}
	return p.status(), err
}

// existing returns the stored purchase that p repeats. If the stored purchase was rejected and p
// corrects it, existing stores p and returns it.
func (c *Coordinator) existing(ctx context.Context, p *purchase) (*purchase, error) {
	known, err := c.load(ctx, p.ID)
	if errors.Is(err, ErrNotFound) {
		if other, findErr := c.store.FindReference(ctx, p.Record.Reference); findErr == nil {
			return nil, fmt.Errorf("%w: the account's purchase %s has this payment_transaction_reference", ErrOtherPurchase, strconv.Quote(other.ID))
		}
	}
	if err != nil {
		return nil, err
	}
	if err := c.checkIntact(known); err != nil {
		return nil, err
	}
	difference, err := c.difference(known, p)
	switch {
	case err != nil:
		return nil, err
	case difference != "" && known.refusedAtOnce() && known.Account == p.Account:
		return c.correct(ctx, known, p)
	case difference != "":
		return nil, fmt.Errorf("%w, with another %s", ErrOtherPurchase, difference)
	}
	if err := c.undoAbandonment(ctx, known); err != nil {
		return nil, err
	}
	return known, nil
}

// refusedAtOnce reports whether Klarna refused the first call, so that nothing was executed.
func (p *purchase) refusedAtOnce() bool {
	return p.State == StateRejected && p.PaymentRequestID == "" && p.Approved == nil
}

// correct begins a rejected purchase again with another request. The numbers of its transitions
// continue.
func (c *Coordinator) correct(ctx context.Context, refused, p *purchase) (*purchase, error) {
	p.Version, p.stored = refused.Version, refused.stored
	p.Moves, p.Unreported, p.Unknown = refused.Moves+1, refused.Unreported, refused.Unknown
	if c.report != nil {
		p.Unreported = append(slices.Clip(p.Unreported), move{Number: p.Moves, From: refused.State, To: StateBegun, At: p.UpdatedAt})
	}
	r, err := p.encoded()
	if err != nil {
		return nil, err
	}
	if err := c.store.Update(ctx, r); err != nil {
		return nil, fmt.Errorf("flow: update: %w", err)
	}
	r.Version++
	p.Record, p.stored = r, r
	return p, nil
}

// difference names what differs between two purchases with the same ID. It returns "" if they are
// the same.
func (c *Coordinator) difference(known, other *purchase) (string, error) {
	switch {
	case known.Account != other.Account:
		return "PartnerAccountID: IDs are unique among all accounts", nil
	case known.Amount != other.Amount:
		return "amount", nil
	case known.Currency != other.Currency:
		return "currency", nil
	case known.content.Reference != other.content.Reference:
		return "payment_transaction_reference", nil
	}
	body := other.opened.first()
	same, err := c.seals.sameRequest(known, body)
	if same || err != nil {
		return "", err
	}
	if content, err := c.seals.open(known); err == nil {
		if member := differingMember(content.first(), body); member != "" {
			return member, nil
		}
	}
	return "request", nil
}
