package authorization

import (
	"context"
	"errors"

	"github.com/klarna-go/klarna-go/klarna"
)

// Client calls the Authorization API. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client that calls Klarna with c. It acts for the account that c is bound to with
// [klarna.Client.ForAccount]. If c is not bound, it acts for the Partner that owns c's credentials.
// New panics if c is nil.
func New(c *klarna.Client) *Client {
	if c == nil {
		panic("authorization: New: the klarna.Client is nil")
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
	return &klarna.Error{Operation: operation, Outcome: klarna.OutcomeNotSent, Err: errors.New("the authorization.Client was not made by New")}
}
