package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// RefundTransactionParams refunds a payment transaction, or a part of it.
type RefundTransactionParams struct {
	// RefundAmount is in minor units.
	RefundAmount int64 `json:"refund_amount" wire:"show"`
	// RefundReference is the caller's, at most 255 characters. It is what makes a repeat safe, as
	// CaptureTransactionParams's is.
	RefundReference         string                   `json:"refund_reference,omitzero" wire:"show"`
	SupplementaryRefundData *SupplementaryRefundData `json:"supplementary_refund_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`

	klarna.Unknown `json:",embed"`
}

// RefundCaptureParams refunds a capture, or a part of it. Klarna's name of the reference differs
// from RefundTransactionParams's.
type RefundCaptureParams struct {
	// RefundAmount is in minor units.
	RefundAmount int64 `json:"refund_amount" wire:"show"`
	// PaymentRefundReference is the caller's, at most 255 characters. It is what makes a repeat
	// safe, as CaptureTransactionParams's is.
	PaymentRefundReference  string                   `json:"payment_refund_reference,omitzero" wire:"show"`
	SupplementaryRefundData *SupplementaryRefundData `json:"supplementary_refund_data,omitzero"`
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte.
	KlarnaNetworkData string `json:"klarna_network_data,omitzero"`

	klarna.Unknown `json:",embed"`
}

// PaymentRefund is a refund. Klarna documents little of it beside its id: see Unknown and Raw.
type PaymentRefund struct {
	PaymentRefundID string `json:"payment_refund_id,omitzero" wire:"show"`
	// RefundReference is the reference of RefundTransactionParams, PaymentRefundReference that of
	// RefundCaptureParams.
	RefundReference        string `json:"refund_reference,omitzero"`
	PaymentRefundReference string `json:"payment_refund_reference,omitzero"`
	PaymentTransactionID   string `json:"payment_transaction_id,omitzero"`
	PaymentCaptureID       string `json:"payment_capture_id,omitzero"`

	klarna.Unknown `json:",embed"`
	// Raw is the body as it came.
	Raw klarna.RawJSON `json:"-"`
}

// RefundTransaction refunds what was captured (POST
// payment/transactions/{payment_transaction_id}/refund). The idempotency key is derived from the
// refund's reference and the content. Errors are *klarna.Error: CodeOperationForbidden beyond 200
// refunds or 500 operations.
func (c *Client) RefundTransaction(ctx context.Context, paymentTransactionID string, params RefundTransactionParams, options ...klarna.CallOption) (*PaymentRefund, error) {
	call := klarna.Call{Operation: operation.TransactionRefund, IDs: []string{paymentTransactionID}}
	call.Body = wire.From(&params, (*RefundTransactionParams).encode)
	call.Reference = params.RefundReference
	call.Validate = amountAndReference("refund_amount", params.RefundAmount, "refund_reference", params.RefundReference)
	return do[PaymentRefund](ctx, c, call, options)
}

// RefundCapture refunds a capture (POST payment/captures/{payment_capture_id}/refund). The
// idempotency key is derived from the refund's reference and the content. Errors are *klarna.Error.
func (c *Client) RefundCapture(ctx context.Context, paymentCaptureID string, params RefundCaptureParams, options ...klarna.CallOption) (*PaymentRefund, error) {
	return do[PaymentRefund](ctx, c, klarna.Call{
		Operation: operation.CaptureRefund,
		IDs:       []string{paymentCaptureID},
		Body:      wire.From(&params, (*RefundCaptureParams).encode),
		Reference: params.PaymentRefundReference,
		Validate:  amountAndReference("refund_amount", params.RefundAmount, "payment_refund_reference", params.PaymentRefundReference),
	}, options)
}

// GetRefund reads a refund (GET payment/refunds/{payment_refund_id}). Errors are *klarna.Error.
func (c *Client) GetRefund(ctx context.Context, paymentRefundID string, options ...klarna.CallOption) (*PaymentRefund, error) {
	return do[PaymentRefund](ctx, c, klarna.Call{Operation: operation.RefundRead, IDs: []string{paymentRefundID}}, options)
}

func (p *PaymentRefund) keep(raw klarna.RawJSON) { p.Raw = raw }
