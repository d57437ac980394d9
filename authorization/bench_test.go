package authorization

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/internal/wire"
)

// smallRequest is a request of two lines, as most are; the frozen requests have every member.
const smallRequest = `{"currency":"EUR","request_payment_transaction":{"amount":11800,"payment_transaction_reference":"transaction-1",` +
	`"payment_option_id":"S0xBUk5B"},"supplementary_purchase_data":{"purchase_reference":"order-1","line_items":[{"name":"Shoes","quantity":2,` +
	`"total_amount":12000},{"name":"Discount","quantity":1,"total_amount":-200}]},"step_up_config":{"payment_request_reference":"request-1",` +
	`"customer_interaction_config":{"method":"HANDOVER","return_url":"https://shop.example/back?id={klarna.payment_request.id}"}}}`

// BenchmarkEncode encodes the request of each operation.
func BenchmarkEncode(b *testing.B) {
	run := func(name string, request any, text []byte) {
		if err := Decode(text, request); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Encode(request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("authorize_small", new(AuthorizeParams), []byte(smallRequest))
	for name, request := range frozen {
		text, err := os.ReadFile(filepath.Join("testdata", "frozen", name))
		if err != nil {
			b.Fatal(err)
		}
		run(strings.TrimSuffix(name, ".json"), request(), text)
	}
}

// BenchmarkDecode decodes an answer of each operation.
func BenchmarkDecode(b *testing.B) {
	const (
		paymentRequest = `{"payment_request_id":"krn:payment:eu1:request:6a7f3f6e-6a0e-4d0c-b1a5-2f6a5a3c9a11","payment_request_reference":"request-1",` +
			`"amount":11800,"currency":"EUR","state":"COMPLETED","previous_state":"IN_PROGRESS","state_context":{"customer_interaction":{"method":"HANDOVER",` +
			`"payment_request_id":"krn:payment:eu1:request:6a7f3f6e-6a0e-4d0c-b1a5-2f6a5a3c9a11","payment_request_url":"https://pay.test.klarna.com/eu/1/start"},` +
			`"klarna_network_session_token":"krn:network:us1:test:session-token:eyJhbGciOiJub25lIn0","klarna_customer":{"customer_profile":{"given_name":"Ada"}}},` +
			`"expires_at":"2026-10-13T12:00:00Z","created_at":"2026-10-13T11:00:00Z","updated_at":"2026-10-13T11:30:00Z",` +
			`"supplementary_purchase_data":{"purchase_reference":"order-1"},"payment_option_id":"S0xBUk5B","risk":{"score":1.50}}`
		transaction = `{"payment_transaction_id":"krn:payment:eu1:transaction:0d4c7f0e-53d1-4a55-8f39-2d1ec8f3a0b4",` +
			`"payment_transaction_reference":"transaction-1","amount":11800,"currency":"EUR","state":"AUTHORIZED","expires_at":"2026-11-10T09:00:00Z",` +
			`"payment_funding":{"type":"GUARANTEED","state":"PENDING"},"payment_pricing":{"rate":"0.0299"}}`
	)
	run := func(name, text string, decode func(text []byte) error) {
		if err := decode([]byte(text)); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode([]byte(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("authorize_step_up", `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":`+paymentRequest+`}`, decodeNew[authorizeAnswer])
	run("authorize_approved", `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":`+transaction+`}}`, decodeNew[authorizeAnswer])
	run("payment_request", paymentRequest, decodeNew[PaymentRequest])
	run("transaction", transaction, decodeNew[PaymentTransaction])
	run("capture", `{"payment_capture_id":"krn:payment:eu1:capture:93cc4a40-5c6f-4a4f-8d8b-70a0bd2d6b0c","payment_capture_reference":"capture-1","amount":5}`, decodeNew[PaymentCapture])
	run("refund", `{"payment_refund_id":"krn:payment:eu1:refund:b0b27a52-6f0e-4f0e-9a4f-7f4e1a5f9b0d","refund_amount":5}`, decodeNew[PaymentRefund])
	run("chargeback", `{"payment_chargeback_id":"krn:payment:eu1:chargeback:5d0c1fb4-9f8e-4b3f-8a3e-0d9a4b1f7c6e","amount":5}`, decodeNew[PaymentChargeback])
}

func decodeNew[T any, P interface {
	*T
	object
}](text []byte) error {
	_, err := wire.Into(new(T), func(v *T, r *wire.Reader) bool { return P(v).decode(r) }).Decode(text)
	return err
}
