package flow

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"time"

	"github.com/klarna-go/klarna-go/internal/idempotency"
	"github.com/klarna-go/klarna-go/klarna"
)

// operation is an operation in a record's Data. The body of its call is sealed until it ends.
type operation struct {
	ID    string         `json:"id"`
	Kind  OperationKind  `json:"kind"`
	State OperationState `json:"state"`
	// Amount is what is captured or refunded, or what an extension asks for.
	Amount int64 `json:"amount,omitzero"`
	// Days is the number of days of an extension.
	Days int `json:"extension_days,omitzero"`
	// Release reports whether a capture releases the rest. Released is the amount that it, or a
	// void, released.
	Release   bool   `json:"release_remaining,omitzero"`
	Released  int64  `json:"released_amount,omitzero"`
	Reference string `json:"reference,omitzero"`
	// Capture is the ID of the capture operation that a refund names.
	Capture          string `json:"capture_id,omitzero"`
	PaymentCaptureID string `json:"payment_capture_id,omitzero"`
	PaymentRefundID  string `json:"payment_refund_id,omitzero"`
	// Digest distinguishes the content from others.
	Digest string `json:"digest,omitzero"`
	// Keys counts the idempotency keys that were derived. KeyAt is when the present key was first
	// sent. DoubtAt is when the last call was sent that may have been executed, or zero. KeyAt and
	// DoubtAt are recorded before the call is sent.
	Keys    int       `json:"keys,omitzero"`
	KeyAt   time.Time `json:"key_at,omitzero"`
	DoubtAt time.Time `json:"doubt_at,omitzero"`
	// Conflicted reports whether a call was answered with a conflict.
	Conflicted bool `json:"conflicted,omitzero"`
	// Tries counts consecutive failures. NextAt is when recovery tries again.
	Tries  int       `json:"tries,omitzero"`
	NextAt time.Time `json:"next_at,omitzero"`
	// AmountBefore and ExpiresBefore are the transaction's values before an extension was sent.
	AmountBefore  int64     `json:"amount_before,omitzero"`
	ExpiresBefore time.Time `json:"expires_before,omitzero"`

	Reason     string `json:"reason,omitzero"`
	Parameters string `json:"refused_parameters,omitzero"`
	Evidence   string `json:"evidence,omitzero"`
	Outside    bool   `json:"outside,omitzero"`
	SettledBy  string `json:"settled_by,omitzero"`

	BegunAt   time.Time `json:"begun_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	// Unknown holds members that a newer version wrote.
	Unknown klarna.Unknown `json:",embed"`
}

// sealedOperation is an operation's call, byte for byte. It repeats what the operation does, so
// that it is not sent if the record was changed.
type sealedOperation struct {
	ID          string        `json:"id"`
	Kind        OperationKind `json:"kind"`
	Transaction string        `json:"payment_transaction_id"`
	Amount      int64         `json:"amount,omitzero"`
	Capture     string        `json:"capture_id,omitzero"`
	// PaymentCaptureID is that of a refund which names a capture of Klarna's.
	PaymentCaptureID string `json:"payment_capture_id,omitzero"`
	Reference        string `json:"reference,omitzero"`
	Body             string `json:"body,omitzero"`
	Key              string `json:"idempotency_key"`

	Unknown klarna.Unknown `json:",embed"`
}

// operationMove is a change of an operation's state, or a notice, that has to be reported.
type operationMove struct {
	// Number counts the purchase's transitions and operation moves together.
	Number           int            `json:"number"`
	At               time.Time      `json:"at"`
	Operation        string         `json:"operation,omitzero"`
	State            OperationState `json:"state,omitzero"`
	Reason           string         `json:"reason,omitzero"`
	PaymentCaptureID string         `json:"payment_capture_id,omitzero"`
	PaymentRefundID  string         `json:"payment_refund_id,omitzero"`
	Notice           Notice         `json:"notice,omitzero"`

	Unknown klarna.Unknown `json:",embed"`
}

// operation returns the operation with an ID, or nil. The pointer is valid until the record is read
// again.
func (p *purchase) operation(id string) *operation {
	for i := range p.Operations {
		if p.Operations[i].ID == id {
			return &p.Operations[i]
		}
	}
	return nil
}

// pendingOperation returns the operation to execute next, or nil. Operations are executed one after
// the other.
func (p *purchase) pendingOperation() *operation {
	for i := range p.Operations {
		if p.Operations[i].State == OperationStatePending {
			return &p.Operations[i]
		}
	}
	return nil
}

// is reports whether an operation has a kind and a state.
func (o *operation) is(kind OperationKind, state OperationState) bool {
	return o.Kind == kind && o.State == state
}

// klarnaID returns Klarna's ID of the capture or the refund that the operation made, or "".
func (o *operation) klarnaID() string {
	if o.Kind == OperationKindRefund {
		return o.PaymentRefundID
	}
	return o.PaymentCaptureID
}

// automatic reports whether the operation is the automatic capture, which has no call of its own.
func (o *operation) automatic() bool { return o.ID == AutomaticCaptureID }

// addOperation appends an operation without changing the stored list.
func (p *purchase) addOperation(o operation) { p.Operations = append(slices.Clip(p.Operations), o) }

// public returns the operation as a caller sees it.
func (p *purchase) public(o *operation) *Operation {
	if o == nil {
		return nil
	}
	public := &Operation{
		ID: o.ID, Kind: o.Kind, State: o.State, Amount: o.Amount, Currency: p.Currency, Reference: o.Reference,
		CaptureID: o.Capture, PaymentCaptureID: o.PaymentCaptureID, PaymentRefundID: o.PaymentRefundID,
		Reason: o.Reason, Parameters: o.Parameters, Evidence: o.Evidence, Outside: o.Outside, SettledBy: o.SettledBy,
		BegunAt: o.BegunAt, UpdatedAt: o.UpdatedAt,
	}
	if o.Kind == OperationKindVoid {
		public.Amount = o.Released
	}
	return public
}

// finish ends an operation or changes its result. The caller removes its call.
func (p *purchase) finish(o *operation, to OperationState, reason string, now time.Time, reporting bool) {
	o.State, o.Reason, o.UpdatedAt = to, reason, now
	o.Tries, o.NextAt, o.DoubtAt, o.Conflicted = 0, time.Time{}, time.Time{}, false
	if to != OperationStateUnknown {
		o.Evidence = ""
	}
	if to == OperationStateDone {
		o.Parameters = ""
		switch {
		case o.Kind == OperationKindVoid, o.Kind == OperationKindCapture && o.Release:
			o.Released = 0
			o.Released = p.amounts().Remaining
		}
	}
	p.UpdatedAt = now
	p.Moves++
	if reporting {
		p.UnreportedOperations = append(slices.Clip(p.UnreportedOperations), operationMove{
			Number: p.Moves, At: now, Operation: o.ID, State: to, Reason: reason,
			PaymentCaptureID: o.PaymentCaptureID, PaymentRefundID: o.PaymentRefundID,
		})
	}
}

// notify records a notice to report.
func (p *purchase) notify(n Notice, now time.Time, reporting bool) {
	p.Moves++
	if reporting {
		p.UnreportedOperations = append(slices.Clip(p.UnreportedOperations), operationMove{Number: p.Moves, At: now, Notice: n})
	}
}

// authorized returns what the customer approved, including extensions.
func (p *purchase) authorized() int64 {
	switch {
	case p.Authorized != nil:
		return *p.Authorized
	case p.Approved != nil:
		return *p.Approved
	}
	return p.Amount
}

// amounts returns the sums of the operations that are done.
func (p *purchase) amounts() Amounts {
	if p.State != StateAuthorized {
		return Amounts{}
	}
	a := Amounts{Authorized: p.authorized(), Lapsed: p.Lapsed, Exact: !p.Differs}
	for i := range p.Operations {
		o := &p.Operations[i]
		switch {
		case o.State == OperationStatePending, o.State == OperationStateUnknown:
			a.Exact = false
		case o.is(OperationKindCapture, OperationStateDone):
			a.Captured = plus(a.Captured, o.Amount)
			a.Voided = plus(a.Voided, o.Released)
		case o.is(OperationKindRefund, OperationStateDone):
			a.Refunded = plus(a.Refunded, o.Amount)
		case o.is(OperationKindVoid, OperationStateDone):
			a.Voided = plus(a.Voided, o.Released)
		}
	}
	// What was released, or lapsed, while a capture was in doubt is counted again when that capture
	// is known.
	a.Voided = min(a.Voided, max(a.Authorized-a.Captured, 0))
	a.Lapsed = min(a.Lapsed, max(a.Authorized-plus(a.Captured, a.Voided), 0))
	a.Remaining = max(a.Authorized-plus(plus(a.Captured, a.Voided), a.Lapsed), 0)
	return a
}

// plus adds two amounts that are not negative and saturates.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// inDoubt reports whether an operation's call may have been executed.
func (o *operation) inDoubt() bool { return !o.DoubtAt.IsZero() }

// isOpen reports whether recovery has to process an authorized purchase again.
func (p *purchase) isOpen() bool {
	return p.State == StateAuthorized && !p.nextOperation().IsZero()
}

// nextOperation returns when recovery processes an authorized purchase again, or zero.
func (p *purchase) nextOperation() time.Time {
	at := earliest(p.LookAt, p.WatchAt)
	if o := p.pendingOperation(); o != nil {
		next := o.NextAt
		if next.IsZero() {
			next = o.BegunAt.Add(lease)
		}
		if p.LeaseUntil.After(next) {
			next = p.LeaseUntil
		}
		at = earliest(at, next)
	}
	return at
}

// dueAfter returns when recovery processes a purchase that has ended, or zero.
func (p *purchase) dueAfter(now time.Time) time.Time {
	at := p.nextLook(now)
	if len(p.Unreported)+len(p.UnreportedOperations) > 0 {
		at = earliest(at, now.Add(lease))
	}
	return at
}

// earliest returns the earlier of two times. A zero time does not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// operationKey returns the idempotency key of an operation's call. number counts the keys of the
// operation.
func operationKey(p *purchase, o *operation, body string, number int) string {
	call := idempotency.Operation{
		Account: p.Account, PaymentTransactionID: p.Transaction, PurchaseID: p.ID, ID: o.ID, Kind: string(o.Kind),
		CaptureID: o.Capture, PaymentCaptureID: o.PaymentCaptureID, Body: body, Number: number,
	}
	return call.Key()
}

// operationReference returns the default reference at Klarna of an operation: both IDs if they fit,
// otherwise a digest of them.
func operationReference(purchaseID, id string) string {
	text := purchaseID + "/" + id
	if len(text) <= 255 && !slices.ContainsFunc([]byte(text), func(c byte) bool { return c < ' ' || c > '~' }) {
		return text
	}
	material := binary.BigEndian.AppendUint64(nil, uint64(len(purchaseID)))
	sum := sha256.Sum256(append(append(material, purchaseID...), id...))
	return "operation-" + hex.EncodeToString(sum[:16])
}
