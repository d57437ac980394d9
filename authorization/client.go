package authorization

import "github.com/klarna-go/klarna-go/klarna"

// Client calls the Authorization API. It is safe for concurrent use.
type Client struct{ klarna *klarna.Client }

// New returns a Client that calls Klarna with c. It acts for the account that c is bound to with
// [klarna.Client.ForAccount]. If c is not bound, it acts for the Partner that owns c's credentials.
func New(c *klarna.Client) *Client { return &Client{klarna: c} }
