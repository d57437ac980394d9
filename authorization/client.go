package authorization

import (
	"context"
	"errors"

	"github.com/klarna-go/klarna-go/klarna"
)

// Client calls the Authorization API. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client for the account that c is bound to with ForAccount, or, unbound, for the
// Partner whose credentials c has. It panics if c is nil.
func New(c *klarna.Client) *Client {
	if c == nil {
		panic("authorization: New: the klarna.Client is nil")
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
	return &klarna.Error{Operation: operation, Outcome: klarna.OutcomeNotSent, Err: errors.New("the authorization.Client was not made by New")}
}
