package authorization_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// Each call after the approval is prepared once and sent twice: it is the call that the plain
// method makes, and executed once.
func TestAPreparedOperationIsExecutedOnce(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name     string
		captured bool
		plain    func(c *authorization.Client, transaction, capture string) error
		prepare  func(c *authorization.Client, transaction, capture string) (*authorization.Prepared, error)
		send     func(c *authorization.Client, transaction, capture string, p authorization.Prepared) error
		derived  bool // the key is, so that the plain call has it, too
		done     func(klarnatest.Transaction) int64
		want     int64
	}{
		{
			name: "a capture", derived: true, want: 400,
			plain: func(c *authorization.Client, transaction, _ string) error {
				_, err := c.CaptureTransaction(ctx, transaction, captureOf400())
				return err
			},
			prepare: func(c *authorization.Client, transaction, _ string) (*authorization.Prepared, error) {
				return c.PrepareCaptureTransaction(transaction, captureOf400())
			},
			send: func(c *authorization.Client, transaction, _ string, p authorization.Prepared) error {
				_, err := c.CaptureTransactionPrepared(ctx, transaction, p)
				return err
			},
			done: func(t klarnatest.Transaction) int64 { return t.CapturedAmount },
		},
		{
			name: "a refund of the transaction", captured: true, derived: true, want: 100,
			plain: func(c *authorization.Client, transaction, _ string) error {
				_, err := c.RefundTransaction(ctx, transaction, authorization.RefundTransactionParams{RefundAmount: 100, RefundReference: "return-1"})
				return err
			},
			prepare: func(c *authorization.Client, transaction, _ string) (*authorization.Prepared, error) {
				return c.PrepareRefundTransaction(transaction, authorization.RefundTransactionParams{RefundAmount: 100, RefundReference: "return-1"})
			},
			send: func(c *authorization.Client, transaction, _ string, p authorization.Prepared) error {
				_, err := c.RefundTransactionPrepared(ctx, transaction, p)
				return err
			},
			done: func(t klarnatest.Transaction) int64 { return t.RefundedAmount },
		},
		{
			name: "a refund of a capture", captured: true, derived: true, want: 100,
			plain: func(c *authorization.Client, _, capture string) error {
				_, err := c.RefundCapture(ctx, capture, authorization.RefundCaptureParams{RefundAmount: 100, PaymentRefundReference: "return-1"})
				return err
			},
			prepare: func(c *authorization.Client, _, capture string) (*authorization.Prepared, error) {
				return c.PrepareRefundCapture(capture, authorization.RefundCaptureParams{RefundAmount: 100, PaymentRefundReference: "return-1"})
			},
			send: func(c *authorization.Client, _, capture string, p authorization.Prepared) error {
				_, err := c.RefundCapturePrepared(ctx, capture, p)
				return err
			},
			done: func(t klarnatest.Transaction) int64 { return t.RefundedAmount },
		},
		{
			name: "an extension", want: 1500,
			prepare: func(c *authorization.Client, transaction, _ string) (*authorization.Prepared, error) {
				return c.PrepareExtendTransaction(transaction, authorization.ExtendTransactionParams{ExtensionDays: 3, Amount: new(int64(500))})
			},
			send: func(c *authorization.Client, transaction, _ string, p authorization.Prepared) error {
				_, err := c.ExtendTransactionPrepared(ctx, transaction, p)
				return err
			},
			done: func(t klarnatest.Transaction) int64 { return t.Amount },
		},
		{
			name: "an update", want: 1000,
			prepare: func(c *authorization.Client, transaction, _ string) (*authorization.Prepared, error) {
				return c.PrepareUpdateTransaction(transaction, authorization.UpdateTransactionParams{PaymentTransactionReference: "tx-2"})
			},
			send: func(c *authorization.Client, transaction, _ string, p authorization.Prepared) error {
				_, err := c.UpdateTransactionPrepared(ctx, transaction, p)
				return err
			},
			done: func(t klarnatest.Transaction) int64 {
				if t.Reference != "tx-2" {
					return 0
				}
				return t.Amount
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server, client := preparing(t)
			transaction, capture := authorizedTransaction(t, server, client, tc.captured)
			before := len(server.Requests())
			prepared, err := tc.prepare(client, transaction, capture)
			if err != nil || len(server.Requests()) != before {
				t.Fatalf("%v, and it sent %d requests", err, len(server.Requests())-before)
			}
			for range 2 {
				if err := tc.send(client, transaction, capture, *prepared); err != nil {
					t.Fatal(err)
				}
			}
			if tc.derived {
				if err := tc.plain(client, transaction, capture); err != nil {
					t.Fatal(err)
				}
			}
			sent := server.Requests()[before:]
			for _, r := range sent {
				if diff := cmp.Diff(string(prepared.Body.Bytes()), string(r.Body)); diff != "" {
					t.Errorf("body (-prepared +sent):\n%s", diff)
				}
				if got := r.Header.Get("Klarna-Idempotency-Key"); got != prepared.IdempotencyKey {
					t.Errorf("the key is %s, want %s", got, prepared.IdempotencyKey)
				}
			}
			if got := tc.done(server.Transactions()[0]); got != tc.want {
				t.Errorf("Klarna has %d, want %d", got, tc.want)
			}
		})
	}
}

func captureOf400() authorization.CaptureTransactionParams {
	return authorization.CaptureTransactionParams{CaptureAmount: 400, PaymentCaptureReference: "parcel-1"}
}

// authorizedTransaction is one of 1000, of which all is captured or nothing.
func authorizedTransaction(t *testing.T, server *klarnatest.Server, client *authorization.Client, captured bool) (transaction, capture string) {
	t.Helper()
	request := preparable()
	if captured {
		request.RequestPaymentTransaction.Capture = authorization.CaptureTimingNow
	}
	answer, err := client.Authorize(t.Context(), request, klarna.WithSessionToken(klarna.NewSecret(server.IssueSessionToken("EUR", 1000))))
	if err != nil {
		t.Fatal(err)
	}
	payment := answer.Result.(authorization.Approved).PaymentTransaction
	if captured {
		capture = payment.PaymentCaptures[0].PaymentCaptureID
	}
	return payment.PaymentTransactionID, capture
}

func TestPreparedOperationsAreValidatedLikeCalls(t *testing.T) {
	_, client := preparing(t)
	for name, prepare := range map[string]func() (*authorization.Prepared, error){
		"a capture": func() (*authorization.Prepared, error) {
			return client.PrepareCaptureTransaction("t", authorization.CaptureTransactionParams{CaptureAmount: -1})
		},
		"a refund": func() (*authorization.Prepared, error) {
			return client.PrepareRefundTransaction("t", authorization.RefundTransactionParams{RefundAmount: -1})
		},
		"an extension": func() (*authorization.Prepared, error) {
			return client.PrepareExtendTransaction("t", authorization.ExtendTransactionParams{ExtensionDays: -1})
		},
		"no transaction": func() (*authorization.Prepared, error) {
			return client.PrepareUpdateTransaction("", authorization.UpdateTransactionParams{})
		},
	} {
		if _, err := prepare(); err == nil || klarna.OutcomeOf(err) != klarna.OutcomeNotSent {
			t.Errorf("%s: %v", name, err)
		}
	}
}
