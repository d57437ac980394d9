package presentation

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Client asks for presentation instructions. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client for the account that c is bound to with ForAccount, or, unbound, for the
// Partner whose credentials c has.
func New(c *klarna.Client) *Client { return &Client{klarna: c} }

// GetPresentation asks how to show Klarna for these params (GET payment/presentation). The answer
// is personal when klarna.WithSessionToken is given: never share it between customers. Any failure
// is a *klarna.Error; leave Klarna out then, and keep the other payment methods.
func (c *Client) GetPresentation(ctx context.Context, params GetPresentationParams, options ...klarna.CallOption) (*Presentation, error) {
	p := new(Presentation)
	raw, err := c.klarna.Do(ctx, klarna.Call{
		Operation: operation.Presentation,
		Query:     params.query(),
		Validate:  params.validate,
	}, wire.Into(p, (*Presentation).decode), options...)
	if err != nil {
		return nil, err
	}
	p.Raw = raw
	return p, nil
}
