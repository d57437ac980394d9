package flow

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Transition is one change of a purchase's state, the end of one of its operations, or a notice.
// The function of [WithReport] receives it.
type Transition struct {
	// ID identifies the transition. It is the same each time the transition is reported.
	ID string
	// At is when the transition was recorded, in UTC.
	At time.Time
	// From and To are the states of the purchase. Both are "" for an operation and for a notice, so
	// a check of To is true once.
	From, To State
	// Status is the purchase's status at that time. Its Amounts are those at the time of the
	// report.
	Status Status
	// Operation is the operation that has ended, as it was at that time. It is nil for other
	// transitions.
	Operation *Operation
	// Notice is set if the transition is a notice. It is "" for a change.
	Notice Notice
}

// deliver reports unreported changes. Recovery repeats a failed report. A failed report is not an
// error of the step that made the change.
func (c *Coordinator) deliver(ctx context.Context, p *purchase) {
	switch idle := len(p.Unreported)+len(p.UnreportedOperations) == 0; {
	case idle && (!p.State.ended() || p.DueAt.IsZero() || p.resolvable() || p.isOpen()):
		return // a purchase that has ended but is still due continues below, which clears its due time
	case !idle && c.report == nil:
		return
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	reported, err := 0, error(nil)
	for _, t := range p.transitions() {
		if err = c.report(ctx, t.Transition); err != nil {
			break
		}
		reported = t.number
	}
	if err != nil {
		c.logger.WarnContext(ctx, "klarna flow: a report failed and will be repeated", "purchase", p.ID, "error", err)
	}
	failed := err != nil
	err = c.change(ctx, p, func() bool {
		before, due := len(p.Unreported)+len(p.UnreportedOperations), p.DueAt
		for len(p.Unreported) > 0 && p.Unreported[0].Number <= reported {
			p.Unreported = p.Unreported[1:]
		}
		for len(p.UnreportedOperations) > 0 && p.UnreportedOperations[0].Number <= reported {
			p.UnreportedOperations = p.UnreportedOperations[1:]
		}
		left := len(p.Unreported) + len(p.UnreportedOperations)
		switch now := c.time(); {
		case failed && left > 0:
			if !p.State.ended() && !p.DueAt.IsZero() {
				break // it is repeated with the next step, which a report must not advance
			}
			p.Tries++
			p.DueAt = earliest(now.Add(c.backoff(p.Tries)), p.nextLook(now))
			return true
		case p.State.ended() && left == 0:
			p.DueAt, p.Tries = p.nextLook(now), 0
		}
		return left != before || !p.DueAt.Equal(due)
	})
	if err != nil {
		c.logger.WarnContext(ctx, "klarna flow: a report could not be recorded and will be repeated", "purchase", p.ID, "error", err)
	}
}

// numbered is a transition and its number.
type numbered struct {
	Transition
	number int
}

// transitions returns the unreported transitions in order. Operations come last, because the
// approval is the last change of state before them.
func (p *purchase) transitions() []numbered {
	var list []numbered
	for _, m := range p.Unreported {
		list = append(list, numbered{p.transition(m), m.Number})
	}
	for _, m := range p.UnreportedOperations {
		list = append(list, numbered{p.operationTransition(m), m.Number})
	}
	return list
}

func (p *purchase) operationTransition(m operationMove) Transition {
	s := *p.status()
	s.UpdatedAt, s.PaymentRequestURL = m.At, ""
	t := Transition{ID: p.ID + "#" + strconv.Itoa(m.Number), At: m.At, Status: s, Notice: m.Notice}
	if o := p.public(p.operation(m.Operation)); o != nil {
		if o.State != m.State {
			o.Evidence, o.SettledBy, o.Parameters = "", "", ""
		}
		o.State, o.Reason, o.UpdatedAt, o.PaymentCaptureID, o.PaymentRefundID = m.State, m.Reason, m.At, m.PaymentCaptureID, m.PaymentRefundID
		t.Operation = o
	}
	return t
}

func (p *purchase) transition(m move) Transition {
	s := *p.status()
	s.State, s.UpdatedAt, s.Reason, s.PaymentRequestURL = m.To, m.At, m.Reason, ""
	if m.To != StateAuthorized && m.Reason != reasonOtherAmount {
		s.PaymentTransactionID = ""
	}
	if m.To != StateAuthorized {
		s.Amounts = Amounts{}
	}
	if m.To == StateAwaitingCustomer || m.From == StateAwaitingCustomer && m.To != StateFinalizing {
		s.Amount = p.Amount // the customer had not approved yet
	}
	return Transition{ID: p.ID + "#" + strconv.Itoa(m.Number), At: m.At, From: m.From, To: m.To, Status: s}
}

// String returns the ID and what has changed.
func (t Transition) String() string {
	switch {
	case t.Operation != nil:
		return fmt.Sprintf("%s: operation %s is %s", t.ID, t.Operation.ID, t.Operation.State)
	case t.Notice != "":
		return fmt.Sprintf("%s: %s", t.ID, t.Notice)
	}
	return fmt.Sprintf("%s: %s to %s", t.ID, t.From, t.To)
}
