package flow_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/webhook"
)

// The Coordinator receives Klarna's webhook.
func ExampleCoordinator_HandleEvent() {
	double, coordinator := newExample()
	defer double.Close()
	mux := http.NewServeMux()
	shop := httptest.NewServer(mux)
	defer shop.Close()
	key := double.Subscribe(shop.URL+"/klarna/webhook", "payment.*")

	verifier, err := webhook.NewVerifier(webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, coordinator.HandleEvent)
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("POST /klarna/webhook", handler)

	ctx := context.Background()
	begun, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", Request: shoes()})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := double.Approve(begun.PaymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}
	double.Flush() // the webhook has arrived

	status, err := coordinator.GetStatus(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State)
	// Output: AUTHORIZED
}
