package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/klarna"
)

// RefundTransactionParams are the input of [Client.RefundTransaction].
type RefundTransactionParams struct {
	// RefundAmount is the amount to refund, in minor units.
	RefundAmount int64 `json:"refund_amount" wire:"show"`
	// RefundReference is the caller's reference of the refund, at most 255 characters. It makes
	// repeats safe, as the reference of CaptureTransactionParams does.
	RefundReference string `json:"refund_reference,omitzero" wire:"show"`
	// SupplementaryRefundData describes what is refunded.
	SupplementaryRefundData *SupplementaryRefundData `json:"supplementary_refund_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most
	// 10240 bytes.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// RefundCaptureParams are the input of [Client.RefundCapture]. Klarna gives the reference another
// name than in [RefundTransactionParams].
type RefundCaptureParams struct {
	// RefundAmount is the amount to refund, in minor units.
	RefundAmount int64 `json:"refund_amount" wire:"show"`
	// PaymentRefundReference is the caller's reference of the refund, at most 255 characters. It
	// makes repeats safe, as the reference of CaptureTransactionParams does.
	PaymentRefundReference string `json:"payment_refund_reference,omitzero" wire:"show"`
	// SupplementaryRefundData describes what is refunded.
	SupplementaryRefundData *SupplementaryRefundData `json:"supplementary_refund_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte, at most
	// 10240 bytes.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// PaymentRefund is a refund. Klarna documents few members of it; Unknown and Raw hold the others.
type PaymentRefund struct {
	// PaymentRefundID is Klarna's id of the refund.
	PaymentRefundID string `json:"payment_refund_id,omitzero" wire:"show"`
	// RefundReference is the caller's reference of a refund of a transaction.
	RefundReference string `json:"refund_reference,omitzero"`
	// PaymentRefundReference is the caller's reference of a refund of a capture.
	PaymentRefundReference string `json:"payment_refund_reference,omitzero"`
	// PaymentTransactionID is Klarna's id of the refunded transaction.
	PaymentTransactionID string `json:"payment_transaction_id,omitzero"`
	// PaymentCaptureID is Klarna's id of the refunded capture.
	PaymentCaptureID string `json:"payment_capture_id,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
	// Raw is the body of the answer, unchanged.
	Raw klarna.RawJSON `json:"-"`
}

// RefundTransaction refunds what was captured (POST
// payment/transactions/{payment_transaction_id}/refund). The idempotency key is derived from the
// refund's reference and the content. Errors are [*klarna.Error]: CodeOperationForbidden beyond 200
// refunds or 500 operations.
//
// To repeat it safely, store the whole request, with one reference for each refund, before the
// first call. Klarna executes a call with the same reference and different content as a new call.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) RefundTransaction(ctx context.Context, paymentTransactionID string, params RefundTransactionParams, options ...klarna.CallOption) (*PaymentRefund, error) {
	return do[PaymentRefund](ctx, c, refundTransactionCall(paymentTransactionID, &params), options)
}

// RefundCapture refunds a capture (POST payment/captures/{payment_capture_id}/refund). The
// idempotency key is derived from the refund's reference and the content. Errors are
// [*klarna.Error].
//
// To repeat it safely, store the whole request, with one reference for each refund, before the
// first call. Klarna executes a call with the same reference and different content as a new call.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) RefundCapture(ctx context.Context, paymentCaptureID string, params RefundCaptureParams, options ...klarna.CallOption) (*PaymentRefund, error) {
	return do[PaymentRefund](ctx, c, refundCaptureCall(paymentCaptureID, &params), options)
}

// GetRefund reads a refund (GET payment/refunds/{payment_refund_id}). The error is a
// [*klarna.Error]. It is [klarna.CodeResourceNotFound] if no refund has the id.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) GetRefund(ctx context.Context, paymentRefundID string, options ...klarna.CallOption) (*PaymentRefund, error) {
	return do[PaymentRefund](ctx, c, klarna.Call{Operation: operation.RefundRead, IDs: []string{paymentRefundID}}, options)
}

func (p *PaymentRefund) setRaw(raw klarna.RawJSON) { p.Raw = raw }
