package flow_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// newPaid returns a Coordinator whose purchase order-1 of 118.00 EUR is authorized.
func newPaid(options ...flow.Option) (*klarnatest.Server, *flow.Coordinator) {
	double, coordinator := newExample(options...)
	order := flow.Purchase{ID: "order-1", PartnerAccountID: double.PartnerAccountID, Request: shoes()}
	order.SessionToken = klarna.NewSecret(double.IssueSessionToken("EUR", 118_00))
	if _, err := coordinator.Begin(context.Background(), order); err != nil {
		log.Fatal(err)
	}
	return double, coordinator
}

// otherSystem returns a client of another system with the same credentials.
func otherSystem(double *klarnatest.Server) *authorization.Client {
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	return authorization.New(client.ForAccount(double.PartnerAccountID))
}

func ExampleCoordinator_Refund() {
	double, coordinator := newPaid()
	defer double.Close()
	ctx := context.Background()
	if _, err := coordinator.Capture(ctx, "order-1", flow.CaptureParams{ID: "parcel-1", Amount: 118_00}); err != nil {
		log.Fatal(err)
	}

	refund := flow.RefundParams{ID: "return-1", CaptureID: "parcel-1", Amount: 20_00}
	for range 2 { // the repeat refunds nothing
		operation, err := coordinator.Refund(ctx, "order-1", refund)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(operation.State, operation.Amount)
	}
	fmt.Println("refunds at Klarna:", len(double.Refunds()))
	// Output:
	// DONE 2000
	// DONE 2000
	// refunds at Klarna: 1
}

func ExampleCoordinator_Void() {
	double, coordinator := newPaid()
	defer double.Close()

	operation, err := coordinator.Void(context.Background(), "order-1", flow.VoidParams{ID: "out-of-stock"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(operation.State, operation.Amount)
	// Output: DONE 11800
}

func ExampleCoordinator_ListOperations() {
	double, coordinator := newPaid()
	defer double.Close()
	ctx := context.Background()
	for i, amount := range []int64{40_00, 50_00} {
		parcel := flow.CaptureParams{ID: fmt.Sprintf("parcel-%d", i+1), Amount: amount}
		if _, err := coordinator.Capture(ctx, "order-1", parcel); err != nil {
			log.Fatal(err)
		}
	}

	operations, err := coordinator.ListOperations(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	for _, operation := range operations {
		fmt.Println(operation.ID, operation.Kind, operation.State, operation.Amount)
	}
	// Output:
	// parcel-1 CAPTURE DONE 4000
	// parcel-2 CAPTURE DONE 5000
}

// A capture that was made in Klarna's portal becomes part of the record.
func ExampleCoordinator_Reconcile() {
	double, coordinator := newPaid()
	defer double.Close()
	ctx := context.Background()
	transaction := double.Transactions()[0].PaymentTransactionID
	if _, err := otherSystem(double).CaptureTransaction(ctx, transaction, authorization.CaptureTransactionParams{CaptureAmount: 40_00}); err != nil {
		log.Fatal(err)
	}

	result, err := coordinator.Reconcile(ctx, "order-1", flow.ReconcileParams{Adopt: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, difference := range result.Differences {
		fmt.Println(difference.Kind, difference.Klarna)
	}
	fmt.Println("captured:", result.Status.Amounts.Captured)
	// Output:
	// CAPTURE 4000
	// captured: 4000
}

// A transaction of a former system is captured by the Coordinator.
func ExampleCoordinator_Adopt() {
	double, coordinator := newExample()
	defer double.Close()
	ctx := context.Background()
	token := klarna.NewSecret(double.IssueSessionToken("EUR", 118_00))
	request := shoes()
	request.RequestPaymentTransaction.PaymentTransactionReference = "former-1"
	request.StepUpConfig = nil
	if _, err := otherSystem(double).Authorize(ctx, request, klarna.WithSessionToken(token)); err != nil {
		log.Fatal(err)
	}

	status, err := coordinator.Adopt(ctx, flow.AdoptParams{
		ID: "order-1", PartnerAccountID: double.PartnerAccountID, PaymentTransactionID: double.Transactions()[0].PaymentTransactionID,
	})
	if err != nil {
		log.Fatal(err)
	}
	operation, err := coordinator.Capture(ctx, "order-1", flow.CaptureParams{ID: "parcel-1", Amount: 118_00})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.State, operation.State)
	// Output: AUTHORIZED DONE
}

// A refund had no answer for a day, and Klarna's transaction does not list refunds. A person has
// looked in Klarna's portal.
func ExampleCoordinator_Settle() {
	var later time.Duration
	double, coordinator := newPaid(flow.WithClock(func() time.Time { return time.Now().Add(later) }))
	defer double.Close()
	ctx := context.Background()
	if _, err := coordinator.Capture(ctx, "order-1", flow.CaptureParams{ID: "parcel-1", Amount: 118_00}); err != nil {
		log.Fatal(err)
	}
	double.Script(klarnatest.Fault{
		Operation: "authorization.transaction.refund", Kind: klarnatest.FaultDropAfter, Times: 2, // net/http repeats the first
	})
	operation, err := coordinator.Refund(ctx, "order-1", flow.RefundParams{ID: "return-1", Amount: 20_00})
	if err == nil {
		log.Fatal("Klarna has answered")
	}
	fmt.Println(operation.State)

	later = 25 * time.Hour
	if _, err := coordinator.Recover(ctx); err != nil {
		log.Fatal(err)
	}
	operation, err = coordinator.Settle(ctx, "order-1", "return-1", flow.SettleParams{
		State: flow.OperationStateDone, Reason: "found in the portal", Actor: "anna",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(operation.State, operation.SettledBy)
	// Output:
	// PENDING
	// DONE anna
}
