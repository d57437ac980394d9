package subscription

import (
	"context"

	"github.com/klarna-go/klarna-go/klarna"
)

// Client manages signing keys and webhooks. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client for the owner of c's credentials. An account that c is bound to makes no difference.
func New(c *klarna.Client) *Client { return &Client{klarna: c} }

// newCall is a call without a body and without a Reference; package documentation says why.
func newCall(operation, method, route string, ids ...string) klarna.Call {
	return klarna.Call{
		Operation:      "subscription." + operation,
		Method:         method,
		Route:          route,
		IDs:            ids,
		WithoutAccount: true,
	}
}

// do makes a call whose answer is a T.
func do[T any](ctx context.Context, c *Client, call klarna.Call, options []klarna.CallOption) (*T, klarna.RawJSON, error) {
	answer := new(T)
	raw, err := c.klarna.Do(ctx, call, answer, options...)
	if err != nil {
		return nil, nil, err
	}
	return answer, raw, nil
}
