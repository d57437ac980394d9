package webhook_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/webhook"
)

// member is a member of a JSON object.
type member struct{ name, value string }

func objectOf(members []member) string {
	var parts []string
	for _, m := range members {
		parts = append(parts, `"`+m.name+`":`+m.value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// unexpected are values of each JSON type, in place of a member.
var unexpected = map[string]string{
	"null": `null`, "a boolean": `true`, "a number": `7.5`, "a string": `"odd"`, "an array": `["odd"]`, "an object": `{"odd":1}`,
	"a string with a bad byte": "\"o\xffdd\"", "a string with half a surrogate": `"o\ud83d"`, "an empty string": `""`,
}

// variants returns objects in which one member is missing, repeated, or has each unexpected value.
func variants(members []member, name string) map[string]string {
	i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
	all := map[string]string{"missing": objectOf(slices.Delete(slices.Clone(members), i, i+1))}
	all["repeated"] = objectOf(append(slices.Clone(members), members[i]))
	for what, value := range unexpected {
		variant := slices.Clone(members)
		variant[i].value = value
		all[what] = objectOf(variant)
	}
	return all
}

var (
	fullMetadata = []member{
		{"event_id", `"e-1"`}, {"event_type", `"payment.request.state-change.completed"`}, {"event_version", `"v2"`},
		{"occurred_at", `"2026-01-02T03:04:05Z"`}, {"subject_account_id", `"s"`}, {"recipient_account_id", `"r"`}, {"webhook_id", `"w"`},
		{"live", `true`}, {"product_instance_id", `"p"`}, {"correlation_id", `"c"`}, {"merchant_id", `"m"`}, {"of_tomorrow", `{}`},
	}
	fullRequest = []member{
		{"payment_request_id", `"r-1"`}, {"payment_request_reference", `"ref"`}, {"state", `"COMPLETED"`}, {"previous_state", `"IN_PROGRESS"`},
		{"state_reason", `"x"`}, {"payment_transaction_id", `"t-1"`}, {"amount", `1000`}, {"currency", `"EUR"`}, {"expires_at", `"2026-01-02T03:04:05Z"`},
		{"created_at", `"2026-01-02T03:04:05Z"`}, {"updated_at", `"2026-01-02T03:04:05Z"`}, {"klarna_network_session_token", `"token"`},
		{"interoperability_token", `"token"`}, {"payment_token", `"token"`}, {"klarna_customer", `{}`}, {"shipping", `{}`},
		{"state_context", `{"payment_token":"token"}`}, {"of_tomorrow", `{}`},
	}
)

// A signed event must have an id and a type, and its payload the id of the payment request. All
// other members may be missing or have any type.
func TestOnlyIdentifyingMembersAreRequired(t *testing.T) {
	accepted, refused := 0, 0
	check := func(name, what, metadata, payload string, decides bool) {
		t.Helper()
		event, err := parse(t, `{"metadata":`+metadata+`,"payload":`+payload+`}`)
		var p *webhook.PaymentRequest
		if err == nil {
			p, err = event.PaymentRequest()
		}
		isText := strings.HasPrefix(what, "a string")
		switch {
		case decides && !isText:
			refused++
			if !errors.Is(err, webhook.ErrNoEvent) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "odd") {
				t.Errorf("%s is %s: %v, want ErrNoEvent with its name", name, what, err)
			}
		case name == "event_type" && isText:
			accepted++
			if !errors.Is(err, webhook.ErrOtherEvent) {
				t.Errorf("%s is %s: %v, want ErrOtherEvent", name, what, err)
			}
		case err != nil:
			t.Errorf("%s is %s: %v", name, what, err)
		default:
			accepted++
			if name != "event_id" && event.Metadata.EventID != "e-1" || name != "payment_request_id" && p.PaymentRequestID != "r-1" || p.SessionToken().IsZero() {
				t.Errorf("%s is %s: id %q of %q, token set %t", name, what, event.Metadata.EventID, p.PaymentRequestID, !p.SessionToken().IsZero())
			}
		}
	}
	for _, m := range fullMetadata {
		for what, metadata := range variants(fullMetadata, m.name) {
			check(m.name, what, metadata, objectOf(fullRequest), m.name == "event_id" || m.name == "event_type")
		}
	}
	for _, m := range fullRequest {
		for what, payload := range variants(fullRequest, m.name) {
			check(m.name, what, objectOf(fullMetadata), payload, m.name == "payment_request_id")
		}
	}
	if want := len(fullMetadata) + len(fullRequest); accepted+refused != want*(len(unexpected)+2) || refused != 3*(len(unexpected)+2-3) {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
	t.Logf("%d members, %d events accepted, %d refused", len(fullMetadata)+len(fullRequest), accepted, refused)
}

func TestAPayloadOfAnyTypeIsAnEvent(t *testing.T) {
	for _, eventType := range []string{"payment.request.updated", "payment.dispute.state-change.closed", "of.tomorrow"} {
		metadata := `"metadata":{"event_id":"e","event_type":"` + eventType + `"}`
		for what, payload := range unexpected {
			for _, body := range []string{`{` + metadata + `,"payload":` + payload + `}`, `{"payload":` + payload + `,` + metadata + `}`} {
				event, err := parse(t, body)
				if err != nil || string(event.Payload.Bytes()) != payload || string(event.Raw.Bytes()) != body {
					t.Errorf("%s is %s: %v", eventType, what, err)
				}
			}
		}
		if event, err := parse(t, `{`+metadata+`}`); err != nil || !event.Payload.IsZero() {
			t.Errorf("%s without a payload: %v", eventType, err)
		}
	}
}

func TestARepeatedPayloadCannotBeDecoded(t *testing.T) {
	for _, order := range []string{`{META,"payload":{"payment_request_id":"a"},"payload":{"payment_request_id":"b"}}`, `{"payload":{"payment_request_id":"a"},"payload":{"payment_request_id":"b"},META}`} {
		event, err := parse(t, strings.Replace(order, "META", `"metadata":{"event_id":"e","event_type":"payment.request.updated"}`, 1))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := event.PaymentRequest(); p != nil || !errors.Is(err, webhook.ErrNoEvent) || !strings.Contains(err.Error(), "payload is there more than once") {
			t.Errorf("%v, %v", p, err)
		}
	}
}

func TestInvalidMetadataIsReplacedFromTheTopLevel(t *testing.T) {
	for what, value := range unexpected {
		for _, body := range []string{
			`{"metadata":` + value + `,"event_id":"e","event_type":"payment.dispute.x","payload":{}}`,
			`{"event_id":"e","event_type":"payment.dispute.x","payload":{}}`,
		} {
			event, err := parse(t, body)
			if err != nil || event.Metadata.EventID != "e" || event.Metadata.EventType != "payment.dispute.x" {
				t.Errorf("metadata is %s: %v", what, err)
			}
		}
		if _, err := parse(t, `{"metadata":`+value+`,"event_id":"e","payload":{}}`); !errors.Is(err, webhook.ErrNoEvent) {
			t.Errorf("metadata is %s and no type: %v, want ErrNoEvent", what, err)
		}
	}
	for name, body := range map[string]string{
		"metadata.event_id is an array": `{"metadata":{"event_id":["e"],"event_type":"t"},"event_type":"t"}`,
		"metadata is there more":        `{"metadata":{"event_id":"e","event_type":"t"},"metadata":{"event_id":"f"},"event_id":"g","event_type":"t"}`,
	} {
		if _, err := parse(t, body); !errors.Is(err, webhook.ErrNoEvent) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
	event, err := parse(t, `{"metadata":{"event_id":["e"],"event_type":"t"},"event_id":"top"}`)
	if err != nil || event.Metadata.EventID != "top" || string(event.Metadata.Unknown["event_id"].Bytes()) != `["e"]` {
		t.Errorf("an id of another type, and one at the top level: %v", err)
	}
}

func TestAByteOrderMarkIsSkipped(t *testing.T) {
	const body = "\ufeff" + `{"metadata":{"event_id":"e","event_type":"payment.request.updated"},"payload":{"payment_request_id":"r"}}`
	event, err := parse(t, body)
	if err != nil || string(event.Raw.Bytes()) != body || string(event.Payload.Bytes()) != `{"payment_request_id":"r"}` {
		t.Fatalf("%v", err)
	}
	if p, err := event.PaymentRequest(); err != nil || p.PaymentRequestID != "r" {
		t.Errorf("%v", err)
	}
}

func TestInvalidTextIsReadAndKept(t *testing.T) {
	for name, text := range map[string]string{"a bad byte": "shirt \xff", "half a surrogate": `shirt \ud83d`} {
		payload := `{"payment_request_id":"r","payment_request_reference":"` + text + `","klarna_network_session_token":"t"}`
		event := withPayload(t, webhook.EventTypePaymentRequestCompleted, payload)
		p, err := event.PaymentRequest()
		if err != nil || p.PaymentRequestReference != "shirt \ufffd" || p.SessionToken().Reveal() != "t" {
			t.Errorf("%s: %q, %v", name, p.PaymentRequestReference, err)
		}
		if string(event.Payload.Bytes()) != payload || !strings.Contains(string(event.Raw.Bytes()), text) {
			t.Errorf("%s is not kept: %s", name, event.Payload.Bytes())
		}
	}
}

func TestStatesAreReadInAnyCase(t *testing.T) {
	for _, state := range []string{"completed", "Completed", "COMPLETED"} {
		r, err := withPayload(t, webhook.EventTypePaymentRequestCompleted, `{"payment_request_id":"r","state":"`+state+`","previous_state":"in_progress"}`).PaymentRequest()
		if err != nil || r.State != webhook.PaymentRequestStateCompleted || r.PreviousState != webhook.PaymentRequestStateInProgress {
			t.Errorf("payment request %s: %v", state, err)
		}
		x, err := withPayload(t, webhook.EventTypePaymentTransactionCompleted, `{"state":"`+state+`"}`).PaymentTransaction()
		if err != nil || x.State != webhook.PaymentTransactionStateCompleted {
			t.Errorf("payment transaction %s: %v", state, err)
		}
	}
	d, err := withPayload(t, webhook.EventTypePaymentDisputeClosed, `{"dispute_outcome":"won","state":"of_tomorrow"}`).PaymentDispute()
	if err != nil || d.DisputeOutcome != webhook.DisputeOutcomeWon || d.State != "of_tomorrow" {
		t.Errorf("dispute: %v", err)
	}
}

func TestAmountsAreReadInEachNotation(t *testing.T) {
	for _, amount := range []string{`1000`, `1000.0`, `1e3`, `"1000"`} {
		p, err := withPayload(t, webhook.EventTypePaymentRequestCompleted, `{"payment_request_id":"r","amount":`+amount+`}`).PaymentRequest()
		if err != nil || p.Amount == nil || *p.Amount != 1000 {
			t.Errorf("%s: %v, %v", amount, p.Amount, err)
		}
	}
}

func TestIDsOfOtherPayloadsMustBeStrings(t *testing.T) {
	for eventType, id := range map[webhook.EventType]string{"payment.transaction.x": "payment_transaction_id", "payment.dispute.x": "payment_dispute_id"} {
		for what, value := range unexpected {
			event := withPayload(t, eventType, `{"`+id+`":`+value+`}`)
			_, transactionErr := event.PaymentTransaction()
			_, disputeErr := event.PaymentDispute()
			err := transactionErr
			if errors.Is(err, webhook.ErrOtherEvent) {
				err = disputeErr
			}
			fits := strings.Contains(what, "string") || what == "null"
			if fits != (err == nil) || err != nil && !strings.Contains(err.Error(), id) {
				t.Errorf("%s of %s is %s: %v", id, eventType, what, err)
			}
		}
	}
}

// An event with unexpected members survives a queue that stores it as JSON.
func TestUnexpectedMembersSurviveEncoding(t *testing.T) {
	event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"t","live":"odd","newer":1},"payload":["odd"],"newest":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var read webhook.Event
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	same := func(a, b webhook.RawJSON) bool { return a.Equal(b) }
	if read.Metadata.EventID != "e" || !read.Payload.Equal(event.Payload) || !maps.EqualFunc(read.Unknown, event.Unknown, same) || !maps.EqualFunc(read.Metadata.Unknown, event.Metadata.Unknown, same) || len(read.Metadata.Unknown) != 2 {
		t.Errorf("read back from %s", text)
	}
}
