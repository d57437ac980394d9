package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// CaptureTransactionParams captures a payment transaction, or a part of it.
type CaptureTransactionParams struct {
	// CaptureAmount is in minor units.
	CaptureAmount int64 `json:"capture_amount" wire:"show"`
	// PaymentCaptureReference is the caller's, at most 255 characters. With one, repeating the call
	// within 24 hours makes one capture, and after that the transaction has to be read first; without
	// one, the idempotency key is random and only klarna.WithIdempotencyKey makes a repeat after a
	// crash safe.
	PaymentCaptureReference string `json:"payment_capture_reference,omitzero" wire:"show"`
	// RemainingAuthorization is RemainingAuthorizationRelease, or "" to keep the rest authorized.
	RemainingAuthorization    RemainingAuthorization     `json:"remaining_authorization,omitzero"`
	SupplementaryCaptureData  *SupplementaryCaptureData  `json:"supplementary_capture_data,omitzero"`
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`

	klarna.Unknown `json:",embed"`
}

// RemainingAuthorization says what becomes of the part that is not captured. Unknown values are
// sent as they are.
type RemainingAuthorization string

// RemainingAuthorizationRelease releases the part that is not captured.
const RemainingAuthorizationRelease RemainingAuthorization = "RELEASE"

// PaymentCapture is a capture. Klarna documents little of it beside its id: see Unknown and Raw.
type PaymentCapture struct {
	PaymentCaptureID        string `json:"payment_capture_id,omitzero" wire:"show"`
	PaymentCaptureReference string `json:"payment_capture_reference,omitzero"`
	PaymentTransactionID    string `json:"payment_transaction_id,omitzero"`
	// CaptureAmount is in minor units; nil where the answer has none.
	CaptureAmount *int64 `json:"capture_amount,omitzero"`
	// Currency is the ISO 4217 code; "" where the answer has none.
	Currency string `json:"currency,omitzero"`
	// SupplementaryCaptureData is Klarna's echo, as it came.
	SupplementaryCaptureData klarna.RawJSON `json:"supplementary_capture_data,omitzero"`

	klarna.Unknown `json:",embed"`
	// Raw is the body as it came.
	Raw klarna.RawJSON `json:"-"`
}

// CaptureTransaction captures (POST payment/transactions/{payment_transaction_id}/capture). The
// idempotency key is derived from the capture's reference and the content. Errors are
// *klarna.Error: CodeOperationForbidden beyond 200 captures or 500 operations.
func (c *Client) CaptureTransaction(ctx context.Context, paymentTransactionID string, params CaptureTransactionParams, options ...klarna.CallOption) (*PaymentCapture, error) {
	call := klarna.Call{Operation: operation.TransactionCapture, IDs: []string{paymentTransactionID}}
	call.Body = wire.From(&params, (*CaptureTransactionParams).encode)
	call.Reference = params.PaymentCaptureReference
	call.Validate = amountAndReference("capture_amount", params.CaptureAmount, "payment_capture_reference", params.PaymentCaptureReference)
	return do[PaymentCapture](ctx, c, call, options)
}

// GetCapture reads a capture (GET payment/captures/{payment_capture_id}). Errors are
// *klarna.Error.
func (c *Client) GetCapture(ctx context.Context, paymentCaptureID string, options ...klarna.CallOption) (*PaymentCapture, error) {
	return do[PaymentCapture](ctx, c, klarna.Call{Operation: operation.CaptureRead, IDs: []string{paymentCaptureID}}, options)
}

func (p *PaymentCapture) keep(raw klarna.RawJSON) { p.Raw = raw }
