package flow_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func ExampleNew() {
	double, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	secret := klarna.NewSecret("64 random hexadecimal characters, the same in every replica")

	coordinator, err := flow.New(client, flow.NewMemoryStore(), secret,
		flow.WithAbandonAfter(30*time.Minute),
		flow.WithRecoveryRate(20),
		flow.WithLogger(slog.Default()),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the store belongs to the coordinator:", coordinator.Check(context.Background()) == nil)
	// Output: the store belongs to the coordinator: true
}

// A platform has a client for each merchant.
func ExampleWithClients() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	clients := map[string]*klarna.Client{double.PartnerAccountID: client}

	coordinator, err := flow.New(nil, flow.NewMemoryStore(), klarna.NewSecret(sealSecret),
		flow.WithClients(func(_ context.Context, partnerAccountID string) (*klarna.Client, error) {
			client, ok := clients[partnerAccountID]
			if !ok {
				return nil, fmt.Errorf("no credentials for the account %q", partnerAccountID)
			}
			return client, nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	status, err := coordinator.Begin(context.Background(), flow.Purchase{
		ID: "order-1", PartnerAccountID: double.PartnerAccountID, Request: shoes(),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State)
	// Output: AWAITING_CUSTOMER
}

// The report marks an order as paid. It ignores a transition that it has seen before.
func ExampleWithReport() {
	seen := map[string]bool{} // in a program: a unique column of the same database transaction
	report := func(_ context.Context, t flow.Transition) error {
		if seen[t.ID] {
			return nil
		}
		seen[t.ID] = true
		if t.To == flow.StateAuthorized {
			fmt.Println(t.Status.ID, "is paid:", t.Status.Amount, t.Status.Currency)
		}
		return nil
	}

	double, coordinator := newExample(flow.WithReport(report))
	defer double.Close()
	order := flow.Purchase{ID: "order-1", PartnerAccountID: double.PartnerAccountID, Request: shoes()}
	order.SessionToken = klarna.NewSecret(double.IssueSessionToken("EUR", 118_00)) // no step-up is needed
	if _, err := coordinator.Begin(context.Background(), order); err != nil {
		log.Fatal(err)
	}
	// Output: order-1 is paid: 11800 EUR
}

// A test keeps its purchases in memory.
func ExampleMemoryStore() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	store := flow.NewMemoryStore()
	ctx := context.Background()
	for range 2 { // two replicas with one store
		replica, err := flow.New(client, store, klarna.NewSecret(sealSecret))
		if err != nil {
			log.Fatal(err)
		}
		if _, err := replica.Begin(ctx, flow.Purchase{ID: "order-1", Request: shoes()}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("payment requests:", len(double.PaymentRequests()))
	// Output: payment requests: 1
}
