package flow

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/webhook"
)

// HandleEvent takes Klarna's webhooks: it is a webhook.Receiver. An event is a reason to ask Klarna how far the customer is, so duplicates, late
// ones and those out of order change nothing, and need not be filtered out before. Events of other kinds, and those of payment requests that are no
// purchase's, are none of its business: it returns nil.
//
// An error makes Klarna deliver again. Recovery goes on with the purchase also without that.
func (c *Coordinator) HandleEvent(ctx context.Context, event *webhook.Event) error {
	id, ended, err := paymentRequestOf(event)
	if err != nil || id == "" {
		return err
	}
	r, err := c.store.FindPaymentRequest(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := decode(r)
	if err != nil {
		return err
	}
	if err := c.advance(ctx, p, 0); err != nil {
		return err
	}
	if ended && p.State == StateAwaitingCustomer && p.seen != nil {
		// The event is ahead of what Klarna answers to a read.
		return c.wait(ctx, p, p.seen, func(*purchase, *authorization.PaymentRequest) time.Time { return c.time().Add(5 * time.Second) })
	}
	return nil
}

// paymentRequestOf returns the payment request whose customer has acted, "" for an event of another kind.
func paymentRequestOf(event *webhook.Event) (id string, ended bool, err error) {
	if event == nil {
		return "", false, nil
	}
	switch eventType := string(event.Metadata.EventType); {
	case strings.HasPrefix(eventType, "payment.request."):
		payload, err := event.PaymentRequest()
		if err != nil {
			return "", false, err
		}
		if state := authorization.State(payload.State); payload.State != "" && state.Open() {
			return "", false, nil // the customer is busy
		}
		return payload.PaymentRequestID, true, nil
	case strings.HasPrefix(eventType, "payment.transaction."):
		payload, err := event.PaymentTransaction()
		if err != nil {
			return "", false, err
		}
		return payload.PaymentRequestID, false, nil
	}
	return "", false, nil
}

// HandleReturn is for the page that Klarna sends the customer back to. It does not believe the browser: it asks Klarna, finalizes what was
// approved, and waits a moment for whoever else is at it, so that the page can tell the customer.
//
//	StateAuthorized        the confirmation
//	StateAwaitingCustomer  not paid: the customer left, and may go to PaymentRequestURL again; before another method is offered, Cancel
//	StateFinalizing        paid as far as the customer is concerned; ask again in a moment
//	StateUnknown           nobody knows: ask for no other payment
//
// The error is ErrNotFound for a purchase that there is not. With a *klarna.Error, and with the context's error where that ended while it waited, the
// Status is there all the same: a page that shows an error then would show it to a customer who may have paid.
func (c *Coordinator) HandleReturn(ctx context.Context, id string) (*Status, error) {
	p, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	err = c.advance(ctx, p, patience)
	return p.status(), err
}

// Status tells how a purchase stands in the store, without asking Klarna. The error is ErrNotFound for a purchase that there is not.
func (c *Coordinator) Status(ctx context.Context, id string) (*Status, error) {
	p, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return p.status(), nil
}
