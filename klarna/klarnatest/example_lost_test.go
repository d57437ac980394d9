package klarnatest_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// Klarna executes a capture, and the gateway gets neither an answer nor a webhook. Recovery repeats
// the capture, and Klarna does not execute it again.
func ExampleServer_Script_everyAnswerIsLost() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL),
		klarna.WithRetries(klarna.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond}))
	if err != nil {
		log.Fatal(err)
	}
	sealSecret := klarna.NewSecret("a-secret-of-32-or-more-characters")
	coordinator, err := flow.New(client, flow.NewMemoryStore(), sealSecret, flow.WithClock(double.Now))
	if err != nil {
		log.Fatal(err)
	}
	var handler http.Handler
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer gateway.Close()
	key := double.Subscribe(gateway.URL, "payment.*")
	verifier, err := webhook.NewVerifier(webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)})
	if err != nil {
		log.Fatal(err)
	}
	if handler, err = webhook.NewHandler(verifier, coordinator.HandleEvent); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	_, err = coordinator.Begin(ctx, flow.Purchase{
		ID:           "order-1",
		SessionToken: klarna.NewSecret(double.IssueSessionToken("EUR", 118_00)),
		Request: authorization.AuthorizeParams{
			Currency:                  "EUR",
			RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 118_00},
			StepUpConfig: &authorization.StepUpConfig{CustomerInteractionConfig: authorization.CustomerInteractionConfig{
				Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/return/order-1",
			}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	double.Script(klarnatest.Fault{
		Operation: "authorization.transaction.capture", Kind: klarnatest.FaultTruncate, Times: 4,
	})
	double.ScriptWebhook("payment.transaction.captured", klarnatest.WebhookFaultLose)
	operation, err := coordinator.Capture(ctx, "order-1", flow.CaptureParams{ID: "parcel-1", Amount: 50_00})
	fmt.Println(operation.State, err != nil, len(double.Captures()))

	double.Advance(time.Minute)
	if _, err := coordinator.Recover(ctx); err != nil {
		log.Fatal(err)
	}
	operations, err := coordinator.ListOperations(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(operations[0].State, len(double.Captures()))
	// Output:
	// PENDING true 1
	// DONE 1
}
