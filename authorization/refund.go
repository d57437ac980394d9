package authorization

import (
	"context"
	"net/http"

	"github.com/klarna-go/klarna-go/klarna"
)

// TransactionRefund refunds a payment transaction, or a part of it.
type TransactionRefund struct {
	// RefundAmount is in minor units.
	RefundAmount int64 `json:"refund_amount"`
	// RefundReference is the caller's, at most 255 characters. It is what makes a repeat safe, as CaptureRequest's is.
	RefundReference         string                   `json:"refund_reference,omitzero"`
	SupplementaryRefundData *SupplementaryRefundData `json:"supplementary_refund_data,omitzero"`

	Unknown klarna.Fields `json:",embed"`
}

// CaptureRefund refunds a capture, or a part of it. Klarna's name of the reference differs from TransactionRefund's.
type CaptureRefund struct {
	// RefundAmount is in minor units.
	RefundAmount int64 `json:"refund_amount"`
	// PaymentRefundReference is the caller's, at most 255 characters. It is what makes a repeat safe, as CaptureRequest's is.
	PaymentRefundReference  string                   `json:"payment_refund_reference,omitzero"`
	SupplementaryRefundData *SupplementaryRefundData `json:"supplementary_refund_data,omitzero"`

	Unknown klarna.Fields `json:",embed"`
}

// PaymentRefund is a refund. What Klarna answers beside its id is little documented: see Unknown and Raw.
type PaymentRefund struct {
	PaymentRefundID string `json:"payment_refund_id,omitzero"`

	Unknown klarna.Fields `json:",embed"`
	// Raw is the body as it came.
	Raw klarna.RawJSON `json:"-"`
}

// RefundTransaction refunds what was captured (POST payment/transactions/{payment_transaction_id}/refund). The idempotency key is
// derived from the refund's reference and the content. Errors are *klarna.Error: CodeOperationForbidden beyond 200 refunds or 500
// operations.
func (c *Client) RefundTransaction(ctx context.Context, paymentTransactionID string, refund TransactionRefund, options ...klarna.CallOption) (*PaymentRefund, error) {
	call := transactionCall("refund", http.MethodPost, "/refund", paymentTransactionID)
	call.Body = &refund
	call.Reference = refund.RefundReference
	call.Validate = amountAndReference("refund_amount", refund.RefundAmount, "refund_reference", refund.RefundReference)
	return do[PaymentRefund](ctx, c, call, options)
}

// RefundCapture refunds a capture (POST payment/captures/{payment_capture_id}/refund). The idempotency key is derived from the
// refund's reference and the content. Errors are *klarna.Error.
func (c *Client) RefundCapture(ctx context.Context, paymentCaptureID string, refund CaptureRefund, options ...klarna.CallOption) (*PaymentRefund, error) {
	return do[PaymentRefund](ctx, c, klarna.Call{
		Operation:    "authorization.capture.refund",
		Method:       http.MethodPost,
		Route:        "payment/captures/{payment_capture_id}/refund",
		IDs:          []string{paymentCaptureID},
		Body:         &refund,
		Reference:    refund.PaymentRefundReference,
		BodyOptional: true,
		Validate:     amountAndReference("refund_amount", refund.RefundAmount, "payment_refund_reference", refund.PaymentRefundReference),
	}, options)
}

// ReadRefund reads a refund (GET payment/refunds/{payment_refund_id}). Errors are *klarna.Error.
func (c *Client) ReadRefund(ctx context.Context, paymentRefundID string, options ...klarna.CallOption) (*PaymentRefund, error) {
	return do[PaymentRefund](ctx, c, klarna.Call{
		Operation: "authorization.refund.read",
		Method:    http.MethodGet,
		Route:     "payment/refunds/{payment_refund_id}",
		IDs:       []string{paymentRefundID},
	}, options)
}

func (p *PaymentRefund) keep(raw klarna.RawJSON) { p.Raw = raw }
