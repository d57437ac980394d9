package subscription

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/sleep"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
)

// Vault stores the signing keys of a program. All replicas and all receivers share it.
type Vault interface {
	// SigningKeyIDs returns the ids of all keys that every receiver can verify deliveries with, in
	// any order. It reads the store and not a cache.
	SigningKeyIDs(ctx context.Context) ([]string, error)
	// Publish stores a key as the type [Publish] describes. When it has returned nil, SigningKeyIDs
	// includes the key.
	Publish(ctx context.Context, key SigningKey) error
}

// EnsureWebhookParams is the input of [Client.EnsureWebhook]. It describes an enabled webhook whose
// deliveries are signed with a key that the receivers hold.
type EnsureWebhookParams struct {
	// URL is the URL that Klarna posts events to: https on port 443 or 8443. It identifies the
	// webhook. Required. For a test double, http on a loopback host is accepted, too.
	URL string
	// EventTypes are event types, or families of event types such as payment.request.*, in any
	// order. Required.
	EventTypes []webhook.EventType
	// EventVersion is the version of the events, v2 by default.
	EventVersion string

	// Vault provides the signing key. Either Vault or SigningKeyID is required.
	//
	// A webhook keeps its key as long as the vault has the key, so a restart does not undo a
	// rotation. Otherwise the webhook gets the newest key that both the vault and Klarna have. If
	// they have no key in common, as at the first start, a new key is created and published.
	Vault Vault
	// SigningKeyID names the signing key. Every receiver must hold it already. If it comes from the
	// configuration of the program, a start with an old configuration undoes a rotation.
	SigningKeyID string
}

// Change is the change that [Client.EnsureWebhook] made.
type Change string

// The changes of [Client.EnsureWebhook].
const (
	ChangeCreated   Change = "created"
	ChangeUpdated   Change = "updated"
	ChangeUnchanged Change = "unchanged"
)

// EnsureWebhookResult is the result of [Client.EnsureWebhook].
type EnsureWebhookResult struct {
	// Webhook is the webhook in the requested state.
	Webhook Webhook
	Change  Change
	// Others are the other webhooks with the same URL. EnsureWebhook does not change them.
	Others []Webhook
}

// maxRounds is the number of attempts after conflicts with other programs.
const maxRounds = 5

// EnsureWebhook brings the webhook of a URL to the state in params. It creates the webhook if it
// does not exist, updates the fields that differ, and enables a disabled webhook. It ignores the
// case of the host and a default port when it compares URLs.
//
// Call it at the start of a program. All replicas may call it concurrently: after a conflict, or if
// a webhook appears or vanishes meanwhile, EnsureWebhook reads the webhooks again and continues.
//
// If several webhooks have the URL, EnsureWebhook uses one of them: the one that is in the
// requested state, otherwise the one that has most of the event types, otherwise the one with the
// smallest id. It returns the others in Others. It does not change or delete them, because another
// program may need them. Klarna delivers an event once for each of these webhooks.
//
// EnsureWebhook creates a signing key only if params has a [Vault] and the vault has no key for the
// webhook. It publishes the key before Klarna signs with it. Replicas that start concurrently for
// the first time may create one key each. The vault then has all of them, and Klarna signs with
// one.
//
// The error is a [*klarna.Error] if Klarna or the validation refuses, and a [*KeyLeftError] if a
// new key can neither be published nor deleted. Other errors come from the vault. EnsureWebhook can
// be called again after any error; it then uses a key that it has published before. It takes no
// call options, because it makes several calls.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) EnsureWebhook(ctx context.Context, params EnsureWebhookParams) (*EnsureWebhookResult, error) {
	params.EventVersion = cmp.Or(params.EventVersion, eventVersion)
	for round := 1; ; round++ {
		result, err := c.ensure(ctx, &params)
		conflict, ok := errors.AsType[*conflictError](err)
		if !ok {
			return result, err
		}
		if round == maxRounds {
			return nil, conflict.error
		}
		// The first repetition is immediate, because the other program has finished. The random
		// pauses of the later ones separate replicas that withdraw their webhooks at the same time.
		if err := sleep.For(ctx, rand.N(1+time.Duration(round-1)*100*time.Millisecond)); err != nil {
			return nil, fmt.Errorf("%w: %w", err, conflict.error)
		}
	}
}

// conflictError reports that another program changed the webhooks meanwhile. They must be read
// again.
type conflictError struct{ error }

// asConflict returns err as a conflictError if Klarna reports a conflict or a missing webhook.
func asConflict(err error) error {
	if errors.Is(err, klarna.CodeResourceConflict) || errors.Is(err, klarna.CodeResourceNotFound) {
		return &conflictError{err}
	}
	return err
}

func (c *Client) ensure(ctx context.Context, params *EnsureWebhookParams) (*EnsureWebhookResult, error) {
	all, err := c.webhooks(ctx, params.problems, nil)
	if err != nil {
		return nil, err
	}
	// The vault is read after Klarna's list: if another replica has just created a webhook, the
	// vault already has its key.
	var allowed []string
	if allowed, err = params.allowedKeyIDs(ctx); err != nil {
		return nil, err
	}
	candidates := withURL(all, params.URL)
	if len(candidates) == 0 {
		return c.create(ctx, params, allowed)
	}
	best := slices.MinFunc(candidates, func(a, b Webhook) int {
		return cmp.Or(
			cmp.Compare(params.differences(&a, allowed), params.differences(&b, allowed)),
			cmp.Compare(a.WebhookID, b.WebhookID))
	})
	result := &EnsureWebhookResult{
		Webhook: best,
		Change:  ChangeUnchanged,
		Others:  slices.DeleteFunc(candidates, func(w Webhook) bool { return w.WebhookID == best.WebhookID }),
	}
	if params.differences(&best, allowed) == 0 {
		return result, nil
	}
	update := params.update(&best)
	if !slices.Contains(allowed, best.SigningKeyID) {
		if update.SigningKeyID, err = c.chooseKey(ctx, params, allowed); err != nil {
			return nil, err
		}
	}
	updated, err := c.UpdateWebhook(ctx, best.WebhookID, update)
	if err != nil {
		return nil, asConflict(err)
	}
	result.Webhook, result.Change = *updated, ChangeUpdated
	return result, nil
}

// create creates the webhook, and deletes it again if another webhook with the same URL has
// appeared meanwhile. Klarna refuses a second webhook only if it is identical, and two replicas may
// each have created a key. No event is lost, because the other webhook exists.
func (c *Client) create(ctx context.Context, params *EnsureWebhookParams, allowed []string) (*EnsureWebhookResult, error) {
	key, err := c.chooseKey(ctx, params, allowed)
	if err != nil {
		return nil, err
	}
	created, err := c.CreateWebhook(ctx, CreateWebhookParams{
		URL:          params.URL,
		EventTypes:   params.EventTypes,
		EventVersion: params.EventVersion,
		SigningKeyID: key,
	})
	if err != nil {
		return nil, asConflict(err)
	}
	all, err := c.ListWebhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("subscription: the webhook %s is created; list the webhooks with its URL: %w", created.WebhookID, err)
	}
	isOther := func(w Webhook) bool { return w.WebhookID != created.WebhookID }
	if !slices.ContainsFunc(withURL(all, params.URL), isOther) {
		return &EnsureWebhookResult{Webhook: *created, Change: ChangeCreated}, nil
	}
	if err := c.DeleteWebhook(ctx, created.WebhookID); err != nil && !errors.Is(err, klarna.CodeResourceNotFound) {
		return nil, fmt.Errorf("subscription: delete the webhook %s, because another one has its URL: %w", created.WebhookID, err)
	}
	return nil, &conflictError{errors.New("subscription: other programs repeatedly create webhooks with the same URL")}
}

// allowedKeyIDs returns the ids of the keys that the webhook may be signed with.
func (w *EnsureWebhookParams) allowedKeyIDs(ctx context.Context) ([]string, error) {
	if w.Vault == nil {
		return []string{w.SigningKeyID}, nil
	}
	ids, err := w.Vault.SigningKeyIDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("subscription: read the vault: %w", err)
	}
	return ids, nil
}

// chooseKey returns the id of the key that the webhook is to be signed with. Every receiver holds
// it.
func (c *Client) chooseKey(ctx context.Context, params *EnsureWebhookParams, allowed []string) (string, error) {
	if params.Vault == nil {
		return params.SigningKeyID, nil
	}
	keys, err := c.ListSigningKeys(ctx)
	if err != nil {
		return "", err
	}
	keys = slices.DeleteFunc(keys, func(k SigningKey) bool { return !slices.Contains(allowed, k.SigningKeyID) })
	if len(keys) > 0 {
		newest := slices.MaxFunc(keys, func(a, b SigningKey) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.SigningKeyID, b.SigningKeyID))
		})
		return newest.SigningKeyID, nil
	}
	id, err := c.newKey(ctx, params.Vault.Publish)
	if err != nil {
		return "", err
	}
	// If the vault does not keep its keys, each start would create a key until Klarna refuses the
	// 51st. So a key that the vault does not list is deleted. A key that it lists, or may list, is
	// kept: another replica may have chosen it.
	if allowed, err = params.allowedKeyIDs(ctx); err != nil {
		return "", &KeyLeftError{SigningKeyID: id, Published: true, Err: err}
	}
	if !slices.Contains(allowed, id) {
		return "", c.deleteUnused(ctx, id, errors.New("subscription: the vault accepted the key and does not list it in SigningKeyIDs"))
	}
	return id, nil
}

// differences counts the differences between a webhook and the requested state: one for each
// missing event type, and one for all others.
func (w *EnsureWebhookParams) differences(webhook *Webhook, allowed []string) int {
	var n int
	update := w.update(webhook)
	if update.EventVersion != "" || update.Status != "" || update.EventTypes != nil || !slices.Contains(allowed, webhook.SigningKeyID) {
		n++
	}
	for _, t := range w.EventTypes {
		if !slices.Contains(webhook.EventTypes, t) {
			n++
		}
	}
	return n
}

// update returns the fields to change, except for the signing key.
func (w *EnsureWebhookParams) update(webhook *Webhook) (update UpdateWebhookParams) {
	if !sameSet(webhook.EventTypes, w.EventTypes) {
		update.EventTypes = w.EventTypes
	}
	if webhook.EventVersion != w.EventVersion {
		update.EventVersion = w.EventVersion
	}
	if webhook.Status != WebhookStatusEnabled {
		update.Status = WebhookStatusEnabled
	}
	return update
}

func (w *EnsureWebhookParams) problems() []klarna.ValidationError {
	p := target(w.URL, w.EventTypes)
	switch {
	case w.Vault == nil && w.SigningKeyID == "":
		p.Add("signing_key_id", "is required without a Vault")
	case w.Vault != nil && w.SigningKeyID != "":
		p.Add("signing_key_id", "must be empty with a Vault")
	}
	return p
}

func sameSet(a, b []webhook.EventType) bool {
	return !slices.ContainsFunc(a, func(t webhook.EventType) bool { return !slices.Contains(b, t) }) &&
		!slices.ContainsFunc(b, func(t webhook.EventType) bool { return !slices.Contains(a, t) })
}

// withURL returns the webhooks with this URL.
func withURL(webhooks []Webhook, url string) []Webhook {
	var list []Webhook
	for _, w := range webhooks {
		if canonicalURL(w.URL) == canonicalURL(url) {
			list = append(list, w)
		}
	}
	return list
}

// canonicalURL returns the same text for URLs that differ in the case of the host or a default
// port.
func canonicalURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	defaultPort := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), defaultPort)
	u.Path = cmp.Or(u.Path, "/")
	return u.String()
}
