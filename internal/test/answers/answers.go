// Package answers has the full documented answer of each operation and the call of the public API
// that reads it. It is for tests that change an answer or give it to another call.
package answers

import (
	"context"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

// Call is a call of the public API with its answer. Calls with another n are about other objects:
// every id and reference contains n.
type Call struct {
	// Name identifies the answer among those of the operation.
	Name      string
	Operation string
	// Root is the JSON path within the answer of the value that Do returns, "" for the whole
	// answer.
	Root string
	Do   func(ctx context.Context, c *klarna.Client, n string, options ...klarna.CallOption) (any, error)
	// Answer returns JSON, or "" for an operation whose answer has no body.
	Answer func(n string) string
}

// The ids and references of the objects of a call.
func requestID(n string) string     { return "krn:payment:eu1:request:" + n }
func transactionID(n string) string { return "krn:payment:eu1:transaction:" + n }
func captureID(n string) string     { return "krn:payment:eu1:capture:" + n }
func refundID(n string) string      { return "krn:payment:eu1:refund:" + n }
func chargebackID(n string) string  { return "krn:payment:eu1:chargeback:" + n }
func keyID(n string) string         { return "krn:partner:global:notification:signing-key:" + n }
func webhookID(n string) string     { return "krn:partner:global:notification:webhook:" + n }

func paymentRequest(state, tokens string) func(n string) string {
	return func(n string) string {
		return `{"payment_request_id":"` + requestID(n) + `","payment_request_reference":"request-` + n + `","amount":11800,"currency":"EUR",
"state":"` + state + `","previous_state":"IN_PROGRESS","state_reason":"PAYMENT_REQUEST_SUBMITTED",
"state_context":{"customer_interaction":{"method":"HANDOVER","payment_request_id":"` + requestID(n) + `",
"payment_request_url":"https://pay.test.klarna.com/eu/requests/` + n + `/start",
"qr_code":{"image_url":"https://pay.test.klarna.com/qr/1.png","target_url":"https://pay.test.klarna.com/qr/1"}},` + tokens + `
"klarna_customer":{"customer_profile":{"given_name":"Ada","email_verified":true}},"shipping":{"shipping_reference":"s1"}},
"expires_at":"2026-10-13T12:00:00.123456789Z","created_at":"2026-10-13T11:00:00+02:00","updated_at":"2025-06-24T05:51","canceled_at":"2026-10-13T10:00:00Z",
"supplementary_purchase_data":{"purchase_reference":"order-1","line_items":[{"name":"Shoes","quantity":1}]},
"customer_interaction_config":{"method":"HANDOVER"},"payment_option_id":"S0xBUk5B","newer":{"a":[1,"b"]}}`
	}
}

var (
	submitted = paymentRequest("SUBMITTED", "")
	canceled  = paymentRequest("CANCELED", "")
	completed = paymentRequest("COMPLETED", `"klarna_network_session_token":"krn:token","interoperability_token":"krn:token","payment_token":"krn:token",`)
)

func transaction(n string) string {
	return `{"payment_transaction_id":"` + transactionID(n) + `","payment_transaction_reference":"transaction-` + n + `","amount":11800,"currency":"EUR",
"state":"AUTHORIZED","expires_at":"2026-11-10T09:00:00Z","settlement_currency":"SEK","payment_funding":{"type":"GUARANTEED","state":"PENDING"},
"payment_pricing":{"rate":"0.0299"},"payment_captures":[` + capture(n) + `],"newer":[1]}`
}

func capture(n string) string {
	return `{"payment_capture_id":"` + captureID(n) + `","payment_capture_reference":"capture-` + n + `","payment_transaction_id":"` + transactionID(n) + `",
"capture_amount":11800,"currency":"EUR","supplementary_capture_data":{"shipments":[]},"newer":"x"}`
}

func refund(n string) string {
	return `{"payment_refund_id":"` + refundID(n) + `","refund_reference":"refund-` + n + `","payment_refund_reference":"refund-` + n + `",
"payment_transaction_id":"` + transactionID(n) + `","payment_capture_id":"` + captureID(n) + `","refund_amount":11800}`
}

func approved(n string) string {
	return `{"payment_transaction_response":{"result":"APPROVED","result_reason":"r","payment_transaction":` + transaction(n) + `},
"customer_token_response":` + tokenResponse(n) + `,"newer":true}`
}

func stepUp(n string) string {
	return `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED","newer":1},"payment_request":` + submitted(n) + `}`
}

func declined(string) string {
	return `{"payment_transaction_response":{"result":"DECLINED","result_reason":"r"},"newer":{}}`
}

func tokenResponse(n string) string {
	return `{"result":"APPROVED","result_reason":"r","customer_token":{"customer_token_id":"krn:customer-token","customer_token_reference":"token-` + n + `","newer":1}}`
}

func tokenGranted(n string) string {
	return `{"customer_token_response":` + tokenResponse(n) + `,"newer":1}`
}

func text(word string) string {
	return `{"text":"` + word + `","parts":[{"type":"LINK","text":"` + word + `","url":"https://klarna.test/terms","context":"AUTH","styles":["BOLD","ITALIC"],"newer":1}],"newer":"x"}`
}

func paymentOption(id string) string {
	return `{"payment_option_id":"` + id + `","header":` + text("h") + `,"subheader":` + text("s") + `,"badge":` + text("b") + `,"message":` + text("m") + `,
"terms":` + text("t") + `,"payment_button":{"text":` + text("p") + `,"image_url":"https://klarna.test/b.png","image_alignment":"LEFT"},
"icon":{"alt":"Klarna","badge_image_url":"https://klarna.test/1.png","rectangle_image_url":"https://klarna.test/2.png","square_image_url":"https://klarna.test/3.png"},"newer":[]}`
}

func webhookOf(n string) string {
	return `{"webhook_id":"` + webhookID(n) + `","url":"https://example.com/` + n + `","event_types":["payment.request.*","payment.dispute.*"],"event_version":"v2",
"signing_key_id":"` + keyID(n) + `","status":"ENABLED","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","newer":1}`
}

// request returns the first request of a purchase.
func request(n string) authorization.AuthorizeParams {
	return authorization.AuthorizeParams{
		Currency: "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
			Amount: 11_800, PaymentTransactionReference: "transaction-" + n,
		},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference:   "request-" + n,
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodHandover, ReturnURL: "https://example.com/return"},
		},
		RequestCustomerToken: requestToken(n),
	}
}

func requestToken(n string) *authorization.RequestCustomerToken {
	return &authorization.RequestCustomerToken{Scopes: []authorization.Scope{authorization.ScopeCustomerPresent}, CustomerTokenReference: "token-" + n}
}

func authorize(name, operation string, answer func(string) string) Call {
	do := func(ctx context.Context, c *klarna.Client, n string, options ...klarna.CallOption) (any, error) {
		return authorization.New(c).Authorize(ctx, request(n), options...)
	}
	if operation != "authorization.authorize" {
		do = func(ctx context.Context, c *klarna.Client, n string, options ...klarna.CallOption) (any, error) {
			return authorization.New(c).Finalize(ctx, request(n), authorization.Approval{Amount: 11_800, SessionToken: klarna.NewSecret("krn:token")}, options...)
		}
	}
	return Call{Name: name, Operation: operation, Do: do, Answer: answer}
}

// call returns a call of the authorization API about one object.
func call[T any](name, operation string, do func(c *authorization.Client, ctx context.Context, n string, options ...klarna.CallOption) (*T, error), answer func(string) string) Call {
	return Call{Name: name, Operation: operation, Answer: answer, Do: func(ctx context.Context, c *klarna.Client, n string, options ...klarna.CallOption) (any, error) {
		return do(authorization.New(c), ctx, n, options...)
	}}
}

// subscribe returns a call of the subscription API.
func subscribe[T any](operation, root string, do func(c *subscription.Client, ctx context.Context, n string, options ...klarna.CallOption) (T, error), answer func(string) string) Call {
	return Call{Name: operation, Operation: operation, Root: root, Answer: answer, Do: func(ctx context.Context, c *klarna.Client, n string, options ...klarna.CallOption) (any, error) {
		return do(subscription.New(c), ctx, n, options...)
	}}
}

func none(string) string { return "" }

type (
	auth    = authorization.Client
	sub     = subscription.Client
	ctxt    = context.Context
	option  = klarna.CallOption
	nothing = struct{}
)

// Calls are the calls of all operations, with each documented result.
var Calls = []Call{
	{
		Name: "a presentation", Operation: operation.Presentation,
		Do: func(ctx context.Context, c *klarna.Client, _ string, options ...klarna.CallOption) (any, error) {
			return presentation.New(c).GetPresentation(ctx, presentation.GetPresentationParams{Currency: "EUR", Locale: "de-DE", Amount: 11_800}, options...)
		},
		Answer: func(string) string {
			return `{"instruction":"PRESELECT_KLARNA","payment_status":"PENDING_PARTNER_AUTHORIZATION","payment_option":` + paymentOption("S0xBUk5B") +
				`,"saved_payment_option":` + paymentOption("saved") + `,"newer":null}`
		},
	},
	authorize("a step-up", operation.Authorize, stepUp),
	authorize("an immediate approval", operation.Authorize, approved),
	authorize("a decline", operation.Authorize, declined),
	authorize("an approval", operation.AuthorizeFinal, approved),
	authorize("a final decline", operation.AuthorizeFinal, declined),
	call("a token", operation.AuthorizeToken, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.Authorization, error) {
		return c.Authorize(ctx, authorization.AuthorizeParams{Currency: "EUR", RequestCustomerToken: requestToken(n)}, o...)
	}, tokenGranted),
	call("a created payment request", operation.PaymentRequestCreate, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRequest, error) {
		return c.CreatePaymentRequest(ctx, authorization.CreatePaymentRequestParams{Currency: "EUR", Amount: new(int64(11_800)), PaymentRequestReference: "request-" + n}, o...)
	}, submitted),
	call("an open payment request", operation.PaymentRequestRead, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRequest, error) {
		return c.GetPaymentRequest(ctx, requestID(n), o...)
	}, submitted),
	call("a completed payment request", operation.PaymentRequestRead, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRequest, error) {
		return c.GetPaymentRequest(ctx, requestID(n), o...)
	}, completed),
	call("an updated payment request", operation.PaymentRequestUpdate, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRequest, error) {
		return c.UpdatePaymentRequest(ctx, requestID(n), authorization.UpdatePaymentRequestParams{}, o...)
	}, submitted),
	call("a canceled payment request", operation.PaymentRequestCancel, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRequest, error) {
		return c.CancelPaymentRequest(ctx, requestID(n), o...)
	}, canceled),
	call("a transaction", operation.TransactionRead, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentTransaction, error) {
		return c.GetTransaction(ctx, transactionID(n), o...)
	}, transaction),
	call("an updated transaction", operation.TransactionUpdate, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentTransaction, error) {
		return c.UpdateTransaction(ctx, transactionID(n), authorization.UpdateTransactionParams{PaymentTransactionReference: "transaction-" + n}, o...)
	}, transaction),
	call("a capture of a transaction", operation.TransactionCapture, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentCapture, error) {
		return c.CaptureTransaction(ctx, transactionID(n), authorization.CaptureTransactionParams{CaptureAmount: 11_800, PaymentCaptureReference: "capture-" + n}, o...)
	}, capture),
	call("a void", operation.TransactionVoid, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentTransaction, error) {
		return c.VoidTransaction(ctx, transactionID(n), o...)
	}, transaction),
	call("a refund of a transaction", operation.TransactionRefund, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRefund, error) {
		return c.RefundTransaction(ctx, transactionID(n), authorization.RefundTransactionParams{RefundAmount: 11_800, RefundReference: "refund-" + n}, o...)
	}, refund),
	call("an extension", operation.TransactionExtend, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentTransaction, error) {
		return c.ExtendTransaction(ctx, transactionID(n), authorization.ExtendTransactionParams{ExtensionDays: 7}, o...)
	}, transaction),
	call("a capture", operation.CaptureRead, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentCapture, error) {
		return c.GetCapture(ctx, captureID(n), o...)
	}, capture),
	call("a refund of a capture", operation.CaptureRefund, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRefund, error) {
		return c.RefundCapture(ctx, captureID(n), authorization.RefundCaptureParams{RefundAmount: 11_800, PaymentRefundReference: "refund-" + n}, o...)
	}, refund),
	call("a refund", operation.RefundRead, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentRefund, error) {
		return c.GetRefund(ctx, refundID(n), o...)
	}, refund),
	call("a chargeback", operation.ChargebackRead, func(c *auth, ctx ctxt, n string, o ...option) (*authorization.PaymentChargeback, error) {
		return c.GetChargeback(ctx, chargebackID(n), o...)
	}, func(n string) string {
		return `{"payment_chargeback_id":"` + chargebackID(n) + `","payment_transaction_id":"` + transactionID(n) + `","amount":5}`
	}),
	subscribe(operation.SigningKeyCreate, "", func(c *sub, ctx ctxt, _ string, o ...option) (*subscription.SigningKey, error) {
		return c.CreateSigningKey(ctx, o...)
	}, func(n string) string {
		return `{"signing_key_id":"` + keyID(n) + `","signing_key":"c2VjcmV0LWtleQ==","created_at":"2026-01-02T03:04:05Z","newer":1}`
	}),
	subscribe(operation.SigningKeyList, "signing_keys", func(c *sub, ctx ctxt, _ string, o ...option) ([]subscription.SigningKey, error) {
		return c.ListSigningKeys(ctx, o...)
	}, func(n string) string {
		return `{"signing_keys":[{"signing_key_id":"` + keyID(n) + `","created_at":"2026-01-02T03:04:05Z","newer":1},{"signing_key_id":"` + keyID(n+"b") + `"}],"newer":1}`
	}),
	subscribe(operation.SigningKeyRead, "", func(c *sub, ctx ctxt, n string, o ...option) (*subscription.SigningKey, error) {
		return c.GetSigningKey(ctx, keyID(n), o...)
	}, func(n string) string {
		return `{"signing_key_id":"` + keyID(n) + `","created_at":"2026-01-02T03:04:05Z","newer":1}`
	}),
	subscribe(operation.SigningKeyDelete, "", func(c *sub, ctx ctxt, n string, o ...option) (nothing, error) {
		return nothing{}, c.DeleteSigningKey(ctx, keyID(n), o...)
	}, none),
	subscribe(operation.WebhookCreate, "", func(c *sub, ctx ctxt, n string, o ...option) (*subscription.Webhook, error) {
		return c.CreateWebhook(ctx, subscription.CreateWebhookParams{URL: "https://example.com/" + n, EventTypes: []webhook.EventType{"payment.request.*"}, SigningKeyID: keyID(n)}, o...)
	}, webhookOf),
	subscribe(operation.WebhookList, "webhooks", func(c *sub, ctx ctxt, _ string, o ...option) ([]subscription.Webhook, error) {
		return c.ListWebhooks(ctx, o...)
	}, func(n string) string { return `{"webhooks":[` + webhookOf(n) + `,` + webhookOf(n+"b") + `],"newer":1}` }),
	subscribe(operation.WebhookRead, "", func(c *sub, ctx ctxt, n string, o ...option) (*subscription.Webhook, error) {
		return c.GetWebhook(ctx, webhookID(n), o...)
	}, webhookOf),
	subscribe(operation.WebhookUpdate, "", func(c *sub, ctx ctxt, n string, o ...option) (*subscription.Webhook, error) {
		return c.UpdateWebhook(ctx, webhookID(n), subscription.UpdateWebhookParams{Status: subscription.WebhookStatusEnabled}, o...)
	}, webhookOf),
	subscribe(operation.WebhookDelete, "", func(c *sub, ctx ctxt, n string, o ...option) (nothing, error) {
		return nothing{}, c.DeleteWebhook(ctx, webhookID(n), o...)
	}, none),
	subscribe(operation.WebhookSimulate, "", func(c *sub, ctx ctxt, n string, o ...option) (nothing, error) {
		return nothing{}, c.SimulateWebhook(ctx, webhookID(n), "payment.request.state-change.completed", o...)
	}, none),
}
