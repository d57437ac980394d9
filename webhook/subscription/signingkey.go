package subscription

import (
	"context"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/klarna"
)

// SigningKey is a key that Klarna signs deliveries with.
type SigningKey struct {
	// SigningKeyID names the key in the header of each delivery.
	SigningKeyID string `json:"signing_key_id" wire:"show"`
	// SigningKey is the secret, there only in the answer to the key's creation. Keep it exactly as it
	// is: what looks like base64 is not to be decoded.
	SigningKey klarna.Secret `json:"signing_key,omitzero"`
	// CreatedAt is in UTC.
	CreatedAt time.Time `json:"created_at,omitzero"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
	// Raw is the body as it came; nil in a key of a list, and nil in a key that was just created,
	// whose body holds the secret: klarna.WithResponse gives that.
	Raw klarna.RawJSON `json:"-"`
}

// signingKeyList is the answer to a list of signing keys.
type signingKeyList struct {
	SigningKeys []SigningKey `json:"signing_keys"`

	klarna.Unknown `json:",embed"`
}

// CreateSigningKey creates a signing key (POST notification/signing-keys); Klarna chooses the
// secret and shows it in this answer alone. Nothing is signed with the key until a webhook names
// it. A creation has no reference of the caller's, so its idempotency key is random: a call that
// failed with klarna.OutcomeUnknown may have left a key whose secret nobody knows. Errors are
// *klarna.Error; an account has at most 50 keys.
func (c *Client) CreateSigningKey(ctx context.Context, options ...klarna.CallOption) (*SigningKey, error) {
	key, _, err := do(ctx, c, newCall(operation.SigningKeyCreate), (*SigningKey).decode, options)
	return key, err
}

// ListSigningKeys lists all signing keys, without their secrets (GET notification/signing-keys).
// Klarna does not divide the list into pages. Errors are *klarna.Error.
func (c *Client) ListSigningKeys(ctx context.Context, options ...klarna.CallOption) ([]SigningKey, error) {
	list, _, err := do(ctx, c, newCall(operation.SigningKeyList), (*signingKeyList).decode, options)
	if err != nil {
		return nil, err
	}
	return list.SigningKeys, nil
}

// GetSigningKey reads a signing key, without its secret (GET
// notification/signing-keys/{signing_key_id}). Errors are *klarna.Error, with CodeResourceNotFound
// where there is none of that id.
func (c *Client) GetSigningKey(ctx context.Context, signingKeyID string, options ...klarna.CallOption) (*SigningKey, error) {
	key, raw, err := do(ctx, c, newCall(operation.SigningKeyRead, signingKeyID), (*SigningKey).decode, options)
	if err != nil {
		return nil, err
	}
	key.Raw = raw
	return key, nil
}

// DeleteSigningKey deletes a signing key (DELETE notification/signing-keys/{signing_key_id}),
// whatever is still signed with it: RetireKey looks first. Errors are *klarna.Error, with
// CodeResourceNotFound where there is none of that id.
func (c *Client) DeleteSigningKey(ctx context.Context, signingKeyID string, options ...klarna.CallOption) error {
	_, err := c.send(ctx, newCall(operation.SigningKeyDelete, signingKeyID), nil, options)
	return err
}
