package authorization_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

func ExampleClient_CreatePaymentRequest() {
	server, authorizations := sandbox()
	defer server.Close()

	paymentRequest, err := authorizations.CreatePaymentRequest(context.Background(), authorization.CreatePaymentRequestParams{
		Currency:                "EUR",
		Amount:                  new(int64(118_00)),
		PaymentRequestReference: "request-1",
		CustomerInteractionConfig: authorization.CustomerInteractionConfig{
			Method:            authorization.InteractionMethodHandover,
			ReturnURL:         "https://shop.example/return?id={klarna.payment_request.id}",
			InteractionExpiry: &authorization.InteractionExpiry{Duration: "PT30M"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(paymentRequest.State)
	fmt.Println("redirect the customer:", paymentRequest.StateContext.CustomerInteraction.PaymentRequestURL != "")
	// Output:
	// SUBMITTED
	// redirect the customer: true
}

func ExampleClient_GetPaymentRequest() {
	server, authorizations := sandbox()
	defer server.Close()
	_, paymentRequestID := steppedUp(authorizations)

	paymentRequest, err := authorizations.GetPaymentRequest(context.Background(), paymentRequestID)
	switch {
	case errors.Is(err, klarna.CodeResourceNotFound):
		fmt.Println("no such payment request")
	case err != nil:
		log.Fatal(err)
	case paymentRequest.State.Open():
		fmt.Println("the customer can still approve:", paymentRequest.State)
	default:
		fmt.Println("closed:", paymentRequest.State)
	}
	// Output: the customer can still approve: SUBMITTED
}

func ExampleClient_UpdatePaymentRequest() {
	server, authorizations := sandbox()
	defer server.Close()
	_, paymentRequestID := steppedUp(authorizations)

	lines := []authorization.LineItem{{Name: "Shoes", Quantity: 1, TotalAmount: 60_00}}
	paymentRequest, err := authorizations.UpdatePaymentRequest(context.Background(), paymentRequestID, authorization.UpdatePaymentRequestParams{
		Amount:                    new(authorization.LinesTotal(lines)),
		SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{LineItems: lines},
	})
	if err != nil {
		log.Fatal(err) // errors.Is(err, klarna.CodeResourceConflict) if it is not SUBMITTED
	}
	fmt.Println(*paymentRequest.Amount, paymentRequest.State)
	// Output: 6000 SUBMITTED
}

func ExampleClient_CancelPaymentRequest() {
	server, authorizations := sandbox()
	defer server.Close()
	_, paymentRequestID := steppedUp(authorizations)

	paymentRequest, err := authorizations.CancelPaymentRequest(context.Background(), paymentRequestID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(paymentRequest.State, paymentRequest.StateReason)
	// Output: CANCELED PARTNER_CANCELED
}

func ExampleClient_WaitPaymentRequest() {
	server, authorizations := sandbox()
	defer server.Close()
	_, paymentRequestID := steppedUp(authorizations)
	if _, err := server.Approve(paymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	paymentRequest, err := authorizations.WaitPaymentRequest(ctx, paymentRequestID)
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("the customer has not finished")
		return
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(paymentRequest.State)
	// Output: COMPLETED
}

func ExamplePaymentRequest_Approval() {
	server, authorizations := sandbox()
	defer server.Close()
	_, paymentRequestID := steppedUp(authorizations)

	paymentRequest, err := authorizations.GetPaymentRequest(context.Background(), paymentRequestID)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := paymentRequest.Approval(); errors.Is(err, authorization.ErrNotApproved) {
		fmt.Println(err)
	}
	// Output: authorization: the payment request has no approval: state is SUBMITTED
}
