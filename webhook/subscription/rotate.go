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

// Rotation is the outcome of RotateKey.
type Rotation struct {
	// SigningKeyID is the new key. Its secret went to publish alone.
	SigningKeyID string
	// Webhooks are those that are signed with it now.
	Webhooks []Webhook
	// OldKeyIDs are the keys that signed those webhooks before. They are all still there: retries of
	// older events may come that are signed with them. RetireKey deletes them when that is over.
	OldKeyIDs []string
	// UnusedKeyIDs are further keys at Klarna that signed no webhook when the rotation began: of
	// rotations that broke off or are just happening elsewhere, or keys that nobody has retired yet.
	// RetireKey is safe for them, too.
	UnusedKeyIDs []string
	// RotatedAt is when the last webhook was pointed at the new key, in UTC by this machine's clock.
	// Keep it for RetireKey.
	RotatedAt time.Time
}

// RetryTime is how long after the first attempt Klarna may deliver an event again: after 10 s, 2
// min, 15 min, 3 h, 6 h and 12 h, one after the other.
const RetryTime = 10*time.Second + 2*time.Minute + 15*time.Minute + 3*time.Hour + 6*time.Hour + 12*time.Hour

// RetireAfter is how long after a rotation the old key may be deleted: RetryTime and a margin for
// what the attempts themselves take, for an event that waits for its first one, and for clocks that
// differ.
const RetireAfter = 24 * time.Hour

// The reasons why RetireKey leaves a key alone, to be told by errors.Is.
var (
	// ErrRetriesPending: a retry that is signed with the key may still come.
	ErrRetriesPending = errors.New("subscription: a retry that is signed with the key may still come")
	// ErrKeyInUse: a webhook is still signed with the key.
	ErrKeyInUse = errors.New("subscription: a webhook is still signed with the key")
)

// RotateKey replaces the signing key of webhooks, all of the account's or those named, without a
// moment in which a receiver would have to refuse a delivery: it creates a new key, hands it to
// publish, and only when that has returned points the webhooks at it. Name the webhooks where the
// account has some whose receivers do not get their keys from publish.
//
// The old keys are never deleted here: keep them at the receivers, and call RetireKey for each when
// RetireAfter has passed.
//
// When publish fails, nothing was pointed at the new key, and it is deleted again; where that
// fails, too, the error is a *KeyLeftError. When a webhook cannot be pointed, the others still are,
// and the error is a *KeyLeftError whose key is published: old and new keys are both good then.
// After any error, and after a crash at any point, calling it again is safe and brings all webhooks
// to one new key; what a crash may leave is a key that signs nothing, which the next Rotation names
// among its UnusedKeyIDs.
//
// Webhooks that vanish meanwhile are passed over. It takes no call options, because it makes
// several calls. Further errors are *klarna.Error, or those of publish.
func (c *Client) RotateKey(ctx context.Context, publish Publish, webhookIDs ...string) (*Rotation, error) {
	if publish == nil {
		return nil, errors.New("subscription: RotateKey needs a publish function")
	}
	all, err := c.ListWebhooks(ctx)
	if err != nil {
		return nil, err
	}
	targets, err := choose(all, webhookIDs)
	if err != nil {
		return nil, err
	}
	keys, err := c.ListSigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	r := &Rotation{UnusedKeyIDs: unused(keys, all)}
	if r.SigningKeyID, err = c.newKey(ctx, publish); err != nil {
		return nil, err
	}
	var failed error
	for _, w := range targets {
		pointed, err := c.point(ctx, w.WebhookID, r.SigningKeyID)
		switch {
		case errors.Is(err, klarna.CodeResourceNotFound):
			continue
		case err != nil:
			failed = alongside(failed, fmt.Errorf("webhook %s: %w", w.WebhookID, err))
			continue
		}
		r.Webhooks = append(r.Webhooks, *pointed)
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

// choose returns the webhooks of these ids, or all.
func choose(all []Webhook, ids []string) ([]Webhook, error) {
	targets := all
	if len(ids) > 0 {
		targets = nil
	}
	for _, id := range ids {
		i := slices.IndexFunc(all, func(w Webhook) bool { return w.WebhookID == id })
		if i < 0 {
			return nil, fmt.Errorf("subscription: there is no webhook %q to sign with another key", id)
		}
		targets = append(targets, all[i])
	}
	if len(targets) == 0 {
		return nil, errors.New("subscription: there is no webhook to sign with another key")
	}
	return targets, nil
}

// unused are the keys that sign no webhook.
func unused(keys []SigningKey, webhooks []Webhook) []string {
	var ids []string
	for _, k := range keys {
		if !slices.ContainsFunc(webhooks, func(w Webhook) bool { return w.SigningKeyID == k.SigningKeyID }) {
			ids = append(ids, k.SigningKeyID)
		}
	}
	return ids
}

// point lets a webhook be signed with a key. A conflict is another update of the same moment, which
// says nothing against this one.
func (c *Client) point(ctx context.Context, webhookID, keyID string) (w *Webhook, err error) {
	for round := range maxRounds {
		if err := sleep.For(ctx, rand.N(1+time.Duration(round)*100*time.Millisecond)); err != nil {
			return nil, err
		}
		w, err = c.UpdateWebhook(ctx, webhookID, UpdateWebhookParams{SigningKeyID: keyID})
		switch {
		case errors.Is(err, klarna.CodeResourceConflict):
			continue
		case err == nil && w.SigningKeyID != "" && w.SigningKeyID != keyID:
			// Not taken for done: the old key would be retired under the webhook.
			return nil, fmt.Errorf("it is still signed with %s", w.SigningKeyID)
		}
		return w, err
	}
	return nil, err
}

// RetireKey deletes a signing key that has signed no webhook since unusedSince, the RotatedAt of
// the rotation that replaced it. It leaves the key alone and returns ErrRetriesPending while
// RetireAfter has not passed since then, because a retry of an older event would otherwise be
// refused, and ErrKeyInUse when a webhook is signed with it after all. A key that is gone already
// is no error. Take the key from the receivers afterwards, not before. Other errors are
// *klarna.Error.
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
