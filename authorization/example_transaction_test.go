package authorization_test

import (
	"context"
	"fmt"
	"log"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// paid authorizes a purchase whose customer has already approved.
func paid(server *klarnatest.Server, authorizations *authorization.Client) (paymentTransactionID string) {
	token := klarna.NewSecret(server.IssueSessionToken("EUR", 118_00))
	answer, err := authorizations.Authorize(context.Background(), order(), klarna.WithSessionToken(token))
	if err != nil {
		log.Fatal(err)
	}
	return answer.Result.(authorization.Approved).PaymentTransaction.PaymentTransactionID
}

// captured captures such a purchase.
func captured(server *klarnatest.Server, authorizations *authorization.Client) (paymentTransactionID, paymentCaptureID string) {
	paymentTransactionID = paid(server, authorizations)
	capture, err := authorizations.CaptureTransaction(context.Background(), paymentTransactionID, authorization.CaptureTransactionParams{
		CaptureAmount: 118_00, PaymentCaptureReference: "shipment-1",
	})
	if err != nil {
		log.Fatal(err)
	}
	return paymentTransactionID, capture.PaymentCaptureID
}

func ExampleClient_CaptureTransaction() {
	server, authorizations := sandbox()
	defer server.Close()
	ctx, paymentTransactionID := context.Background(), paid(server, authorizations)

	capture, err := authorizations.CaptureTransaction(ctx, paymentTransactionID, authorization.CaptureTransactionParams{
		CaptureAmount:           100_00,
		PaymentCaptureReference: "shipment-1", // makes a repeat the same capture
		RemainingAuthorization:  authorization.RemainingAuthorizationRelease,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("captured:", capture.PaymentCaptureID != "")

	transaction, err := authorizations.GetTransaction(ctx, paymentTransactionID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(transaction.State)
	// Output:
	// captured: true
	// COMPLETED
}

func ExampleClient_RefundTransaction() {
	server, authorizations := sandbox()
	defer server.Close()
	paymentTransactionID, _ := captured(server, authorizations)

	refund, err := authorizations.RefundTransaction(context.Background(), paymentTransactionID, authorization.RefundTransactionParams{
		RefundAmount:    59_00,
		RefundReference: "return-1", // makes a repeat the same refund
		SupplementaryRefundData: &authorization.SupplementaryRefundData{
			LineItems: []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: 59_00}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("refunded:", refund.PaymentRefundID != "")
	// Output: refunded: true
}

func ExampleClient_RefundCapture() {
	server, authorizations := sandbox()
	defer server.Close()
	_, paymentCaptureID := captured(server, authorizations)

	refund, err := authorizations.RefundCapture(context.Background(), paymentCaptureID, authorization.RefundCaptureParams{
		RefundAmount:           59_00,
		PaymentRefundReference: "return-1", // makes a repeat the same refund
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("refunded:", refund.PaymentRefundID != "")
	// Output: refunded: true
}

func ExampleClient_VoidTransaction() {
	server, authorizations := sandbox()
	defer server.Close()
	paymentTransactionID := paid(server, authorizations)

	transaction, err := authorizations.VoidTransaction(context.Background(), paymentTransactionID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(transaction.State)
	// Output: COMPLETED
}

func ExampleClient_ExtendTransaction() {
	server, authorizations := sandbox()
	defer server.Close()
	ctx, paymentTransactionID := context.Background(), paid(server, authorizations)

	before, err := authorizations.GetTransaction(ctx, paymentTransactionID)
	if err != nil {
		log.Fatal(err)
	}
	// An extension has no reference: a stored idempotency key makes a repeat the same extension.
	transaction, err := authorizations.ExtendTransaction(ctx, paymentTransactionID,
		authorization.ExtendTransactionParams{ExtensionDays: 7},
		klarna.WithIdempotencyKey("6bf2f5f4-7f0a-5c53-9f55-0f1a3f8f1c11"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(transaction.ExpiresAt.Sub(before.ExpiresAt))
	// Output: 168h0m0s
}
