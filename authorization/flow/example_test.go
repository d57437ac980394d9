package flow_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// shoes is the first authorize call of a purchase of 118.00 EUR.
func shoes() authorization.AuthorizeParams {
	return authorization.AuthorizeParams{
		Currency:                  "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 118_00},
		StepUpConfig: &authorization.StepUpConfig{CustomerInteractionConfig: authorization.CustomerInteractionConfig{
			Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/return/order-1",
		}},
	}
}

// newExample returns a Coordinator at a Klarna in this process.
func newExample(options ...flow.Option) (*klarnatest.Server, *flow.Coordinator) {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		log.Fatal(err)
	}
	coordinator, err := flow.New(client, flow.NewMemoryStore(), klarna.NewSecret(sealSecret), options...)
	if err != nil {
		log.Fatal(err)
	}
	return double, coordinator
}

// A purchase from its beginning to the transaction. The webhook finalizes it, and the customer's
// return shows the result. If both were lost, recovery would finalize it.
func Example() {
	double, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}

	report := func(_ context.Context, t flow.Transition) error {
		fmt.Println(t) // in a program: mark the order as paid, once for each Transition.ID
		return nil
	}
	coordinator, err := flow.New(client, flow.NewMemoryStore(), klarna.NewSecret(sealSecret), flow.WithReport(report))
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	shop := httptest.NewServer(mux)
	defer shop.Close()
	key := double.Subscribe(shop.URL+"/klarna/webhook", "payment.request.*")
	verifier, err := webhook.NewVerifier(webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, coordinator.HandleEvent)
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("POST /klarna/webhook", handler)

	ctx, stop := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { coordinator.Run(ctx) })
	defer background.Wait()
	defer stop()

	status, err := coordinator.Begin(ctx, flow.Purchase{
		ID: "order-1", PartnerAccountID: double.PartnerAccountID, Request: shoes(),
	})
	if err != nil {
		log.Fatal(err)
	}
	// Send the customer to status.PaymentRequestURL.

	if _, err := double.Approve(status.PaymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}
	double.Flush() // Klarna's webhook has arrived

	status, err = coordinator.HandleReturn(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State, status.Amount, status.Currency)
	// Output:
	// order-1#1: BEGUN to AWAITING_CUSTOMER
	// order-1#2: AWAITING_CUSTOMER to FINALIZING
	// order-1#3: FINALIZING to AUTHORIZED
	// AUTHORIZED 11800 EUR
}

func ExampleCoordinator_Begin() {
	double, coordinator := newExample()
	defer double.Close()
	ctx, redirect := context.Background(), func(string) { fmt.Println("to Klarna") }

	purchase := flow.Purchase{ID: "order-1", PartnerAccountID: double.PartnerAccountID, Request: shoes()}
	status, err := coordinator.Begin(ctx, purchase)
	if err != nil {
		log.Fatal(err) // in a program: repeat Begin with the same ID
	}
	switch status.State {
	case flow.StateAwaitingCustomer:
		redirect(status.PaymentRequestURL)
	case flow.StateAuthorized:
		fmt.Println("authorized without a step-up")
	case flow.StateDeclined:
		fmt.Println("offer another payment method")
	}
	// Output: to Klarna
}

func ExampleCoordinator_HandleReturn() {
	double, coordinator := newExample()
	defer double.Close()
	ctx := context.Background()
	begun, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", PartnerAccountID: double.PartnerAccountID, Request: shoes()})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := double.Approve(begun.PaymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}

	status, err := coordinator.HandleReturn(ctx, "order-1")
	switch {
	case err != nil:
		log.Fatal(err)
	case status.State == flow.StateAuthorized:
		fmt.Println("thank you")
	case status.State == flow.StateFinalizing:
		fmt.Println("please wait a moment")
	case status.State == flow.StateAwaitingCustomer:
		fmt.Println("not paid yet: return to status.PaymentRequestURL")
	case status.State == flow.StateUnknown:
		fmt.Println("do not pay again: the shop looks into it")
	default:
		fmt.Println("not paid: choose another payment method")
	}
	// Output: thank you
}

func ExampleCoordinator_Cancel() {
	double, coordinator := newExample()
	defer double.Close()
	ctx := context.Background()
	if _, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", Request: shoes()}); err != nil {
		log.Fatal(err)
	}

	status, err := coordinator.Cancel(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State == flow.StateCanceled) // any other state: too late, or not known yet
	// Output: true
}

// The shop accepts a higher amount, up to the price of its most expensive shipping.
func ExampleWithAmountPolicy() {
	policy := func(_ context.Context, change flow.AmountChange) (bool, error) {
		return change.Approved >= change.Begun && change.Approved <= change.Begun+9_90, nil
	}
	double, coordinator := newExample(flow.WithAmountPolicy(policy))
	defer double.Close()
	ctx := context.Background()
	begun, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", Request: shoes()})
	if err != nil {
		log.Fatal(err)
	}
	if err := double.ChangeAmount(begun.PaymentRequestID, 122_90); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}
	if _, err := double.Approve(begun.PaymentRequestID); err != nil {
		log.Fatal(err)
	}
	status, err := coordinator.HandleReturn(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State, status.Amount)
	// Output: AUTHORIZED 12290
}
