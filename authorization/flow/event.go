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

// HandleEvent processes an event of Klarna's webhook. It is a [webhook.Receiver] for
// [webhook.NewHandler].
//
// The Coordinator does not rely on the contents of an event: it asks Klarna. Duplicate, late and
// reordered events are therefore harmless and need not be filtered out.
//
// HandleEvent finds the purchase by its payment request, its transaction or its reference. If an
// event names a transaction, HandleEvent reads it from Klarna. A purchase that had ended in another
// state then becomes [StateAuthorized]. For an authorized purchase, the transaction settles
// operations whose result it proves, and shows changes that were made elsewhere: see
// [Coordinator.Reconcile].
//
// HandleEvent ignores events of other kinds and of payment requests that the store does not know:
// it returns nil. If the customer completed an unknown payment request, it logs that at Warn; see
// [WithExclusiveWebhook].
//
// If HandleEvent returns an error, Klarna delivers the event again. Recovery continues the purchase
// in any case.
//
// Klarna's documentation: https://docs.klarna.com/
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
		return c.handleTransactionEvent(ctx, p, facts)
	}
	if facts.transactionID != "" {
		var done bool
		if done, unread = c.confirm(ctx, p, facts.transactionID); done {
			c.deliver(ctx, p)
			return unread
		}
	}
	p.finished = facts.ended
	// An unreadable transaction must not delay the approval.
	if err := errors.Join(unread, c.advance(ctx, p, 0)); err != nil {
		return err
	}
	if facts.ended && p.State == StateAwaitingCustomer && p.seen != nil {
		// The read does not show the event's state yet.
		return c.scheduleLook(ctx, p, p.seen, func(*purchase, *authorization.PaymentRequest) time.Time { return c.time().Add(5 * time.Second) })
	}
	return nil
}

// eventFacts is what an event says.
type eventFacts struct {
	paymentRequestID, transactionID, reference, account string
	// captureID and refundID are the capture and the refund that an event of a transaction names.
	captureID, refundID string
	// authorized reports whether the event says that the transaction is authorized.
	authorized bool
	// ended reports whether the customer has acted, completed whether the customer has approved,
	// and busy whether the customer is on Klarna's page.
	ended, completed, busy bool
}

// readEvent returns what an event says about a purchase, or nil for an event of another kind.
func readEvent(event *webhook.Event) (*eventFacts, error) {
	if event == nil {
		return nil, nil //nolint:nilnil // no event
	}
	switch eventType := string(event.Metadata.EventType); {
	case strings.HasPrefix(eventType, "payment.request."):
		payload, err := event.PaymentRequest()
		if err != nil {
			return nil, err
		}
		// The type of the event decides, not the state in its payload.
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
	return nil, nil //nolint:nilnil // an event of another kind
}

// findPurchase returns the purchase of an event, or ErrNotFound.
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
		// A purchase without a step-up and an adopted one have the transaction's ID.
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
	c.logger.WarnContext(ctx, "klarna flow: a customer approved a payment request that the store does not know",
		"payment_request_id", s.paymentRequestID)
	if c.exclusive {
		return fmt.Errorf("flow: the store does not know a completed payment request: %w", ErrNotFound)
	}
	return nil
}

// HandleReturn is for the page that Klarna redirects the customer back to. It does not trust the
// redirect: it asks Klarna, and finalizes the purchase if the customer has approved. If another
// replica is processing the purchase, HandleReturn waits up to 25 seconds, or until ctx ends.
//
// Switch over the Status:
//
//	StateAuthorized        show the confirmation
//	StateAwaitingCustomer  not paid: offer PaymentRequestURL again, or Cancel first
//	StateFinalizing        approved, but not finalized yet: ask again in a moment
//	StateUnknown           not known whether it is paid: do not ask for another payment
//
// The error is nil if the purchase was in a final state before, also if Klarna had refused it.
//
// The error is [ErrNotFound] if no such purchase exists. With a [*klarna.Error], an
// [*UndecidedError], or the error of ctx if ctx ended during the wait, HandleReturn returns the
// Status as well. Use the Status in these cases: the customer may have paid. If ctx ended before
// the purchase was read from the store, HandleReturn returns no Status.
//
// Klarna's documentation: https://docs.klarna.com/payments/
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

// GetStatus returns the status of a purchase from the store. It does not call Klarna. The error is
// [ErrNotFound] if no such purchase exists. The error is nil for a purchase that Klarna refused.
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
