package subscription

import (
	"context"
	"errors"

	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Client manages signing keys and webhooks. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client for the owner of c's credentials. An account that c is bound to makes no
// difference. It panics if c is nil.
func New(c *klarna.Client) *Client {
	if c == nil {
		panic("subscription: New: the klarna.Client is nil")
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
	return &klarna.Error{Operation: operation, Outcome: klarna.OutcomeNotSent, Err: errors.New("the subscription.Client was not made by New")}
}

// newCall is a call without a body and without a Reference; package documentation says why.
func newCall(name string, ids ...string) klarna.Call {
	return klarna.Call{Operation: name, IDs: ids, WithoutAccount: true}
}

// do makes a call whose answer is a T.
func do[T any](ctx context.Context, c *Client, call klarna.Call, decode func(*T, *wire.Reader) bool, options []klarna.CallOption) (*T, klarna.RawJSON, error) {
	answer := new(T)
	raw, err := c.send(ctx, call, wire.Into(answer, decode), options)
	if err != nil {
		return nil, klarna.RawJSON{}, err
	}
	return answer, raw, nil
}
