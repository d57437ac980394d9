package authorization_test

import (
	"context"
	"fmt"
	"log"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// A purchase from the first authorize call to the transaction.
func Example_purchase() {
	double, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	ctx, partnerAccountID := context.Background(), double.PartnerAccountID
	redirect := func(string) {}

	returnURL, err := authorization.ReturnURL("https://shop.example/return", authorization.PlaceholderID)
	if err != nil {
		log.Fatal(err)
	}
	authorizations := authorization.New(client.ForAccount(partnerAccountID))
	first := authorization.AuthorizeParams{
		Currency: "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
			Amount: 118_00, PaymentTransactionReference: "order-1",
		},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference: "order-1",
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{
				Method: authorization.InteractionMethodHandover, ReturnURL: returnURL,
			},
		},
	}

	answer, err := authorizations.Authorize(ctx, first)
	if err != nil {
		log.Fatal(err)
	}
	var paymentRequestID string
	switch result := answer.Result.(type) {
	case authorization.StepUpRequired:
		paymentRequestID = result.PaymentRequest.PaymentRequestID
		redirect(result.URL)
	case authorization.Approved:
		fmt.Println("paid immediately")
	case authorization.Declined:
		fmt.Println("offer another payment method")
	}

	if _, err := double.Approve(paymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}

	completed, err := authorizations.WaitPaymentRequest(ctx, paymentRequestID) // or a webhook's payload
	if err != nil {
		log.Fatal(err)
	}
	approval, err := completed.Approval()
	if err != nil {
		log.Fatal(err)
	}
	answer, err = authorizations.Finalize(ctx, first, approval)
	if err != nil {
		log.Fatal(err)
	}
	if paid, ok := answer.Result.(authorization.Approved); ok {
		fmt.Println(paid.PaymentTransaction.State)
	}
	// Output: AUTHORIZED
}
