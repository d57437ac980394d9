package authorization

import (
	"context"
	"slices"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// PrepareCaptureTransaction checks and encodes the call that CaptureTransaction makes, and sends
// nothing. Store what it returns before CaptureTransactionPrepared sends it: each repeat is then
// the same call. The error is a [*klarna.Error] of OutcomeNotSent.
func (c *Client) PrepareCaptureTransaction(paymentTransactionID string, params CaptureTransactionParams, options ...klarna.CallOption) (*Prepared, error) {
	return c.prepareCall(captureCall(paymentTransactionID, &params), options)
}

// CaptureTransactionPrepared captures as it was prepared (POST
// payment/transactions/{payment_transaction_id}/capture). Errors are those of
// [Client.CaptureTransaction].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) CaptureTransactionPrepared(ctx context.Context, paymentTransactionID string, p Prepared, options ...klarna.CallOption) (*PaymentCapture, error) {
	call := captureCall(paymentTransactionID, new(CaptureTransactionParams))
	return sendPreparedCall[PaymentCapture](ctx, c, call, p, (*CaptureTransactionParams).decode, options)
}

// PrepareRefundTransaction checks and encodes the call that RefundTransaction makes, as
// PrepareCaptureTransaction does.
func (c *Client) PrepareRefundTransaction(paymentTransactionID string, params RefundTransactionParams, options ...klarna.CallOption) (*Prepared, error) {
	return c.prepareCall(refundTransactionCall(paymentTransactionID, &params), options)
}

// RefundTransactionPrepared refunds as it was prepared (POST
// payment/transactions/{payment_transaction_id}/refund). Errors are those of
// [Client.RefundTransaction].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) RefundTransactionPrepared(ctx context.Context, paymentTransactionID string, p Prepared, options ...klarna.CallOption) (*PaymentRefund, error) {
	call := refundTransactionCall(paymentTransactionID, new(RefundTransactionParams))
	return sendPreparedCall[PaymentRefund](ctx, c, call, p, (*RefundTransactionParams).decode, options)
}

// PrepareRefundCapture checks and encodes the call that RefundCapture makes, as
// PrepareCaptureTransaction does. The derived idempotency key, unlike the body, depends on the
// capture's id.
func (c *Client) PrepareRefundCapture(paymentCaptureID string, params RefundCaptureParams, options ...klarna.CallOption) (*Prepared, error) {
	return c.prepareCall(refundCaptureCall(paymentCaptureID, &params), options)
}

// RefundCapturePrepared refunds as it was prepared (POST
// payment/captures/{payment_capture_id}/refund). Errors are those of [Client.RefundCapture].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) RefundCapturePrepared(ctx context.Context, paymentCaptureID string, p Prepared, options ...klarna.CallOption) (*PaymentRefund, error) {
	call := refundCaptureCall(paymentCaptureID, new(RefundCaptureParams))
	return sendPreparedCall[PaymentRefund](ctx, c, call, p, (*RefundCaptureParams).decode, options)
}

// PrepareExtendTransaction checks and encodes the call that ExtendTransaction makes, as
// PrepareCaptureTransaction does. The key is random unless the options have one, so only a repeat
// of what was prepared is the same call.
func (c *Client) PrepareExtendTransaction(paymentTransactionID string, params ExtendTransactionParams, options ...klarna.CallOption) (*Prepared, error) {
	return c.prepareCall(extendCall(paymentTransactionID, &params), options)
}

// ExtendTransactionPrepared extends as it was prepared (POST
// payment/transactions/{payment_transaction_id}/authorize). Errors are those of
// [Client.ExtendTransaction].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) ExtendTransactionPrepared(ctx context.Context, paymentTransactionID string, p Prepared, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := extendCall(paymentTransactionID, new(ExtendTransactionParams))
	return sendPreparedCall[PaymentTransaction](ctx, c, call, p, (*ExtendTransactionParams).decode, options)
}

// PrepareUpdateTransaction checks and encodes the call that UpdateTransaction makes, as
// PrepareExtendTransaction does.
func (c *Client) PrepareUpdateTransaction(paymentTransactionID string, params UpdateTransactionParams, options ...klarna.CallOption) (*Prepared, error) {
	return c.prepareCall(updateTransactionCall(paymentTransactionID, &params), options)
}

// UpdateTransactionPrepared updates as it was prepared (PATCH
// payment/transactions/{payment_transaction_id}). Errors are those of [Client.UpdateTransaction].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) UpdateTransactionPrepared(ctx context.Context, paymentTransactionID string, p Prepared, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := updateTransactionCall(paymentTransactionID, new(UpdateTransactionParams))
	return sendPreparedCall[PaymentTransaction](ctx, c, call, p, (*UpdateTransactionParams).decode, options)
}

func captureCall(paymentTransactionID string, capture *CaptureTransactionParams) klarna.Call {
	return klarna.Call{
		Operation: operation.TransactionCapture,
		IDs:       []string{paymentTransactionID},
		Body:      wire.From(capture, (*CaptureTransactionParams).encode),
		Reference: capture.PaymentCaptureReference,
		Validate:  amountAndReference("capture_amount", capture.CaptureAmount, "payment_capture_reference", capture.PaymentCaptureReference),
	}
}

func refundTransactionCall(paymentTransactionID string, refund *RefundTransactionParams) klarna.Call {
	return klarna.Call{
		Operation: operation.TransactionRefund,
		IDs:       []string{paymentTransactionID},
		Body:      wire.From(refund, (*RefundTransactionParams).encode),
		Reference: refund.RefundReference,
		Validate:  amountAndReference("refund_amount", refund.RefundAmount, "refund_reference", refund.RefundReference),
	}
}

func refundCaptureCall(paymentCaptureID string, refund *RefundCaptureParams) klarna.Call {
	return klarna.Call{
		Operation: operation.CaptureRefund,
		IDs:       []string{paymentCaptureID},
		Body:      wire.From(refund, (*RefundCaptureParams).encode),
		Reference: refund.PaymentRefundReference,
		Validate:  amountAndReference("refund_amount", refund.RefundAmount, "payment_refund_reference", refund.PaymentRefundReference),
	}
}

func extendCall(paymentTransactionID string, extension *ExtendTransactionParams) klarna.Call {
	return klarna.Call{
		Operation: operation.TransactionExtend,
		IDs:       []string{paymentTransactionID},
		Body:      wire.From(extension, (*ExtendTransactionParams).encode),
		Validate: func() []klarna.ValidationError {
			var p problems
			if extension.ExtensionDays < 0 {
				p.Add("extension_days", "is negative")
			}
			if extension.Amount != nil {
				p.Amount("amount", *extension.Amount)
			}
			return p.List
		},
	}
}

func updateTransactionCall(paymentTransactionID string, update *UpdateTransactionParams) klarna.Call {
	return klarna.Call{
		Operation: operation.TransactionUpdate,
		IDs:       []string{paymentTransactionID},
		Body:      wire.From(update, (*UpdateTransactionParams).encode),
		Validate: func() []klarna.ValidationError {
			var p problems
			p.optionalReference("payment_transaction_reference", update.PaymentTransactionReference)
			return p.List
		},
	}
}

func (c *Client) prepareCall(call klarna.Call, options []klarna.CallOption) (*Prepared, error) {
	if c == nil || c.klarna == nil {
		return nil, notMadeByNew(call.Operation)
	}
	prepared, err := c.klarna.Prepare(call, options...)
	if err != nil {
		return nil, err
	}
	return &Prepared{Body: prepared.Body, IdempotencyKey: prepared.IdempotencyKey, Reference: call.Reference}, nil
}

// sendPreparedCall makes a call with the stored bytes. The references in them are evidence of whose
// answer comes.
func sendPreparedCall[T, R any, P answer[T]](ctx context.Context, c *Client, call klarna.Call, p Prepared, decode func(*R, *wire.Reader) bool, options []klarna.CallOption) (*T, error) {
	if p.IdempotencyKey != "" {
		options = append(slices.Clip(options), klarna.WithIdempotencyKey(p.IdempotencyKey))
	}
	request := new(R)
	call.Reference, call.Validate = p.Reference, nil
	call.Body = wire.Verbatim(request, p.Body.Bytes())
	if err := wire.Unmarshal(p.Body.Bytes(), request, decode); err != nil {
		call.Body = p.Body // which is refused
	}
	return do[T, P](ctx, c, call, options)
}
