package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/webhook"
)

// HandleEvent takes Klarna's webhooks: it is a webhook.Receiver. An event is a reason to ask
// Klarna, so duplicates, late events and those out of order change nothing, and need not be
// filtered out before.
//
// An event of a transaction settles its purchase, whatever was thought before: HandleEvent reads
// the transaction from Klarna, and a purchase that ended otherwise becomes StateAuthorized. It
// finds the purchase by the payment request, or by the transaction's reference. One of the
// transaction of an authorized purchase settles an operation that it proves, and shows what somebody
// else did to the transaction: see [Coordinator.Reconcile].
//
// Events of other kinds, and of payment requests that are no purchase's, are none of its business:
// it returns nil. A payment request that the customer completed, and that the store does not know,
// is logged at Warn; see [WithExclusiveWebhook].
//
// An error makes Klarna deliver again. Recovery goes on with the purchase also without that.
func (c *Coordinator) HandleEvent(ctx context.Context, event *webhook.Event) error {
	if c.missing() {
		return errNoCoordinator
	}
	facts, err := readEvent(event)
	if err != nil || facts == nil {
		return err
	}
	if err := c.Check(ctx); err != nil {
		return err
	}
	p, err := c.findPurchase(ctx, facts)
	if errors.Is(err, ErrNotFound) {
		return c.handleUnknown(ctx, facts)
	}
	if err != nil {
		return err
	}
	if err := c.checkIntact(p); err != nil {
		return err
	}
	if err := c.undoAbandonment(ctx, p); err != nil {
		return err
	}
	if facts.busy {
		return nil
	}
	var unread error
	if facts.transactionID != "" && facts.transactionID == p.Transaction && p.State == StateAuthorized {
		return c.happened(ctx, p, facts)
	}
	if facts.transactionID != "" {
		var done bool
		if done, unread = c.confirm(ctx, p, facts.transactionID); done {
			c.deliver(ctx, p)
			return unread
		}
	}
	p.finished = facts.ended
	// A transaction that cannot be read does not hold up what the customer approved.
	if err := errors.Join(unread, c.advance(ctx, p, 0)); err != nil {
		return err
	}
	if facts.ended && p.State == StateAwaitingCustomer && p.seen != nil {
		// The event is ahead of what Klarna answers to a read.
		return c.wait(ctx, p, p.seen, func(*purchase, *authorization.PaymentRequest) time.Time { return c.time().Add(5 * time.Second) })
	}
	return nil
}

// eventFacts are what an event says.
type eventFacts struct {
	paymentRequestID, transactionID, reference, account string
	// captureID and refundID are those that an event of a transaction names.
	captureID, refundID string
	// authorized: an event says that the transaction is.
	authorized bool
	// ended: the customer has acted; completed: and has approved; busy: the customer is at Klarna.
	ended, completed, busy bool
}

// readEvent returns what an event says of a purchase, nil for an event of another kind.
func readEvent(event *webhook.Event) (*eventFacts, error) {
	if event == nil {
		return nil, nil //nolint:nilnil // it says nothing
	}
	switch eventType := string(event.Metadata.EventType); {
	case strings.HasPrefix(eventType, "payment.request."):
		payload, err := event.PaymentRequest()
		if err != nil {
			return nil, err
		}
		// The type decides, and the state does not.
		state := authorization.PaymentRequestState(strings.ToUpper(strings.TrimPrefix(eventType, "payment.request.state-change.")))
		if state.Open() {
			state = authorization.PaymentRequestState(strings.ToUpper(string(payload.State)))
		}
		s := &eventFacts{paymentRequestID: payload.PaymentRequestID, transactionID: payload.PaymentTransactionID}
		s.busy = state != "" && state.Open()
		s.ended = !s.busy
		s.completed = state == authorization.PaymentRequestStateCompleted
		return s, nil
	case strings.HasPrefix(eventType, "payment.transaction."):
		payload, err := event.PaymentTransaction()
		if err != nil {
			return nil, err
		}
		return &eventFacts{
			paymentRequestID: payload.PaymentRequestID, transactionID: payload.PaymentTransactionID,
			reference: payload.PaymentTransactionReference, account: event.Metadata.SubjectAccountID,
			captureID: payload.PaymentCaptureID, refundID: payload.PaymentRefundID,
			authorized: event.Metadata.EventType == webhook.EventTypePaymentTransactionAuthorized,
		}, nil
	}
	return nil, nil //nolint:nilnil // it says nothing
}

// findPurchase finds the purchase of an event, or ErrNotFound.
func (c *Coordinator) findPurchase(ctx context.Context, s *eventFacts) (*purchase, error) {
	found := func(r Record, err error) (*purchase, error) {
		if err != nil {
			return nil, err
		}
		return decode(r)
	}
	if s.paymentRequestID != "" {
		if p, err := found(c.store.FindPaymentRequest(ctx, s.paymentRequestID)); !errors.Is(err, ErrNotFound) {
			return p, err
		}
	}
	if s.transactionID != "" {
		// One that was paid at once, or adopted, is found by its transaction.
		if p, err := found(c.store.FindPaymentRequest(ctx, s.transactionID)); !errors.Is(err, ErrNotFound) {
			return p, err
		}
	}
	if s.reference == "" {
		return nil, ErrNotFound
	}
	for _, account := range []string{s.account, ""} {
		if p, err := found(c.store.FindReference(ctx, referenceKey(account, s.reference))); !errors.Is(err, ErrNotFound) {
			return p, err
		}
	}
	return nil, ErrNotFound
}

// handleUnknown handles an event of a payment request that the store does not know.
func (c *Coordinator) handleUnknown(ctx context.Context, s *eventFacts) error {
	if !s.completed {
		return nil
	}
	c.logger.WarnContext(ctx, "klarna flow: a customer approved a payment request that is no purchase's in the store",
		"payment_request_id", s.paymentRequestID)
	if c.exclusive {
		return fmt.Errorf("flow: a completed payment request is no purchase's: %w", ErrNotFound)
	}
	return nil
}

// HandleReturn is for the page that Klarna sends the customer back to. It does not believe the
// browser: it asks Klarna, and finalizes what was approved. Where another replica is at the
// purchase, it waits for it, for 25 seconds at most or until ctx ends, so that the page can say
// what became of it.
//
//	StateAuthorized        the confirmation
//	StateAwaitingCustomer  not paid: the customer left, and may go to PaymentRequestURL again; before another method is offered, Cancel
//	StateFinalizing        paid as far as the customer is concerned; ask again in a moment
//	StateUnknown           nobody knows: ask for no other payment
//
// The error is ErrNotFound for a purchase that does not exist. With a *klarna.Error, an
// *UndecidedError, and the context's error where that ended while it waited, the Status is there
// all the same: a page that shows an error then would show it to a customer who may have paid.
func (c *Coordinator) HandleReturn(ctx context.Context, id string) (*Status, error) {
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	p, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := c.checkIntact(p); err != nil {
		return nil, err
	}
	if err := c.undoAbandonment(ctx, p); err != nil {
		return p.status(), err
	}
	err = c.advance(ctx, p, patience)
	return p.status(), err
}

// GetStatus returns how a purchase stands in the store, without asking Klarna. The error is
// ErrNotFound for a purchase that does not exist.
func (c *Coordinator) GetStatus(ctx context.Context, id string) (*Status, error) {
	if c.missing() {
		return nil, errNoCoordinator
	}
	p, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return p.status(), nil
}
