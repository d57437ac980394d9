package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

func ExampleMux() {
	var mux webhook.Mux
	// In a program, the errors are of patterns that are wrong.
	mux.Handle("payment.request.state-change.completed", func(_ context.Context, event *webhook.Event) error {
		fmt.Println("finalize the purchase of", event.Metadata.EventID)
		return nil
	})
	mux.Handle("payment.dispute.*", func(_ context.Context, event *webhook.Event) error {
		fmt.Println("tell support about", event.Metadata.EventID)
		return nil
	})

	for i, eventType := range []webhook.EventType{
		webhook.EventTypePaymentRequestCompleted, webhook.EventTypePaymentDisputeInitiated, webhook.EventTypeSettlementPayoutProcessed,
	} {
		event := &webhook.Event{Metadata: webhook.Metadata{EventID: fmt.Sprint("event ", i+1), EventType: eventType}}
		fmt.Println(eventType, mux.Receive(context.Background(), event))
	}
	// Output:
	// finalize the purchase of event 1
	// payment.request.state-change.completed <nil>
	// tell support about event 2
	// payment.dispute.state-change.initiated <nil>
	// settlement.payout.processed <nil>
}

func ExampleOnce() {
	databaseIsDown := true
	receive := webhook.Once(webhook.NewMemoryStore(), 90*time.Second, func(_ context.Context, event *webhook.Event) error {
		if databaseIsDown {
			return errors.New("the database is down")
		}
		fmt.Println("processed", event.Metadata.EventID)
		return nil
	})

	event := &webhook.Event{Metadata: webhook.Metadata{EventID: "event 1", EventType: webhook.EventTypePaymentRequestCompleted}}
	fmt.Println(receive(context.Background(), event)) // the Handler answers 500, and Klarna delivers again
	databaseIsDown = false
	fmt.Println(receive(context.Background(), event))
	fmt.Println(receive(context.Background(), event)) // a duplicate
	// Output:
	// the database is down
	// processed event 1
	// <nil>
	// <nil>
}

func ExampleNewVerifierFrom() {
	ctx := context.Background()
	vault := []webhook.Key{{ID: "key 1", Secret: webhook.NewSecret("the first signing_key")}}
	verifier, err := webhook.NewVerifierFrom(ctx, func(context.Context) ([]webhook.Key, error) {
		fmt.Println("asking the vault")
		return vault, nil
	})
	if err != nil {
		panic(err)
	}

	// The key rotates. The program is not restarted.
	rotated := webhook.Key{ID: "key 2", Secret: webhook.NewSecret("the second signing_key")}
	vault = append(vault, rotated)
	delivery := []byte(`{"metadata":{"event_id":"1","event_type":"payment.request.updated"},"payload":{}}`)
	header := map[string][]string{
		webhook.HeaderSignature:    {webhook.Sign(rotated.Secret, delivery)},
		webhook.HeaderSigningKeyID: {rotated.ID},
	}
	fmt.Println(verifier.Verify(ctx, header, delivery))
	fmt.Println(verifier.Verify(ctx, header, delivery))
	// Output:
	// asking the vault
	// asking the vault
	// <nil>
	// <nil>
}

func ExampleNewTestRequest() {
	key := webhook.Key{ID: "test", Secret: webhook.NewSecret("a secret for tests")}
	verifier, err := webhook.NewVerifier(key)
	if err != nil {
		panic(err)
	}
	handler, err := webhook.NewHandler(verifier, func(_ context.Context, event *webhook.Event) error {
		request, err := event.PaymentRequest()
		if err != nil {
			return err
		}
		fmt.Println(request.PaymentRequestReference, request.State)
		return nil
	})
	if err != nil {
		panic(err)
	}

	r, err := webhook.NewTestRequest(context.Background(), "/klarna/webhook", key,
		webhook.Metadata{EventID: "1", EventType: webhook.EventTypePaymentRequestCompleted},
		webhook.PaymentRequest{
			PaymentRequestID: "krn:payment:eu1:request:1", PaymentRequestReference: "order-4711", State: webhook.PaymentRequestStateCompleted,
		})
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// order-4711 COMPLETED
	// 200
}
