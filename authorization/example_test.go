package authorization_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// sandbox is a Klarna in this process, and a client of it.
func sandbox() (*klarnatest.Server, *authorization.Client) {
	server, err := klarnatest.Start()
	if err != nil {
		panic(err)
	}
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		panic(err)
	}
	return server, authorization.New(client.ForAccount(server.PartnerAccountID))
}

// answeringWith is a server that gives every call one answer, for the calls that the sandbox does
// not know yet.
func answeringWith(body string) (*httptest.Server, *authorization.Client) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, body) }))
	client, err := klarna.NewClient(apiKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		panic(err)
	}
	return server, authorization.New(client.ForAccount(account))
}

func ExampleClient_Authorize() {
	server, authorizations := sandbox()
	defer server.Close()
	answer, err := authorizations.Authorize(context.Background(), authorization.AuthorizeParams{
		Currency:                  "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 11_800, PaymentTransactionReference: "transaction-1"},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference: "request-1",
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{
				Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/back?id={klarna.payment_request.id}",
			},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	switch result := answer.Result.(type) {
	case authorization.StepUpRequired:
		fmt.Println("send the customer to Klarna:", result.URL != "")
	case authorization.Approved:
		fmt.Println("paid:", result.PaymentTransaction.Amount)
	case authorization.Declined:
		fmt.Println("offer another payment method")
	}
	// Output: send the customer to Klarna: true
}

func ExampleClient_Finalize() {
	server, authorizations := sandbox()
	defer server.Close()
	first, id := steppedUp(authorizations)
	_, _ = server.Approve(id) // what the customer does at Klarna

	paymentRequest, err := authorizations.WaitPaymentRequest(context.Background(), id)
	if err != nil {
		fmt.Println(err)
		return
	}
	approval, err := paymentRequest.Approval()
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := authorizations.Finalize(context.Background(), first, approval)
	if err != nil {
		fmt.Println(err)
		return
	}
	if approved, ok := answer.Result.(authorization.Approved); ok {
		fmt.Println(approved.PaymentTransaction.Amount, approved.PaymentTransaction.State)
	}
	// Output: 11800 AUTHORIZED
}

func ExampleClient_CancelPaymentRequest() {
	server, authorizations := sandbox()
	defer server.Close()
	_, id := steppedUp(authorizations)

	canceled, err := authorizations.CancelPaymentRequest(context.Background(), id)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(canceled.State, canceled.StateReason)
	// Output: CANCELED PARTNER_CANCELED
}

func ExampleClient_CaptureTransaction() {
	server, authorizations := answeringWith(`{"payment_capture_id":"krn:payment:eu1:capture:1"}`)
	defer server.Close()

	capture, err := authorizations.CaptureTransaction(context.Background(), "krn:payment:eu1:transaction:1", authorization.CaptureTransactionParams{
		CaptureAmount:           11_800,
		PaymentCaptureReference: "shipment-1", // makes a repeat after a crash the same capture
		RemainingAuthorization:  authorization.RemainingAuthorizationRelease,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(capture.PaymentCaptureID)
	// Output: krn:payment:eu1:capture:1
}

func ExampleClient_RefundCapture() {
	server, authorizations := answeringWith(`{"payment_refund_id":"krn:payment:eu1:refund:1"}`)
	defer server.Close()

	refund, err := authorizations.RefundCapture(context.Background(), "krn:payment:eu1:capture:1", authorization.RefundCaptureParams{
		RefundAmount:           5_900,
		PaymentRefundReference: "return-1", // makes a repeat after a crash the same refund
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(refund.PaymentRefundID)
	// Output: krn:payment:eu1:refund:1
}

func ExampleReturnURL() {
	address, err := authorization.ReturnURL("https://shop.example/back?cart=1", authorization.PlaceholderID)
	fmt.Println(address, err)
	// Output: https://shop.example/back?cart=1&payment_request_id={klarna.payment_request.id} <nil>
}

// steppedUp makes the first call of a purchase that the customer has to approve.
func steppedUp(authorizations *authorization.Client) (first authorization.AuthorizeParams, paymentRequestID string) {
	first = order()
	answer, err := authorizations.Authorize(context.Background(), first)
	if err != nil {
		panic(err)
	}
	return first, answer.Result.(authorization.StepUpRequired).PaymentRequest.PaymentRequestID
}
