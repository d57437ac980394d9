package webhook_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/webhook"
)

func TestATestRequestIsReceivedUnchanged(t *testing.T) {
	metadata := webhook.Metadata{
		EventID: "e-1", EventType: webhook.EventTypePaymentDisputeClosed, EventVersion: "v2", OccurredAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		SubjectAccountID: "s", RecipientAccountID: "r", WebhookID: "w", Live: true, ProductInstanceID: "p", CorrelationID: "c", MerchantID: "m",
		Unknown: webhook.Unknown{"newer": webhook.NewRawJSON(`{"a":1.50}`)},
	}
	for _, tc := range []struct {
		name    string
		key     webhook.Key
		payload any
		want    string
	}{
		{"a map", webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)}, map[string]any{"b": "Åsa", "a": 1}, `{"a":1,"b":"Åsa"}`},
		{"no payload", webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)}, nil, `null`},
		{"raw JSON", webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)}, webhook.NewRawJSON(`{"z": 1.50,"a":"\u00e5\/"}`), `{"z": 1.50,"a":"\u00e5\/"}`},
		{"a token, as in Klarna's deliveries", webhook.Key{ID: keyID, Secret: webhook.NewSecret(secret)}, map[string]any{"t": webhook.NewSecret("krn")}, `{"t":"krn"}`},
		{"a key without an id", webhook.Key{Secret: webhook.NewSecret(secret)}, map[string]any{}, `{}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := webhook.NewTestRequest(t.Context(), "https://shop.example/klarna/webhook", tc.key, metadata, tc.payload)
			if err != nil {
				t.Fatal(err)
			}
			if r.Method != http.MethodPost || r.URL.String() != "https://shop.example/klarna/webhook" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Klarna-Signing-Key-Id") != tc.key.ID {
				t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
			}
			var got *webhook.Event
			handler, err := webhook.NewHandler(newVerifier(t, tc.key), func(_ context.Context, e *webhook.Event) error { got = e; return nil })
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK || got == nil {
				t.Fatalf("answered %d", w.Code)
			}
			if diff := cmp.Diff(metadata, got.Metadata, asText); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, string(got.Payload.Bytes())); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATestRequestOmitsEmptyMetadata(t *testing.T) {
	r, err := webhook.NewTestRequest(t.Context(), "/", webhook.Key{Secret: webhook.NewSecret(secret)}, webhook.Metadata{EventID: "e", EventType: "t"}, webhook.NewRawJSON(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"metadata":{"event_id":"e","event_type":"t","live":false},"payload":{}}`, string(text)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestNewTestRequestReturnsErrors(t *testing.T) {
	key := webhook.Key{Secret: webhook.NewSecret(secret)}
	for name, made := range map[string]func() (*http.Request, error){
		"a payload that JSON cannot represent": func() (*http.Request, error) {
			return webhook.NewTestRequest(t.Context(), "/", key, webhook.Metadata{}, func() {})
		},
		"metadata that JSON cannot represent": func() (*http.Request, error) {
			return webhook.NewTestRequest(t.Context(), "/", key, webhook.Metadata{EventID: "\xff"}, nil)
		},
		"an invalid URL": func() (*http.Request, error) {
			return webhook.NewTestRequest(t.Context(), "://", key, webhook.Metadata{}, nil)
		},
	} {
		if r, err := made(); r != nil || err == nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

func TestATestRequestCanContainInvalidJSON(t *testing.T) {
	r, err := webhook.NewTestRequest(t.Context(), "/", webhook.Key{Secret: webhook.NewSecret(secret)}, webhook.Metadata{EventID: "e", EventType: "t"}, webhook.NewRawJSON(`{"cut":`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newVerifier(t).Parse(t.Context(), r.Header, text); !errors.Is(err, webhook.ErrNoEvent) {
		t.Errorf("%v, want ErrNoEvent", err)
	}
}
