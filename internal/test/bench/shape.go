package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/klarna-go/klarna-go/authorization"
)

// The bodies of the contests. All are JSON of the same size. If a peer cannot read Klarna's body,
// it gets an object of its own API with about as many members, filled up to that size.

// size is the size in bytes of a delivery of a completed payment request, of a presentation and of
// an authorize call with a basket of a few lines.
const size = 1536

// fill replaces ⟨…⟩ in a body by text that makes it n bytes long.
func fill(body string, n int) []byte {
	before, after, found := strings.Cut(body, "⟨…⟩")
	missing := n - len(before) - len(after)
	if !found || missing < 0 {
		panic("bench: the body does not fit")
	}
	const text = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9"
	return []byte(before + strings.Repeat(text, missing/len(text)+1)[:missing] + after)
}

// variants returns copies of a body that differ in their ids, as the bodies of different purchases
// do: a library cannot reuse what it cached for one of them.
func variants(body []byte) [][]byte {
	all := make([][]byte, 256)
	for i := range all {
		all[i] = bytes.ReplaceAll(body, []byte("000000000000"), fmt.Appendf(nil, "%012d", 1_000_000_007*(i+1)%1e12))
	}
	return all
}

// inTurn returns a function that calls use with the elements in turn.
func inTurn[T any](all []T, use func(T) error) func() error {
	next := 0
	return func() error {
		next++
		return use(all[next%len(all)])
	}
}

const (
	krnRequest = "krn:payment:eu1:request:552603c0-fe8b-4ab1-aacb-000000000000"
	krnAccount = "krn:partner:global:account:test:LWT2XJSE"
)

// klarnaEvent returns a delivery of Klarna's.
func klarnaEvent(n int) []byte {
	return fill(`{"metadata":{"event_id":"8f5f2b4e-0b1f-4a53-9d0c-000000000000","event_type":"payment.request.state-change.completed",`+
		`"event_version":"v2","occurred_at":"2026-01-02T03:04:05.678Z","subject_account_id":"`+krnAccount+`",`+
		`"recipient_account_id":"krn:partner:global:account:test:LWT2XJSF",`+
		`"webhook_id":"krn:partner:global:notification:webhook:120e5b7e-abcd-4def-8a90-dca726e639b5","live":true},`+
		`"payload":{"payment_request_id":"`+krnRequest+`","payment_request_reference":"order-000000000000","state":"COMPLETED",`+
		`"previous_state":"IN_PROGRESS","amount":11836,"currency":"EUR","expires_at":"2026-01-02T06:04:05Z",`+
		`"created_at":"2026-01-02T03:00:05Z","updated_at":"2026-01-02T03:04:05Z",`+
		`"state_context":{"klarna_network_session_token":"krn:network:eu1:test:session-token:000000000000⟨…⟩",`+
		`"klarna_customer":{"customer_profile":{"given_name":"Alice","family_name":"Test","email":"alice@example.com",`+
		`"phone":"+46701234567","date_of_birth":"1980-01-01"},"address":{"street_address":"Mainzer Landstraße 50",`+
		`"postal_code":"60325","city":"Frankfurt am Main","country":"DE"}}}}}`, n)
}

// presentationBody returns Klarna's answer to a presentation call.
func presentationBody() []byte {
	return fill(`{"instruction":"SHOW_KLARNA","payment_status":"REQUIRES_CUSTOMER_ACTION","payment_option":{`+
		`"payment_option_id":"S0xBUk5B000000000000","header":{"text":"Pay with Klarna"},"subheader":{"parts":[`+
		`{"type":"TEXT","text":"Get more time to pay. ","styles":["BOLD"]},`+
		`{"type":"LINK","text":"Learn more","url":"https://www.klarna.com/us/payment-methods","context":"INFO"}]},`+
		`"badge":{"text":"Popular"},"message":{"text":"000000000000 ⟨…⟩"},"terms":{"parts":[{"type":"TEXT","text":"By continuing you agree to the "},`+
		`{"type":"LINK","text":"terms","url":"https://www.klarna.com/legal/terms","context":"INFO","styles":["UNDERLINE"]}]},`+
		`"payment_button":{"text":{"text":"Continue with Klarna"},"image_url":"https://x.klarnacdn.net/button.svg","image_alignment":"LEFT"},`+
		`"icon":{"alt":"Klarna","badge_image_url":"https://x.klarnacdn.net/badge.png",`+
		`"rectangle_image_url":"https://x.klarnacdn.net/rectangle.png","square_image_url":"https://x.klarnacdn.net/square.png"}}}`, size)
}

// authorizeBody returns Klarna's answer to a first authorize call.
func authorizeBody() []byte {
	return fill(`{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":{"payment_request_id":"`+krnRequest+`",`+
		`"payment_request_reference":"request-000000000000","amount":11836,"currency":"EUR","state":"SUBMITTED",`+
		`"expires_at":"2026-01-02T06:04:05Z","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z",`+
		`"state_context":{"customer_interaction":{"method":"HANDOVER","payment_request_id":"`+krnRequest+`",`+
		`"payment_request_url":"https://pay.test.klarna.com/eu/requests/552603c0-fe8b-4ab1-aacb-000000000000/start?token=⟨…⟩"}},`+
		`"customer_interaction_config":{"method":"HANDOVER","return_url":"https://shop.example/back?id={klarna.payment_request.id}"}}}`, size)
}

// authorizeRequest returns a first authorize call of about size bytes.
func authorizeRequest() authorization.AuthorizeParams {
	line := func(name, reference string, quantity, unit int64) authorization.LineItem {
		return authorization.LineItem{
			Name: name, Quantity: quantity, UnitPrice: &unit, TotalAmount: quantity * unit, TotalTaxAmount: new(quantity * unit / 5),
			LineItemReference: reference, ProductURL: "https://shop.example/products/" + reference,
			ImageURL: "https://shop.example/images/" + reference + ".png",
		}
	}
	return authorization.AuthorizeParams{
		Currency: "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
			Amount: 11836, PaymentTransactionReference: "transaction-4711", PaymentOptionID: "S0xBUk5B",
		},
		SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
			PurchaseReference: "order-4711",
			LineItems: []authorization.LineItem{
				line("Running shoe, size 42", "shoe-42", 1, 8900), line("Socks", "socks-1", 3, 812), line("Shipping", "shipping-1", 1, 500),
			},
			Customer: &authorization.Customer{
				GivenName: "Alice", FamilyName: "Test", Email: "alice@example.com", Phone: "+46701234567", DateOfBirth: "1980-01-01",
				Address: &authorization.Address{StreetAddress: "Mainzer Landstraße 50", PostalCode: "60325", City: "Frankfurt am Main", Country: "DE"},
			},
			Shipping: []authorization.Shipping{{
				ShippingReference: "parcel-1",
				Recipient:         &authorization.Recipient{GivenName: "Alice", FamilyName: "Test", Email: "alice@example.com", Phone: "+46701234567"},
				Address:           &authorization.Address{StreetAddress: "Mainzer Landstraße 50", PostalCode: "60325", City: "Frankfurt am Main", Country: "DE"},
				ShippingOption:    &authorization.ShippingOption{ShippingType: authorization.ShippingTypeToDoor, ShippingCarrier: "DHL"},
			}},
		},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference: "request-4711",
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{
				Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/back?id={klarna.payment_request.id}",
			},
		},
	}
}
