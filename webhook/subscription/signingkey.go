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
	// SigningKey is the secret. Only the answer of CreateSigningKey has it. Store it exactly as it
	// is. It looks like base64; do not decode it.
	SigningKey klarna.Secret `json:"signing_key,omitzero"`
	// CreatedAt is in UTC.
	CreatedAt time.Time `json:"created_at,omitzero"`

	// Unknown holds the members that this version does not know.
	klarna.Unknown `json:",embed"`
	// Raw is the body as it came. It is zero in the answers of ListSigningKeys and
	// CreateSigningKey. The body of a new key contains the secret; [klarna.WithResponse] returns
	// that body.
	Raw klarna.RawJSON `json:"-"`
}

// signingKeyList is the answer of ListSigningKeys.
type signingKeyList struct {
	SigningKeys []SigningKey `json:"signing_keys"`

	klarna.Unknown `json:",embed"`
}

// CreateSigningKey creates a signing key (POST notification/signing-keys). Klarna generates the
// secret and shows it only in this answer. Klarna signs nothing with the key until a webhook names
// it. An account has at most 50 keys.
//
// The idempotency key is random, because a signing key has no reference of the caller's. A call
// that fails with [klarna.OutcomeUnknown] may have created a key whose secret is lost. Errors are
// [*klarna.Error].
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) CreateSigningKey(ctx context.Context, options ...klarna.CallOption) (*SigningKey, error) {
	key, _, err := do(ctx, c, newCall(operation.SigningKeyCreate), (*SigningKey).decode, options)
	return key, err
}

// ListSigningKeys lists all signing keys, without their secrets (GET notification/signing-keys).
// Klarna's list has no pages. Errors are [*klarna.Error].
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) ListSigningKeys(ctx context.Context, options ...klarna.CallOption) ([]SigningKey, error) {
	list, _, err := do(ctx, c, newCall(operation.SigningKeyList), (*signingKeyList).decode, options)
	if err != nil {
		return nil, err
	}
	return list.SigningKeys, nil
}

// GetSigningKey returns a signing key, without its secret (GET
// notification/signing-keys/{signing_key_id}). Errors are [*klarna.Error], with
// [klarna.CodeResourceNotFound] if the key does not exist.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) GetSigningKey(ctx context.Context, signingKeyID string, options ...klarna.CallOption) (*SigningKey, error) {
	key, raw, err := do(ctx, c, newCall(operation.SigningKeyRead, signingKeyID), (*SigningKey).decode, options)
	if err != nil {
		return nil, err
	}
	key.Raw = raw
	return key, nil
}

// DeleteSigningKey deletes a signing key (DELETE notification/signing-keys/{signing_key_id}), even
// if a webhook is still signed with it. [Client.RetireKey] checks this first. Errors are
// [*klarna.Error], with [klarna.CodeResourceNotFound] if the key does not exist.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) DeleteSigningKey(ctx context.Context, signingKeyID string, options ...klarna.CallOption) error {
	_, err := c.send(ctx, newCall(operation.SigningKeyDelete, signingKeyID), nil, options)
	return err
}
