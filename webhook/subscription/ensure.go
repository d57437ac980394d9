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

// Vault is where a program keeps its signing keys and where its receivers find them.
type Vault interface {
	// SigningKeyIDs returns the ids of all keys that every receiver can verify with, in any order. It
	// reads the store, not a copy from before.
	SigningKeyIDs(ctx context.Context) ([]string, error)
	// Publish is as type Publish describes. A key that it took is among SigningKeyIDs when it has
	// returned.
	Publish(ctx context.Context, key SigningKey) error
}

// EnsureWebhookParams is a state that a webhook is to be in: with that URL, those event types and
// version, signed with a key that receivers hold, and enabled.
type EnsureWebhookParams struct {
	// URL is where events are posted: https on port 443 or 8443. It tells the webhook from others.
	URL string
	// EventTypes are types, or families of types such as payment.request.*, in any order.
	EventTypes []webhook.EventType
	// EventVersion is v2 where it is "".
	EventVersion string

	// Vault and SigningKeyID are two ways to say by which key deliveries are to be signed; one is
	// needed.
	//
	// With a Vault, a webhook keeps its key as long as the vault has that key, so that a start-up
	// never undoes a rotation. A webhook that needs a key gets the newest one that both the vault and
	// Klarna have; where they have none in common, as at the very first start, a new key is created
	// and published first.
	Vault Vault
	// SigningKeyID is the one key to sign with. Every receiver must hold it already. A program that
	// has it from its configuration takes a rotation back when it starts with the old configuration.
	SigningKeyID string
}

// Change is what EnsureWebhook did to the webhook.
type Change string

// The changes.
const (
	ChangeCreated   Change = "created"
	ChangeUpdated   Change = "updated"
	ChangeUnchanged Change = "unchanged"
)

// EnsureWebhookResult is the outcome of EnsureWebhook.
type EnsureWebhookResult struct {
	// Webhook is the webhook in the wanted state.
	Webhook Webhook
	Change  Change
	// Others are further webhooks of the same URL, which were left alone: see EnsureWebhook.
	Others []Webhook
}

// maxRounds is how often EnsureWebhook looks again after another program was faster.
const maxRounds = 5

// EnsureWebhook brings the webhook of a URL into the wanted state: it creates one where there is
// none, changes what differs, enables one that was disabled, or leaves it. It is for the start of a
// program and may be called by all of its replicas at once: who finds that another was faster (a
// conflict, a webhook that appeared or vanished meanwhile) reads again and goes on from there. URLs
// are compared without regard to the case of the host and to a default port.
//
// Where several webhooks have the URL, as when someone made a second one by hand, it takes one of
// them: the one that is as wanted, else the one that shares most event types, else the one with the
// smallest id. The others are reported and never changed or deleted, because they may be
// somebody's; until someone decides, an event may be delivered by each of them.
//
// A new key is created only where EnsureWebhookParams has a Vault that needs one, and is published
// before anything is signed with it. Replicas that start together for the first time may make one
// each; all of them are in the vault, and one signs.
//
// Errors are *klarna.Error where Klarna or the validation refused, *KeyLeftError where a new key
// could neither be published nor deleted again, and otherwise those of the vault. Calling it again
// is safe after any of them; it finds and uses a key that was published before. It takes no call
// options, because it makes several calls.
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
		// The first look is at once: whoever was faster is done. Later ones keep replicas apart that
		// withdraw at the same time.
		if err := sleep.For(ctx, rand.N(1+time.Duration(round-1)*100*time.Millisecond)); err != nil {
			return nil, fmt.Errorf("%w: %w", err, conflict.error)
		}
	}
}

// conflictError says that another program was faster; what is there has to be read again.
type conflictError struct{ error }

// asConflict marks the errors by which Klarna says that somebody else was faster.
func asConflict(err error) error {
	if errors.Is(err, klarna.CodeResourceConflict) || errors.Is(err, klarna.CodeResourceNotFound) {
		return &conflictError{err}
	}
	return err
}

func (c *Client) ensure(ctx context.Context, wanted *EnsureWebhookParams) (*EnsureWebhookResult, error) {
	all, err := c.webhooks(ctx, wanted.problems, nil)
	if err != nil {
		return nil, err
	}
	// The vault is asked after Klarna was: the key of a webhook that another replica has just made is
	// in it already.
	var held []string
	if held, err = wanted.held(ctx); err != nil {
		return nil, err
	}
	mine := ofURL(all, wanted.URL)
	if len(mine) == 0 {
		return c.create(ctx, wanted, held)
	}
	best := slices.MinFunc(mine, func(a, b Webhook) int {
		return cmp.Or(
			cmp.Compare(wanted.differences(&a, held), wanted.differences(&b, held)),
			cmp.Compare(a.WebhookID, b.WebhookID))
	})
	result := &EnsureWebhookResult{
		Webhook: best,
		Change:  ChangeUnchanged,
		Others:  slices.DeleteFunc(mine, func(w Webhook) bool { return w.WebhookID == best.WebhookID }),
	}
	if wanted.differences(&best, held) == 0 {
		return result, nil
	}
	update := wanted.update(&best)
	if !slices.Contains(held, best.SigningKeyID) {
		if update.SigningKeyID, err = c.chooseKey(ctx, wanted, held); err != nil {
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

// create makes the webhook and withdraws it when another of the same URL has appeared meanwhile:
// Klarna refuses a second one only if it is identical, and two replicas may each have made a key of
// their own. Nothing is lost by withdrawing, as the other one is there.
func (c *Client) create(ctx context.Context, wanted *EnsureWebhookParams, held []string) (*EnsureWebhookResult, error) {
	key, err := c.chooseKey(ctx, wanted, held)
	if err != nil {
		return nil, err
	}
	created, err := c.CreateWebhook(ctx, CreateWebhookParams{
		URL:          wanted.URL,
		EventTypes:   wanted.EventTypes,
		EventVersion: wanted.EventVersion,
		SigningKeyID: key,
	})
	if err != nil {
		return nil, asConflict(err)
	}
	all, err := c.ListWebhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("subscription: the webhook %s is created; look for another of its URL: %w", created.WebhookID, err)
	}
	isOther := func(w Webhook) bool { return w.WebhookID != created.WebhookID }
	if !slices.ContainsFunc(ofURL(all, wanted.URL), isOther) {
		return &EnsureWebhookResult{Webhook: *created, Change: ChangeCreated}, nil
	}
	if err := c.DeleteWebhook(ctx, created.WebhookID); err != nil && !errors.Is(err, klarna.CodeResourceNotFound) {
		return nil, fmt.Errorf("subscription: the webhook %s is one too many of its URL: %w", created.WebhookID, err)
	}
	return nil, &conflictError{errors.New("subscription: other programs create webhooks of the same URL all the time")}
}

// held are the keys that a webhook may be signed with.
func (w *EnsureWebhookParams) held(ctx context.Context) ([]string, error) {
	if w.Vault == nil {
		return []string{w.SigningKeyID}, nil
	}
	held, err := w.Vault.SigningKeyIDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("subscription: read the vault: %w", err)
	}
	return held, nil
}

// chooseKey returns a key to sign with from now on, which every receiver holds.
func (c *Client) chooseKey(ctx context.Context, wanted *EnsureWebhookParams, held []string) (string, error) {
	if wanted.Vault == nil {
		return wanted.SigningKeyID, nil
	}
	keys, err := c.ListSigningKeys(ctx)
	if err != nil {
		return "", err
	}
	keys = slices.DeleteFunc(keys, func(k SigningKey) bool { return !slices.Contains(held, k.SigningKeyID) })
	if len(keys) > 0 {
		newest := slices.MaxFunc(keys, func(a, b SigningKey) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.SigningKeyID, b.SigningKeyID))
		})
		return newest.SigningKeyID, nil
	}
	id, err := c.newKey(ctx, wanted.Vault.Publish)
	if err != nil {
		return "", err
	}
	// A vault that forgets would get a new key at every start, until Klarna refuses the 51st. A key
	// that it does name, or that may be named, stays: another replica may have chosen it.
	if held, err = wanted.held(ctx); err != nil {
		return "", &KeyLeftError{SigningKeyID: id, Published: true, Err: err}
	}
	if !slices.Contains(held, id) {
		return "", c.discard(ctx, id, errors.New("subscription: the vault has taken the key and does not name it among its SigningKeyIDs"))
	}
	return id, nil
}

// differences weighs how far a webhook is from what is wanted: 0 where it is as wanted, and less
// the more event types it shares.
func (w *EnsureWebhookParams) differences(webhook *Webhook, held []string) int {
	var n int
	update := w.update(webhook)
	if update.EventVersion != "" || update.Status != "" || update.EventTypes != nil || !slices.Contains(held, webhook.SigningKeyID) {
		n++
	}
	for _, t := range w.EventTypes {
		if !slices.Contains(webhook.EventTypes, t) {
			n++
		}
	}
	return n
}

// update has what is to be changed, but for the key.
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
		p.Add("signing_key_id", "is required where there is no Vault")
	case w.Vault != nil && w.SigningKeyID != "":
		p.Add("signing_key_id", "is for the case without a Vault")
	}
	return p
}

func sameSet(a, b []webhook.EventType) bool {
	return !slices.ContainsFunc(a, func(t webhook.EventType) bool { return !slices.Contains(b, t) }) &&
		!slices.ContainsFunc(b, func(t webhook.EventType) bool { return !slices.Contains(a, t) })
}

func ofURL(webhooks []Webhook, url string) []Webhook {
	var list []Webhook
	for _, w := range webhooks {
		if canonicalURL(w.URL) == canonicalURL(url) {
			list = append(list, w)
		}
	}
	return list
}

// canonicalURL makes two ways to write a URL one.
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
