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

// Capture captures a purchase's transaction or a part of it. It records the operation, makes its
// call and records the result. It is safe to repeat: with the same ID it returns the same
// operation, however far it has come.
//
// Switch over the Operation's State:
//
//	OperationStateDone     captured
//	OperationStateRefused  not captured: see Reason, and use another ID next time
//	OperationStatePending  not decided yet: recovery repeats the call
//	OperationStateUnknown  a person has to investigate: see Evidence
//
// A refusal is not an error: the error is nil.
//
// The operations of a purchase are executed one after the other, in the order in which they were
// recorded. Capture first makes the calls of earlier operations that are pending. If one of them
// stays pending, so does this one, and the error is that of the earlier call.
//
// Each call leases the purchase for up to 20 seconds. If another replica holds the lease, Capture
// waits up to 25 seconds, or until ctx ends.
//
// Capture returns no Operation, and records and sends nothing, with these errors:
//
//   - [ErrInvalidOperation], if the parameters are invalid
//   - [ErrImpossible], if the operation cannot succeed
//   - [ErrOtherOperation], if another operation has the ID or the reference
//   - [ErrNotFound], if no such purchase exists
//
// With a [*klarna.Error], Capture returns the Operation as well. It is pending, unless an event has
// ended it in the meantime. With an error of ctx or of the store, Capture returns the Operation if
// it was recorded before the error. Without an Operation, the operation may be recorded or not. In
// either case a repeat with the same ID is safe.
//
// A repeat may differ in klarna_network_data and supplementary_purchase_data.customer; the first
// values count. Line items in another order are other content.
//
// Klarna's documentation: https://docs.klarna.com/payments/
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

// Refund refunds what was captured or a part of it. See [Coordinator.Capture] for repeats, states
// and errors.
//
// Klarna's documentation: https://docs.klarna.com/payments/
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
		// The body does not contain Klarna's ID of the capture, which may not be known yet.
		return d.prepared(api.PrepareRefundCapture(orElse(params.PaymentCaptureID, "capture"), authorization.RefundCaptureParams{
			RefundAmount: params.Amount, PaymentRefundReference: d.Reference,
			SupplementaryRefundData: params.SupplementaryRefundData, KlarnaNetworkData: params.KlarnaNetworkData,
		}))
	})
}

// Void releases what is authorized and not captured. The Operation's Amount is what was released.
// See [Coordinator.Capture] for repeats, states and errors.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Coordinator) Void(ctx context.Context, purchaseID string, params VoidParams) (*Operation, error) {
	return c.operationOf(ctx, purchaseID, params.ID, func(*purchase, *authorization.Client) (*draft, error) {
		return &draft{operation: operation{Kind: OperationKindVoid}}, nil
	})
}

// Extend extends the time or the amount of an authorization. See [Coordinator.Capture] for repeats,
// states and errors.
//
// Klarna's documentation: https://docs.klarna.com/payments/
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

// UpdateTransaction changes the reference of a purchase's transaction or its supplementary purchase
// data. The Coordinator still finds the purchase by the reference that it was begun with. See
// [Coordinator.Capture] for repeats, states and errors.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Coordinator) UpdateTransaction(ctx context.Context, purchaseID string, params UpdateTransactionParams) (*Operation, error) {
	return c.operationOf(ctx, purchaseID, params.ID, func(p *purchase, api *authorization.Client) (*draft, error) {
		d := &draft{operation: operation{Kind: OperationKindUpdate, Reference: params.Reference}}
		return d.prepared(api.PrepareUpdateTransaction(p.Transaction, authorization.UpdateTransactionParams{
			PaymentTransactionReference: params.Reference, SupplementaryPurchaseData: params.SupplementaryPurchaseData,
		}))
	})
}

// ListOperations returns the operations of a purchase from the store, in the order in which they
// are executed. It does not call Klarna. The error is [ErrNotFound] if no such purchase exists.
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

// draft is a requested operation and the body of its call.
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

// operationOf records a requested operation or finds it, and takes it as far as it can get.
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

// record stores an operation before anything is sent, unless it is stored already.
func (c *Coordinator) record(ctx context.Context, p *purchase, id string, prepare func(*purchase, *authorization.Client) (*draft, error)) error {
	switch {
	case !validID(id):
		return fmt.Errorf("%w: its ID must have 1 to 255 bytes of UTF-8 without control characters", ErrInvalidOperation)
	case id == AutomaticCaptureID:
		return fmt.Errorf("%w: the ID %s is reserved for the automatic capture", ErrInvalidOperation, strconv.Quote(AutomaticCaptureID))
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
		if err := d.validate(); err != nil {
			return err
		}
		if known := p.operation(id); known != nil {
			return c.sameOperation(p, known, d)
		}
		if err := p.ownReference(d); err != nil {
			return err
		}
		if reason := p.impossible(&d.operation); reason != "" {
			// A change that was made elsewhere may make the operation possible.
			if !looked && !p.isReleased(d.Kind) {
				looked = true
				if err := c.readTransaction(ctx, p, eventFacts{}); err != nil {
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

// validate checks the IDs that no call contains.
func (d *draft) validate() error {
	if d.Capture != "" && !validID(d.Capture) {
		return fmt.Errorf("%w: CaptureID must have 1 to 255 bytes of UTF-8 without control characters", ErrInvalidOperation)
	}
	return nil
}

// addRecorded stores an operation and its call.
func (c *Coordinator) addRecorded(ctx context.Context, p *purchase, d *draft) error {
	content, err := c.openOperations(p)
	if err != nil {
		return err
	}
	now := c.time()
	o := d.operation
	o.State, o.Keys, o.BegunAt, o.UpdatedAt, o.NextAt = OperationStatePending, 1, now, now, now.Add(lease)
	if o.Digest, err = c.digestOf(p, d); err != nil {
		return fmt.Errorf("flow: decode the encoded operation: %w", err)
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

// openOperations returns the sealed content of an authorized purchase.
func (c *Coordinator) openOperations(p *purchase) (*sealed, error) {
	if len(p.Sealed) == 0 {
		return &sealed{}, nil
	}
	return c.open(p)
}

// seal replaces the sealed content of p.
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

// dropSealedCall removes the call of an ended operation from the seal. A seal that cannot be opened
// is kept while another operation needs it.
func (c *Coordinator) dropSealedCall(p *purchase, id string) error {
	if len(p.Sealed) == 0 {
		return nil
	}
	content, err := c.openOperations(p)
	if err != nil {
		if p.pendingOperation() == nil {
			p.Sealed, p.opened = nil, nil
		}
		return nil // the operation that needs the seal reports the error
	}
	next := *content
	next.Operations = slices.DeleteFunc(slices.Clone(next.Operations), func(o sealedOperation) bool { return o.ID == id })
	return c.seal(p, &next)
}

// digestOf returns a digest that distinguishes operations. It is keyed like the digest of a
// request.
func (c *Coordinator) digestOf(p *purchase, d *draft) (string, error) {
	digest, err := c.seals.digest(c.seals.roots[0], p, d.comparedBody())
	return c.seals.fingerprints()[0] + ":" + digest, err
}

// comparedBody returns the body that repeats are compared by. A void has no body.
func (d *draft) comparedBody() string { return orElse(d.body, "{}") }

// sameOperation returns an error if the requested operation differs from the recorded one with the
// same ID.
func (c *Coordinator) sameOperation(p *purchase, known *operation, d *draft) error {
	other := func(what string) error {
		return fmt.Errorf("%w: %s, with another %s", ErrOtherOperation, strconv.Quote(known.ID), what)
	}
	switch {
	case known.Kind != d.Kind:
		return other("kind, " + string(known.Kind))
	case known.Outside:
		return other("origin: it was made elsewhere")
	case known.Kind == OperationKindRefund && !p.sameCapture(known, &d.operation):
		return other("capture")
	}
	same, err := c.seals.sameDigest(p, known.Digest, d.comparedBody())
	if err != nil {
		return err
	}
	if content, err := c.openOperations(p); err == nil && !same {
		for _, call := range content.Operations {
			if call.ID == known.ID {
				if member := differingMember(orElse(call.Body, "{}"), d.comparedBody()); member != "" {
					return other(member)
				}
			}
		}
	}
	// The call was deleted, or its secret was dropped, so only the members in the record can be
	// compared.
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

// sameCapture reports whether two refunds belong to the same capture.
func (p *purchase) sameCapture(a, b *operation) bool {
	return a.Capture == b.Capture && (a.Capture != "" || a.PaymentCaptureID == b.PaymentCaptureID) ||
		p.captureOf(a) != "" && p.captureOf(a) == p.captureOf(b)
}

// captureOf returns Klarna's ID of the capture that a refund belongs to, or "" if it is not known.
func (p *purchase) captureOf(refund *operation) string {
	if refund.PaymentCaptureID != "" {
		return refund.PaymentCaptureID
	}
	if capture := p.operation(refund.Capture); refund.Capture != "" && capture != nil {
		return capture.PaymentCaptureID
	}
	return ""
}

// ownReference returns an error if another operation of the same kind has the reference.
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

// impossible says why an operation cannot succeed. It returns "" if the operation may succeed.
func (p *purchase) impossible(o *operation) string {
	a := p.amounts()
	sure := !p.Differs
	var taking, giving int64 // the sums of pending captures and of pending refunds
	all := false             // a pending operation releases the rest
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
			return fmt.Sprintf("the capture is %d, but only %d is authorized and not captured", o.Amount, left)
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

// isReleased reports whether an operation of the kind follows a pending one that releases what is
// left. A read cannot disprove that.
func (p *purchase) isReleased(kind OperationKind) bool {
	return (kind == OperationKindCapture || kind == OperationKindVoid) && slices.ContainsFunc(p.Operations, func(o operation) bool {
		return o.State == OperationStatePending && (o.Kind == OperationKindVoid || o.Kind == OperationKindCapture && o.Release)
	})
}

// impossibleRefund says why a refund cannot succeed. left is the amount that is captured, or will
// be, and not refunded.
func (p *purchase) impossibleRefund(o *operation, sure bool, left int64) string {
	capture := p.operation(o.Capture)
	if o.Capture == "" {
		capture = p.captureWith(o.PaymentCaptureID)
	}
	switch {
	case o.Capture != "":
		switch {
		case capture == nil || capture.Kind != OperationKindCapture:
			return "no capture has the ID " + strconv.Quote(o.Capture)
		case capture.State == OperationStateRefused:
			return "the capture " + strconv.Quote(o.Capture) + " was refused"
		case capture.State == OperationStateUnknown:
			return "the capture " + strconv.Quote(o.Capture) + " is unknown"
		}
	case o.PaymentCaptureID != "" && capture == nil:
		return "" // it was made elsewhere
	}
	if capture != nil && sure && o.Amount > capture.Amount-p.refundsOf(capture) {
		return fmt.Sprintf("the refund is %d, but only %d of the capture is not refunded", o.Amount, max(capture.Amount-p.refundsOf(capture), 0))
	}
	if sure && o.Amount > left {
		return fmt.Sprintf("the refund is %d, but only %d is captured and not refunded", o.Amount, max(left, 0))
	}
	return ""
}

// refundsOf returns the sum of the refunds of one capture.
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

// sameDigest reports whether a body has a digest. It returns true if the secret of the digest is
// not available any more.
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
		return nil, fmt.Errorf("flow: purchase %s: %w: the call of operation %s is missing", strconv.Quote(p.ID), ErrDamaged, strconv.Quote(o.ID))
	}
	call := &content.Operations[i]
	if call.Kind != o.Kind || call.Transaction != p.Transaction || call.Amount != o.Amount || call.Capture != o.Capture ||
		call.PaymentCaptureID != "" && call.PaymentCaptureID != o.PaymentCaptureID || call.Reference != o.Reference {
		return nil, fmt.Errorf("flow: purchase %s: %w: operation %s differs from the sealed one", strconv.Quote(p.ID), ErrDamaged, strconv.Quote(o.ID))
	}
	return call, nil
}

// prepared returns the call as it is sent.
func (o *sealedOperation) prepared() authorization.Prepared {
	return authorization.Prepared{Body: klarna.NewRawJSON(o.Body), IdempotencyKey: o.Key, Reference: o.Reference}
}
