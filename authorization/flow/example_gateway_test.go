package flow_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// The smallest gateway begins a purchase, receives the webhook, handles the customer's return,
// captures a part of the payment and runs the recovery loop.
func Example_gateway() {
	double, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	key := double.Subscribe(server.URL+"/klarna/webhook", "payment.*")
	signingKey := webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)}
	partnerAccountID, sealSecret, redirect := double.PartnerAccountID, klarna.NewSecret("64 random hexadecimal characters, the same in every replica"), func(string) {}
	var paymentRequestID string

	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	store := flow.NewMemoryStore() // in a program: flow/sqlstore

	coordinator, err := flow.New(client, store, sealSecret,
		flow.WithReport(func(_ context.Context, t flow.Transition) error {
			if t.To == flow.StateAuthorized {
				fmt.Println(t.Status.ID, "is authorized:", t.Status.Amount, t.Status.Currency)
			}
			return nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	go coordinator.Run(ctx) // the recovery loop

	verifier, err := webhook.NewVerifier(signingKey)
	if err != nil {
		log.Fatal(err)
	}
	webhooks, err := webhook.NewHandler(verifier, coordinator.HandleEvent)
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("POST /klarna/webhook", webhooks)

	returnURL, err := authorization.ReturnURL("https://shop.example/return?order=1", authorization.PlaceholderID)
	if err != nil {
		log.Fatal(err)
	}
	first := authorization.AuthorizeParams{
		Currency:                  "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 118_00},
		StepUpConfig: &authorization.StepUpConfig{
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{
				Method: authorization.InteractionMethodHandover, ReturnURL: returnURL,
			},
		},
	}

	pay := func() error {
		purchase := flow.Purchase{ID: "order-1", PartnerAccountID: partnerAccountID, Request: first}
		status, err := coordinator.Begin(ctx, purchase)
		if err != nil {
			return err // not final: repeat Begin, or call Cancel
		}
		switch status.State {
		case flow.StateAwaitingCustomer:
			redirect(status.PaymentRequestURL)
		case flow.StateAuthorized:
			fmt.Println("authorized without a step-up")
		case flow.StateDeclined:
			fmt.Println("offer another payment method")
		}
		paymentRequestID = status.PaymentRequestID
		return nil
	}
	if err := pay(); err != nil {
		log.Fatal(err)
	}

	if _, err := double.Approve(paymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}
	double.Flush() // the webhook has arrived

	status, err := coordinator.HandleReturn(ctx, "order-1") // the customer is back
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State)

	ship := func() error {
		operation, err := coordinator.Capture(ctx, "order-1", flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
		if operation == nil {
			return err // a repeat with the same ID is safe
		}
		switch operation.State {
		case flow.OperationStateDone:
			fmt.Println("captured", operation.Amount)
		case flow.OperationStatePending:
			fmt.Println("pending: the report will say how it ends")
		case flow.OperationStateRefused:
			fmt.Println("not captured:", operation.Reason)
		case flow.OperationStateUnknown:
			fmt.Println("a person has to investigate:", operation.Evidence)
		}
		return nil
	}
	if err := ship(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// order-1 is authorized: 11800 EUR
	// AUTHORIZED
	// captured 4000
}
