package subscription_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

// checkDecoding checks that an answer is either decoded or an error with an unknown outcome.
func checkDecoding[T any](t *testing.T, answer *T, err error, raw func(*T) klarna.RawJSON, body string) {
	t.Helper()
	switch {
	case err != nil && (answer != nil || klarna.OutcomeOf(err) != klarna.OutcomeUnknown):
		t.Fatalf("an answer that cannot be decoded gave %v and %v", answer, err)
	case err == nil && string(raw(answer).Bytes()) != body:
		t.Fatal("the body was changed")
	}
}

func FuzzSigningKey(f *testing.F) {
	for _, seed := range []string{keyBody, createdKey, `{"signing_key_id":null,"created_at":{}}`, `{"signing_key":"[redacted]"}`, `[]`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c, mock := newMocked(t)
		mock.RegisterNoResponder(httpmock.NewStringResponder(200, body))
		key, err := c.GetSigningKey(t.Context(), keyID)
		checkDecoding(t, key, err, func(k *subscription.SigningKey) klarna.RawJSON { return k.Raw }, body)
		created, createErr := c.CreateSigningKey(t.Context())
		if createErr != nil && klarna.OutcomeOf(createErr) != klarna.OutcomeUnknown || createErr == nil && (created.SigningKeyID == "" || created.SigningKey.IsZero()) {
			t.Fatalf("created %v, %v", created, createErr)
		}
		if err == nil && createErr == nil && (created.SigningKeyID != key.SigningKeyID || !created.Raw.IsZero()) {
			t.Fatal("the same body gave another key")
		}
	})
}

func FuzzWebhook(f *testing.F) {
	for _, seed := range []string{webhookBody, `{"event_types":[null]}`, `{"status":1}`, `{"webhook_id":"a","webhook_id":"b"}`, `null`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c, mock := newMocked(t)
		mock.RegisterNoResponder(httpmock.NewStringResponder(200, body))
		w, err := c.GetWebhook(t.Context(), webhookID)
		checkDecoding(t, w, err, func(w *subscription.Webhook) klarna.RawJSON { return w.Raw }, body)
	})
}

// For any list, EnsureWebhook and RotateKey return, and their results agree with their requests.
func FuzzLists(f *testing.F) {
	f.Add(`{"webhooks":[`+webhookBody+`]}`, `{"signing_keys":[`+keyBody+`]}`)
	f.Add(`{"webhooks":[{"webhook_id":"","url":"%"},{"url":"`+hookURL+`"},{"url":"`+hookURL+`"}]}`, `{"signing_keys":null}`)
	f.Add(`{}`, `{"signing_keys":[{}]}`)
	f.Add(`{"webhooks":[{"webhook_id":"..","url":"HTTPS://GATEWAY.example:443/klarna"}]}`, `[]`)
	f.Fuzz(func(t *testing.T, webhooks, keys string) {
		c, mock := newMocked(t)
		var posts, patches, published int
		mock.RegisterResponder("GET", host+"/v2/notification/webhooks", httpmock.NewStringResponder(200, webhooks))
		mock.RegisterResponder("GET", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(200, keys))
		mock.RegisterResponder("POST", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(201, createdKey))
		mock.RegisterResponder("POST", host+"/v2/notification/webhooks", func(*http.Request) (*http.Response, error) {
			posts++
			return httpmock.NewStringResponse(201, webhookBody), nil
		})
		mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch {
				patches++
			}
			return httpmock.NewStringResponse(200, webhookBody), nil
		})
		result, err := c.EnsureWebhook(t.Context(), subscription.EnsureWebhookParams{URL: hookURL, EventTypes: []webhook.EventType{"payment.*"}, SigningKeyID: keyID})
		if err == nil {
			want := map[subscription.Change][2]int{subscription.ChangeCreated: {1, 0}, subscription.ChangeUpdated: {0, 1}, subscription.ChangeUnchanged: {0, 0}}[result.Change]
			if posts != want[0] || patches != want[1] {
				t.Errorf("%s: %d created, %d updated", result.Change, posts, patches)
			}
		}
		patches = 0
		rotation, err := c.RotateKey(t.Context(), func(context.Context, subscription.SigningKey) error { published++; return nil })
		if patches > 0 && published != 1 {
			t.Error("a webhook was updated with a key that was not published")
		}
		if err == nil && (len(rotation.Webhooks) != patches || rotation.RotatedAt.IsZero()) {
			t.Errorf("%d webhooks, %d updated", len(rotation.Webhooks), patches)
		}
	})
}
