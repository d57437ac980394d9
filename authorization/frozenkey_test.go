package authorization_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
)

// TestFrozenCallsKeepTheirIdempotencyKeys compares idempotency keys with those that earlier
// versions sent. If a key changes, a repeat after an upgrade is another call. A key must never
// change.
func TestFrozenCallsKeepTheirIdempotencyKeys(t *testing.T) {
	for _, tc := range []struct {
		name, key, answer string
		do                func(ctx context.Context, c *authorization.Client) error
	}{
		{"authorize", "1904ab40-b875-5eb5-a472-69856094dc2a", stepUpAnswer, func(ctx context.Context, c *authorization.Client) error {
			_, err := c.Authorize(ctx, order())
			return err
		}},
		{"finalize", "911e7ff4-520a-5be8-b79e-dc5b772b3ebc", approvedAnswer, func(ctx context.Context, c *authorization.Client) error {
			_, err := c.Finalize(ctx, order(), approval())
			return err
		}},
		{"create", "5d66017e-2deb-544d-ace2-6b9a3d298c46", paymentRequestAnswer, func(ctx context.Context, c *authorization.Client) error {
			_, err := c.CreatePaymentRequest(ctx, params())
			return err
		}},
		{"capture", "0e739002-94cd-5908-9fc6-af6c9c8511ac", captureAnswer, func(ctx context.Context, c *authorization.Client) error {
			_, err := c.CaptureTransaction(ctx, transactionID, authorization.CaptureTransactionParams{CaptureAmount: 5, PaymentCaptureReference: "capture-1"})
			return err
		}},
		{"void", "39e4f937-a7fc-5a7b-bf46-b4572f448c5b", transactionAnswer, func(ctx context.Context, c *authorization.Client) error {
			_, err := c.VoidTransaction(ctx, transactionID)
			return err
		}},
		{"refund of a transaction", "86ab0bd8-9e7f-5e0c-b5d9-1cecec30b686", refundAnswer, func(ctx context.Context, c *authorization.Client) error {
			_, err := c.RefundTransaction(ctx, transactionID, authorization.RefundTransactionParams{RefundAmount: 5, RefundReference: "refund-1"})
			return err
		}},
		{"refund of a capture", "0e534827-15eb-5dc9-b212-606ae1967962", refundAnswer, func(ctx context.Context, c *authorization.Client) error {
			_, err := c.RefundCapture(ctx, captureID, authorization.RefundCaptureParams{RefundAmount: 5, PaymentRefundReference: "refund-1"})
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, wire := newClient(t, http.StatusOK, tc.answer)
			if err := tc.do(t.Context(), authorization.New(client.ForAccount(account))); err != nil {
				t.Fatal(err)
			}
			if key := wire.only(t).Header.Get("Klarna-Idempotency-Key"); key != tc.key {
				t.Errorf("got the key %s, want %s", key, tc.key)
			}
		})
	}
}
