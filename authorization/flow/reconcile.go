package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/sleep"
)

// DifferenceKind is a way in which Klarna's transaction differs from the record.
type DifferenceKind string

// The kinds of differences.
const (
	// DifferenceKindCapture: a capture at Klarna is not an operation of the purchase.
	DifferenceKindCapture DifferenceKind = "CAPTURE"
	// DifferenceKindRefund: a refund at Klarna is not an operation of the purchase.
	DifferenceKindRefund DifferenceKind = "REFUND"
	// DifferenceKindCaptureMissing: Klarna does not list the capture of an operation that is done.
	DifferenceKindCaptureMissing DifferenceKind = "CAPTURE_MISSING"
	// DifferenceKindAuthorizedAmount: the authorized amounts differ.
	DifferenceKindAuthorizedAmount DifferenceKind = "AUTHORIZED_AMOUNT"
	// DifferenceKindReleased: Klarna's transaction has nothing left to capture, but the record has.
	DifferenceKindReleased DifferenceKind = "RELEASED"
)

// Difference is one difference between Klarna's transaction and the record.
type Difference struct {
	Kind DifferenceKind
	// OperationID is the ID of the operation that Klarna does not list.
	OperationID string
	// PaymentCaptureID, PaymentRefundID and Reference are those of what Klarna shows.
	PaymentCaptureID string
	PaymentRefundID  string
	Reference        string
	// Klarna and Recorded are the amounts at Klarna and in the record, in minor units. Klarna is 0
	// if Klarna shows no amount.
	Klarna   int64
	Recorded int64
}

// ReconcileParams are the parameters of [Coordinator.Reconcile].
type ReconcileParams struct {
	// Adopt makes changes that were made elsewhere part of the record. Captures and refunds become
	// operations that are done, with Klarna's IDs as their IDs, and amounts become Klarna's. If
	// another operation has that ID, the ID is "outside-capture-1" or similar, as for a void.
	Adopt bool
}

// Reconciliation is the result of [Coordinator.Reconcile].
type Reconciliation struct {
	// Status is the purchase's status after the comparison.
	Status Status
	// Transaction is the transaction as Klarna returned it.
	Transaction *authorization.PaymentTransaction
	// CapturesListed and RefundsListed report whether Klarna's answer lists the captures and the
	// refunds. Those that it does not list are not compared.
	CapturesListed bool
	RefundsListed  bool
	// Differences are the differences that were found. If Adopted is true, they are now part of the
	// record, except for missing captures.
	Differences []Difference
	Adopted     bool
}

// String returns the purchase's ID and the number of differences.
func (r Reconciliation) String() string {
	return fmt.Sprintf("flow.Reconciliation{%s %d differences}", r.Status.ID, len(r.Differences))
}

// GoString returns the result of String.
func (r Reconciliation) GoString() string { return r.String() }

// Format writes the result of String for every verb.
func (r Reconciliation) Format(f fmt.State, _ rune) { redact.Format(f, r.String()) }

// LogValue returns the result of String.
func (r Reconciliation) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Reconcile reads a purchase's transaction from Klarna and compares it with the record. It settles
// pending and unknown operations whose result the transaction proves: an operation whose reference
// Klarna shows is done, and an unknown operation that is certainly absent is refused. Reconcile
// returns all other differences. If params.Adopt is set, it also makes them part of the record.
//
// The error is [ErrNotFound] if no such purchase exists, [ErrImpossible] if it is not authorized, a
// [*klarna.Error], or the store's.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Coordinator) Reconcile(ctx context.Context, id string, params ReconcileParams) (*Reconciliation, error) {
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	p, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.State != StateAuthorized {
		return nil, fmt.Errorf("%w: the purchase is %s and has no transaction", ErrImpossible, p.State)
	}
	api, err := c.api(ctx, p)
	if err != nil {
		return nil, err
	}
	seen, differences, err := c.compareWithKlarna(ctx, p, api, eventFacts{}, params.Adopt)
	if err != nil {
		return nil, err
	}
	c.deliver(ctx, p)
	return &Reconciliation{
		Status: *p.status(), Transaction: seen.transaction, CapturesListed: seen.capturesListed, RefundsListed: seen.refundsListed,
		Differences: differences, Adopted: params.Adopt,
	}, nil
}

// compare returns the differences between Klarna's transaction and the record.
func (p *purchase) compare(seen *observation, now time.Time) (list []Difference) {
	for _, s := range seen.captures {
		if !p.knows(OperationKindCapture, s) {
			list = append(list, difference(DifferenceKindCapture, s))
		}
	}
	for _, s := range seen.refunds {
		if !p.knows(OperationKindRefund, s) {
			list = append(list, difference(DifferenceKindRefund, s))
		}
	}
	if seen.capturesListed {
		for i := range p.Operations {
			if o := &p.Operations[i]; o.is(OperationKindCapture, OperationStateDone) && o.PaymentCaptureID != "" && !has(seen.captures, o.PaymentCaptureID) {
				list = append(list, Difference{
					Kind: DifferenceKindCaptureMissing, OperationID: o.ID, PaymentCaptureID: o.PaymentCaptureID, Reference: o.Reference, Recorded: o.Amount,
				})
			}
		}
	}
	if amount := seen.transaction.Amount; amount > 0 && amount != p.authorized() && !p.isPending(OperationKindExtension) {
		list = append(list, Difference{Kind: DifferenceKindAuthorizedAmount, Klarna: amount, Recorded: p.authorized()})
	}
	if p.released(seen, now) {
		list = append(list, Difference{Kind: DifferenceKindReleased, Recorded: p.amounts().Remaining})
	}
	return list
}

func difference(kind DifferenceKind, s observed) Difference {
	d := Difference{Kind: kind, Reference: s.reference, PaymentCaptureID: s.id}
	if kind == DifferenceKindRefund {
		d.PaymentCaptureID, d.PaymentRefundID = s.capture, s.id
	}
	if s.amount != nil {
		d.Klarna = *s.amount
	}
	return d
}

// knows reports whether a capture or a refund at Klarna is an operation of the purchase, or may be
// one that is not done yet.
func (p *purchase) knows(kind OperationKind, s observed) bool {
	return slices.ContainsFunc(p.Operations, func(o operation) bool {
		if o.Kind != kind {
			return false
		}
		id := o.klarnaID()
		return id == s.id || o.State == OperationStateDone && id == "" && (o.Reference == s.reference || s.reference == "") ||
			(o.State == OperationStatePending || o.State == OperationStateUnknown) && (s.reference == "" || s.reference == o.Reference)
	})
}

func (p *purchase) isPending(kind OperationKind) bool {
	return slices.ContainsFunc(p.Operations, func(o operation) bool { return o.is(kind, OperationStatePending) })
}

// released reports whether another system released what is authorized in the record.
func (p *purchase) released(seen *observation, now time.Time) bool {
	return seen.state() == authorization.PaymentTransactionStateCompleted && p.amounts().Remaining > 0 && p.isSettled() && !seen.lapsed(now)
}

// isSettled reports whether no operation is pending or unknown.
func (p *purchase) isSettled() bool {
	return !slices.ContainsFunc(p.Operations, func(o operation) bool {
		return o.State == OperationStatePending || o.State == OperationStateUnknown
	})
}

// recordDifferences records that the transaction was changed elsewhere. If adopt is true, it makes
// the changes part of the record.
func (c *Coordinator) recordDifferences(ctx context.Context, p *purchase, seen *observation, differences []Difference, adopt bool) {
	now := c.time()
	if !adopt {
		if len(differences) > 0 && !p.Differs {
			p.Differs = true
			p.notify(NoticeDiffers, now, c.report != nil)
			c.logger.WarnContext(ctx, "klarna flow: a transaction was changed by something that is not an operation of the purchase",
				"purchase", p.ID, "payment_transaction_id", p.Transaction, "differences", len(differences))
		}
		return
	}
	exact := true
	for _, d := range differences {
		outside := operation{
			State: OperationStateDone, Outside: true, Amount: d.Klarna, Reference: d.Reference,
			PaymentCaptureID: d.PaymentCaptureID, PaymentRefundID: d.PaymentRefundID, BegunAt: now, UpdatedAt: now,
		}
		switch d.Kind {
		case DifferenceKindCapture:
			outside.ID, outside.Kind = d.PaymentCaptureID, OperationKindCapture
		case DifferenceKindRefund:
			outside.ID, outside.Kind = d.PaymentRefundID, OperationKindRefund
		case DifferenceKindAuthorizedAmount:
			p.Authorized = &d.Klarna
			continue
		case DifferenceKindReleased:
			continue // released is checked again below, with the captures
		case DifferenceKindCaptureMissing:
			exact = false
			continue
		}
		exact = exact && d.Klarna > 0
		if p.hasDone(outside.ID) {
			continue // Klarna lists it twice
		}
		if p.operation(outside.ID) != nil {
			outside.ID = p.outsideID(outside.Kind)
		}
		p.addOperation(outside)
	}
	if p.released(seen, now) {
		p.addOperation(operation{
			ID: p.outsideID(OperationKindVoid), Kind: OperationKindVoid, State: OperationStateDone, Outside: true,
			Released: p.amounts().Remaining, BegunAt: now, UpdatedAt: now,
		})
	}
	p.Differs = !exact
}

// outsideID returns the ID of an operation that was made elsewhere and cannot have Klarna's ID.
func (p *purchase) outsideID(kind OperationKind) string {
	for n := 1; ; n++ {
		if id := "outside-" + strings.ToLower(string(kind)) + "-" + strconv.Itoa(n); p.operation(id) == nil {
			return id
		}
	}
}

// AdoptParams are the parameters of [Coordinator.Adopt].
type AdoptParams struct {
	// ID becomes the purchase's ID, as in Purchase.ID.
	ID string
	// PartnerAccountID is the account of the transaction, as in Purchase.PartnerAccountID.
	PartnerAccountID string
	// PaymentTransactionID is Klarna's ID of the transaction.
	PaymentTransactionID string
}

// Adopt records a transaction that was made elsewhere. It reads the transaction from Klarna and
// records a purchase in [StateAuthorized]. The captures and refunds that Klarna lists become
// operations that are done. A repeat returns the purchase.
//
// The error is [ErrInvalidPurchase] if a parameter is missing or invalid, [ErrOtherPurchase] if
// another purchase has the ID, the transaction or its reference, a [*klarna.Error], or the store's.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Coordinator) Adopt(ctx context.Context, params AdoptParams) (*Status, error) {
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	switch {
	case !validID(params.ID):
		return nil, fmt.Errorf("%w: its ID must have 1 to 255 bytes of UTF-8 without control characters", ErrInvalidPurchase)
	case params.PaymentTransactionID == "":
		return nil, fmt.Errorf("%w: its PaymentTransactionID is missing", ErrInvalidPurchase)
	}
	client, err := c.clientFor(ctx, params.PartnerAccountID)
	if err != nil {
		return nil, err
	}
	now := c.time()
	p := &purchase{
		Record: Record{ID: params.ID, PaymentRequestID: params.PaymentTransactionID, State: StateAuthorized, Version: 1},
		content: content{
			Account: params.PartnerAccountID, Transaction: params.PaymentTransactionID, BegunAt: now, UpdatedAt: now,
			Credentials: client.KeyFingerprint(),
		},
	}
	seen, err := c.observe(ctx, authorization.New(client), p, eventFacts{})
	if err != nil {
		return nil, err
	}
	t := seen.transaction
	switch {
	case t.PaymentTransactionID != params.PaymentTransactionID:
		return nil, errors.New("flow: Klarna returned another transaction")
	case t.Amount <= 0 || t.Currency == "":
		return nil, errors.New("flow: the transaction shows no amount or no currency")
	}
	p.Amount, p.Currency, p.Approved = t.Amount, t.Currency, &t.Amount
	p.content.Reference = orElse(t.PaymentTransactionReference, params.ID)
	p.Record.Reference = referenceKey(p.Account, p.content.Reference)
	p.TransactionExpiresAt = t.ExpiresAt.UTC()
	c.recordDifferences(ctx, p, seen, p.compare(seen, now), true)
	if !seen.capturesListed {
		p.Differs = true // captures may exist
	}
	c.recordExpiry(p, seen, now)
	c.watchExpiry(p, now)
	p.UnreportedOperations = nil // they happened before the adoption
	p.DueAt = p.dueAfter(now)
	r, err := p.encoded()
	if err != nil {
		return nil, err
	}
	p.Record, p.stored = r, r
	err = c.store.Create(ctx, r)
	if errors.Is(err, ErrExists) {
		known, err := c.load(ctx, params.ID)
		switch {
		case err == nil && known.Transaction == params.PaymentTransactionID && known.Account == params.PartnerAccountID:
			return known.status(), nil
		case err == nil || errors.Is(err, ErrNotFound):
			return nil, fmt.Errorf("%w, or this transaction", ErrOtherPurchase)
		}
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("flow: create: %w", err)
	}
	return p.status(), nil
}

// SettleParams are the parameters of [Coordinator.Settle].
type SettleParams struct {
	// State is [OperationStateDone] or [OperationStateRefused].
	State OperationState
	// Reason says why, and Actor says who decided. Both are required, recorded and reported.
	Reason string
	Actor  string
}

// Settle records a person's decision about an unknown operation and ends the operation with it. If
// a read or an event later proves that the operation was executed, the operation still becomes
// done. Settle does not call Klarna.
//
// The error is [ErrNotFound] if no such purchase or operation exists, [ErrInvalidOperation] if a
// parameter is invalid, and [ErrImpossible] if the operation is not unknown. With ErrImpossible,
// Settle returns the Operation as well.
func (c *Coordinator) Settle(ctx context.Context, purchaseID, operationID string, params SettleParams) (*Operation, error) {
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	switch {
	case params.State != OperationStateDone && params.State != OperationStateRefused:
		return nil, fmt.Errorf("%w: the state must be DONE or REFUSED", ErrInvalidOperation)
	case !validID(params.Reason) || !validID(params.Actor):
		return nil, fmt.Errorf("%w: the reason and the actor must have 1 to 255 bytes of UTF-8 without control characters", ErrInvalidOperation)
	}
	p, err := c.load(ctx, purchaseID)
	if err != nil {
		return nil, err
	}
	var failed error
	err = c.change(ctx, p, func() bool {
		o := p.operation(operationID)
		switch failed = nil; {
		case o == nil:
			failed = fmt.Errorf("%w: the purchase has no operation %s", ErrNotFound, strconv.Quote(operationID))
		case o.State == params.State && o.SettledBy == params.Actor:
			return false // a repeat
		case o.State != OperationStateUnknown:
			failed = fmt.Errorf("%w: the operation is %s", ErrImpossible, o.State)
		}
		if failed != nil {
			return false
		}
		evidence := o.Evidence
		p.finish(o, params.State, params.Reason, c.time(), c.report != nil)
		o.Evidence, o.SettledBy = evidence, params.Actor
		p.LookAt = p.nextUnknown(c.time())
		failed = c.afterOperationEnd(p, o, false)
		return failed == nil
	})
	if err = errors.Join(err, failed); err != nil {
		return p.public(p.operation(operationID)), err
	}
	c.deliver(ctx, p)
	return p.public(p.operation(operationID)), nil
}

// handleTransactionEvent handles an event of an authorized purchase's transaction. It reads the
// transaction, unless an operation of the purchase caused the event.
func (c *Coordinator) handleTransactionEvent(ctx context.Context, p *purchase, s *eventFacts) error {
	known := s.authorized || s.captureID != "" && p.hasDone(s.captureID) || s.refundID != "" && p.hasDone(s.refundID)
	if known || s.captureID == "" && s.refundID == "" && p.pendingOperation() == nil && p.amounts().Remaining == 0 && p.amounts().Exact {
		c.deliver(ctx, p)
		return nil
	}
	err := c.readTransaction(ctx, p, *s)
	c.deliver(ctx, p)
	return err
}

// recordAutomaticCapture records the capture that the authorize call requested or that its answer
// shows.
func (c *Coordinator) recordAutomaticCapture(p *purchase, t *authorization.PaymentTransaction, now time.Time) {
	if p.operation(AutomaticCaptureID) != nil || !p.CaptureNow && len(t.PaymentCaptures) == 0 {
		return
	}
	if !p.CaptureNow && !p.isCapturedWhole(t) {
		p.LookAt = earliest(p.LookAt, now) // somebody else captures
		return
	}
	p.addOperation(operation{
		ID: AutomaticCaptureID, Kind: OperationKindCapture, State: OperationStatePending, Amount: p.authorized(),
		Reference: p.CaptureReference, DoubtAt: now, KeyAt: now, NextAt: now.Add(lease), BegunAt: now, UpdatedAt: now,
	})
	o := p.operation(AutomaticCaptureID)
	if answer := p.automaticCapture(o, t); answer != nil && c.applyResult(p, o, operationResult{to: OperationStateDone, answer: answer}) && o.State == OperationStateUnknown {
		p.LookAt = now.Add(sleep.Jitter(unknownSoon))
	}
}

// isCapturedWhole reports whether a transaction shows one capture of the whole authorized amount.
func (p *purchase) isCapturedWhole(t *authorization.PaymentTransaction) bool {
	return len(t.PaymentCaptures) == 1 && t.PaymentCaptures[0].CaptureAmount != nil && *t.PaymentCaptures[0].CaptureAmount == p.authorized()
}

// automaticCapture returns what a transaction says about its automatic capture, or nil.
func (p *purchase) automaticCapture(o *operation, t *authorization.PaymentTransaction) *callAnswer {
	for i := range t.PaymentCaptures {
		capture := &t.PaymentCaptures[i]
		if capture.PaymentCaptureID == "" || o.Reference != "" && capture.PaymentCaptureReference != "" && capture.PaymentCaptureReference != o.Reference || p.hasDone(capture.PaymentCaptureID) {
			continue
		}
		return &callAnswer{paymentCaptureID: capture.PaymentCaptureID, amount: capture.CaptureAmount, currency: capture.Currency}
	}
	return nil
}

var errNotCaptured = errors.New("flow: the transaction does not show its automatic capture yet")

// findAutomaticCapture looks for the capture that Klarna makes automatically.
func (c *Coordinator) findAutomaticCapture(ctx context.Context, p *purchase, api *authorization.Client, o *operation) error {
	attempt := attemptOf(p, o)
	t, err := api.GetTransaction(ctx, p.Transaction, c.callOptions(p)...)
	if err == nil {
		if answer := p.automaticCapture(o, t); answer != nil {
			return c.endOperation(ctx, p, o.ID, nil, operationResult{to: OperationStateDone, answer: answer})
		}
		err = errNotCaptured
	}
	if c.time().After(o.BegunAt.Add(idempotent)) {
		return c.endOperation(ctx, p, o.ID, &attempt, operationResult{
			to: OperationStateUnknown, reason: reasonNoAnswer, evidence: "the transaction does not show its automatic capture",
		})
	}
	return c.retryOperation(ctx, p, o.ID, attempt, err)
}

// afterApproval records the automatic capture and the end of the authorization of an approved
// purchase.
func (c *Coordinator) afterApproval(p *purchase, t *authorization.PaymentTransaction) {
	if p.State != StateAuthorized {
		return
	}
	now := c.time()
	p.TransactionExpiresAt = t.ExpiresAt.UTC()
	c.recordAutomaticCapture(p, t, now)
	c.watchExpiry(p, now)
	p.DueAt = p.dueAfter(now)
}
