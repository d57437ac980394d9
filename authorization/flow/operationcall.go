package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// Capture captures a purchase's transaction, or a part of it. It records the operation, makes its
// call and records what became of it. A repeat under the same ID gets the same operation and its
// result, however far it has come meanwhile; with other content it is refused with
// ErrOtherOperation before anything is sent.
//
// Switch over the Operation's State:
//
//	OperationStateDone     captured
//	OperationStateRefused  not captured; Reason has Klarna's code; the ID is used up
//	OperationStatePending  Klarna has not decided yet: recovery goes on, and a repeat asks again
//	OperationStateUnknown  for a person; see Evidence
//
// The operations of a purchase are made one after the other, in the order in which they were
// recorded. While an earlier one is pending, Capture returns the later one as pending. Where
// another replica is at the purchase, Capture waits for it, for 25 seconds at most or until ctx
// ends.
//
// What cannot succeed is ErrImpossible: it is not recorded and uses no ID up. So is
// ErrInvalidOperation. The error is ErrNotFound for a purchase that does not exist. With an error
// of Klarna's, a *klarna.Error, the Operation is there all the same, and pending. With an error of
// the store's and no Operation, it may be recorded: repeat the call, under the same ID.
//
// A repeat may differ in klarna_network_data and supplementary_purchase_data.customer; the first
// one counts. Line items in another order are other content.
func (c *Coordinator) Capture(ctx context.Context, purchaseID string, params CaptureParams) (*Operation, error) {
	return c.operationOf(ctx, purchaseID, params.ID, func(p *purchase, api *authorization.Client) (*draft, error) {
		d := &draft{operation: operation{
			Kind: OperationKindCapture, Amount: params.Amount, Release: params.ReleaseRemaining,
			Reference: orElse(params.Reference, operationReference(p.ID, params.ID)),
		}}
		if params.Amount < 1 {
			return nil, errNoAmount
		}
		call := authorization.CaptureTransactionParams{
			CaptureAmount: params.Amount, PaymentCaptureReference: d.Reference,
			SupplementaryCaptureData: params.SupplementaryCaptureData, SupplementaryPurchaseData: params.SupplementaryPurchaseData,
			KlarnaNetworkData: params.KlarnaNetworkData,
		}
		if params.ReleaseRemaining {
			call.RemainingAuthorization = authorization.RemainingAuthorizationRelease
		}
		return d.prepared(api.PrepareCaptureTransaction(p.Transaction, call))
	})
}

// Refund gives back what was captured, or a part of it. It is made and repeated as
// [Coordinator.Capture] says.
func (c *Coordinator) Refund(ctx context.Context, purchaseID string, params RefundParams) (*Operation, error) {
	return c.operationOf(ctx, purchaseID, params.ID, func(p *purchase, api *authorization.Client) (*draft, error) {
		d := &draft{operation: operation{
			Kind: OperationKindRefund, Amount: params.Amount, Capture: params.CaptureID, PaymentCaptureID: params.PaymentCaptureID,
			Reference: orElse(params.Reference, operationReference(p.ID, params.ID)),
		}}
		switch {
		case params.Amount < 1:
			return nil, errNoAmount
		case params.CaptureID != "" && params.PaymentCaptureID != "":
			return nil, errors.New("set CaptureID or PaymentCaptureID, not both")
		case params.CaptureID == "" && params.PaymentCaptureID == "":
			return d.prepared(api.PrepareRefundTransaction(p.Transaction, authorization.RefundTransactionParams{
				RefundAmount: params.Amount, RefundReference: d.Reference,
				SupplementaryRefundData: params.SupplementaryRefundData, KlarnaNetworkData: params.KlarnaNetworkData,
			}))
		}
		// The capture may not have its id yet, which the body does not need.
		return d.prepared(api.PrepareRefundCapture(orElse(params.PaymentCaptureID, "capture"), authorization.RefundCaptureParams{
			RefundAmount: params.Amount, PaymentRefundReference: d.Reference,
			SupplementaryRefundData: params.SupplementaryRefundData, KlarnaNetworkData: params.KlarnaNetworkData,
		}))
	})
}

// Void releases what is authorized and not captured. It is made and repeated as
// [Coordinator.Capture] says. The Operation's Amount is what was released.
func (c *Coordinator) Void(ctx context.Context, purchaseID string, params VoidParams) (*Operation, error) {
	return c.operationOf(ctx, purchaseID, params.ID, func(*purchase, *authorization.Client) (*draft, error) {
		return &draft{operation: operation{Kind: OperationKindVoid}}, nil
	})
}

// Extend makes an authorization last longer, or larger. It is made and repeated as
// [Coordinator.Capture] says.
func (c *Coordinator) Extend(ctx context.Context, purchaseID string, params ExtendParams) (*Operation, error) {
	return c.operationOf(ctx, purchaseID, params.ID, func(p *purchase, api *authorization.Client) (*draft, error) {
		d := &draft{operation: operation{Kind: OperationKindExtension, Amount: params.Amount, Days: params.Days}}
		call := authorization.ExtendTransactionParams{ExtensionDays: params.Days, SupplementaryPurchaseData: params.SupplementaryPurchaseData}
		if params.Amount != 0 {
			call.Amount = &params.Amount
		}
		return d.prepared(api.PrepareExtendTransaction(p.Transaction, call))
	})
}

// UpdateTransaction changes a transaction's reference or what Klarna knows of the purchase. It is
// made and repeated as [Coordinator.Capture] says. The record goes on being found by the reference
// that it was begun with.
func (c *Coordinator) UpdateTransaction(ctx context.Context, purchaseID string, params UpdateTransactionParams) (*Operation, error) {
	return c.operationOf(ctx, purchaseID, params.ID, func(p *purchase, api *authorization.Client) (*draft, error) {
		d := &draft{operation: operation{Kind: OperationKindUpdate, Reference: params.Reference}}
		return d.prepared(api.PrepareUpdateTransaction(p.Transaction, authorization.UpdateTransactionParams{
			PaymentTransactionReference: params.Reference, SupplementaryPurchaseData: params.SupplementaryPurchaseData,
		}))
	})
}

// ListOperations returns the operations of a purchase as they stand in the store, in the order in
// which they are made. The error is ErrNotFound for a purchase that does not exist.
func (c *Coordinator) ListOperations(ctx context.Context, purchaseID string) ([]Operation, error) {
	if c.missing() {
		return nil, errNoCoordinator
	}
	p, err := c.load(ctx, purchaseID)
	if err != nil {
		return nil, err
	}
	list := make([]Operation, len(p.Operations))
	for i := range p.Operations {
		list[i] = *p.public(&p.Operations[i])
	}
	return list, nil
}

var errNoAmount = errors.New("the amount must be at least 1")

// draft is an operation that is asked for, and the body of its call.
type draft struct {
	operation
	body string
}

func (d *draft) prepared(call *authorization.Prepared, err error) (*draft, error) {
	if err != nil {
		return nil, err
	}
	d.body = string(call.Body.Bytes())
	return d, nil
}

// operationOf records an operation that is asked for, or finds it, and takes it as far as it gets.
func (c *Coordinator) operationOf(ctx context.Context, purchaseID, id string, prepare func(*purchase, *authorization.Client) (*draft, error)) (*Operation, error) {
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	p, err := c.load(ctx, purchaseID)
	if err != nil {
		return nil, err
	}
	if err := c.record(ctx, p, id, prepare); err != nil {
		return nil, err
	}
	err = c.operate(ctx, p, id, time.Now().Add(patience))
	c.deliver(ctx, p)
	return p.public(p.operation(id)), err
}

// record makes an operation durable before anything of it is sent, unless it is already.
func (c *Coordinator) record(ctx context.Context, p *purchase, id string, prepare func(*purchase, *authorization.Client) (*draft, error)) error {
	switch {
	case !plainID(id):
		return fmt.Errorf("%w: its ID must have 1 to 255 bytes of UTF-8 without control characters", ErrInvalidOperation)
	case id == AutomaticCaptureID:
		return fmt.Errorf("%w: the ID %s is the automatic capture's", ErrInvalidOperation, strconv.Quote(AutomaticCaptureID))
	}
	for looked := false; ; {
		if p.State != StateAuthorized {
			return fmt.Errorf("%w: the purchase is %s and has no transaction", ErrImpossible, p.State)
		}
		client, err := c.clientFor(ctx, p.Account)
		if err != nil {
			return err
		}
		d, err := prepare(p, authorization.New(client))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidOperation, err)
		}
		d.ID = id
		if err := d.plain(); err != nil {
			return err
		}
		if known := p.operation(id); known != nil {
			return c.sameOperation(p, known, d)
		}
		if err := p.ownReference(d); err != nil {
			return err
		}
		if reason := p.impossible(&d.operation); reason != "" {
			// What the record proves, a capture that was made elsewhere may disprove.
			if !looked && !p.isReleased(d.Kind) {
				looked = true
				if err := c.look(ctx, p, eventFacts{}); err != nil {
					return fmt.Errorf("flow: the operation seems impossible: %s, and the transaction could not be read: %w", reason, err)
				}
				continue
			}
			return fmt.Errorf("%w: %s", ErrImpossible, reason)
		}
		err = c.addRecorded(ctx, p, d)
		if !errors.Is(err, ErrChanged) {
			return err
		}
		if err := c.reloadAfterConflict(ctx, p); err != nil {
			return err
		}
	}
}

// plain checks the references that would not be checked where they are not sent.
func (d *draft) plain() error {
	if d.Capture != "" && !plainID(d.Capture) {
		return fmt.Errorf("%w: CaptureID is no operation's ID", ErrInvalidOperation)
	}
	return nil
}

// addRecorded stores an operation with its call.
func (c *Coordinator) addRecorded(ctx context.Context, p *purchase, d *draft) error {
	content, err := c.openOperations(p)
	if err != nil {
		return err
	}
	now := c.time()
	o := d.operation
	o.State, o.Keys, o.BegunAt, o.UpdatedAt, o.NextAt = OperationStatePending, 1, now, now, now.Add(lease)
	if o.Digest, err = c.digestOf(p, d); err != nil {
		return fmt.Errorf("flow: the operation cannot be read back: %w", err)
	}
	next := *content
	next.Operations = append(slices.Clip(next.Operations), sealedOperation{
		ID: o.ID, Kind: o.Kind, Transaction: p.Transaction, Amount: o.Amount, Capture: o.Capture, PaymentCaptureID: o.PaymentCaptureID,
		Reference: o.Reference, Body: d.body, Key: operationKey(p, &o, d.body, o.Keys),
	})
	if err := c.seal(p, &next); err != nil {
		return err
	}
	p.addOperation(o)
	p.DueAt = p.dueAfter(now)
	return c.save(ctx, p)
}

// openOperations returns what is sealed of an authorized purchase.
func (c *Coordinator) openOperations(p *purchase) (*sealed, error) {
	if len(p.Sealed) == 0 {
		return &sealed{}, nil
	}
	return c.open(p)
}

// seal puts what is to be kept in the place of what was sealed.
func (c *Coordinator) seal(p *purchase, content *sealed) error {
	if len(content.Operations) == 0 && p.State == StateAuthorized {
		p.Sealed, p.opened = nil, nil
		return nil
	}
	text, err := c.seals.seal(p, content)
	if err != nil {
		return err
	}
	p.Sealed, p.opened = text, content
	return nil
}

// forget takes the call of an operation that has ended out of the seal. One that cannot be opened
// stays while another operation needs it.
func (c *Coordinator) forget(p *purchase, id string) error {
	if len(p.Sealed) == 0 {
		return nil
	}
	content, err := c.openOperations(p)
	if err != nil {
		if p.pendingOperation() == nil {
			p.Sealed, p.opened = nil, nil
		}
		return nil // whoever needs it reports it
	}
	next := *content
	next.Operations = slices.DeleteFunc(slices.Clone(next.Operations), func(o sealedOperation) bool { return o.ID == id })
	return c.seal(p, &next)
}

// digestOf tells an operation's content from another's. It is keyed, as the digest of a request is.
func (c *Coordinator) digestOf(p *purchase, d *draft) (string, error) {
	digest, err := c.seals.digest(c.seals.roots[0], p, d.unvarying())
	return c.seals.fingerprints()[0] + ":" + digest, err
}

// unvarying is the body that is compared; a void has none.
func (d *draft) unvarying() string { return orElse(d.body, "{}") }

// sameOperation compares what is asked for with the operation that is recorded under the ID.
func (c *Coordinator) sameOperation(p *purchase, known *operation, d *draft) error {
	other := func(what string) error {
		return fmt.Errorf("%w: %s, with another %s", ErrOtherOperation, strconv.Quote(known.ID), what)
	}
	switch {
	case known.Kind != d.Kind:
		return other("kind, " + string(known.Kind))
	case known.Outside:
		return other("origin: it was not made here")
	case known.Kind == OperationKindRefund && !p.sameCapture(known, &d.operation):
		return other("capture")
	}
	same, err := c.seals.sameDigest(p, known.Digest, d.unvarying())
	if err != nil {
		return err
	}
	if content, err := c.openOperations(p); err == nil && !same {
		for _, call := range content.Operations {
			if call.ID == known.ID {
				if member := differingMember(orElse(call.Body, "{}"), d.unvarying()); member != "" {
					return other(member)
				}
			}
		}
	}
	// The call is gone, or the secret of its digest is: what the record still has may tell.
	switch {
	case known.Amount != d.Amount:
		return other("amount")
	case known.Reference != d.Reference:
		return other("reference")
	case known.Days != d.Days:
		return other("extension_days")
	case known.Release != d.Release:
		return other("remaining_authorization")
	}
	if same {
		return nil
	}
	return other("content")
}

// sameCapture reports whether two refunds give back the same capture, whichever id names it.
func (p *purchase) sameCapture(a, b *operation) bool {
	return a.Capture == b.Capture && (a.Capture != "" || a.PaymentCaptureID == b.PaymentCaptureID) ||
		p.captureOf(a) != "" && p.captureOf(a) == p.captureOf(b)
}

// captureOf is Klarna's id of the capture that a refund gives back, "" where it is not known.
func (p *purchase) captureOf(refund *operation) string {
	if refund.PaymentCaptureID != "" {
		return refund.PaymentCaptureID
	}
	if capture := p.operation(refund.Capture); refund.Capture != "" && capture != nil {
		return capture.PaymentCaptureID
	}
	return ""
}

// ownReference refuses a reference that another operation of the kind has.
func (p *purchase) ownReference(d *draft) error {
	if d.Kind != OperationKindCapture && d.Kind != OperationKindRefund {
		return nil
	}
	for i := range p.Operations {
		if o := &p.Operations[i]; o.Kind == d.Kind && o.Reference == d.Reference {
			return fmt.Errorf("%w: %s has this reference", ErrOtherOperation, strconv.Quote(o.ID))
		}
	}
	return nil
}

// impossible says why an operation cannot succeed, "" where it may.
func (p *purchase) impossible(o *operation) string {
	a := p.amounts()
	sure := !p.Differs
	var taking, giving int64 // what pending captures take, and pending refunds give back
	all := false             // something pending releases the rest
	for i := range p.Operations {
		known := &p.Operations[i]
		switch {
		case known.State == OperationStateUnknown:
			sure = false
		case known.State != OperationStatePending:
		case known.Kind == OperationKindCapture:
			taking = plus(taking, known.Amount)
			all = all || known.Release
		case known.Kind == OperationKindRefund:
			giving = plus(giving, known.Amount)
		case known.Kind == OperationKindVoid:
			all = true
		case known.Kind == OperationKindExtension:
			sure = false
		}
	}
	switch o.Kind {
	case OperationKindCapture:
		left := max(a.Remaining-taking, 0)
		if all {
			left = 0
		}
		if sure && o.Amount > left {
			return fmt.Sprintf("it captures %d, and %d is left of what is authorized", o.Amount, left)
		}
	case OperationKindVoid:
		if sure && (a.Remaining-taking <= 0 || all) {
			return "nothing is left to void"
		}
	case OperationKindRefund:
		return p.impossibleRefund(o, sure, plus(a.Captured, taking)-plus(a.Refunded, giving))
	}
	return ""
}

// isReleased reports whether an operation of the kind comes behind a pending one that releases what
// is left: no read disproves that.
func (p *purchase) isReleased(kind OperationKind) bool {
	return (kind == OperationKindCapture || kind == OperationKindVoid) && slices.ContainsFunc(p.Operations, func(o operation) bool {
		return o.State == OperationStatePending && (o.Kind == OperationKindVoid || o.Kind == OperationKindCapture && o.Release)
	})
}

// impossibleRefund says why a refund cannot succeed. left is what is captured, or about to be, and
// not given back.
func (p *purchase) impossibleRefund(o *operation, sure bool, left int64) string {
	capture := p.operation(o.Capture)
	if o.Capture == "" {
		capture = p.captureWith(o.PaymentCaptureID)
	}
	switch {
	case o.Capture != "":
		switch {
		case capture == nil || capture.Kind != OperationKindCapture:
			return "there is no capture " + strconv.Quote(o.Capture)
		case capture.State == OperationStateRefused:
			return "the capture " + strconv.Quote(o.Capture) + " was refused"
		case capture.State == OperationStateUnknown:
			return "the capture " + strconv.Quote(o.Capture) + " is unknown"
		}
	case o.PaymentCaptureID != "" && capture == nil:
		return "" // it was made elsewhere
	}
	if capture != nil && sure && o.Amount > capture.Amount-p.refundsOf(capture) {
		return fmt.Sprintf("it gives back %d, and %d is left of the capture", o.Amount, max(capture.Amount-p.refundsOf(capture), 0))
	}
	if sure && o.Amount > left {
		return fmt.Sprintf("it gives back %d, and %d is left of what was captured", o.Amount, max(left, 0))
	}
	return ""
}

// refundsOf is what refunds of one capture give back.
func (p *purchase) refundsOf(capture *operation) (sum int64) {
	for i := range p.Operations {
		o := &p.Operations[i]
		if o.Kind != OperationKindRefund || o.State == OperationStateRefused {
			continue
		}
		if o.Capture == capture.ID || o.PaymentCaptureID != "" && o.PaymentCaptureID == capture.PaymentCaptureID {
			sum = plus(sum, o.Amount)
		}
	}
	return sum
}

// captureWith returns the capture that has an id of Klarna's, nil for none.
func (p *purchase) captureWith(paymentCaptureID string) *operation {
	for i := range p.Operations {
		if o := &p.Operations[i]; paymentCaptureID != "" && o.Kind == OperationKindCapture && o.PaymentCaptureID == paymentCaptureID {
			return o
		}
	}
	return nil
}

// sameDigest compares a body with the one of a digest. One that was digested with a secret that is
// gone counts as the same.
func (s *seals) sameDigest(p *purchase, digest, body string) (bool, error) {
	secret, sum, ok := strings.Cut(digest, ":")
	if !ok {
		return true, nil
	}
	i := slices.Index(s.fingerprints(), secret)
	if i < 0 {
		return true, nil
	}
	other, err := s.digest(s.roots[i], p, body)
	return other == sum, err
}

// callOf returns the stored call of an operation.
func (c *Coordinator) callOf(p *purchase, o *operation) (*sealedOperation, error) {
	content, err := c.openOperations(p)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(content.Operations, func(call sealedOperation) bool { return call.ID == o.ID })
	if i < 0 {
		return nil, fmt.Errorf("flow: purchase %s: %w: the call of operation %s is gone", strconv.Quote(p.ID), ErrDamaged, strconv.Quote(o.ID))
	}
	call := &content.Operations[i]
	if call.Kind != o.Kind || call.Transaction != p.Transaction || call.Amount != o.Amount || call.Capture != o.Capture ||
		call.PaymentCaptureID != "" && call.PaymentCaptureID != o.PaymentCaptureID || call.Reference != o.Reference {
		return nil, fmt.Errorf("flow: purchase %s: %w: operation %s is not the sealed one", strconv.Quote(p.ID), ErrDamaged, strconv.Quote(o.ID))
	}
	return call, nil
}

// prepared is the call as it is sent.
func (o *sealedOperation) prepared() authorization.Prepared {
	return authorization.Prepared{Body: klarna.NewRawJSON(o.Body), IdempotencyKey: o.Key, Reference: o.Reference}
}
