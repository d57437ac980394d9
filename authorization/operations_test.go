package authorization_test

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

// keyed says which idempotency key a call has.
type keyed string

const (
	withoutKey keyed = "no idempotency key"
	derived    keyed = "a key derived from the call"
	random     keyed = "a random key"
)

// operation is a call, the request that it has to send, and its answer. Bodies and answers are
// written from Klarna's documentation and not from the Go types.
type operation struct {
	name         string
	operation    string // its name in errors and logs
	do           func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error)
	method, path string
	key          keyed
	token        string // the session token that the call adds
	body         string
	status       int
	answer       string
	want         any
}

const paymentRequestAnswer = `{
	"payment_request_id": "` + requestID + `",
	"payment_request_reference": "request-1",
	"amount": 11800,
	"currency": "EUR",
	"state": "COMPLETED",
	"previous_state": "IN_PROGRESS",
	"state_reason": "OF_TOMORROW",
	"state_context": {
		"customer_interaction": {
			"method": "HANDOVER",
			"payment_request_id": "` + requestID + `",
			"payment_request_url": "https://pay.test.klarna.com/eu/requests/1/start",
			"qr_code": {"image_url": "https://pay.test.klarna.com/qr/1.png", "target_url": "https://pay.test.klarna.com/qr/1", "size": 3},
			"channel": "WEB"
		},
		"klarna_network_session_token": "` + sessionToken + `",
		"payment_token": "older",
		"interoperability_token": "old",
		"klarna_customer": {"customer_profile": {"given_name": "Ada", "email_verified": true}},
		"shipping": {"shipping_reference": "s1"},
		"since": 1.50
	},
	"expires_at": "2026-10-13T12:00:00.123456789Z",
	"created_at": "2026-10-13T11:00:00+02:00",
	"updated_at": "2026-10-13T09:30:00Z",
	"canceled_at": "2026-10-13T10:00:00Z",
	"supplementary_purchase_data": {"purchase_reference": "order-1"},
	"customer_interaction_config": {"method": "HANDOVER"},
	"payment_option_id": "S0xBUk5B",
	"risk": {"score": 1.50}
}`

func decodedPaymentRequest() authorization.PaymentRequest {
	return authorization.PaymentRequest{
		PaymentRequestID:        requestID,
		PaymentRequestReference: "request-1",
		Amount:                  new(int64(11_800)),
		Currency:                "EUR",
		State:                   authorization.PaymentRequestStateCompleted,
		PreviousState:           authorization.PaymentRequestStateInProgress,
		StateReason:             "OF_TOMORROW",
		StateContext: authorization.StateContext{
			CustomerInteraction: authorization.CustomerInteraction{
				Method:            authorization.InteractionMethodHandover,
				PaymentRequestID:  requestID,
				PaymentRequestURL: "https://pay.test.klarna.com/eu/requests/1/start",
				QRCode: &authorization.QRCodeImage{
					ImageURL: "https://pay.test.klarna.com/qr/1.png", TargetURL: "https://pay.test.klarna.com/qr/1",
					Unknown: klarna.Unknown{"size": klarna.NewRawJSON(`3`)},
				},
				Unknown: klarna.Unknown{"channel": klarna.NewRawJSON(`"WEB"`)},
			},
			KlarnaNetworkSessionToken: klarna.NewSecret(sessionToken),
			PaymentToken:              klarna.NewSecret("older"),
			InteroperabilityToken:     klarna.NewSecret("old"),
			KlarnaCustomer:            klarna.NewRawJSON(`{"customer_profile": {"given_name": "Ada", "email_verified": true}}`),
			Shipping:                  klarna.NewRawJSON(`{"shipping_reference": "s1"}`),
			Unknown:                   klarna.Unknown{"since": klarna.NewRawJSON(`1.50`)},
		},
		ExpiresAt:                 time.Date(2026, 10, 13, 12, 0, 0, 123456789, time.UTC),
		CreatedAt:                 time.Date(2026, 10, 13, 9, 0, 0, 0, time.UTC),
		UpdatedAt:                 time.Date(2026, 10, 13, 9, 30, 0, 0, time.UTC),
		CanceledAt:                time.Date(2026, 10, 13, 10, 0, 0, 0, time.UTC),
		SupplementaryPurchaseData: klarna.NewRawJSON(`{"purchase_reference": "order-1"}`),
		CustomerInteractionConfig: klarna.NewRawJSON(`{"method": "HANDOVER"}`),
		PaymentOptionID:           "S0xBUk5B",
		Unknown:                   klarna.Unknown{"risk": klarna.NewRawJSON(`{"score": 1.50}`)},
	}
}

const transactionAnswer = `{
	"payment_transaction_id": "` + transactionID + `",
	"payment_transaction_reference": "transaction-1",
	"amount": 11800,
	"currency": "EUR",
	"state": "AUTHORIZED",
	"expires_at": "2026-11-10T09:00:00Z",
	"settlement_currency": "SEK",
	"payment_funding": {"type": "GUARANTEED", "state": "PENDING"},
	"payment_pricing": {"rate": "0.0299"},
	"payment_captures": [{"payment_capture_id": "` + captureID + `"}],
	"risk": [1]
}`

func decodedTransaction() authorization.PaymentTransaction {
	return authorization.PaymentTransaction{
		PaymentTransactionID:        transactionID,
		PaymentTransactionReference: "transaction-1",
		Amount:                      11_800,
		Currency:                    "EUR",
		State:                       authorization.PaymentTransactionStateAuthorized,
		ExpiresAt:                   time.Date(2026, 11, 10, 9, 0, 0, 0, time.UTC),
		SettlementCurrency:          "SEK",
		PaymentFunding:              &authorization.PaymentFunding{Type: authorization.FundingTypeGuaranteed, State: authorization.FundingStatePending},
		PaymentPricing:              klarna.NewRawJSON(`{"rate": "0.0299"}`),
		PaymentCaptures:             []authorization.PaymentCapture{{PaymentCaptureID: captureID}},
		Unknown:                     klarna.Unknown{"risk": klarna.NewRawJSON(`[1]`)},
	}
}

const (
	stepUpAnswer   = `{"payment_transaction_response": {"result": "STEP_UP_REQUIRED"}, "payment_request": ` + paymentRequestAnswer + `}`
	approvedAnswer = `{"payment_transaction_response": {"result": "APPROVED", "payment_transaction": ` + transactionAnswer + `}}`
	captureAnswer  = `{"payment_capture_id": "` + captureID + `", "payment_capture_reference": "capture-1",
		"supplementary_capture_data": {"shipments": []}, "amount": 5}`
	refundAnswer     = `{"payment_refund_id": "` + refundID + `", "refund_amount": 5}`
	chargebackAnswer = `{"payment_chargeback_id": "` + chargebackID + `", "amount": 5}`
)

// withRaw returns the answer with its body in raw.
func withRaw[T any](answer T, raw *klarna.RawJSON, body string) T {
	*raw = klarna.NewRawJSON(body)
	return answer
}

func wantPaymentRequest() *authorization.PaymentRequest {
	p := decodedPaymentRequest()
	return withRaw(&p, &p.Raw, paymentRequestAnswer)
}

func wantTransaction() *authorization.PaymentTransaction {
	p := decodedTransaction()
	return withRaw(&p, &p.Raw, transactionAnswer)
}

var (
	wantCapture = &authorization.PaymentCapture{
		PaymentCaptureID: captureID, PaymentCaptureReference: "capture-1", SupplementaryCaptureData: klarna.NewRawJSON(`{"shipments": []}`),
		Unknown: klarna.Unknown{"amount": klarna.NewRawJSON(`5`)}, Raw: klarna.NewRawJSON(captureAnswer),
	}
	wantRefund = &authorization.PaymentRefund{
		PaymentRefundID: refundID, Unknown: klarna.Unknown{"refund_amount": klarna.NewRawJSON(`5`)}, Raw: klarna.NewRawJSON(refundAnswer),
	}
)

// fullRequest has every member of section 7 of the contract but the older name of the network data.
func fullRequest() authorization.AuthorizeParams {
	r := order()
	r.RequestPaymentTransaction.Capture = authorization.CaptureTimingNow
	r.RequestPaymentTransaction.PaymentCaptureReference = "capture-1"
	r.RequestPaymentTransaction.PaymentProgramEnablementCodes = []string{"A", "B"}
	r.StepUpConfig.CustomerInteractionConfig.AppReturnURL = "shop://back"
	r.StepUpConfig.CustomerInteractionConfig.InteractionExpiry = &authorization.InteractionExpiry{
		Duration: "PT15M", Timestamp: time.Date(2026, 10, 13, 12, 0, 0, 0, time.UTC),
	}
	r.StepUpConfig.PaymentRequestExpiresAt = "2026-10-14"
	r.AcquiringConfig = &klarna.AcquiringConfig{PaymentAccountID: "a", PaymentAcquiringAccountID: "b", PaymentAccountReference: "c", SettlementCurrency: "SEK"}
	r.KlarnaNetworkData = `{"a": 1}`
	r.RequestCustomerToken = &authorization.RequestCustomerToken{
		Scopes:                 []authorization.Scope{authorization.ScopeCustomerPresent, authorization.ScopeCustomerNotPresent, authorization.ScopeCustomerLogin},
		CustomerTokenReference: "token-1",
	}
	r.PointOfCheckout = &authorization.PointOfCheckout{StoreID: "store-1"}
	r.PointOfTransaction = &authorization.PointOfTransaction{Type: "TERMINAL", TerminalReference: "terminal-1"}
	r.PaymentRequestID = requestID
	return r
}

const fullRequestBody = `{
	"currency": "EUR",
	"request_payment_transaction": {
		"amount": 11800, "payment_transaction_reference": "transaction-1", "payment_option_id": "S0xBUk5B", "capture": "NOW",
		"payment_capture_reference": "capture-1", "payment_program_enablement_codes": ["A", "B"]
	},
	"supplementary_purchase_data": {"purchase_reference": "order-1", "line_items": [
		{"name": "Shoes", "quantity": 2, "total_amount": 12000}, {"name": "Discount", "quantity": 1, "total_amount": -200}
	]},
	"step_up_config": {
		"payment_request_reference": "request-1",
		"customer_interaction_config": {
			"method": "HANDOVER", "return_url": "https://shop.example/back?payment_request_id={klarna.payment_request.id}",
			"app_return_url": "shop://back", "interaction_expiry": {"duration": "PT15M", "timestamp": "2026-10-13T12:00:00Z"}
		},
		"payment_request_expires_at": "2026-10-14"
	},
	"acquiring_config": {"payment_account_id": "a", "payment_acquiring_account_id": "b", "payment_account_reference": "c", "settlement_currency": "SEK"},
	"klarna_network_data": "{\"a\": 1}",
	"request_customer_token": {
		"scopes": ["payment:customer_present", "payment:customer_not_present", "customer:login"], "customer_token_reference": "token-1"
	},
	"point_of_checkout": {"store_id": "store-1"},
	"point_of_transaction": {"type": "TERMINAL", "terminal_reference": "terminal-1"},
	"payment_request_id": "` + requestID + `"
}`

// fullParams has every member of section 8 of the contract.
func fullParams() authorization.CreatePaymentRequestParams {
	p := params()
	p.PaymentOptionID = "S0xBUk5B"
	p.PaymentProgramEnablementCodes = []string{"A"}
	p.ShippingConfig = &authorization.ShippingConfig{Mode: "EDITABLE", SupportedCountries: []string{"SE", "FI"}}
	p.CollectCustomerProfile = []authorization.CustomerProfileField{
		authorization.CustomerProfileFieldName, authorization.CustomerProfileFieldEmail, authorization.CustomerProfileFieldPhone, authorization.CustomerProfileFieldLocale,
		authorization.CustomerProfileFieldBillingAddress, authorization.CustomerProfileFieldCountry, authorization.CustomerProfileFieldNationalIdentification, authorization.CustomerProfileFieldDateOfBirth,
	}
	p.RequestCustomerToken = &authorization.RequestCustomerToken{Scopes: []authorization.Scope{authorization.ScopeCustomerPresent}, CustomerTokenReference: "token-1"}
	p.AcquiringConfig = &klarna.AcquiringConfig{PaymentAccountID: "a"}
	p.SupplementaryPurchaseData = &authorization.SupplementaryPurchaseData{PurchaseReference: "order-1"}
	p.KlarnaNetworkData = `{"a": 1}`
	p.PointOfCheckout = &authorization.PointOfCheckout{StoreID: "store-1"}
	return p
}

const fullParamsBody = `{
	"currency": "EUR", "amount": 11800, "payment_request_reference": "request-1",
	"customer_interaction_config": {"method": "HANDOVER", "return_url": "https://shop.example/back?payment_request_id={klarna.payment_request.id}"},
	"payment_option_id": "S0xBUk5B",
	"payment_program_enablement_codes": ["A"],
	"shipping_config": {"mode": "EDITABLE", "supported_countries": ["SE", "FI"]},
	"collect_customer_profile": ["profile:name", "profile:email", "profile:phone", "profile:locale", "profile:billing_address",
		"profile:country", "profile:national_identification", "profile:date_of_birth"],
	"request_customer_token": {"scopes": ["payment:customer_present"], "customer_token_reference": "token-1"},
	"acquiring_config": {"payment_account_id": "a"},
	"supplementary_purchase_data": {"purchase_reference": "order-1"},
	"klarna_network_data": "{\"a\": 1}",
	"point_of_checkout": {"store_id": "store-1"}
}`

var operations = []operation{
	{
		name:      "Authorize steps up",
		operation: "authorization.authorize",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.Authorize(ctx, fullRequest(), options...)
		},
		method: http.MethodPost, path: "payment/authorize", key: derived, body: fullRequestBody,
		status: http.StatusOK, answer: stepUpAnswer,
		want: &authorization.Authorization{
			Result: authorization.StepUpRequired{
				PaymentRequest: new(decodedPaymentRequest()),
				URL:            "https://pay.test.klarna.com/eu/requests/1/start",
				QRCode:         decodedPaymentRequest().StateContext.CustomerInteraction.QRCode,
			},
			Raw: klarna.NewRawJSON(stepUpAnswer),
		},
	},
	{
		name:      "Finalize has the approved amount, the first references, the token, and no step-up",
		operation: "authorization.authorize.final",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.Finalize(ctx, order(), approval(), options...)
		},
		method: http.MethodPost, path: "payment/authorize", key: derived, token: sessionToken,
		body: `{
			"currency": "EUR",
			"request_payment_transaction": {"amount": 11800, "payment_transaction_reference": "transaction-1", "payment_option_id": "S0xBUk5B"},
			"supplementary_purchase_data": {"purchase_reference": "order-1", "line_items": [
				{"name": "Shoes", "quantity": 2, "total_amount": 12000}, {"name": "Discount", "quantity": 1, "total_amount": -200}
			]}
		}`,
		status: http.StatusOK, answer: approvedAnswer,
		want: &authorization.Authorization{
			Result: authorization.Approved{PaymentTransaction: new(decodedTransaction())},
			Raw:    klarna.NewRawJSON(approvedAnswer),
		},
	},
	{
		name:      "CreatePaymentRequest",
		operation: "authorization.payment_request.create",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.CreatePaymentRequest(ctx, fullParams(), options...)
		},
		method: http.MethodPost, path: "payment/requests", key: derived, body: fullParamsBody,
		status: http.StatusCreated, answer: paymentRequestAnswer, want: wantPaymentRequest(),
	},
	{
		name:      "GetPaymentRequest",
		operation: "authorization.payment_request.read",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.GetPaymentRequest(ctx, requestID, options...)
		},
		method: http.MethodGet, path: "payment/requests/" + requestID, key: withoutKey,
		status: http.StatusOK, answer: paymentRequestAnswer, want: wantPaymentRequest(),
	},
	{
		name:      "UpdatePaymentRequest",
		operation: "authorization.payment_request.update",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.UpdatePaymentRequest(ctx, requestID, authorization.UpdatePaymentRequestParams{
				Currency: "EUR", Amount: new(int64), PaymentRequestReference: "request-2",
				CustomerInteractionConfig: &authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodQRCode},
				SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{PurchaseReference: "order-2"},
				Unknown:                   klarna.Unknown{"payment_option_id": klarna.NewRawJSON(`"S0xBUk5B"`)},
			}, options...)
		},
		method: http.MethodPatch, path: "payment/requests/" + requestID, key: random,
		body: `{
			"currency": "EUR", "amount": 0, "payment_request_reference": "request-2", "customer_interaction_config": {"method": "QR_CODE"},
			"supplementary_purchase_data": {"purchase_reference": "order-2"}, "payment_option_id": "S0xBUk5B"
		}`,
		status: http.StatusOK, answer: paymentRequestAnswer, want: wantPaymentRequest(),
	},
	{
		name:      "CancelPaymentRequest has no body",
		operation: "authorization.payment_request.cancel",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.CancelPaymentRequest(ctx, requestID, options...)
		},
		method: http.MethodDelete, path: "payment/requests/" + requestID, key: withoutKey,
		status: http.StatusOK, answer: paymentRequestAnswer, want: wantPaymentRequest(),
	},
	{
		name:      "WaitPaymentRequest of one that is completed is one read",
		operation: "authorization.payment_request.read",
		do: func(ctx context.Context, c *authorization.Client, _ ...klarna.CallOption) (any, error) {
			return c.WaitPaymentRequest(ctx, requestID)
		},
		method: http.MethodGet, path: "payment/requests/" + requestID, key: withoutKey,
		status: http.StatusOK, answer: paymentRequestAnswer, want: wantPaymentRequest(),
	},
	{
		name:      "GetTransaction",
		operation: "authorization.transaction.read",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.GetTransaction(ctx, transactionID, options...)
		},
		method: http.MethodGet, path: "payment/transactions/" + transactionID, key: withoutKey,
		status: http.StatusOK, answer: transactionAnswer, want: wantTransaction(),
	},
	{
		name:      "UpdateTransaction",
		operation: "authorization.transaction.update",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.UpdateTransaction(ctx, transactionID, authorization.UpdateTransactionParams{
				PaymentTransactionReference: "transaction-2",
				SupplementaryPurchaseData:   &authorization.SupplementaryPurchaseData{PurchaseReference: "order-2"},
			}, options...)
		},
		method: http.MethodPatch, path: "payment/transactions/" + transactionID, key: random,
		body:   `{"payment_transaction_reference": "transaction-2", "supplementary_purchase_data": {"purchase_reference": "order-2"}}`,
		status: http.StatusOK, answer: transactionAnswer, want: wantTransaction(),
	},
	{
		name:      "CaptureTransaction with a reference",
		operation: "authorization.transaction.capture",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.CaptureTransaction(ctx, transactionID, authorization.CaptureTransactionParams{
				CaptureAmount: 5, PaymentCaptureReference: "capture-1", RemainingAuthorization: authorization.RemainingAuthorizationRelease,
				SupplementaryCaptureData: &authorization.SupplementaryCaptureData{
					LineItems: []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: 5}},
					Shipments: []authorization.Shipment{{
						Delivery: &authorization.ShipmentTracking{
							TrackingNumber: "n", TrackingURL: "u", ShippingCarrier: "c", ShippingType: authorization.ShippingTypeToDoor,
							ShippingTypeAttribute: authorization.ShippingTypeAttributeTracked, EstimatedDeliveryDate: "2026-10-20",
						},
						Return: &authorization.ShipmentTracking{TrackingNumber: "r"},
					}},
				},
				SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{PurchaseReference: "order-1"},
			}, options...)
		},
		method: http.MethodPost, path: "payment/transactions/" + transactionID + "/capture", key: derived,
		body: `{
			"capture_amount": 5, "payment_capture_reference": "capture-1", "remaining_authorization": "RELEASE",
			"supplementary_capture_data": {
				"line_items": [{"name": "Shoes", "quantity": 1, "total_amount": 5}],
				"shipments": [{
					"delivery": {"tracking_number": "n", "tracking_url": "u", "shipping_carrier": "c", "shipping_type": "TO_DOOR",
						"shipping_type_attribute": "TRACKED", "estimated_delivery_date": "2026-10-20"},
					"return": {"tracking_number": "r"}
				}]
			},
			"supplementary_purchase_data": {"purchase_reference": "order-1"}
		}`,
		status: http.StatusCreated, answer: captureAnswer, want: wantCapture,
	},
	{
		name:      "CaptureTransaction without a reference",
		operation: "authorization.transaction.capture",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.CaptureTransaction(ctx, transactionID, authorization.CaptureTransactionParams{CaptureAmount: 5}, options...)
		},
		method: http.MethodPost, path: "payment/transactions/" + transactionID + "/capture", key: random,
		body: `{"capture_amount": 5}`, status: http.StatusOK, answer: captureAnswer, want: wantCapture,
	},
	{
		name:      "VoidTransaction has no body",
		operation: "authorization.transaction.void",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.VoidTransaction(ctx, transactionID, options...)
		},
		method: http.MethodPost, path: "payment/transactions/" + transactionID + "/void", key: derived,
		status: http.StatusOK, answer: transactionAnswer, want: wantTransaction(),
	},
	{
		name:      "RefundTransaction names its reference refund_reference",
		operation: "authorization.transaction.refund",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.RefundTransaction(ctx, transactionID, authorization.RefundTransactionParams{
				RefundAmount: 5, RefundReference: "refund-1",
				SupplementaryRefundData: &authorization.SupplementaryRefundData{LineItems: []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: 5}}},
			}, options...)
		},
		method: http.MethodPost, path: "payment/transactions/" + transactionID + "/refund", key: derived,
		body: `{
			"refund_amount": 5, "refund_reference": "refund-1",
			"supplementary_refund_data": {"line_items": [{"name": "Shoes", "quantity": 1, "total_amount": 5}]}
		}`,
		status: http.StatusOK, answer: refundAnswer, want: wantRefund,
	},
	{
		name:      "RefundTransaction without a reference",
		operation: "authorization.transaction.refund",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.RefundTransaction(ctx, transactionID, authorization.RefundTransactionParams{RefundAmount: 5}, options...)
		},
		method: http.MethodPost, path: "payment/transactions/" + transactionID + "/refund", key: random,
		body: `{"refund_amount": 5}`, status: http.StatusOK, answer: refundAnswer, want: wantRefund,
	},
	{
		name:      "ExtendTransaction",
		operation: "authorization.transaction.extend",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.ExtendTransaction(ctx, transactionID, authorization.ExtendTransactionParams{
				ExtensionDays: 7, Amount: new(int64(12_000)), SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{PurchaseReference: "order-1"},
			}, options...)
		},
		method: http.MethodPost, path: "payment/transactions/" + transactionID + "/authorize", key: random,
		body:   `{"extension_days": 7, "amount": 12000, "supplementary_purchase_data": {"purchase_reference": "order-1"}}`,
		status: http.StatusOK, answer: transactionAnswer, want: wantTransaction(),
	},
	{
		name:      "GetCapture",
		operation: "authorization.capture.read",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.GetCapture(ctx, captureID, options...)
		},
		method: http.MethodGet, path: "payment/captures/" + captureID, key: withoutKey,
		status: http.StatusOK, answer: captureAnswer, want: wantCapture,
	},
	{
		name:      "RefundCapture names its reference payment_refund_reference",
		operation: "authorization.capture.refund",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.RefundCapture(ctx, captureID, authorization.RefundCaptureParams{
				RefundAmount: 5, PaymentRefundReference: "refund-1",
				SupplementaryRefundData: &authorization.SupplementaryRefundData{LineItems: []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: 5}}},
			}, options...)
		},
		method: http.MethodPost, path: "payment/captures/" + captureID + "/refund", key: derived,
		body: `{
			"refund_amount": 5, "payment_refund_reference": "refund-1",
			"supplementary_refund_data": {"line_items": [{"name": "Shoes", "quantity": 1, "total_amount": 5}]}
		}`,
		status: http.StatusOK, answer: refundAnswer, want: wantRefund,
	},
	{
		name:      "RefundCapture without a reference",
		operation: "authorization.capture.refund",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.RefundCapture(ctx, captureID, authorization.RefundCaptureParams{RefundAmount: 5}, options...)
		},
		method: http.MethodPost, path: "payment/captures/" + captureID + "/refund", key: random,
		body: `{"refund_amount": 5}`, status: http.StatusOK, answer: refundAnswer, want: wantRefund,
	},
	{
		name:      "GetRefund",
		operation: "authorization.refund.read",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.GetRefund(ctx, refundID, options...)
		},
		method: http.MethodGet, path: "payment/refunds/" + refundID, key: withoutKey,
		status: http.StatusOK, answer: refundAnswer, want: wantRefund,
	},
	{
		name:      "GetChargeback",
		operation: "authorization.chargeback.read",
		do: func(ctx context.Context, c *authorization.Client, options ...klarna.CallOption) (any, error) {
			return c.GetChargeback(ctx, chargebackID, options...)
		},
		method: http.MethodGet, path: "payment/chargebacks/" + chargebackID, key: withoutKey,
		status: http.StatusOK, answer: chargebackAnswer,
		want: &authorization.PaymentChargeback{
			PaymentChargebackID: chargebackID, Unknown: klarna.Unknown{"amount": klarna.NewRawJSON(`5`)}, Raw: klarna.NewRawJSON(chargebackAnswer),
		},
	},
}

func TestEachOperationSendsTheDocumentedRequest(t *testing.T) {
	for _, o := range operations {
		for _, binding := range []struct {
			name, prefix string
			bind         func(*klarna.Client) *klarna.Client
		}{
			{"a Partner with its own credentials", "/v2/", func(c *klarna.Client) *klarna.Client { return c }},
			{
				"an Acquiring Partner for a Partner's account with raw colons", "/v2/accounts/" + account + "/",
				func(c *klarna.Client) *klarna.Client { return c.ForAccount(account) },
			},
		} {
			t.Run(o.name+" by "+binding.name, func(t *testing.T) {
				client, wire := newClient(t, o.status, o.answer)
				got, err := o.do(t.Context(), authorization.New(binding.bind(client)))
				if err != nil {
					t.Fatal(err)
				}
				if diff := diff(o.want, got); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				sent := wire.only(t)
				if want := o.method + " " + host + binding.prefix + o.path; sent.Method+" "+sent.URL != want {
					t.Errorf("got the request %s %s, want %s", sent.Method, sent.URL, want)
				}
				if diff := jsonDiff(t, o.body, sent.Body); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
				want := map[string]string{
					"Authorization":                "Basic " + apiKey,
					"Content-Type":                 "",
					"Klarna-Network-Session-Token": o.token,
					"Klarna-Customer-Token":        "",
				}
				if o.body != "" {
					want["Content-Type"] = "application/json"
				}
				header := make(map[string]string)
				for name := range want {
					header[name] = sent.Header.Get(name)
				}
				if diff := cmp.Diff(want, header); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
				if _, has := sent.Header["Klarna-Idempotency-Key"]; has != (o.key != withoutKey) {
					t.Errorf("got an idempotency key: %t, want %s", has, o.key)
				}
			})
		}
	}
}

func TestRepeatWithAReferenceHasTheSameKey(t *testing.T) {
	seen := make(map[string]string)
	for _, o := range operations {
		if o.key == withoutKey {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			var keys []string
			for range 2 { // the second client is a program after a crash
				client, wire := newClient(t, o.status, o.answer)
				if _, err := o.do(t.Context(), authorization.New(client.ForAccount(account))); err != nil {
					t.Fatal(err)
				}
				keys = append(keys, wire.only(t).Header.Get("Klarna-Idempotency-Key"))
			}
			if same := keys[0] == keys[1]; same != (o.key == derived) {
				t.Errorf("got the keys %q, want %s", keys, o.key)
			}
			for _, key := range keys {
				if id, err := uuid.Parse(key); err != nil || id.Version() != 5 {
					t.Errorf("got the key %q, want a UUIDv5", key)
				}
				if other, taken := seen[key]; taken && other != o.name {
					t.Errorf("got the key of %s, want another", other)
				}
				seen[key] = o.name
			}
		})
	}
}

func TestAnotherCallHasAnotherIdempotencyKey(t *testing.T) {
	keyOf := func(t *testing.T, change func(*authorization.AuthorizeParams), options ...klarna.CallOption) string {
		t.Helper()
		client, wire := newClient(t, http.StatusOK, stepUpAnswer)
		r := order()
		change(&r)
		if _, err := authorization.New(client).Authorize(t.Context(), r, options...); err != nil {
			t.Fatal(err)
		}
		return wire.only(t).Header.Get("Klarna-Idempotency-Key")
	}
	first := keyOf(t, func(*authorization.AuthorizeParams) {})
	for _, tc := range []struct {
		name    string
		change  func(*authorization.AuthorizeParams)
		options []klarna.CallOption
		same    bool
	}{
		{"the same call", func(*authorization.AuthorizeParams) {}, nil, true},
		{"another reference", func(r *authorization.AuthorizeParams) {
			r.RequestPaymentTransaction.PaymentTransactionReference = "transaction-2"
		}, nil, false},
		{"another content", func(r *authorization.AuthorizeParams) { r.SupplementaryPurchaseData.PurchaseReference = "order-2" }, nil, false},
		{"a session token", func(*authorization.AuthorizeParams) {}, []klarna.CallOption{klarna.WithSessionToken(klarna.NewSecret("t"))}, false},
		{"a correlation id, which is no content", func(*authorization.AuthorizeParams) {}, []klarna.CallOption{klarna.WithCorrelationID("c")}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if key := keyOf(t, tc.change, tc.options...); (key == first) != tc.same {
				t.Errorf("got the same key: %t, want %t", key == first, tc.same)
			}
		})
	}
}

func TestRequestWithoutAPaymentHasOtherReferences(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request authorization.AuthorizeParams
		key     keyed
	}{
		{
			"the payment request's",
			authorization.AuthorizeParams{Currency: "EUR", RequestCustomerToken: &authorization.RequestCustomerToken{}, StepUpConfig: order().StepUpConfig}, derived,
		},
		{"the customer token's", authorization.AuthorizeParams{Currency: "EUR", RequestCustomerToken: &authorization.RequestCustomerToken{CustomerTokenReference: "t"}}, derived},
		{"none", authorization.AuthorizeParams{Currency: "EUR", RequestCustomerToken: &authorization.RequestCustomerToken{}}, random},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, wire := newClient(t, http.StatusOK, `{"customer_token_response":{"result":"DECLINED"}}`)
			for range 2 {
				if _, err := authorization.New(client).Authorize(t.Context(), tc.request); err != nil {
					t.Fatal(err)
				}
			}
			sent := wire.all()
			if same := sent[0].Header.Get("Klarna-Idempotency-Key") == sent[1].Header.Get("Klarna-Idempotency-Key"); same != (tc.key == derived) {
				t.Errorf("got the same key in the repeat: %t, want %s", same, tc.key)
			}
		})
	}
}

func TestOptionsReachTheCall(t *testing.T) {
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			client, wire := newClient(t, o.status, o.answer)
			var response klarna.Response
			_, err := o.do(t.Context(), authorization.New(client),
				klarna.WithSessionToken(klarna.NewSecret("given")), klarna.WithCustomerToken(klarna.NewSecret("customer")),
				klarna.WithIdempotencyKey("own-key"), klarna.WithCorrelationID("c1"), klarna.WithResponse(&response))
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode == 0 {
				return // WaitPaymentRequest takes no options
			}
			given := "given"
			if strings.HasPrefix(o.name, "Finalize") {
				given = sessionToken // no option replaces the approval's token
			}
			want := map[string]string{
				"Klarna-Network-Session-Token": given, "Klarna-Customer-Token": "customer", "Klarna-Idempotency-Key": "own-key", "Partner-Correlation-Id": "c1",
			}
			if o.key == withoutKey {
				want["Klarna-Idempotency-Key"] = ""
			}
			got := make(map[string]string)
			for name := range want {
				got[name] = wire.only(t).Header.Get(name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEachOperationReturnsKlarnasError(t *testing.T) {
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			client, _ := newClient(t, http.StatusConflict, `{"error_id":"2f1c9a52-77c1-4f0a-9d55-6d1a7f0b8c3e","error_type":"RESOURCE_ERROR","error_code":"RESOURCE_CONFLICT"}`)
			got, err := o.do(t.Context(), authorization.New(client))
			e := failure(t, err)
			if e.Operation != o.operation || e.Code != klarna.CodeResourceConflict || e.ID != "2f1c9a52-77c1-4f0a-9d55-6d1a7f0b8c3e" || e.Outcome != klarna.OutcomeRejected {
				t.Errorf("got the error %v, want a rejected RESOURCE_CONFLICT", e)
			}
			if !reflect.ValueOf(got).IsNil() {
				t.Errorf("got %v with the error, want nil", got)
			}
		})
	}
}

func TestAnswerWithoutABodyIsUnusable(t *testing.T) {
	// Klarna's documentation describes no answer for these.
	undescribed := []string{
		"authorization.transaction.update", "authorization.transaction.void", "authorization.transaction.refund",
		"authorization.transaction.extend", "authorization.chargeback.read",
	}
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			client, _ := newClient(t, http.StatusNoContent, "")
			got, err := o.do(t.Context(), authorization.New(client))
			if slices.Contains(undescribed, o.operation) {
				if err != nil || reflect.ValueOf(got).IsNil() {
					t.Errorf("got %v and the error %v, want an empty answer", got, err)
				}
				return
			}
			if e := failure(t, err); e.Outcome != klarna.OutcomeUnknown || !reflect.ValueOf(got).IsNil() {
				t.Errorf("got %v and the error %v, want an unknown outcome", got, e)
			}
		})
	}
}

func TestFullRequestsSetEachMember(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request any
		unset   []string
	}{
		{"authorize", fullRequest(), []string{"InteroperabilityData"}},
		{"payment request", fullParams(), []string{"InteroperabilityData"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var unset []string
			v := reflect.ValueOf(tc.request)
			for i := range v.NumField() {
				if name := v.Type().Field(i).Name; name != "Unknown" && v.Field(i).IsZero() {
					unset = append(unset, name)
				}
			}
			if diff := cmp.Diff(tc.unset, unset); diff != "" {
				t.Errorf("unset fields (-want +got):\n%s", diff)
			}
		})
	}
}
