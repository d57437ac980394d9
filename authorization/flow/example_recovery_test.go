package flow_test

import (
	"context"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// Each replica runs the recovery loop until the program ends.
func ExampleCoordinator_Run() {
	double, coordinator := newExample()
	defer double.Close()

	ctx, stop := context.WithCancel(context.Background()) // in a program: signal.NotifyContext
	var background sync.WaitGroup
	background.Go(func() { coordinator.Run(ctx) })

	stop()
	background.Wait()
	fmt.Println("recovery has ended:", !coordinator.Health().Running)
	// Output: recovery has ended: true
}

// A job that a schedule starts continues every purchase that is due, once.
func ExampleCoordinator_Recover() {
	var later time.Duration
	double, coordinator := newExample(flow.WithClock(func() time.Time { return time.Now().Add(later) }))
	defer double.Close()
	ctx := context.Background()
	begun, err := coordinator.Begin(ctx, flow.Purchase{ID: "order-1", Request: shoes()})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := double.Approve(begun.PaymentRequestID); err != nil { // the customer, at Klarna
		log.Fatal(err)
	}

	later = 2 * time.Minute // no webhook has arrived
	purchases, err := coordinator.Recover(ctx)
	if err != nil {
		log.Fatal(err)
	}
	status, err := coordinator.GetStatus(ctx, "order-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(purchases, status.State)
	// Output: 1 AUTHORIZED
}

// A health check reports a replica whose recovery is late.
func ExampleCoordinator_Health() {
	double, coordinator := newExample()
	defer double.Close()
	if _, err := coordinator.Recover(context.Background()); err != nil {
		log.Fatal(err)
	}

	health := coordinator.Health()
	late := time.Since(health.LastRound) > 30*time.Second
	fmt.Println("late:", late, "abandoned:", health.Abandoned)
	// Output: late: false abandoned: 0
}
