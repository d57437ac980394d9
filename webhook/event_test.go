package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

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
		Unknown: webhook.Unknown{"newer": webhook.NewRawJSON("1")},
	}
	if diff := cmp.Diff(want, event.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if string(event.Payload.Bytes()) != `{"a":[1, 2]}` || string(event.Raw.Bytes()) != full {
		t.Errorf("payload %s, raw %s", event.Payload.Bytes(), event.Raw.Bytes())
	}
}

func TestParseReadsMissingMetadataFromTheTopLevel(t *testing.T) {
	event, err := parse(t, `{"event_id":"top","event_type":"payment.dispute.updated.x","occurred_at":"2026-01-02T03:04:05Z","metadata":{"event_id":"inner"},"payload":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := webhook.Metadata{EventID: "inner", EventType: "payment.dispute.updated.x", OccurredAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if diff := cmp.Diff(want, event.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestParseRefusesASignedBodyThatIsNoEvent(t *testing.T) {
	for name, body := range map[string]string{
		"an event id twice":    `{"metadata":{"event_id":"a","event_id":"b","event_type":"t"},"payload":{}}`,
		"cut JSON":             `{"metadata":{"event_id":"a"`,
		"an array":             `[]`,
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

func TestPaymentRequestFindsTheTokenInEachPlace(t *testing.T) {
	for _, tc := range []struct{ name, members, want string }{
		{"at the top level", `"klarna_network_session_token":"t"`, "t"},
		{"in state_context", `"state_context":{"klarna_network_session_token":"t"}`, "t"},
		{"under its second name", `"state_context":{"interoperability_token":"t"}`, "t"},
		{"under its oldest name", `"payment_token":"t"`, "t"},
		{"the newest name first, in any place", `"payment_token":"old","interoperability_token":"older","state_context":{"klarna_network_session_token":"t"}`, "t"},
		{"an empty one does not count", `"klarna_network_session_token":"","payment_token":"t"`, "t"},
		{"null does not count", `"klarna_network_session_token":null,"state_context":{"payment_token":"t"}`, "t"},
		{"none", `"state_reason":"PARTNER_CANCELED"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"payment.request.state-change.completed"},"payload":{"payment_request_id":"r",`+tc.members+`}}`)
			if err != nil {
				t.Fatal(err)
			}
			p, err := event.PaymentRequest()
			if err != nil {
				t.Fatal(err)
			}
			if got := p.SessionToken().Reveal(); got != tc.want {
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
		Shipping:     webhook.NewRawJSON(`{"recipient":{}}`),
		StateContext: webhook.StateContext{KlarnaCustomer: webhook.NewRawJSON(`{"customer_profile":{"email":"a@b.example"}}`)},
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("text", func(r webhook.RawJSON) string { return string(r.Bytes()) })); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if !got.Customer().Equal(want.StateContext.KlarnaCustomer) || !got.ChosenShipping().Equal(want.Shipping) {
		t.Errorf("customer %s, shipping %s", got.Customer().Bytes(), got.ChosenShipping().Bytes())
	}
}

func TestPaymentRequestDoesNotDependOnTheOrder(t *testing.T) {
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
		first.Unknown["newer"], first.State = webhook.RawJSON{}, "CHANGED" // does not affect the next call
		if read[i], err = event.PaymentRequest(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(payload, string(event.Payload.Bytes())) || event.Payload.Bytes()[0] != '{' {
			t.Errorf("payload %s", event.Payload.Bytes())
		}
	}
	if diff := cmp.Diff(read[1], read[0], asText); diff != "" || string(read[0].Unknown["newer"].Bytes()) != "[1, 2]" || read[0].SessionToken().Reveal() != "t" {
		t.Errorf("payment request (-metadata last +metadata first):\n%s", diff)
	}
}

func TestPaymentRequestRefusesOtherEvents(t *testing.T) {
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
	event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"payment.request.state-change.completed"},"payload":{"payment_request_id":"r","klarna_network_session_token":"`+canary+`","klarna_customer":{"given_name":"`+canary+`"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := event.PaymentRequest()
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{event, *event, p, *p, event.Payload, event.Raw, p.SessionToken(), p.Customer()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T prints %s", verb, value, text)
			}
		}
	}
}

// textMember is a string member of an object and the value of its field.
type textMember struct{ name, read string }

// checkTexts compares fields with the strings that encoding/json finds in an object. A value of
// another type must be among the unknown members, unchanged.
func checkTexts(t *testing.T, object map[string]json.RawMessage, unknown webhook.Unknown, members ...textMember) {
	t.Helper()
	for _, m := range members {
		value, there := object[m.name]
		var want string
		isText := json.Unmarshal(value, &want) == nil || !there
		if m.read != want {
			t.Errorf("%s is %q, want %q", m.name, m.read, want)
		}
		if kept, ok := unknown[m.name]; ok == isText || !isText && string(kept.Bytes()) != string(value) {
			t.Errorf("%s is %s, kept %t %s", m.name, value, ok, kept.Bytes())
		}
	}
}

// repeats reports whether any object in a JSON text has a name twice.
func repeats(t *testing.T, text string) bool {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	var value func() bool
	value = func() bool {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		delim, _ := token.(json.Delim)
		if delim != '{' && delim != '[' {
			return false
		}
		names, found := map[any]bool{}, false
		for decoder.More() {
			if delim == '{' {
				name, _ := decoder.Token()
				found = found || names[name]
				names[name] = true
			}
			found = value() || found
		}
		_, _ = decoder.Token() // the end of the value
		return found
	}
	return value()
}

func FuzzParseAgreesWithEncodingJSON(f *testing.F) {
	f.Add(`{"event_id":"e","event_type":"payment.request.x","event_version":null,"live":true,"occurred_at":"x","newer":[]}`,
		`{"payment_request_id":"1","amount":7,"currency":"\u0045UR","state_reason":7,"created_at":"2026-01-02","newer":{}}`)
	f.Add(`{"event_id":"e","event_type":"payment.request.x","correlation_id":{}}`, `{"payment_request_id":"1","payment_transaction_id":"1\ud83d","amount":1.5,"previous_state":""}`)
	v := newVerifier(f)
	f.Fuzz(func(t *testing.T, metadata, payload string) {
		if !json.Valid([]byte(metadata)) || !json.Valid([]byte(payload)) || !utf8.ValidString(metadata+payload) || repeats(t, metadata) || repeats(t, payload) {
			return // TestOnlyIdentifyingMembersAreRequired covers these
		}
		body := []byte(`{"metadata":` + metadata + `,"payload":` + payload + `}`)
		event, err := v.Parse(t.Context(), http.Header{"Klarna-Signature": {sign(secret, body)}}, body)
		var members map[string]json.RawMessage
		_ = json.Unmarshal([]byte(metadata), &members) // no members if it is not an object
		var id, kind string
		_ = json.Unmarshal(members["event_id"], &id)
		_ = json.Unmarshal(members["event_type"], &kind)
		if isEvent := id != "" && kind != ""; (err == nil) != isEvent {
			t.Fatalf("id %q, type %q: %v", id, kind, err)
		}
		if err != nil {
			return
		}
		m := event.Metadata
		checkTexts(t, members, m.Unknown,
			textMember{"event_id", m.EventID}, textMember{"event_type", string(m.EventType)}, textMember{"event_version", m.EventVersion},
			textMember{"subject_account_id", m.SubjectAccountID}, textMember{"recipient_account_id", m.RecipientAccountID},
			textMember{"webhook_id", m.WebhookID}, textMember{"product_instance_id", m.ProductInstanceID},
			textMember{"correlation_id", m.CorrelationID}, textMember{"merchant_id", m.MerchantID})
		p, err := event.PaymentRequest()
		if err != nil {
			return
		}
		members = nil
		if err := json.Unmarshal([]byte(payload), &members); err != nil {
			t.Fatal(err)
		}
		checkTexts(t, members, p.Unknown,
			textMember{"payment_request_id", p.PaymentRequestID}, textMember{"payment_request_reference", p.PaymentRequestReference},
			textMember{"state_reason", p.StateReason}, textMember{"payment_transaction_id", p.PaymentTransactionID}, textMember{"currency", p.Currency})
		var amount *int64
		if json.Unmarshal(members["amount"], &amount) == nil && amount != nil && (p.Amount == nil || *p.Amount != *amount) {
			t.Errorf("amount %v, want %d", p.Amount, *amount)
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
		if event.Metadata.EventID == "" || event.Metadata.EventType == "" || string(event.Raw.Bytes()) != body {
			t.Fatalf("an event without an id or a type, or with another body: %v", event)
		}
		if _, err := event.PaymentRequest(); err != nil && !errors.Is(err, webhook.ErrOtherEvent) && !errors.Is(err, webhook.ErrNoEvent) {
			t.Fatal(err)
		}
	})
}
