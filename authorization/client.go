package authorization

import "github.com/klarna-go/klarna-go/klarna"

// Client calls the Authorization API. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client for the account that c is bound to with ForAccount, or, unbound, for the
// Partner whose credentials c has.
func New(c *klarna.Client) *Client { return &Client{klarna: c} }
