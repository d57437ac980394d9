package answers

import "github.com/klarna-go/klarna-go/webhook"

// Event is a full event and the method that reads its payload.
type Event struct {
	// Family is a family of package operation; "" if the payload has no type.
	Family  string
	Text    string
	Payload func(e *webhook.Event) (any, error)
}

func eventOf(eventType, payload string) string {
	return `{"metadata":{"event_id":"e-1","event_type":"` + eventType + `","event_version":"v2","occurred_at":"2026-01-02T05:04:05.123456789+02:00",
"subject_account_id":"s","recipient_account_id":"r","webhook_id":"w","live":true,"product_instance_id":"p","correlation_id":"c","merchant_id":"m","newer":1},
"payload":` + payload + `,"newer":{"a":[1]}}`
}

// Events has a full event of each family.
var Events = []Event{
	{
		Family: "payment.request.",
		Text: eventOf("payment.request.state-change.completed", `{"payment_request_id":"krn:payment:eu1:request:1","payment_request_reference":"request-1",
"state":"COMPLETED","previous_state":"IN_PROGRESS","state_reason":"r","payment_transaction_id":"krn:payment:eu1:transaction:1","amount":11800,"currency":"EUR",
"expires_at":"2026-01-02T03:04:05Z","created_at":"2025-06-24T05:51","updated_at":"2026-01-02T03:04:05Z",
"klarna_network_session_token":"krn:token","interoperability_token":"krn:token","payment_token":"krn:token",
"klarna_customer":{"customer_profile":{"given_name":"Ada"}},"shipping":{"recipient":{"given_name":"Ada"}},
"state_context":{"klarna_network_session_token":"krn:token","interoperability_token":"krn:token","payment_token":"krn:token","klarna_customer":{"a":1},"shipping":{"b":[2]},"newer":1},"newer":"x"}`),
		Payload: func(e *webhook.Event) (any, error) { return e.PaymentRequest() },
	},
	{
		Family: "payment.transaction.",
		Text: eventOf("payment.transaction.captured", `{"payment_transaction_id":"krn:payment:eu1:transaction:1","payment_transaction_reference":"transaction-1",
"payment_request_id":"krn:payment:eu1:request:1","payment_capture_id":"krn:payment:eu1:capture:1","payment_capture_reference":"capture-1","payment_refund_id":"krn:payment:eu1:refund:1",
"state":"AUTHORIZED","previous_state":"AUTHORIZED","newer":{"a":1}}`),
		Payload: func(e *webhook.Event) (any, error) { return e.PaymentTransaction() },
	},
	{
		Family: "payment.dispute.",
		Text: eventOf("payment.dispute.state-change.closed", `{"payment_dispute_id":"d-1","payment_transaction_id":"t","payment_transaction_reference":"tr","payment_capture_id":"c","payment_capture_reference":"cr",
"payment_account_id":"a","payment_account_reference":"ar","order_id":"o","purchase_reference":"pr","merchant_reference2":"m2","state":"CLOSED","previous_state":"ARBITRATION",
"dispute_reason":"r","dispute_outcome":"WON","dispute_outcome_detailed":"d","dispute_details":{"dispute_amount":11800,"currency":"EUR","created_by":"x","newer":1},
"representment":{"a":1},"arbitration":[1],"partner_evidence":{"b":"c"},"updated_fields":{"state":"x"},"previous_fields":{"state":"y"},
"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","closed_at":"2026-01-02T03:04:05Z","newer":1}`),
		Payload: func(e *webhook.Event) (any, error) { return e.PaymentDispute() },
	},
	{
		Text:    eventOf("settlement.payout.processed", `{"payout_id":"p","amount":5,"nested":{"a":[1,{"b":null}]}}`),
		Payload: func(*webhook.Event) (any, error) { return nil, nil },
	},
}
