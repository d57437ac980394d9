package subscription

import (
	"context"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/problem"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
)

// Webhook is a subscription at Klarna: a URL and the types of the events that Klarna posts to it.
type Webhook struct {
	WebhookID string `json:"webhook_id" wire:"show"`
	URL       string `json:"url,omitzero"`
	// EventTypes are event types, or families of event types such as payment.request.*.
	EventTypes   []webhook.EventType `json:"event_types,omitzero"`
	EventVersion string              `json:"event_version,omitzero"`
	// SigningKeyID names the key that Klarna signs deliveries with.
	SigningKeyID string `json:"signing_key_id,omitzero"`
	// Status is [WebhookStatusEnabled] if Klarna delivers events.
	Status WebhookStatus `json:"status,omitzero" wire:"show"`
	// CreatedAt and UpdatedAt are in UTC. They are zero if the answer has no such time.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	// Unknown holds the members that this version does not know.
	klarna.Unknown `json:",embed"`
	// Raw is the body as it came. It is zero in the answer of ListWebhooks.
	Raw klarna.RawJSON `json:"-"`
}

// WebhookStatus is the status of a [Webhook]. Unknown values are kept.
type WebhookStatus string

// WebhookStatusEnabled means that Klarna delivers events.
const WebhookStatusEnabled WebhookStatus = "ENABLED"

// eventVersion is the only event version that Klarna documents.
const eventVersion = "v2"

// CreateWebhookParams is the input of [Client.CreateWebhook].
type CreateWebhookParams struct {
	// URL is the URL that Klarna posts events to: https on port 443 or 8443. Required. For a test
	// double, http on a loopback host is accepted, too.
	URL string `json:"url"`
	// EventTypes are event types, or families of event types such as payment.request.*. Required.
	EventTypes []webhook.EventType `json:"event_types"`
	// EventVersion is the version of the events, v2 by default.
	EventVersion string `json:"event_version"`
	// SigningKeyID names the key that Klarna signs deliveries with. Required.
	SigningKeyID string `json:"signing_key_id"`
	// Status is the status of the webhook, [WebhookStatusEnabled] by default.
	Status WebhookStatus `json:"status"`

	// Unknown holds members that this version does not know.
	klarna.Unknown `json:",embed"`
}

// UpdateWebhookParams is the input of [Client.UpdateWebhook]. Empty fields are not changed.
type UpdateWebhookParams struct {
	URL string `json:"url,omitzero"`
	// EventTypes replaces all present event types.
	EventTypes   []webhook.EventType `json:"event_types,omitzero"`
	EventVersion string              `json:"event_version,omitzero"`
	// SigningKeyID names the key that Klarna signs deliveries with from now on. Every receiver must
	// hold the new key before the update, and keep the old key for a day after it.
	// [Client.RotateKey] does both in this order.
	SigningKeyID string        `json:"signing_key_id,omitzero"`
	Status       WebhookStatus `json:"status,omitzero"`

	// Unknown holds members that this version does not know.
	klarna.Unknown `json:",embed"`
}

// webhookList is the answer of ListWebhooks.
type webhookList struct {
	Webhooks []Webhook `json:"webhooks"`

	klarna.Unknown `json:",embed"`
}

// CreateWebhook creates a webhook (POST notification/webhooks). Its idempotency key is random, so
// use [Client.EnsureWebhook] if the call may be repeated after a crash. Errors are [*klarna.Error],
// with [klarna.CodeResourceConflict] if an identical webhook exists.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) CreateWebhook(ctx context.Context, params CreateWebhookParams, options ...klarna.CallOption) (*Webhook, error) {
	if params.EventVersion == "" {
		params.EventVersion = eventVersion
	}
	if params.Status == "" {
		params.Status = WebhookStatusEnabled
	}
	call := newCall(operation.WebhookCreate)
	call.Body, call.Validate = wire.From(&params, (*CreateWebhookParams).encode), params.problems
	return c.webhook(ctx, call, options)
}

// ListWebhooks lists all webhooks (GET notification/webhooks). Klarna's list has no pages. Errors
// are [*klarna.Error].
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) ListWebhooks(ctx context.Context, options ...klarna.CallOption) ([]Webhook, error) {
	return c.webhooks(ctx, nil, options)
}

// webhooks lists all webhooks if validate finds no problem. EnsureWebhook validates its input with
// its first call.
func (c *Client) webhooks(ctx context.Context, validate func() []klarna.ValidationError, options []klarna.CallOption) ([]Webhook, error) {
	call := newCall(operation.WebhookList)
	call.Validate = validate
	list, _, err := do(ctx, c, call, (*webhookList).decode, options)
	if err != nil {
		return nil, err
	}
	return list.Webhooks, nil
}

// GetWebhook returns a webhook (GET notification/webhooks/{webhook_id}). Errors are
// [*klarna.Error], with [klarna.CodeResourceNotFound] if the webhook does not exist.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) GetWebhook(ctx context.Context, webhookID string, options ...klarna.CallOption) (*Webhook, error) {
	return c.webhook(ctx, newCall(operation.WebhookRead, webhookID), options)
}

// UpdateWebhook changes a webhook (PATCH notification/webhooks/{webhook_id}). It changes only the
// fields that are set in params. Its idempotency key is random, so that the same update can be made
// again. Errors are [*klarna.Error], with [klarna.CodeResourceNotFound] if the webhook does not
// exist.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) UpdateWebhook(ctx context.Context, webhookID string, params UpdateWebhookParams, options ...klarna.CallOption) (*Webhook, error) {
	call := newCall(operation.WebhookUpdate, webhookID)
	call.Body, call.Validate = wire.From(&params, (*UpdateWebhookParams).encode), params.problems
	return c.webhook(ctx, call, options)
}

// DeleteWebhook deletes a webhook (DELETE notification/webhooks/{webhook_id}). It does not delete
// the signing key. Errors are [*klarna.Error], with [klarna.CodeResourceNotFound] if the webhook
// does not exist.
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) DeleteWebhook(ctx context.Context, webhookID string, options ...klarna.CallOption) error {
	_, err := c.send(ctx, newCall(operation.WebhookDelete, webhookID), nil, options)
	return err
}

// SimulateWebhook makes Klarna post a signed test event of the given type to a webhook (POST
// notification/webhooks/{webhook_id}/simulate). The objects that the event names may not
// exist. The idempotency key is random, so each call sends an event. Errors are [*klarna.Error].
//
// Klarna's documentation: https://docs.klarna.com/
func (c *Client) SimulateWebhook(ctx context.Context, webhookID string, eventType webhook.EventType, options ...klarna.CallOption) error {
	call := newCall(operation.WebhookSimulate, webhookID)
	call.Body = map[string]string{"event_type": string(eventType), "event_version": eventVersion}
	call.Validate = func() []klarna.ValidationError {
		var p problem.List
		p.Required("event_type", string(eventType))
		return p
	}
	_, err := c.send(ctx, call, nil, options)
	return err
}

func (c *Client) webhook(ctx context.Context, call klarna.Call, options []klarna.CallOption) (*Webhook, error) {
	w, raw, err := do(ctx, c, call, (*Webhook).decode, options)
	if err != nil {
		return nil, err
	}
	w.Raw = raw
	return w, nil
}
