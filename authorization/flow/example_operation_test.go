package flow_test

import (
	"context"
	"fmt"
	"log"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// An order is shipped in two parcels. One of them is returned, and the rest is released.
func ExampleCoordinator_Capture() {
	ctx := context.Background()
	double, coordinator := newExample()
	defer double.Close()
	order := flow.Purchase{ID: "order-1", PartnerAccountID: double.PartnerAccountID, Request: shoes()}
	order.SessionToken = klarna.NewSecret(double.IssueSessionToken("EUR", 118_00))
	if _, err := coordinator.Begin(ctx, order); err != nil {
		log.Fatal(err)
	}

	operation, err := coordinator.Capture(ctx, "order-1", flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
	if operation == nil {
		log.Fatal(err) // a repeat with the same ID is safe
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

	for _, next := range []func() (*flow.Operation, error){
		func() (*flow.Operation, error) {
			return coordinator.Capture(ctx, "order-1", flow.CaptureParams{ID: "parcel-2", Amount: 50_00})
		},
		func() (*flow.Operation, error) {
			return coordinator.Refund(ctx, "order-1", flow.RefundParams{ID: "return-1", CaptureID: "parcel-1", Amount: 40_00})
		},
		func() (*flow.Operation, error) {
			return coordinator.Void(ctx, "order-1", flow.VoidParams{ID: "rest"})
		},
	} {
		operation, err := next()
		if operation == nil {
			log.Fatal(err)
		}
		fmt.Println(operation.ID, operation.State)
	}

	status, err := coordinator.GetStatus(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%+v\n", status.Amounts)
	// Output:
	// captured 4000
	// parcel-2 DONE
	// return-1 DONE
	// rest DONE
	// {Authorized:11800 Captured:9000 Refunded:4000 Voided:2800 Lapsed:0 Remaining:0 Exact:true}
}
