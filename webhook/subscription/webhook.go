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

// Webhook is a URL that Klarna posts events to.
type Webhook struct {
	WebhookID string `json:"webhook_id" wire:"show"`
	URL       string `json:"url,omitzero"`
	// EventTypes are types, or families of types such as payment.request.*.
	EventTypes   []webhook.EventType `json:"event_types,omitzero"`
	EventVersion string              `json:"event_version,omitzero"`
	// SigningKeyID names the key that deliveries are signed with.
	SigningKeyID string `json:"signing_key_id,omitzero"`
	// Status is WebhookStatusEnabled, or another.
	Status WebhookStatus `json:"status,omitzero" wire:"show"`
	// CreatedAt and UpdatedAt are in UTC, and zero where Klarna does not tell.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
	// Raw is the body as it came; nil in a webhook of a list.
	Raw klarna.RawJSON `json:"-"`
}

// WebhookStatus says whether events are delivered. Unknown values are kept.
type WebhookStatus string

// WebhookStatusEnabled is the status of a webhook that events are delivered to.
const WebhookStatusEnabled WebhookStatus = "ENABLED"

// eventVersion is the one version of events that Klarna documents.
const eventVersion = "v2"

// CreateWebhookParams are what a webhook is created from.
type CreateWebhookParams struct {
	// URL is where events are posted: https on port 443 or 8443. Required. (A test double takes http
	// on loopback as well.)
	URL string `json:"url"`
	// EventTypes are types, or families of types such as payment.request.*. Required.
	EventTypes []webhook.EventType `json:"event_types"`
	// EventVersion is v2 where it is "".
	EventVersion string `json:"event_version"`
	// SigningKeyID names the key that deliveries are signed with. Required.
	SigningKeyID string `json:"signing_key_id"`
	// Status is WebhookStatusEnabled where it is "".
	Status WebhookStatus `json:"status"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
}

// UpdateWebhookParams changes the members that it has; empty ones stay as they are.
type UpdateWebhookParams struct {
	URL string `json:"url,omitzero"`
	// EventTypes replace the present ones.
	EventTypes   []webhook.EventType `json:"event_types,omitzero"`
	EventVersion string              `json:"event_version,omitzero"`
	// SigningKeyID is the key that deliveries are signed with from now on. Every receiver must hold it
	// before, and must hold the present one for another day: see RotateKey, which sees to that.
	SigningKeyID string        `json:"signing_key_id,omitzero"`
	Status       WebhookStatus `json:"status,omitzero"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
}

// webhookList is the answer to a list of webhooks.
type webhookList struct {
	Webhooks []Webhook `json:"webhooks"`

	klarna.Unknown `json:",embed"`
}

// CreateWebhook creates a webhook (POST notification/webhooks). Its idempotency key is random: to
// repeat a call after a crash, use EnsureWebhook. Errors are *klarna.Error, with
// CodeResourceConflict where there is an identical one already.
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

// ListWebhooks lists all webhooks (GET notification/webhooks). Klarna does not divide the list into
// pages. Errors are *klarna.Error.
func (c *Client) ListWebhooks(ctx context.Context, options ...klarna.CallOption) ([]Webhook, error) {
	return c.webhooks(ctx, nil, options)
}

// webhooks lists after validate has found nothing wrong with what the list is for.
func (c *Client) webhooks(ctx context.Context, validate func() []klarna.ValidationError, options []klarna.CallOption) ([]Webhook, error) {
	call := newCall(operation.WebhookList)
	call.Validate = validate
	list, _, err := do(ctx, c, call, (*webhookList).decode, options)
	if err != nil {
		return nil, err
	}
	return list.Webhooks, nil
}

// GetWebhook reads a webhook (GET notification/webhooks/{webhook_id}). Errors are *klarna.Error,
// with CodeResourceNotFound where there is none of that id.
func (c *Client) GetWebhook(ctx context.Context, webhookID string, options ...klarna.CallOption) (*Webhook, error) {
	return c.webhook(ctx, newCall(operation.WebhookRead, webhookID), options)
}

// UpdateWebhook changes what params name and nothing else (PATCH
// notification/webhooks/{webhook_id}). Its idempotency key is random, because the same update may
// be meant twice. Errors are *klarna.Error, with CodeResourceNotFound where there is none of that
// id.
func (c *Client) UpdateWebhook(ctx context.Context, webhookID string, params UpdateWebhookParams, options ...klarna.CallOption) (*Webhook, error) {
	call := newCall(operation.WebhookUpdate, webhookID)
	call.Body, call.Validate = wire.From(&params, (*UpdateWebhookParams).encode), params.problems
	return c.webhook(ctx, call, options)
}

// DeleteWebhook deletes a webhook (DELETE notification/webhooks/{webhook_id}). Its signing key
// stays. Errors are *klarna.Error, with CodeResourceNotFound where there is none of that id.
func (c *Client) DeleteWebhook(ctx context.Context, webhookID string, options ...klarna.CallOption) error {
	_, err := c.send(ctx, newCall(operation.WebhookDelete, webhookID), nil, options)
	return err
}

// SimulateWebhook has Klarna post a test event of a type to a webhook, signed as every delivery is
// (POST notification/webhooks/{webhook_id}/simulate). What the event names need not exist. The
// idempotency key is random: each call is an event. Errors are *klarna.Error.
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
