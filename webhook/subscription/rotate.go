package subscription

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/klarna"
)

// Rotation is the result of [Client.RotateKey].
type Rotation struct {
	// SigningKeyID names the new key. Only publish received its secret.
	SigningKeyID string
	// Webhooks are the webhooks that are signed with the new key now.
	Webhooks []Webhook
	// OldKeyIDs name the keys that signed these webhooks before. They still exist, because Klarna
	// may repeat deliveries that are signed with them. [Client.RetireKey] deletes each of them a
	// day later.
	OldKeyIDs []string
	// UnusedKeyIDs name the other keys at Klarna that signed no webhook when the rotation began.
	// They come from rotations that failed or that run at the same time, or they were replaced and
	// not yet retired. [Client.RetireKey] is safe for them, too.
	UnusedKeyIDs []string
	// RotatedAt is the time in UTC at which the last webhook got the new key, by the local clock.
	// Store it for [Client.RetireKey].
	RotatedAt time.Time
}

// RetryTime is the time between Klarna's first and last attempt to deliver an event. It is the sum
// of the pauses between the attempts: 10 s, 2 min, 15 min, 3 h, 6 h and 12 h.
const RetryTime = 10*time.Second + 2*time.Minute + 15*time.Minute + 3*time.Hour + 6*time.Hour + 12*time.Hour

// RetireAfter is the time after a rotation at which the old key may be deleted. It is [RetryTime]
// and a margin: for the duration of the attempts, for events that wait for their first attempt, and
// for clocks that differ.
const RetireAfter = 24 * time.Hour

// The errors of [Client.RetireKey] for a key that must not be deleted yet. Compare them with
// errors.Is.
var (
	// ErrRetriesPending reports that Klarna may repeat a delivery that is signed with the key.
	ErrRetriesPending = errors.New("subscription: Klarna may repeat a delivery that is signed with the key")
	// ErrKeyInUse reports that a webhook is still signed with the key.
	ErrKeyInUse = errors.New("subscription: a webhook is still signed with the key")
)

// RotateKey replaces the signing key of webhooks. It creates a new key, passes it to publish, and
// makes the webhooks use the key after publish has returned, so receivers refuse no delivery. It
// rotates all webhooks of the account, or only those in webhookIDs. Name the webhooks if the
// account has other webhooks whose receivers do not get their keys from publish.
//
// RotateKey does not delete the old keys. Keep them at the receivers, and call [Client.RetireKey]
// for each of them when [RetireAfter] has passed.
//
// If publish fails, RotateKey deletes the new key. If the deletion fails, too, the error is a
// [*KeyLeftError]. If the update of a webhook fails, RotateKey still updates the others, and
// returns a [*KeyLeftError] with Published set: webhooks are then signed with the old keys or the
// new key.
//
// RotateKey can be called again after any error and after a crash at any point. It then moves all
// webhooks to one new key. A crash may leave a key that signs nothing; the next [Rotation] lists it
// in UnusedKeyIDs.
//
// RotateKey skips webhooks that are deleted meanwhile. It takes no call options, because it makes
// several calls. Other errors are [*klarna.Error] and the errors of publish.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) RotateKey(ctx context.Context, publish Publish, webhookIDs ...string) (*Rotation, error) {
	if publish == nil {
		return nil, errors.New("subscription: RotateKey needs a publish function")
	}
	all, err := c.ListWebhooks(ctx)
	if err != nil {
		return nil, err
	}
	targets, err := selectWebhooks(all, webhookIDs)
	if err != nil {
		return nil, err
	}
	keys, err := c.ListSigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	r := &Rotation{UnusedKeyIDs: unusedKeyIDs(keys, all)}
	if r.SigningKeyID, err = c.newKey(ctx, publish); err != nil {
		return nil, err
	}
	var failed error
	for _, w := range targets {
		updated, err := c.setSigningKey(ctx, w.WebhookID, r.SigningKeyID)
		switch {
		case errors.Is(err, klarna.CodeResourceNotFound):
			continue
		case err != nil:
			failed = joinErrors(failed, fmt.Errorf("webhook %s: %w", w.WebhookID, err))
			continue
		}
		r.Webhooks = append(r.Webhooks, *updated)
		if w.SigningKeyID != "" && !slices.Contains(r.OldKeyIDs, w.SigningKeyID) {
			r.OldKeyIDs = append(r.OldKeyIDs, w.SigningKeyID)
		}
	}
	if failed != nil {
		return nil, &KeyLeftError{SigningKeyID: r.SigningKeyID, Published: true, Err: failed}
	}
	r.RotatedAt = time.Now().UTC()
	return r, nil
}

// selectWebhooks returns the webhooks with these ids, or all of them if ids is empty.
func selectWebhooks(all []Webhook, ids []string) ([]Webhook, error) {
	targets := all
	if len(ids) > 0 {
		targets = nil
	}
	for _, id := range ids {
		i := slices.IndexFunc(all, func(w Webhook) bool { return w.WebhookID == id })
		if i < 0 {
			return nil, fmt.Errorf("subscription: rotate the signing key: the webhook %q does not exist", id)
		}
		targets = append(targets, all[i])
	}
	if len(targets) == 0 {
		return nil, errors.New("subscription: rotate the signing key: the account has no webhook")
	}
	return targets, nil
}

// unusedKeyIDs returns the ids of the keys that sign no webhook.
func unusedKeyIDs(keys []SigningKey, webhooks []Webhook) []string {
	var ids []string
	for _, k := range keys {
		if !slices.ContainsFunc(webhooks, func(w Webhook) bool { return w.SigningKeyID == k.SigningKeyID }) {
			ids = append(ids, k.SigningKeyID)
		}
	}
	return ids
}

// setSigningKey makes Klarna sign the deliveries of a webhook with a key. It repeats the update
// after a conflict, which comes from a concurrent update.
func (c *Client) setSigningKey(ctx context.Context, webhookID, keyID string) (w *Webhook, err error) {
	for round := range maxRounds {
		if err := sleep.For(ctx, rand.N(1+time.Duration(round)*100*time.Millisecond)); err != nil {
			return nil, err
		}
		w, err = c.UpdateWebhook(ctx, webhookID, UpdateWebhookParams{SigningKeyID: keyID})
		switch {
		case errors.Is(err, klarna.CodeResourceConflict):
			continue
		case err == nil && w.SigningKeyID != "" && w.SigningKeyID != keyID:
			// If this counted as success, the old key would be retired while it still signs.
			return nil, fmt.Errorf("it is still signed with %s", w.SigningKeyID)
		}
		return w, err
	}
	return nil, err
}

// RetireKey deletes a signing key that has signed no webhook since unusedSince. For a key that a
// rotation replaced, unusedSince is the RotatedAt of the [Rotation]. Remove the key from the
// receivers after this call, not before.
//
// The error is [ErrRetriesPending] until [RetireAfter] has passed since unusedSince: a receiver may
// still need the key for a repeated delivery. The error is [ErrKeyInUse] if a webhook is signed
// with the key. In both cases the key is not deleted. RetireKey returns nil if the key does not
// exist. Other errors are [*klarna.Error].
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) RetireKey(ctx context.Context, signingKeyID string, unusedSince time.Time) error {
	if unusedSince.IsZero() {
		return fmt.Errorf("%w: unusedSince is not set", ErrRetriesPending)
	}
	if end := unusedSince.Add(RetireAfter); time.Now().Before(end) {
		return fmt.Errorf("%w: until %s", ErrRetriesPending, end.UTC().Format(time.RFC3339))
	}
	webhooks, err := c.ListWebhooks(ctx)
	if err != nil {
		return err
	}
	for _, w := range webhooks {
		if w.SigningKeyID == signingKeyID {
			return fmt.Errorf("%w: %s", ErrKeyInUse, w.WebhookID)
		}
	}
	if err := c.DeleteSigningKey(ctx, signingKeyID); err != nil && !errors.Is(err, klarna.CodeResourceNotFound) {
		return err
	}
	return nil
}
