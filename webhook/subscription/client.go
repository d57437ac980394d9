package subscription

import (
	"context"
	"errors"

	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Client manages webhooks and signing keys at Klarna. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a [Client] for the owner of c's credentials. It ignores the account that c is bound
// to. It panics if c is nil.
func New(c *klarna.Client) *Client {
	if c == nil {
		panic("subscription: New: the klarna.Client is nil")
	}
	return &Client{klarna: c}
}

// send makes a call. It returns an error if New did not make the Client.
func (c *Client) send(ctx context.Context, call klarna.Call, destination any, options []klarna.CallOption) (klarna.RawJSON, error) {
	if c == nil || c.klarna == nil {
		return klarna.RawJSON{}, notMadeByNew(call.Operation)
	}
	return c.klarna.Do(ctx, call, destination, options...)
}

// notMadeByNew returns the error of a Client that New did not make.
func notMadeByNew(operation string) error {
	return &klarna.Error{Operation: operation, Outcome: klarna.OutcomeNotSent, Err: errors.New("the subscription.Client was not made by New")}
}

// newCall returns a call without a body and without a Reference. The package documentation explains
// why its idempotency key is random.
func newCall(name string, ids ...string) klarna.Call {
	return klarna.Call{Operation: name, IDs: ids, WithoutAccount: true}
}

// do makes a call and decodes its answer as a T.
func do[T any](ctx context.Context, c *Client, call klarna.Call, decode func(*T, *wire.Reader) bool, options []klarna.CallOption) (*T, klarna.RawJSON, error) {
	answer := new(T)
	raw, err := c.send(ctx, call, wire.Into(answer, decode), options)
	if err != nil {
		return nil, klarna.RawJSON{}, err
	}
	return answer, raw, nil
}
