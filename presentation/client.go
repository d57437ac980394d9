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

// New returns a Client for the account that c is bound to with ForAccount, or, unbound, for the
// Partner whose credentials c has. It panics if c is nil.
func New(c *klarna.Client) *Client {
	if c == nil {
		panic("presentation: New: the klarna.Client is nil")
	}
	return &Client{klarna: c}
}

// send makes a call. A Client that New did not make sends nothing.
func (c *Client) send(ctx context.Context, call klarna.Call, destination any, options []klarna.CallOption) (klarna.RawJSON, error) {
	if c == nil || c.klarna == nil {
		return klarna.RawJSON{}, notMadeByNew(call.Operation)
	}
	return c.klarna.Do(ctx, call, destination, options...)
}

// notMadeByNew is the error of a method of a Client that New did not make.
func notMadeByNew(operation string) error {
	return &klarna.Error{Operation: operation, Outcome: klarna.OutcomeNotSent, Err: errors.New("the presentation.Client was not made by New")}
}

// GetPresentation asks how to show Klarna for these params (GET payment/presentation). The answer
// is personal when klarna.WithSessionToken is given: never share it between customers. Any failure
// is a *klarna.Error; leave Klarna out then, and keep the other payment methods.
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
