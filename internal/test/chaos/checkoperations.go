package chaos

import (
	"context"
	"errors"
	"slices"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// sameTransition reports whether two transitions are the same. The amounts are those of the moment
// of the report, and what is known of an operation that is not settled may change.
func sameTransition(a, b flow.Transition) bool {
	a.Status.Amounts, b.Status.Amounts = flow.Amounts{}, flow.Amounts{}
	if a.Operation == nil || b.Operation == nil {
		return a == b
	}
	first, second := *a.Operation, *b.Operation
	for _, o := range []*flow.Operation{&first, &second} {
		o.Evidence, o.Parameters, o.SettledBy = "", "", ""
	}
	a.Operation, b.Operation = nil, nil
	return a == b && first == second
}

// adopt makes a reader take what another program did into the record. The second time it settles
// what could not be proven before.
func (s *World) adopt(ctx context.Context, reader *flow.Coordinator, id string) error {
	status, err := reader.GetStatus(ctx, id)
	if errors.Is(err, flow.ErrNotFound) || err == nil && status.State != flow.StateAuthorized {
		return nil
	}
	for range 2 {
		if err != nil {
			break
		}
		_, err = reader.Reconcile(ctx, id, flow.ReconcileParams{Adopt: true})
	}
	return err
}

// extended returns what extensions added to the authorized amount.
func (p *purchase) extended() (sum int64) {
	for _, o := range p.operations {
		if o.Kind == flow.OperationKindExtension && o.State == flow.OperationStateDone {
			sum += o.Amount
		}
	}
	return sum
}

// checkOperations checks that each operation was executed once if its record says so, and not at
// all if its record says that, that nothing else was executed, and that the amounts are those of
// Klarna.
func (p *purchase) checkOperations(status *flow.Status, transactions []klarnatest.Transaction, l ledger) {
	if len(transactions) != 1 || p.foreign {
		if len(p.operations) > 0 {
			p.wrong("has operations, and %d transactions", len(transactions))
		}
		return
	}
	t := transactions[0]
	captures, refunds := l.captures[t.PaymentTransactionID], l.refunds[t.PaymentTransactionID]
	p.checkLedger(t, captures, refunds)
	for _, o := range p.operations {
		p.checkOperation(o, t, captures, refunds)
	}
	for _, c := range captures {
		if !p.has(flow.OperationKindCapture, c.Reference, c.PaymentCaptureID) {
			p.wrong("the capture %q of %d is no operation's", c.Reference, c.Amount)
		}
	}
	for _, r := range refunds {
		if !p.has(flow.OperationKindRefund, r.Reference, r.PaymentRefundID) {
			p.wrong("the refund %q of %d is no operation's", r.Reference, r.Amount)
		}
	}
	p.checkOperationAnswers()
	if slices.ContainsFunc(p.operations, func(o flow.Operation) bool { return o.State == flow.OperationStateUnknown }) {
		return
	}
	a := status.Amounts
	if !a.Exact || a.Authorized != t.Amount || a.Captured != t.CapturedAmount || a.Refunded != t.RefundedAmount || a.Voided != t.VoidedAmount {
		p.wrong("Klarna has authorized %d, captured %d, refunded %d and voided %d, and the record says %+v",
			t.Amount, t.CapturedAmount, t.RefundedAmount, t.VoidedAmount, a)
	}
}

// checkLedger checks that nothing was captured beyond what is authorized, or refunded beyond what
// is captured.
func (p *purchase) checkLedger(t klarnatest.Transaction, captures []klarnatest.Capture, refunds []klarnatest.Refund) {
	var captured, refunded int64
	for _, c := range captures {
		captured += c.Amount
		if c.RefundedAmount > c.Amount {
			p.wrong("%d of a capture of %d were refunded", c.RefundedAmount, c.Amount)
		}
	}
	for _, r := range refunds {
		refunded += r.Amount
	}
	if captured+t.VoidedAmount > t.Amount || refunded > captured {
		p.wrong("%d authorized, %d voided, %d captured and %d refunded", t.Amount, t.VoidedAmount, captured, refunded)
	}
}

// checkOperation checks one operation against the ledger.
func (p *purchase) checkOperation(o flow.Operation, t klarnatest.Transaction, captures []klarnatest.Capture, refunds []klarnatest.Refund) {
	order, ordered := p.orders[o.ID]
	switch automatic := o.ID == flow.AutomaticCaptureID; {
	case o.Outside && p.interfered, automatic:
	case !ordered || o.Kind != order.Kind || o.Kind != flow.OperationKindVoid && o.Amount != order.Amount || o.CaptureID != order.CaptureID:
		p.wrong("the operation %v of %d is not the one that was ordered", o, o.Amount)
	}
	hasReference := o.Kind == flow.OperationKindCapture || o.Kind == flow.OperationKindRefund
	if ordered && hasReference && o.Reference != order.referenceAt(p.id) {
		p.wrong("the operation %v has the reference %q", o, o.Reference)
	}
	times := 0
	switch o.Kind {
	case flow.OperationKindCapture:
		for _, c := range captures {
			if c.Reference == o.Reference && (c.Reference != "" || c.PaymentCaptureID == o.PaymentCaptureID) {
				times++
				if c.Amount != o.Amount || o.State == flow.OperationStateDone && c.PaymentCaptureID != o.PaymentCaptureID {
					p.wrong("the operation %v of %d is the capture %s of %d", o, o.Amount, c.PaymentCaptureID, c.Amount)
				}
			}
		}
	case flow.OperationKindRefund:
		for _, r := range refunds {
			if r.Reference == o.Reference {
				times++
				if r.Amount != o.Amount {
					p.wrong("the operation %v of %d is a refund of %d", o, o.Amount, r.Amount)
				}
			}
		}
	case flow.OperationKindUpdate:
		if t.Reference == order.Reference {
			times++ // an update has the same effect each time
		}
		if o.State != flow.OperationStateDone && p.isDone(flow.OperationKindUpdate) {
			times = 0 // another one has set the same reference
		}
	case flow.OperationKindVoid, flow.OperationKindExtension:
		// The amounts show how often they were executed.
		times = map[flow.OperationState]int{flow.OperationStateDone: 1}[o.State]
	}
	switch want := map[flow.OperationState]int{flow.OperationStateDone: 1}[o.State]; {
	case o.State == flow.OperationStatePending:
		p.wrong("the operation %v is stuck", o)
	case times != want && (o.State != flow.OperationStateUnknown || times > 1):
		p.wrong("the operation %v %s was executed %d times", o, o.Reason, times)
	case o.State == flow.OperationStateUnknown && o.Kind != flow.OperationKindRefund:
		p.wrong("the operation %v is unknown, and Klarna shows what happened: %s %s", o, o.Reason, o.Evidence)
	case o.State != flow.OperationStateDone && p.refusals == 0 && !p.interfered && !p.beyond && (!p.overlaps || !p.isOrdered(flow.OperationKindExtension)):
		// While an extension is pending, an order after a void, for example, is sent, and Klarna
		// refuses it.
		p.wrong("the operation %v is not done, for no reason: %s %s", o, o.Reason, o.Evidence)
	}
}

// isOrdered reports whether a client ordered an operation of a kind.
func (p *purchase) isOrdered(kind flow.OperationKind) bool {
	for _, o := range p.orders {
		if o.Kind == kind {
			return true
		}
	}
	return false
}

// isDone reports whether an operation of a kind is done.
func (p *purchase) isDone(kind flow.OperationKind) bool {
	return slices.ContainsFunc(p.operations, func(o flow.Operation) bool { return o.Kind == kind && o.State == flow.OperationStateDone })
}

// has reports whether a capture or a refund belongs to an operation, or to another program.
func (p *purchase) has(kind flow.OperationKind, reference, id string) bool {
	return slices.ContainsFunc(p.operations, func(o flow.Operation) bool {
		return o.Kind == kind && (reference != "" && o.Reference == reference || o.PaymentCaptureID == id || o.PaymentRefundID == id)
	})
}

// checkOperationAnswers checks that what clients received is what the store has.
func (p *purchase) checkOperationAnswers() {
	for _, a := range p.operationAnswers {
		i := slices.IndexFunc(p.operations, func(o flow.Operation) bool { return o.ID == a.order.ID })
		if i < 0 {
			p.wrong("a client received the operation %v, and the store does not have it", a.operation)
			continue
		}
		settled := a.operation.State == flow.OperationStateDone || a.operation.State == flow.OperationStateRefused
		if now := p.operations[i]; settled && (a.operation.State != now.State || a.operation.Amount != now.Amount || a.operation.PaymentCaptureID != now.PaymentCaptureID) {
			p.wrong("a client received %v of %d, and the store has %v of %d", a.operation, a.operation.Amount, now, now.Amount)
		}
	}
}

// checkOperationReports checks that the last report of each operation is what the store has. What
// was adopted is not reported.
func (p *purchase) checkOperationReports(chain []flow.Transition) {
	for _, o := range p.operations {
		var last flow.OperationState
		for _, t := range chain {
			if t.Operation != nil && t.Operation.ID == o.ID {
				last = t.Operation.State
			}
		}
		if last != o.State && !o.Outside && o.State != flow.OperationStatePending {
			p.wrong("the last report of the operation %v says %q", o, last)
		}
	}
	for _, t := range chain {
		if t.Operation != nil && !slices.ContainsFunc(p.operations, func(o flow.Operation) bool { return o.ID == t.Operation.ID }) {
			p.wrong("%v was reported, and the store does not have it", t)
		}
		if t.Notice == flow.NoticeDiffers && !p.interfered && !p.foreign {
			p.wrong("%v was reported, and no other program did anything", t)
		}
	}
}
