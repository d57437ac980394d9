package webhook_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
	"github.com/klarna-go/klarna-go/webhook"
)

func parse(t testing.TB, body string) (*webhook.Event, error) {
	t.Helper()
	return newVerifier(t).Parse(t.Context(), http.Header{"Klarna-Signature": {sign(secret, []byte(body))}}, []byte(body))
}

func TestParseReadsTheMetadata(t *testing.T) {
	const full = `{"metadata":{"event_id":"e-1","event_type":"payment.dispute.state-change.closed","event_version":"v2",
		"occurred_at":"2026-01-02T05:04:05.123456789+02:00","subject_account_id":"s","recipient_account_id":"r","webhook_id":"w",
		"live":true,"product_instance_id":"p","correlation_id":"c","merchant_id":"m","newer":1},"payload":{"a":[1, 2]}}`
	event, err := parse(t, full)
	if err != nil {
		t.Fatal(err)
	}
	want := webhook.Metadata{
		EventID: "e-1", EventType: "payment.dispute.state-change.closed", EventVersion: "v2",
		OccurredAt:       time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC),
		SubjectAccountID: "s", RecipientAccountID: "r", WebhookID: "w", Live: true,
		ProductInstanceID: "p", CorrelationID: "c", MerchantID: "m",
		Unknown: webhook.Fields{"newer": webhook.RawJSON("1")},
	}
	if diff := cmp.Diff(want, event.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if string(event.Payload) != `{"a":[1, 2]}` || string(event.Raw) != full {
		t.Errorf("payload %s, raw %s", []byte(event.Payload), []byte(event.Raw))
	}
}

func TestParseFallsBackToTheTopLevel(t *testing.T) {
	event, err := parse(t, `{"event_id":"top","event_type":"payment.dispute.updated.x","occurred_at":"2026-01-02T03:04:05Z","metadata":{"event_id":"inner"},"payload":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := webhook.Metadata{EventID: "inner", EventType: "payment.dispute.updated.x", OccurredAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if diff := cmp.Diff(want, event.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestParseRefusesWhatIsNoEventThoughItsSignatureIsRight(t *testing.T) {
	for name, body := range map[string]string{
		"a duplicate name":     `{"metadata":{"event_id":"a","event_id":"b","event_type":"t"},"payload":{}}`,
		"invalid UTF-8":        "{\"metadata\":{\"event_id\":\"\xff\",\"event_type\":\"t\"}}",
		"cut JSON":             `{"metadata":{"event_id":"a"`,
		"no object":            `[]`,
		"no event id":          `{"metadata":{"event_type":"t"},"payload":{}}`,
		"no event type":        `{"metadata":{"event_id":"a"},"payload":{}}`,
		"names in other cases": `{"Metadata":{"Event_Id":"a","EVENT_TYPE":"t"}}`,
	} {
		if event, err := parse(t, body); event != nil || !errors.Is(err, webhook.ErrNoEvent) {
			t.Errorf("%s: %v, %v, want ErrNoEvent", name, event, err)
		}
	}
	if _, err := parse(t, ``); !errors.Is(err, webhook.ErrSignatureMismatch) && !errors.Is(err, webhook.ErrNoEvent) {
		t.Errorf("an empty body: %v", err)
	}
}

func TestParseChecksTheSignatureFirst(t *testing.T) {
	_, err := newVerifier(t).Parse(t.Context(), http.Header{"Klarna-Signature": {strings.Repeat("0", 64)}}, []byte("not JSON"))
	if !errors.Is(err, webhook.ErrSignatureMismatch) {
		t.Errorf("%v, want ErrSignatureMismatch", err)
	}
}

func TestPaymentRequestFindsTheTokenWhereverItSits(t *testing.T) {
	for _, tc := range []struct{ name, members, want string }{
		{"at the top level", `"klarna_network_session_token":"t"`, "t"},
		{"in state_context", `"state_context":{"klarna_network_session_token":"t"}`, "t"},
		{"under its second name", `"state_context":{"interoperability_token":"t"}`, "t"},
		{"under its oldest name", `"payment_token":"t"`, "t"},
		{"the newest name first, wherever it is", `"payment_token":"old","interoperability_token":"older","state_context":{"klarna_network_session_token":"t"}`, "t"},
		{"an empty one does not count", `"klarna_network_session_token":"","payment_token":"t"`, "t"},
		{"null does not count", `"klarna_network_session_token":null,"state_context":{"payment_token":"t"}`, "t"},
		{"none", `"state_reason":"PARTNER_CANCELED"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"payment.request.state-change.completed"},"payload":{`+tc.members+`}}`)
			if err != nil {
				t.Fatal(err)
			}
			p, err := event.PaymentRequest()
			if err != nil {
				t.Fatal(err)
			}
			if got := p.SessionToken.Reveal(); got != tc.want {
				t.Errorf("token %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPaymentRequestReadsThePayload(t *testing.T) {
	event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"payment.request.state-change.completed"},"payload":{
		"payment_request_id":"krn:payment:eu1:request:1","payment_request_reference":"r","state":"COMPLETED","previous_state":"IN_PROGRESS",
		"state_reason":"","amount":0,"currency":"EUR","expires_at":"2026-01-02T03:04:05Z","payment_transaction_id":"x",
		"state_context":{"klarna_customer":{"customer_profile":{"email":"a@b.example"}}},"shipping":{"recipient":{}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := event.PaymentRequest()
	if err != nil {
		t.Fatal(err)
	}
	want := &webhook.PaymentRequest{
		PaymentRequestID: "krn:payment:eu1:request:1", PaymentRequestReference: "r", State: "COMPLETED", PreviousState: "IN_PROGRESS",
		Amount: new(int64), Currency: "EUR", ExpiresAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), PaymentTransactionID: "x",
		KlarnaCustomer: webhook.RawJSON(`{"customer_profile":{"email":"a@b.example"}}`),
		Shipping:       webhook.RawJSON(`{"recipient":{}}`),
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("text", func(r webhook.RawJSON) string { return string(r) })); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
}

func TestPaymentRequestIsTheSameWhereverTheTypeStands(t *testing.T) {
	const metadata = `"metadata":{"event_id":"e","event_type":"payment.request.updated"}`
	const payload = `"payload" : {"payment_request_id":"1","amount":7,"newer":[1, 2],"state_context":{"payment_token":"t","shipping":{}}}`
	var read [2]*webhook.PaymentRequest
	for i, body := range []string{`{` + metadata + `,` + payload + ` }`, `{` + payload + `,` + metadata + `}`} {
		event, err := parse(t, body)
		if err != nil {
			t.Fatal(err)
		}
		first, err := event.PaymentRequest()
		if err != nil {
			t.Fatal(err)
		}
		first.Unknown["newer"], first.State = nil, "CHANGED" // it is the caller's own
		if read[i], err = event.PaymentRequest(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(payload, string(event.Payload)) || event.Payload[0] != '{' {
			t.Errorf("payload %s", []byte(event.Payload))
		}
	}
	if diff := cmp.Diff(read[1], read[0], asText); diff != "" || string(read[0].Unknown["newer"]) != "[1, 2]" || read[0].SessionToken.Reveal() != "t" {
		t.Errorf("read on the way (-later +on the way):\n%s", diff)
	}
}

func TestPaymentRequestIsAskedOfItsOwnEventsAlone(t *testing.T) {
	event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"payment.transaction.captured"},"payload":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := event.PaymentRequest(); !errors.Is(err, webhook.ErrOtherEvent) {
		t.Errorf("%v, want ErrOtherEvent", err)
	}
	var none *webhook.Event
	if _, err := none.PaymentRequest(); !errors.Is(err, webhook.ErrOtherEvent) {
		t.Errorf("nil event: %v, want ErrOtherEvent", err)
	}
}

func TestEventsPrintNeitherTokensNorPersonalData(t *testing.T) {
	const canary = "canary-7e1d"
	event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"payment.request.state-change.completed"},"payload":{"klarna_network_session_token":"`+canary+`","klarna_customer":{"given_name":"`+canary+`"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := event.PaymentRequest()
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{event, *event, p, *p, event.Payload, event.Raw, p.SessionToken, p.KlarnaCustomer} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T prints %s", verb, value, text)
			}
		}
	}
}

// What Parse and PaymentRequest read by hand is what the struct tags say.
func FuzzParseReadsWhatTheTagsSay(f *testing.F) {
	f.Add(`{"event_id":"e","event_type":"payment.request.x","event_version":null,"live":true,"occurred_at":"x","newer":[]}`,
		`{"payment_request_id":"1","amount":7,"currency":"\u0045UR","state":7,"created_at":"2026-01-02","newer":{}}`)
	f.Add(`{"event_id":"e","event_type":"payment.request.x","correlation_id":{}}`, `{"payment_transaction_id":"1","amount":1.5,"previous_state":""}`)
	v := newVerifier(f)
	f.Fuzz(func(t *testing.T, metadata, payload string) {
		body := []byte(`{"metadata":` + metadata + `,"payload":` + payload + `}`)
		event, err := v.Parse(t.Context(), http.Header{"Klarna-Signature": {sign(secret, body)}}, body)
		var tags struct {
			Metadata webhook.Metadata `json:"metadata"`
			Payload  webhook.RawJSON  `json:"payload"`
		}
		other := strictjson.Unmarshal(body, &tags)
		if other == nil && (tags.Metadata.EventID == "" || tags.Metadata.EventType == "") {
			other = webhook.ErrNoEvent
		}
		if (err == nil) != (other == nil) {
			t.Fatalf("Parse says %v, the tags %v", err, other)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(tags.Metadata, event.Metadata, asText); diff != "" {
			t.Errorf("metadata (-tags +read):\n%s", diff)
		}
		got, err := event.PaymentRequest()
		if err != nil {
			return
		}
		want, misfits, err := strictjson.UnmarshalMembers[webhook.PaymentRequest](event.Payload)
		if err != nil {
			t.Fatal(err)
		}
		want.Unknown = redact.Merge(want.Unknown, misfits)
		// Members that are read from two places.
		for _, name := range []string{"klarna_network_session_token", "interoperability_token", "payment_token", "klarna_customer", "shipping", "state_context"} {
			delete(want.Unknown, name)
			delete(got.Unknown, name)
		}
		got.SessionToken, got.KlarnaCustomer, got.Shipping = webhook.Secret{}, nil, nil
		names := cmp.Transformer("names", func(f webhook.Fields) []string { return slices.Sorted(maps.Keys(f)) })
		if diff := cmp.Diff(&want, got, asText, names); diff != "" {
			t.Errorf("payload (-tags +read):\n%s", diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(string(body))
	f.Add(`{"event_id":"a","event_type":"payment.request.x","metadata":{},"payload":{"state_context":{"shipping":[]}}}`)
	f.Add(`{"metadata":null,"payload":7}`)
	v := newVerifier(f)
	f.Fuzz(func(t *testing.T, body string) {
		event, err := v.Parse(t.Context(), http.Header{"Klarna-Signature": {sign(secret, []byte(body))}}, []byte(body))
		if err != nil {
			if event != nil || !errors.Is(err, webhook.ErrNoEvent) && !errors.Is(err, webhook.ErrSignatureMismatch) {
				t.Fatalf("%v, %v", event, err)
			}
			return
		}
		if event.Metadata.EventID == "" || event.Metadata.EventType == "" || string(event.Raw) != body {
			t.Fatalf("an event without identity, or with another body: %v", event)
		}
		if _, err := event.PaymentRequest(); err != nil && !errors.Is(err, webhook.ErrOtherEvent) && !errors.Is(err, webhook.ErrNoEvent) {
			t.Fatal(err)
		}
	})
}
