package flow

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Transition is one change of a purchase's state.
type Transition struct {
	// ID is the same each time that this transition is reported, and no other's.
	ID string
	// At is when it became durable, in UTC.
	At       time.Time
	From, To State
	// Status is how the purchase stood then; its State is To.
	Status Status
}

// deliver reports what is unreported. What fails is left to recovery, and is no failure of the step
// that was made.
func (c *Coordinator) deliver(ctx context.Context, p *purchase) {
	switch idle := len(p.Unreported) == 0; {
	case idle && (!p.State.ended() || p.DueAt.IsZero() || p.resolvable()):
		return // and what has ended and is due all the same is not to be due any more
	case !idle && c.report == nil:
		return
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	reported, err := 0, error(nil)
	for _, m := range p.Unreported {
		if err = c.report(ctx, p.transition(m)); err != nil {
			break
		}
		reported = m.Number
	}
	if err != nil {
		c.logger.WarnContext(ctx, "klarna flow: a report failed and will be repeated", "purchase", p.ID, "error", err)
	}
	failed := err != nil
	err = c.change(ctx, p, func() bool {
		before, due := len(p.Unreported), p.DueAt
		for len(p.Unreported) > 0 && p.Unreported[0].Number <= reported {
			p.Unreported = p.Unreported[1:]
		}
		switch now := c.time(); {
		case failed && len(p.Unreported) > 0:
			if !p.State.ended() && !p.DueAt.IsZero() {
				break // with the next step: a report must not have the purchase looked at sooner
			}
			p.Tries++
			p.DueAt = now.Add(c.backoff(p.Tries))
			return true
		case p.State.ended() && len(p.Unreported) == 0:
			p.DueAt, p.Tries = p.nextLook(now), 0
		}
		return len(p.Unreported) != before || !p.DueAt.Equal(due)
	})
	if err != nil {
		c.logger.WarnContext(ctx, "klarna flow: a report is not recorded and will be repeated", "purchase", p.ID, "error", err)
	}
}

func (p *purchase) transition(m move) Transition {
	s := *p.status()
	s.State, s.UpdatedAt, s.Reason, s.PaymentRequestURL = m.To, m.At, m.Reason, ""
	if m.To != StateAuthorized && m.Reason != reasonOtherAmount {
		s.PaymentTransactionID = ""
	}
	if m.To == StateAwaitingCustomer || m.From == StateAwaitingCustomer && m.To != StateFinalizing {
		s.Amount = p.Amount // nothing was approved yet
	}
	return Transition{ID: p.ID + "#" + strconv.Itoa(m.Number), At: m.At, From: m.From, To: m.To, Status: s}
}

// String names the transition.
func (t Transition) String() string { return fmt.Sprintf("%s: %s to %s", t.ID, t.From, t.To) }
