package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/klarna"
)

// CaptureTransactionParams are the input of [Client.CaptureTransaction].
type CaptureTransactionParams struct {
	// CaptureAmount is the amount to capture, in minor units.
	CaptureAmount int64 `json:"capture_amount" wire:"show"`
	// PaymentCaptureReference is the caller's reference of the capture, at most 255 characters. If
	// it is set, repeats of the call within 24 hours make one capture; read the transaction before
	// a later repeat. If it is "", the idempotency key is random, and a repeat after a crash is
	// safe only with klarna.WithIdempotencyKey.
	PaymentCaptureReference string `json:"payment_capture_reference,omitzero" wire:"show"`
	// RemainingAuthorization says what happens to the amount that is not captured. If it is "", the
	// amount stays authorized.
	RemainingAuthorization RemainingAuthorization `json:"remaining_authorization,omitzero"`
	// SupplementaryCaptureData describes what is captured and how it is shipped.
	SupplementaryCaptureData *SupplementaryCaptureData `json:"supplementary_capture_data,omitzero"`
	// SupplementaryPurchaseData describes the purchase.
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most
	// 10240 bytes.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// RemainingAuthorization says what happens to the amount that is not captured. Other values than
// the constant are sent unchanged.
type RemainingAuthorization string

// RemainingAuthorizationRelease releases the amount that is not captured.
const RemainingAuthorizationRelease RemainingAuthorization = "RELEASE"

// PaymentCapture is a capture of a payment transaction. Klarna documents few members of it; Unknown
// and Raw hold the others.
type PaymentCapture struct {
	// PaymentCaptureID is Klarna's id of the capture.
	PaymentCaptureID string `json:"payment_capture_id,omitzero" wire:"show"`
	// PaymentCaptureReference is the caller's reference of the capture.
	PaymentCaptureReference string `json:"payment_capture_reference,omitzero"`
	// PaymentTransactionID is Klarna's id of the captured transaction.
	PaymentTransactionID string `json:"payment_transaction_id,omitzero"`
	// CaptureAmount is the captured amount, in minor units; nil if the answer has none.
	CaptureAmount *int64 `json:"capture_amount,omitzero"`
	// Currency is the ISO 4217 code of the amount; "" if the answer has none.
	Currency string `json:"currency,omitzero"`
	// SupplementaryCaptureData is Klarna's echo of the data of the capture, unchanged.
	SupplementaryCaptureData klarna.RawJSON `json:"supplementary_capture_data,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
	// Raw is the body of the answer, unchanged. It is zero if the capture is part of another
	// answer.
	Raw klarna.RawJSON `json:"-"`
}

// CaptureTransaction captures (POST payment/transactions/{payment_transaction_id}/capture). The
// idempotency key is derived from the capture's reference and the content. Errors are
// [*klarna.Error]: CodeOperationForbidden beyond 200 captures or 500 operations.
//
// To repeat it safely, store the whole request, with one reference for each capture, before the
// first call. Klarna executes a call with the same reference and different content as a new call.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) CaptureTransaction(ctx context.Context, paymentTransactionID string, params CaptureTransactionParams, options ...klarna.CallOption) (*PaymentCapture, error) {
	return do[PaymentCapture](ctx, c, captureCall(paymentTransactionID, &params), options)
}

// GetCapture reads a capture (GET payment/captures/{payment_capture_id}). The error is a
// [*klarna.Error]. It is [klarna.CodeResourceNotFound] if no capture has the id.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) GetCapture(ctx context.Context, paymentCaptureID string, options ...klarna.CallOption) (*PaymentCapture, error) {
	return do[PaymentCapture](ctx, c, klarna.Call{Operation: operation.CaptureRead, IDs: []string{paymentCaptureID}}, options)
}

func (p *PaymentCapture) setRaw(raw klarna.RawJSON) { p.Raw = raw }
