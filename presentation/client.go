package presentation

import (
	"context"
	"errors"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Client asks for presentation instructions. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client that calls Klarna with c. It acts for the account that c is bound to with
// [klarna.Client.ForAccount]. If c is not bound, it acts for the Partner that owns c's credentials.
// New panics if c is nil.
func New(c *klarna.Client) *Client {
	if c == nil {
		panic("presentation: New: the klarna.Client is nil")
	}
	return &Client{klarna: c}
}

// send makes a call. It sends nothing if c was not made by New.
func (c *Client) send(ctx context.Context, call klarna.Call, destination any, options []klarna.CallOption) (klarna.RawJSON, error) {
	if c == nil || c.klarna == nil {
		return klarna.RawJSON{}, notMadeByNew(call.Operation)
	}
	return c.klarna.Do(ctx, call, destination, options...)
}

// notMadeByNew returns the error of the methods of a Client that was not made by New.
func notMadeByNew(operation string) error {
	return &klarna.Error{Operation: operation, Outcome: klarna.OutcomeNotSent, Err: errors.New("the presentation.Client was not made by New")}
}

// GetPresentation returns how to show Klarna in a list of payment methods (GET
// payment/presentation). With [klarna.WithSessionToken] or [klarna.WithCustomerToken] the answer is
// personal: do not share it between customers.
//
// The error is a [*klarna.Error]. If there is an error, show the other payment methods without
// Klarna.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) GetPresentation(ctx context.Context, params GetPresentationParams, options ...klarna.CallOption) (*Presentation, error) {
	p := new(Presentation)
	raw, err := c.send(ctx, klarna.Call{
		Operation: operation.Presentation,
		Query:     params.query(),
		Validate:  params.validate,
	}, wire.Into(p, (*Presentation).decode), options)
	if err != nil {
		return nil, err
	}
	p.Raw = raw
	return p, nil
}
