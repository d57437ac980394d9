package webhook_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/webhook"
)

// withPayload returns an event of the type with the payload.
func withPayload(t testing.TB, eventType webhook.EventType, payload string) *webhook.Event {
	t.Helper()
	event, err := parse(t, fmt.Sprintf(`{"metadata":{"event_id":"e","event_type":%q},"payload":%s}`, eventType, payload))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// asText compares raw JSON byte by byte.
var asText = cmp.Transformer("text", func(r webhook.RawJSON) string { return string(r.Bytes()) })

func TestPaymentDisputeReadsThePayload(t *testing.T) {
	got, err := withPayload(t, webhook.EventTypePaymentDisputeClosed, `{
		"payment_dispute_id":"krn:payment:eu1:dispute:1","payment_transaction_id":"krn:payment:eu1:transaction:1","payment_transaction_reference":"tr",
		"payment_capture_id":"krn:payment:eu1:capture:1","payment_capture_reference":"cr","payment_account_id":"a","payment_account_reference":"ar",
		"state":"CLOSED","previous_state":"ARBITRATION","dispute_reason":"RETURN","dispute_outcome":"WON",
		"dispute_details":{"dispute_amount":-9007199254740993,"currency":"EUR","created_by":"CUSTOMER","newer":[1, 2]},
		"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T05:04:06+02:00","closed_at":"2026-01-02T03:04:07.5Z",
		"newest":{"a": 1.0}}`).PaymentDispute()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := &webhook.PaymentDispute{
		PaymentDisputeID: "krn:payment:eu1:dispute:1", PaymentTransactionID: "krn:payment:eu1:transaction:1", PaymentTransactionReference: "tr",
		PaymentCaptureID: "krn:payment:eu1:capture:1", PaymentCaptureReference: "cr", PaymentAccountID: "a", PaymentAccountReference: "ar",
		State: "CLOSED", PreviousState: "ARBITRATION", DisputeReason: "RETURN", DisputeOutcome: "WON",
		DisputeDetails: webhook.DisputeDetails{
			DisputeAmount: new(int64(-9007199254740993)), Currency: "EUR", CreatedBy: "CUSTOMER",
			Unknown: webhook.Unknown{"newer": webhook.NewRawJSON(`[1, 2]`)},
		},
		CreatedAt: at, UpdatedAt: at.Add(time.Second), ClosedAt: at.Add(2*time.Second + time.Second/2),
		Unknown: webhook.Unknown{"newest": webhook.NewRawJSON(`{"a": 1.0}`)},
	}
	if diff := cmp.Diff(want, got, asText); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
}

func TestPaymentTransactionReadsThePayload(t *testing.T) {
	got, err := withPayload(t, webhook.EventTypePaymentTransactionRefunded, `{
		"payment_transaction_id":"krn:payment:eu1:transaction:1","payment_transaction_reference":"tr","payment_request_id":"krn:payment:eu1:request:1",
		"payment_capture_id":"c","payment_capture_reference":"cr","payment_refund_id":"r","state":"COMPLETED","previous_state":"AUTHORIZED","amount":7}`).PaymentTransaction()
	if err != nil {
		t.Fatal(err)
	}
	want := &webhook.PaymentTransaction{
		PaymentTransactionID: "krn:payment:eu1:transaction:1", PaymentTransactionReference: "tr", PaymentRequestID: "krn:payment:eu1:request:1",
		PaymentCaptureID: "c", PaymentCaptureReference: "cr", PaymentRefundID: "r", State: "COMPLETED", PreviousState: "AUTHORIZED",
		Unknown: webhook.Unknown{"amount": webhook.NewRawJSON(`7`)},
	}
	if diff := cmp.Diff(want, got, asText); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
}

func TestPaymentRequestKeepsUnknownMembers(t *testing.T) {
	event := withPayload(t, webhook.EventTypePaymentRequestUpdated, `{"payment_request_id":"1","newer":{"b": 1},"state_context":{"newest":true},"klarna_customer":null}`)
	got, err := event.PaymentRequest()
	if err != nil {
		t.Fatal(err)
	}
	want := &webhook.PaymentRequest{
		PaymentRequestID: "1", KlarnaCustomer: webhook.NewRawJSON(`null`),
		StateContext: webhook.StateContext{Unknown: webhook.Unknown{"newest": webhook.NewRawJSON(`true`)}},
		Unknown:      webhook.Unknown{"newer": webhook.NewRawJSON(`{"b": 1}`)},
	}
	if diff := cmp.Diff(want, got, asText); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if !got.Customer().IsZero() {
		t.Errorf("a customer of null: %s", got.Customer().Bytes())
	}
}

func TestEachPayloadBelongsToItsEventTypes(t *testing.T) {
	decoders := map[string]func(e *webhook.Event) (bool, error){
		"request":     func(e *webhook.Event) (bool, error) { p, err := e.PaymentRequest(); return p != nil, err },
		"transaction": func(e *webhook.Event) (bool, error) { p, err := e.PaymentTransaction(); return p != nil, err },
		"dispute":     func(e *webhook.Event) (bool, error) { p, err := e.PaymentDispute(); return p != nil, err },
	}
	types := map[string][]webhook.EventType{
		"request":     {webhook.EventTypePaymentRequestCompleted, webhook.EventTypePaymentRequestUpdated, "payment.request.state-change.unheard-of"},
		"transaction": {webhook.EventTypePaymentTransactionCaptured, webhook.EventTypePaymentTransactionClosed, "payment.transaction.unheard-of"},
		"dispute":     {webhook.EventTypePaymentDisputeInitiated, webhook.EventTypePaymentDisputeArbitrationDeadlineExtended, "payment.dispute.unheard-of"},
		"none":        {webhook.EventTypeSettlementPayoutFailed, webhook.EventTypePaymentFundingFunded, "payment.requests.x", "payment.request", "x"},
	}
	for family, of := range types {
		for _, eventType := range of {
			for as, payload := range decoders {
				got, err := payload(withPayload(t, eventType, `{"payment_request_id":"r"}`))
				if as == family && (err != nil || !got) || as != family && (!errors.Is(err, webhook.ErrOtherEvent) || got) {
					t.Errorf("%s, decoded as a %s: %v, %v", eventType, as, got, err)
				}
			}
		}
	}
	for as, payload := range decoders {
		if got, err := payload(nil); got || !errors.Is(err, webhook.ErrOtherEvent) {
			t.Errorf("no event, decoded as a %s: %v, %v", as, got, err)
		}
	}
}

func TestErrorsDoNotQuoteAnInvalidPayload(t *testing.T) {
	for name, payload := range map[string]string{
		"a text":             `"canary"`,
		"a list":             `["canary"]`,
		"null":               `null`,
		"a number for an id": `{"payment_dispute_id":7}`,
	} {
		p, err := withPayload(t, webhook.EventTypePaymentDisputeClosed, payload).PaymentDispute()
		if p != nil || !errors.Is(err, webhook.ErrNoEvent) || errors.Is(err, webhook.ErrOtherEvent) {
			t.Errorf("%s: %v, %v, want ErrNoEvent", name, p, err)
		}
		if err != nil && containsCanary(fmt.Sprintf("%v %+v", err, err)) {
			t.Errorf("%s: the error quotes it: %v", name, err)
		}
	}
	event, err := parse(t, `{"metadata":{"event_id":"e","event_type":"payment.dispute.x"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := event.PaymentDispute(); p != nil || !errors.Is(err, webhook.ErrNoEvent) {
		t.Errorf("no payload at all: %v, %v, want ErrNoEvent", p, err)
	}
}

func FuzzPayloads(f *testing.F) {
	f.Add(`{"payment_dispute_id":"1","dispute_details":{"dispute_amount":1},"state_context":{"shipping":{}}}`)
	f.Add(`{"amount":1e3,"created_at":"2026-13-45","klarna_network_session_token":"canary-7e1d"}`)
	f.Add(`{"amount":9223372036854775808}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, payload string) {
		for _, family := range []webhook.EventType{"payment.request.x", "payment.transaction.x", "payment.dispute.x"} {
			event := &webhook.Event{Metadata: webhook.Metadata{EventType: family}, Payload: webhook.NewRawJSON(payload)}
			request, requestErr := event.PaymentRequest()
			transaction, transactionErr := event.PaymentTransaction()
			dispute, disputeErr := event.PaymentDispute()
			if (request == nil) != (requestErr != nil) || (transaction == nil) != (transactionErr != nil) || (dispute == nil) != (disputeErr != nil) {
				t.Fatal("got neither a payload nor an error, or both")
			}
			known := 0
			for _, err := range []error{requestErr, transactionErr, disputeErr} {
				if !errors.Is(err, webhook.ErrOtherEvent) {
					known++
				}
				if err != nil && !errors.Is(err, webhook.ErrOtherEvent) && !errors.Is(err, webhook.ErrNoEvent) {
					t.Fatal(err)
				}
			}
			if known != 1 {
				t.Fatalf("%s is of %d families", family, known)
			}
		}
	})
}

// Klarna's documentation does not settle the types of these members. A member of another type must
// not affect the token.
func TestAnUnexpectedMemberDoesNotAffectOthers(t *testing.T) {
	for name, value := range map[string]string{
		"amount":         `{"value":1}`,
		"currency":       `["EUR"]`,
		"state_reason":   `{}`,
		"payment_token":  `{"id":"x"}`,
		"previous_state": `7`,
	} {
		payload := `{"payment_request_id":"r","klarna_network_session_token":"t","` + name + `":` + value + `}`
		p, err := withPayload(t, webhook.EventTypePaymentRequestCompleted, payload).PaymentRequest()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.PaymentRequestID != "r" || p.SessionToken().Reveal() != "t" || string(p.Unknown[name].Bytes()) != value {
			t.Errorf("%s: id %q, token set %t, kept %s", name, p.PaymentRequestID, !p.SessionToken().IsZero(), p.Unknown[name].Bytes())
		}
	}
	p, err := withPayload(t, webhook.EventTypePaymentRequestCompleted, `{"payment_request_id":"r","payment_token":"t","state_context":"X"}`).PaymentRequest()
	if err != nil || p.SessionToken().Reveal() != "t" {
		t.Errorf("a state_context that is a text: %v", err)
	}
	d, err := withPayload(t, webhook.EventTypePaymentDisputeClosed, `{"payment_dispute_id":"d","dispute_details":{"dispute_amount":1.5,"currency":"EUR"}}`).PaymentDispute()
	if err != nil || d.PaymentDisputeID != "d" || d.DisputeDetails.Currency != "EUR" {
		t.Errorf("details of a dispute with an amount in decimal: %v, %v", d, err)
	}
}
