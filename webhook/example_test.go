package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/klarna-go/klarna-go/webhook"
)

// A service receives Klarna's webhooks at one URL.
func ExampleNewHandler() {
	key := webhook.Key{ID: "krn:…:signing-key:1", Secret: webhook.NewSecret("the signing_key as Klarna returned it")}
	verifier, err := webhook.NewVerifier(key)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, func(_ context.Context, event *webhook.Event) error {
		fmt.Println("received", event.Metadata.EventType)
		return nil // after an error, Klarna delivers the event again
	})
	if err != nil {
		log.Fatal(err)
	}
	server := http.NewServeMux()
	server.Handle("POST /klarna/webhook", handler)

	delivery, err := webhook.NewTestRequest(context.Background(), "/klarna/webhook", key,
		webhook.Metadata{EventID: "event-1", EventType: webhook.EventTypePaymentRequestCompleted}, nil)
	if err != nil {
		log.Fatal(err)
	}
	response := httptest.NewRecorder()
	server.ServeHTTP(response, delivery)
	fmt.Println(response.Code)
	// Output:
	// received payment.request.state-change.completed
	// 200
}

// The log has the reason why a delivery is refused. The answer does not.
func ExampleWithLogger() {
	verifier, err := webhook.NewVerifier(webhook.Key{Secret: webhook.NewSecret("the signing_key as Klarna returned it")})
	if err != nil {
		log.Fatal(err)
	}
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	receive := func(context.Context, *webhook.Event) error { return nil }
	handler, err := webhook.NewHandler(verifier, receive, webhook.WithLogger(logger), webhook.WithMaxBytes(64<<10))
	if err != nil {
		log.Fatal(err)
	}

	unsigned := httptest.NewRequest(http.MethodPost, "/klarna/webhook", nil)
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, unsigned)
	fmt.Print(response.Body)
	// Output:
	// level=WARN msg="klarna webhook refused" status=400 reason="webhook: the delivery has no Klarna-Signature header"
	// Bad Request
}

// During a rotation, a Verifier has the old and the new key.
func ExampleNewVerifier() {
	oldKey := webhook.Key{ID: "krn:…:signing-key:1", Secret: webhook.NewSecret("the first signing_key")}
	newKey := webhook.Key{ID: "krn:…:signing-key:2", Secret: webhook.NewSecret("the second signing_key")}
	verifier, err := webhook.NewVerifier(oldKey, newKey)
	if err != nil {
		log.Fatal(err)
	}

	// The body and the headers of a delivery came through a queue.
	body := []byte(`{"metadata":{"event_id":"event-1","event_type":"payment.request.updated"},"payload":{}}`)
	header := http.Header{
		webhook.HeaderSignature:    {webhook.Sign(newKey.Secret, body)},
		webhook.HeaderSigningKeyID: {newKey.ID},
	}
	fmt.Println(verifier.Verify(context.Background(), header, body))
	fmt.Println(verifier.Verify(context.Background(), header, append(body, ' ')))
	// Output:
	// <nil>
	// webhook: the signature does not match the body
}

// A new key in the vault needs no restart.
func ExampleNewVerifierFrom() {
	ctx := context.Background()
	vault := []webhook.Key{{ID: "krn:…:signing-key:1", Secret: webhook.NewSecret("the first signing_key")}}
	verifier, err := webhook.NewVerifierFrom(ctx, func(context.Context) ([]webhook.Key, error) {
		fmt.Println("read the vault")
		return vault, nil
	})
	if err != nil {
		log.Fatal(err)
	}

	newKey := webhook.Key{ID: "krn:…:signing-key:2", Secret: webhook.NewSecret("the second signing_key")}
	vault = append(vault, newKey)

	body := []byte(`{"metadata":{"event_id":"event-1","event_type":"payment.request.updated"},"payload":{}}`)
	header := http.Header{
		webhook.HeaderSignature:    {webhook.Sign(newKey.Secret, body)},
		webhook.HeaderSigningKeyID: {newKey.ID},
	}
	fmt.Println(verifier.Verify(ctx, header, body))
	fmt.Println(verifier.Verify(ctx, header, body)) // the key is known now
	// Output:
	// read the vault
	// read the vault
	// <nil>
	// <nil>
}

// A leaked key is removed from the vault and from the Verifier.
func ExampleVerifier_Refresh() {
	ctx := context.Background()
	leaked := webhook.Key{ID: "krn:…:signing-key:1", Secret: webhook.NewSecret("the first signing_key")}
	newKey := webhook.Key{ID: "krn:…:signing-key:2", Secret: webhook.NewSecret("the second signing_key")}
	vault := []webhook.Key{leaked, newKey}
	verifier, err := webhook.NewVerifierFrom(ctx, func(context.Context) ([]webhook.Key, error) { return vault, nil })
	if err != nil {
		log.Fatal(err)
	}

	vault = []webhook.Key{newKey}
	if err := verifier.Refresh(ctx); err != nil {
		log.Fatal(err)
	}

	body := []byte(`{"metadata":{"event_id":"event-1","event_type":"payment.request.updated"},"payload":{}}`)
	header := http.Header{
		webhook.HeaderSignature:    {webhook.Sign(leaked.Secret, body)},
		webhook.HeaderSigningKeyID: {leaked.ID},
	}
	err = verifier.Verify(ctx, header, body)
	fmt.Println(errors.Is(err, webhook.ErrUnknownKey))
	// Output: true
}

// A serverless function gets the headers and the body without an http.Handler.
func ExampleVerifier_Parse() {
	key := webhook.Key{ID: "krn:…:signing-key:1", Secret: webhook.NewSecret("the signing_key as Klarna returned it")}
	verifier, err := webhook.NewVerifier(key)
	if err != nil {
		log.Fatal(err)
	}
	body := []byte(`{"metadata":{"event_id":"event-1","event_type":"payment.request.state-change.expired"},
		"payload":{"payment_request_id":"krn:…:request:1","state":"EXPIRED"}}`)
	header := http.Header{
		webhook.HeaderSignature:    {webhook.Sign(key.Secret, body)},
		webhook.HeaderSigningKeyID: {key.ID},
	}

	event, err := verifier.Parse(context.Background(), header, body)
	if err != nil {
		log.Fatal(err)
	}
	request, err := event.PaymentRequest()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(event.Metadata.EventID, request.PaymentRequestID, request.State)
	// Output: event-1 krn:…:request:1 EXPIRED
}

// A Mux has a receiver for each family of events. It acknowledges all other events.
func ExampleMux() {
	var mux webhook.Mux
	mux.Handle(webhook.EventTypePaymentRequestCompleted, func(_ context.Context, event *webhook.Event) error {
		fmt.Println("finalize the purchase of", event.Metadata.EventID)
		return nil
	})
	mux.Handle("payment.dispute.*", func(_ context.Context, event *webhook.Event) error {
		fmt.Println("inform support of", event.Metadata.EventID)
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
	// inform support of event 2
	// payment.dispute.state-change.initiated <nil>
	// settlement.payout.processed <nil>
}

// Klarna delivers an event again after a failure, and sometimes after a success.
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
	fmt.Println(receive(context.Background(), event)) // the Handler answers 500, so Klarna delivers again
	databaseIsDown = false
	fmt.Println(receive(context.Background(), event))
	fmt.Println(receive(context.Background(), event)) // a duplicate
	// Output:
	// the database is down
	// processed event 1
	// <nil>
	// <nil>
}

// Slow events are acknowledged immediately and processed afterwards.
func ExampleNewQueue() {
	key := webhook.Key{ID: "krn:…:signing-key:1", Secret: webhook.NewSecret("the signing_key as Klarna returned it")}
	verifier, err := webhook.NewVerifier(key)
	if err != nil {
		log.Fatal(err)
	}
	process := func(_ context.Context, event *webhook.Event) error {
		fmt.Println("processed", event.Metadata.EventID)
		return nil
	}
	once := webhook.Once(webhook.NewMemoryStore(), 90*time.Second, process)
	queue, err := webhook.NewQueue(once, webhook.QueueConfig{Size: 100, Workers: 1})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, queue.Receive)
	if err != nil {
		log.Fatal(err)
	}

	for _, id := range []string{"event-1", "event-2", "event-1"} { // Klarna delivers one event twice
		delivery, err := webhook.NewTestRequest(context.Background(), "/klarna/webhook", key,
			webhook.Metadata{EventID: id, EventType: webhook.EventTypePaymentRequestCompleted}, nil)
		if err != nil {
			log.Fatal(err)
		}
		handler.ServeHTTP(httptest.NewRecorder(), delivery)
	}

	// At the end of the program, after the Shutdown of the HTTP server.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := queue.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// processed event-1
	// processed event-2
}

// Once makes these calls. A program that records events itself can make them, too.
func ExampleMemoryStore() {
	ctx, store := context.Background(), webhook.NewMemoryStore()
	claim, err := store.Claim(ctx, "event-1", 90*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("granted:", claim.Status == webhook.ClaimStatusGranted)

	duplicate, err := store.Claim(ctx, "event-1", 90*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in flight:", duplicate.Status == webhook.ClaimStatusInFlight)

	if err := store.Complete(ctx, "event-1", claim.Token); err != nil {
		log.Fatal(err)
	}
	duplicate, err = store.Claim(ctx, "event-1", 90*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("completed:", duplicate.Status == webhook.ClaimStatusCompleted)
	// Output:
	// granted: true
	// in flight: true
	// completed: true
}

// A unit test sends an event to the handler of a program.
func ExampleNewTestRequest() {
	key := webhook.Key{ID: "test", Secret: webhook.NewSecret("a secret for tests")}
	verifier, err := webhook.NewVerifier(key)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, func(_ context.Context, event *webhook.Event) error {
		request, err := event.PaymentRequest()
		if err != nil {
			return err
		}
		fmt.Println(request.PaymentRequestReference, request.State, "with a token:", !request.SessionToken().IsZero())
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}

	r, err := webhook.NewTestRequest(context.Background(), "/klarna/webhook", key,
		webhook.Metadata{EventID: "event-1", EventType: webhook.EventTypePaymentRequestCompleted},
		webhook.PaymentRequest{
			PaymentRequestID:          "krn:payment:eu1:request:1",
			PaymentRequestReference:   "order-4711",
			State:                     webhook.PaymentRequestStateCompleted,
			KlarnaNetworkSessionToken: webhook.NewSecret("a session token"),
		})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// order-4711 COMPLETED with a token: true
	// 200
}

// An event of another type has no payment request.
func ExampleEvent_PaymentDispute() {
	event := &webhook.Event{
		Metadata: webhook.Metadata{EventID: "event-1", EventType: webhook.EventTypePaymentDisputeClosed},
		Payload:  webhook.NewRawJSON(`{"payment_dispute_id":"krn:…:dispute:1","dispute_outcome":"WON"}`),
	}
	dispute, err := event.PaymentDispute()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(dispute.PaymentDisputeID, dispute.DisputeOutcome)

	_, err = event.PaymentRequest()
	fmt.Println(errors.Is(err, webhook.ErrOtherEvent))
	// Output:
	// krn:…:dispute:1 WON
	// true
}
