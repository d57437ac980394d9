package flow_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// Two replicas that share a database capture and refund purchases whose calls meet faults. Prune
// keeps a purchase with a pending operation, and deletes it afterwards.
func testOperations(t *testing.T, newDatabase func(testing.TB) database) {
	d := newDatabase(t)
	double := klarnatest.NewServer(t, klarnatest.WithoutSocket())
	store, db := migrated(t, d, sqlstore.WithRetention(25*time.Hour))
	other, _ := newStore(t, d)
	replicas := []*flow.Coordinator{newReplica(t, double, store), newReplica(t, double, other)}

	const purchases = 20
	for i := range purchases {
		order := flow.Purchase{
			ID: fmt.Sprint("order-", i), PartnerAccountID: double.PartnerAccountID,
			Request: authorization.AuthorizeParams{
				Currency: "EUR", RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 100_00},
			},
			SessionToken: klarna.NewSecret(double.IssueSessionToken("EUR", 100_00)),
		}
		if status, err := replicas[i%2].Begin(t.Context(), order); err != nil || status.State != flow.StateAuthorized {
			t.Fatalf("%v, %v", status, err)
		}
	}
	double.Script(
		klarnatest.Fault{Operation: "authorization.transaction.capture", StatusCode: 503, AfterExecution: true, Probability: 0.5},
		klarnatest.Fault{Operation: "authorization.transaction.capture", Kind: klarnatest.FaultDropBefore, Probability: 1},
	)
	var callers sync.WaitGroup
	for i := range purchases {
		callers.Go(func() {
			for n := range 2 {
				o, err := replicas[(i+n)%2].Capture(t.Context(), fmt.Sprint("order-", i), flow.CaptureParams{ID: fmt.Sprint("parcel-", n), Amount: 40_00})
				if e, ok := errors.AsType[*klarna.Error](err); o == nil || err != nil && !ok {
					t.Errorf("%v, %v", o, e)
				}
			}
		})
	}
	callers.Wait()
	age(t, db, 26*time.Hour)
	if n, err := store.Prune(t.Context()); err != nil || n != 0 {
		t.Errorf("deleted %d purchases with pending operations, %v", n, err)
	}
	double.ClearFaults()
	for range 12 {
		double.Advance(time.Minute)
		for _, r := range replicas {
			if _, err := r.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range purchases {
		id := fmt.Sprint("order-", i)
		if o, err := replicas[i%2].Refund(t.Context(), id, flow.RefundParams{ID: "return-1", CaptureID: "parcel-1", Amount: 10_00}); err != nil || o.State != flow.OperationStateDone {
			t.Errorf("%v, %v", o, err)
		}
		status, err := replicas[i%2].GetStatus(t.Context(), id)
		want := flow.Amounts{Authorized: 100_00, Captured: 80_00, Refunded: 10_00, Remaining: 20_00, Exact: true}
		if err != nil || status.Amounts != want {
			t.Errorf("%+v, %v", status.Amounts, err)
		}
	}
	for _, transaction := range double.Transactions() {
		if transaction.CapturedAmount != 80_00 || transaction.RefundedAmount != 10_00 {
			t.Errorf("Klarna has %+v", transaction)
		}
	}
	double.CheckInvariants(t)
	age(t, db, 26*time.Hour)
	if n, err := store.Prune(t.Context()); err != nil || n != purchases {
		t.Errorf("deleted %d, %v", n, err)
	}
}

func newReplica(t *testing.T, double *klarnatest.Server, store flow.Store) *flow.Coordinator {
	t.Helper()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL), klarna.WithLogger(slog.New(slog.DiscardHandler)),
		klarna.WithHTTPClient(&http.Client{Transport: double.Transport()}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := flow.New(client, store, klarna.NewSecret("operations-0123456789abcdef0123456789abcdef"),
		flow.WithClock(double.Now), flow.WithRecoveryRate(1e6))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
