package subscription

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Client manages webhooks and signing keys at Klarna. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a [Client] for the owner of c's credentials. It ignores the account that c is bound
// to.
func New(c *klarna.Client) *Client { return &Client{klarna: c} }

// newCall returns a call without a body and without a Reference. The package documentation explains
// why its idempotency key is random.
func newCall(name string, ids ...string) klarna.Call {
	return klarna.Call{Operation: name, IDs: ids, WithoutAccount: true}
}

// do makes a call and decodes its answer as a T.
func do[T any](ctx context.Context, c *Client, call klarna.Call, decode func(*T, *wire.Reader) bool, options []klarna.CallOption) (*T, klarna.RawJSON, error) {
	answer := new(T)
	raw, err := c.klarna.Do(ctx, call, wire.Into(answer, decode), options...)
	if err != nil {
		return nil, klarna.RawJSON{}, err
	}
	return answer, raw, nil
}
