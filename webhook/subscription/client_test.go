package subscription_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

const (
	keyBody     = `{"signing_key_id": "` + keyID + `", "created_at": "2025-12-01T10:00:00.123+01:00", "algorithm": {"name": "x"}}`
	createdKey  = `{"signing_key_id": "` + keyID + `", "signing_key": "c2VjcmV0LWtleQ==", "created_at": "2025-12-01T09:00:00Z"}`
	webhookBody = `{"webhook_id": "` + webhookID + `", "url": "` + hookURL + `", "event_types": ["payment.*", "new.kind"], "event_version": "v3",
		"signing_key_id": "` + keyID + `", "status": "ASLEEP", "created_at": "2025-12-01T09:00:00Z", "updated_at": "soon", "mood": [1.50]}`
)

var (
	wantKey = subscription.SigningKey{
		SigningKeyID: keyID, CreatedAt: time.Date(2025, 12, 1, 9, 0, 0, 123_000_000, time.UTC),
		Unknown: klarna.Unknown{"algorithm": klarna.NewRawJSON(`{"name": "x"}`)},
	}
	wantWebhook = subscription.Webhook{
		WebhookID: webhookID, URL: hookURL, EventTypes: []webhook.EventType{"payment.*", "new.kind"}, EventVersion: "v3",
		SigningKeyID: keyID, Status: "ASLEEP", CreatedAt: time.Date(2025, 12, 1, 9, 0, 0, 0, time.UTC),
		Unknown: klarna.Unknown{"mood": klarna.NewRawJSON(`[1.50]`), "updated_at": klarna.NewRawJSON(`"soon"`)},
	}
)

func rawKey() *subscription.SigningKey { k := wantKey; k.Raw = klarna.NewRawJSON(keyBody); return &k }
func rawWebhook() *subscription.Webhook {
	w := wantWebhook
	w.Raw = klarna.NewRawJSON(webhookBody)
	return &w
}

// operation is a method of Client, and the request and answer of its call.
type operation struct {
	name      string
	call      func(context.Context, *subscription.Client, ...klarna.CallOption) (any, error)
	operation string
	method    string
	path      string
	body      string // "" for none
	status    int
	answer    string
	want      any // nil if the method returns only an error
}

var allOperations = []operation{
	{
		"a signing key is created without a body", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.CreateSigningKey(ctx, o...)
		},
		"subscription.signing_key.create", "POST", "/v2/notification/signing-keys", "", 201, createdKey,
		&subscription.SigningKey{SigningKeyID: keyID, SigningKey: klarna.NewSecret("c2VjcmV0LWtleQ=="), CreatedAt: time.Date(2025, 12, 1, 9, 0, 0, 0, time.UTC)},
	},
	{
		"signing keys are listed", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.ListSigningKeys(ctx, o...)
		},
		"subscription.signing_key.list", "GET", "/v2/notification/signing-keys", "", 200, `{"signing_keys":[` + keyBody + `,{"signing_key_id":"x"}]}`,
		[]subscription.SigningKey{wantKey, {SigningKeyID: "x"}},
	},
	{
		"a signing key is read", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.GetSigningKey(ctx, keyID, o...)
		},
		"subscription.signing_key.read", "GET", "/v2/notification/signing-keys/" + keyID, "", 200, keyBody, rawKey(),
	},
	{
		"a signing key is deleted", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return nil, c.DeleteSigningKey(ctx, keyID, o...)
		},
		"subscription.signing_key.delete", "DELETE", "/v2/notification/signing-keys/" + keyID, "", 204, "", nil,
	},
	{
		"a webhook is created with version and status by default", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.CreateWebhook(ctx, subscription.CreateWebhookParams{URL: hookURL, EventTypes: []webhook.EventType{"payment.*"}, SigningKeyID: keyID}, o...)
		},
		"subscription.webhook.create", "POST", "/v2/notification/webhooks",
		`{"url":"` + hookURL + `","event_types":["payment.*"],"event_version":"v2","signing_key_id":"` + keyID + `","status":"ENABLED"}`,
		201, webhookBody, rawWebhook(),
	},
	{
		"a webhook is created with all fields", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.CreateWebhook(ctx, subscription.CreateWebhookParams{
				URL: "http://127.0.0.1:8080/", EventTypes: []webhook.EventType{"a", "b.*"}, EventVersion: "v3", SigningKeyID: keyID, Status: "DISABLED",
				Unknown: klarna.Unknown{"mood": klarna.NewRawJSON(`1`)},
			}, o...)
		},
		"subscription.webhook.create", "POST", "/v2/notification/webhooks",
		`{"url":"http://127.0.0.1:8080/","event_types":["a","b.*"],"event_version":"v3","signing_key_id":"` + keyID + `","status":"DISABLED","mood":1}`,
		200, `{"webhook_id":"` + webhookID + `","url":"http://127.0.0.1:8080/"}`,
		&subscription.Webhook{
			WebhookID: webhookID, URL: "http://127.0.0.1:8080/",
			Raw: klarna.NewRawJSON(`{"webhook_id":"` + webhookID + `","url":"http://127.0.0.1:8080/"}`),
		},
	},
	{
		"webhooks are listed", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.ListWebhooks(ctx, o...)
		},
		"subscription.webhook.list", "GET", "/v2/notification/webhooks", "", 200, `{"webhooks":[` + webhookBody + `]}`,
		[]subscription.Webhook{wantWebhook},
	},
	{
		"a webhook is read", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.GetWebhook(ctx, webhookID, o...)
		},
		"subscription.webhook.read", "GET", "/v2/notification/webhooks/" + webhookID, "", 200, webhookBody, rawWebhook(),
	},
	{
		"an update sends only the fields that are set", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.UpdateWebhook(ctx, webhookID, subscription.UpdateWebhookParams{SigningKeyID: keyID}, o...)
		},
		"subscription.webhook.update", "PATCH", "/v2/notification/webhooks/" + webhookID, `{"signing_key_id":"` + keyID + `"}`, 200, webhookBody, rawWebhook(),
	},
	{
		"an update sends all fields", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return c.UpdateWebhook(ctx, webhookID, subscription.UpdateWebhookParams{
				URL: hookURL, EventTypes: []webhook.EventType{"a"}, EventVersion: "v2", SigningKeyID: keyID, Status: subscription.WebhookStatusEnabled,
				Unknown: klarna.Unknown{"mood": klarna.NewRawJSON(`1`)},
			}, o...)
		},
		"subscription.webhook.update", "PATCH", "/v2/notification/webhooks/" + webhookID,
		`{"url":"` + hookURL + `","event_types":["a"],"event_version":"v2","signing_key_id":"` + keyID + `","status":"ENABLED","mood":1}`,
		200, webhookBody, rawWebhook(),
	},
	{
		"a webhook is deleted", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return nil, c.DeleteWebhook(ctx, webhookID, o...)
		},
		"subscription.webhook.delete", "DELETE", "/v2/notification/webhooks/" + webhookID, "", 204, "", nil,
	},
	{
		"an event is simulated", func(ctx context.Context, c *subscription.Client, o ...klarna.CallOption) (any, error) {
			return nil, c.SimulateWebhook(ctx, webhookID, "payment.request.state-change.completed", o...)
		},
		"subscription.webhook.simulate", "POST", "/v2/notification/webhooks/" + webhookID + "/simulate",
		`{"event_type":"payment.request.state-change.completed","event_version":"v2"}`, 202, "", nil,
	},
}

func TestEachOperationMakesItsCall(t *testing.T) {
	for _, op := range allOperations {
		t.Run(op.name, func(t *testing.T) {
			c, mock := newMocked(t)
			var request *http.Request
			var body string
			mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				request, body = r, readAll(r.Body)
				return httpmock.NewStringResponse(op.status, op.answer), nil
			})
			var response klarna.Response
			got, err := op.call(t.Context(), c, klarna.WithResponse(&response))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(op.want, got, show); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if request.Method != op.method || request.URL.String() != host+op.path || body != op.body {
				t.Errorf("%s %s %s, want %s %s %s", request.Method, request.URL, body, op.method, host+op.path, op.body)
			}
			wantType := ""
			if op.body != "" {
				wantType = "application/json"
			}
			if got := request.Header.Get("Content-Type"); got != wantType {
				t.Errorf("Content-Type %q, want %q", got, wantType)
			}
			if got := request.Header.Get("Authorization"); got != "Basic "+apiKey {
				t.Errorf("Authorization %q", got)
			}
			key := request.Header.Get("Klarna-Idempotency-Key")
			if id, err := uuid.Parse(key); (op.method == "POST" || op.method == "PATCH") != (err == nil && id.Version() == 5) {
				t.Errorf("Klarna-Idempotency-Key %q of a %s", key, op.method)
			}
			if string(response.Body.Bytes()) != op.answer || response.StatusCode != op.status {
				t.Errorf("captured %d %s", response.StatusCode, response.Body.Bytes())
			}
		})
	}
}

func TestEachChangeHasItsOwnIdempotencyKey(t *testing.T) {
	for _, op := range allOperations {
		if op.method != "POST" && op.method != "PATCH" {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			c, mock := newMocked(t)
			keys := map[string]bool{}
			mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				keys[r.Header.Get("Klarna-Idempotency-Key")] = true
				return httpmock.NewStringResponse(op.status, op.answer), nil
			})
			for range 2 {
				if _, err := op.call(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			if len(keys) != 2 {
				t.Errorf("%d idempotency keys, want 2", len(keys))
			}
			if _, err := op.call(t.Context(), c, klarna.WithIdempotencyKey("mine")); err != nil || !keys["mine"] {
				t.Errorf("the key of the caller is not sent: %v", err)
			}
		})
	}
}

func TestEachOperationReturnsKlarnasError(t *testing.T) {
	for _, op := range allOperations {
		t.Run(op.name, func(t *testing.T) {
			c, mock := newMocked(t)
			mock.RegisterNoResponder(httpmock.NewStringResponder(403, `{"error_id":"e-1","error_code":"OPERATION_FORBIDDEN"}`))
			_, err := op.call(t.Context(), c)
			e, ok := errors.AsType[*klarna.Error](err)
			if !ok || e.Code != klarna.CodeOperationForbidden || e.Operation != op.operation || e.ID != "e-1" {
				t.Errorf("error %#v", err)
			}
		})
	}
}

func TestInvalidInputIsNotSent(t *testing.T) {
	ctx := t.Context()
	for _, tc := range []struct {
		name       string
		call       func(*subscription.Client) error
		parameters []string
	}{
		{"a webhook without anything", func(c *subscription.Client) error {
			_, err := c.CreateWebhook(ctx, subscription.CreateWebhookParams{})
			return err
		}, []string{"url", "event_types", "signing_key_id"}},
		{"a webhook that is not https", func(c *subscription.Client) error {
			_, err := c.CreateWebhook(ctx, subscription.CreateWebhookParams{URL: "http://gateway.example", EventTypes: []webhook.EventType{"a", ""}, SigningKeyID: keyID})
			return err
		}, []string{"url", "event_types[1]"}},
		{"a webhook on another port", func(c *subscription.Client) error {
			_, err := c.CreateWebhook(ctx, subscription.CreateWebhookParams{URL: "https://gateway.example:444/", EventTypes: []webhook.EventType{"a"}, SigningKeyID: keyID})
			return err
		}, []string{"url"}},
		{"an invalid URL", func(c *subscription.Client) error {
			_, err := c.UpdateWebhook(ctx, webhookID, subscription.UpdateWebhookParams{URL: "https://%", EventTypes: []webhook.EventType{""}})
			return err
		}, []string{"url", "event_types[0]"}},
		{"no event to simulate", func(c *subscription.Client) error { return c.SimulateWebhook(ctx, webhookID, "") }, []string{"event_type"}},
		{"no webhook to read", func(c *subscription.Client) error { _, err := c.GetWebhook(ctx, ""); return err }, []string{"webhook_id"}},
		{"no key to delete", func(c *subscription.Client) error { return c.DeleteSigningKey(ctx, "") }, []string{"signing_key_id"}},
		{"an empty EnsureWebhookParams", func(c *subscription.Client) error {
			_, err := c.EnsureWebhook(ctx, subscription.EnsureWebhookParams{})
			return err
		}, []string{"url", "event_types", "signing_key_id"}},
		{"both a Vault and a SigningKeyID", func(c *subscription.Client) error {
			_, err := c.EnsureWebhook(ctx, subscription.EnsureWebhookParams{URL: hookURL, EventTypes: []webhook.EventType{"a"}, SigningKeyID: keyID, Vault: new(gateway)})
			return err
		}, []string{"signing_key_id"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, mock := newMocked(t)
			err := tc.call(c)
			e, ok := errors.AsType[*klarna.Error](err)
			if !ok || !errors.Is(err, klarna.CodeValidationError) || e.Outcome != klarna.OutcomeNotSent {
				t.Fatalf("error %v", err)
			}
			var parameters []string
			for _, v := range e.ValidationErrors {
				parameters = append(parameters, v.Parameter)
			}
			if diff := cmp.Diff(tc.parameters, parameters); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
			if n := mock.GetTotalCallCount(); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestValidURLsAreSent(t *testing.T) {
	for _, url := range []string{hookURL, "https://gateway.example:443/", "https://gateway.example:8443/a?b=c", "http://localhost:80", "http://[::1]:1/"} {
		c, mock := newMocked(t)
		mock.RegisterNoResponder(httpmock.NewStringResponder(201, `{"webhook_id":"`+webhookID+`","url":"`+url+`"}`))
		if _, err := c.CreateWebhook(t.Context(), subscription.CreateWebhookParams{URL: url, EventTypes: []webhook.EventType{"a"}, SigningKeyID: keyID}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}
