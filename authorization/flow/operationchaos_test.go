package flow_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// Many purchases with several operations each are processed on four replicas that crash, while the
// store and the network fail. OPERATIONS_CHAOS is the number of purchases, OPERATIONS_SEED the
// seed.
func TestNoChaosLosesOrRepeatsAnOperation(t *testing.T) {
	purchases, seed := 300, uint64(25)
	if n, err := strconv.Atoi(os.Getenv("OPERATIONS_CHAOS")); err == nil {
		purchases = n
	}
	if n, err := strconv.ParseUint(os.Getenv("OPERATIONS_SEED"), 10, 64); err == nil {
		seed = n
	}
	synctest.Test(t, func(t *testing.T) {
		w := &storm{scene: newScene(t), dice: rand.New(rand.NewPCG(seed, 2)), counts: map[string]int{}}
		for range 4 {
			w.replicas = append(w.replicas, w.fresh())
		}
		calm := w.replica()
		for i := range purchases {
			status, err := calm.Begin(t.Context(), w.browserOrder(fmt.Sprint("order-", i)))
			w.wants(status, err, flow.StateAuthorized)
		}
		for _, call := range []string{captureCall, refundCall, captureRefundCall, voidCall} {
			for _, fault := range []klarnatest.Fault{
				{Kind: klarnatest.FaultDropBefore}, {Kind: klarnatest.FaultDropAfter}, {Kind: klarnatest.FaultTruncate}, {StatusCode: 503},
				{StatusCode: 500, AfterExecution: true}, {StatusCode: 409}, {Kind: klarnatest.FaultHTML, StatusCode: 403},
			} {
				fault.Operation, fault.Probability = call, 0.04
				w.klarna.Script(fault)
			}
		}
		w.reported.failing(func(flow.Transition) error {
			if w.roll(20) {
				return errors.New("down")
			}
			return nil
		})
		stop := make(chan struct{})
		var clock, merchants sync.WaitGroup
		clock.Go(func() { w.run(stop) })
		for i := range purchases {
			merchants.Go(func() { w.merchant(fmt.Sprint("order-", i)) })
		}
		merchants.Wait()
		close(stop)
		clock.Wait()
		w.klarna.ClearFaults()
		w.reported.failing(nil)
		w.passes(calm, 20*time.Minute, 10*time.Second)
		for i := range purchases {
			w.examine(fmt.Sprint("order-", i))
		}
		w.klarna.CheckInvariants(t)
		t.Logf("%d purchases: %v", purchases, w.counts)
		for _, what := range []string{"crash", "store fault", "network fault", "DONE CAPTURE", "DONE REFUND", "DONE VOID"} {
			if w.counts[what] == 0 {
				t.Errorf("no %s happened", what)
			}
		}
	})
}

// storm has the replicas, the failures and the counts of what happened.
type storm struct {
	*scene
	mu       sync.Mutex
	dice     *rand.Rand
	counts   map[string]int
	replicas []*replica
}

// roll returns true once in n times.
func (w *storm) roll(n int) bool { return w.n(n) == 0 }

func (w *storm) n(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dice.IntN(n)
}

func (w *storm) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

// fresh starts a replica that crashes at some time, and whose store and network sometimes fail.
func (w *storm) fresh() *replica {
	r := w.replica()
	harm := func(what string, do func() error) error {
		switch w.n(60) {
		case 0:
			w.count(what)
			return errDisk
		case 1:
			w.count(what)
			return errors.Join(do(), errDisk)
		case 2:
			if w.roll(4) {
				w.count("crash")
				err := do()
				r.die()
				return errors.Join(err, errDead)
			}
		}
		return do()
	}
	r.writes(func(_ string, _ flow.Record, do func() error) error { return harm("store fault", do) })
	r.meets(func(request *http.Request, pass roundTrip) (answer *http.Response, err error) {
		err = harm("network fault", func() (err error) {
			answer, err = pass(request) //nolint:bodyclose // passed on, or closed below
			return err
		})
		if err != nil && answer != nil {
			_ = answer.Body.Close()
			answer = nil
		}
		return answer, err
	})
	return r
}

// any returns a replica that has not crashed.
func (w *storm) any() *replica {
	i := w.n(len(w.replicas))
	w.mu.Lock()
	r := w.replicas[i]
	w.mu.Unlock()
	if r.dead.Load() {
		r = w.fresh()
		w.mu.Lock()
		w.replicas[i] = r
		w.mu.Unlock()
	}
	return r
}

// run moves the clock and runs recovery.
func (w *storm) run(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
		w.klarna.Advance(time.Second)
		if w.roll(3) {
			_, _ = w.any().Recover(w.Context())
		}
	}
}

// merchant captures and refunds a purchase, and repeats calls without an answer on any replica.
func (w *storm) merchant(id string) {
	for n := range 2 + w.n(5) {
		op, amount := fmt.Sprint("op-", n), int64(1+w.n(50_00))
		kind, release := w.n(10), w.roll(30)
		for range 1 + w.n(4) {
			r, ctx := w.any(), w.Context()
			var o *flow.Operation
			var err error
			switch {
			case kind < 5:
				o, err = r.Capture(ctx, id, flow.CaptureParams{ID: op, Amount: amount, ReleaseRemaining: release})
			case kind < 7:
				o, err = r.Refund(ctx, id, flow.RefundParams{ID: op, Amount: amount})
			case kind < 9:
				o, err = r.Refund(ctx, id, flow.RefundParams{ID: op, Amount: amount, CaptureID: "op-0"})
			default:
				o, err = r.Void(ctx, id, flow.VoidParams{ID: op})
			}
			if o != nil && o.State != flow.OperationStatePending || errors.Is(err, flow.ErrImpossible) {
				break
			}
			<-time.After(time.Duration(w.n(5000)) * time.Millisecond)
		}
		w.hears(id)
	}
}

// hears delivers events of the purchase, late and twice, and reconciles it.
func (w *storm) hears(id string) {
	status, err := w.any().GetStatus(w.Context(), id)
	if err != nil {
		return
	}
	if w.roll(4) {
		_, _ = w.any().Reconcile(w.Context(), id, flow.ReconcileParams{Adopt: w.roll(2)})
	}
	deliver := func(eventType webhook.EventType, member, other string) {
		_ = w.any().HandleEvent(w.Context(), &webhook.Event{
			Metadata: webhook.Metadata{EventID: "event", EventType: eventType},
			Payload:  webhook.NewRawJSON(fmt.Sprintf(`{"payment_transaction_id":%q,%q:%q}`, status.PaymentTransactionID, member, other)),
		})
	}
	for _, c := range w.klarna.Captures() {
		if c.PaymentTransactionID == status.PaymentTransactionID && w.roll(2) {
			deliver(capturedEvent, "payment_capture_id", c.PaymentCaptureID)
		}
	}
	for _, c := range w.klarna.Refunds() {
		if c.PaymentTransactionID == status.PaymentTransactionID && w.roll(2) {
			deliver(refundedEvent, "payment_refund_id", c.PaymentRefundID)
		}
	}
}

// examine compares a purchase's record with Klarna's ledger and with the reports.
func (w *storm) examine(id string) {
	w.Helper()
	r := w.replica()
	list, err := r.ListOperations(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	status := w.status(id)
	executed := map[string]int64{}
	for _, c := range w.klarna.Captures() {
		if c.PaymentTransactionID == status.PaymentTransactionID {
			executed[c.Reference] = c.Amount
		}
	}
	for _, c := range w.klarna.Refunds() {
		if c.PaymentTransactionID == status.PaymentTransactionID {
			executed[c.Reference] = c.Amount
		}
	}
	reported := map[string]flow.OperationState{}
	for _, transition := range w.reported.all() {
		if transition.Operation != nil && transition.Status.ID == id {
			reported[transition.Operation.ID] = transition.Operation.State
		}
	}
	unknown := false
	for _, o := range list {
		w.count(string(o.State) + " " + string(o.Kind))
		amount, is := executed[o.Reference]
		delete(executed, o.Reference)
		isMoney := o.Kind != flow.OperationKindVoid
		switch o.State {
		case flow.OperationStateDone:
			if isMoney && (!is || amount != o.Amount) {
				w.Errorf("%s: %v is not at Klarna", id, o)
			}
		case flow.OperationStateRefused:
			if is {
				w.Errorf("%s: %v with reason %q was executed", id, o, o.Reason)
			}
		case flow.OperationStateUnknown:
			unknown = true
		default:
			w.Errorf("%s: %v with reason %q is stuck", id, o, o.Reason)
		}
		if reported[o.ID] != o.State {
			w.Errorf("%s: %v was reported as %q", id, o, reported[o.ID])
		}
	}
	if len(executed) > 0 {
		w.Errorf("%s: Klarna executed %v, which are not recorded", id, executed)
	}
	for _, t := range w.klarna.Transactions() {
		a := status.Amounts
		if t.PaymentTransactionID == status.PaymentTransactionID && !unknown &&
			(t.CapturedAmount != a.Captured || t.RefundedAmount != a.Refunded || t.VoidedAmount != a.Voided || !a.Exact) {
			w.Errorf("%s: the record has %+v, and Klarna %+v", id, a, t)
		}
	}
	if record := w.record(id); !unknown && (!record.DueAt.IsZero() || len(record.Sealed) > 0) {
		w.Errorf("%s: the purchase is due at %v", id, record.DueAt)
	}
}
