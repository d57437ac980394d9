package flow_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// modelCapture is a capture in the reference model.
type modelCapture struct {
	id               string
	amount, refunded int64
}

// model computes a purchase's amounts from the requested operations alone.
type model struct {
	remaining, captured, refunded, voided int64
	captures                              []*modelCapture
	over                                  bool
}

// capture captures an amount, and reports whether enough is left.
func (m *model) capture(id string, amount int64, release bool) bool {
	if m.over || amount > m.remaining {
		return false
	}
	m.remaining -= amount
	m.captured += amount
	m.captures = append(m.captures, &modelCapture{id: id, amount: amount})
	if release {
		m.voided += m.remaining
		m.remaining = 0
	}
	m.over = m.remaining == 0
	return true
}

// refund refunds an amount of one capture, or from the oldest on, and reports whether enough is
// left.
func (m *model) refund(of *modelCapture, amount int64) bool {
	from := m.captures
	if of != nil {
		from = []*modelCapture{of}
	}
	var left int64
	for _, c := range from {
		left += c.amount - c.refunded
	}
	if amount > left {
		return false
	}
	m.refunded += amount
	for _, c := range from {
		part := min(amount, c.amount-c.refunded)
		c.refunded += part
		amount -= part
	}
	return true
}

func (m *model) void() bool {
	if m.over {
		return false
	}
	m.voided += m.remaining
	m.remaining, m.over = 0, true
	return true
}

// Partial captures, refunds and voids in random order, with repeats, changed repeats and faults,
// are compared with a model. OPERATIONS_STEPS is the number of steps, and OPERATIONS_SEED the seed.
func TestOperationsInEveryOrderFollowTheModel(t *testing.T) {
	steps, seed := 3000, uint64(16)
	if text := os.Getenv("OPERATIONS_STEPS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		steps = n
	}
	if text := os.Getenv("OPERATIONS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	dice := rand.New(rand.NewPCG(seed, 1))
	counts := map[string]int{}
	for done := 0; done < steps; {
		t.Run("", func(t *testing.T) {
			w := &modelWalk{scene: newScene(t), dice: dice, counts: counts, asked: map[string]func() (*flow.Operation, error){}}
			w.replica = w.scene.replica()
			w.replica.meets(w.listingRefunds) // so that Klarna's transaction decides
			w.pays(w.replica)
			w.remaining = 118_00
			for range 10 + dice.IntN(25) {
				w.step(done)
				done++
			}
			w.klarna.CheckInvariants(t)
			w.klarna.ClearFaults()
		})
		if t.Failed() {
			t.Fatalf("after %d steps with OPERATIONS_SEED=%d", done, seed)
		}
	}
	t.Logf("%d steps: %v", steps, counts)
	for _, outcome := range []string{"DONE", "IMPOSSIBLE", "REFUSED", "a repeat", "other content", "a fault"} {
		if counts[outcome] == 0 {
			t.Errorf("no step was %s", outcome)
		}
	}
}

// modelWalk is a purchase with its model.
type modelWalk struct {
	*scene
	model
	replica *replica
	dice    *rand.Rand
	counts  map[string]int
	asked   map[string]func() (*flow.Operation, error)
	ids     []string
}

func (w *modelWalk) step(n int) {
	w.Helper()
	id := fmt.Sprint("op-", n)
	amount := 1 + w.dice.Int64N(1+w.dice.Int64N(60_00))
	release := w.dice.IntN(40) == 0
	r := w.replica
	var do func() (*flow.Operation, error)
	var applies func() bool
	call := captureCall
	switch kind := w.dice.IntN(20); {
	case kind < 7:
		do = func() (*flow.Operation, error) {
			return r.Capture(w.Context(), orderID, flow.CaptureParams{ID: id, Amount: amount, ReleaseRemaining: release})
		}
		applies = func() bool { return w.capture(id, amount, release) }
	case kind < 11:
		call = refundCall
		do = func() (*flow.Operation, error) {
			return r.Refund(w.Context(), orderID, flow.RefundParams{ID: id, Amount: amount})
		}
		applies = func() bool { return w.refund(nil, amount) }
	case kind < 16 && len(w.captures) > 0:
		call = captureRefundCall
		of := w.captures[w.dice.IntN(len(w.captures))]
		do = func() (*flow.Operation, error) {
			return r.Refund(w.Context(), orderID, flow.RefundParams{ID: id, Amount: amount, CaptureID: of.id})
		}
		applies = func() bool { return w.refund(of, amount) }
	case kind == 16 && w.dice.IntN(3) == 0:
		call = voidCall
		do = func() (*flow.Operation, error) { return r.Void(w.Context(), orderID, flow.VoidParams{ID: id}) }
		applies = w.void
	case len(w.ids) > 0:
		w.repeats()
		return
	default:
		return
	}
	w.meets(call)
	o, err := do()
	switch {
	case errors.Is(err, flow.ErrImpossible):
		w.counts["IMPOSSIBLE"]++
		if applies() {
			w.Fatalf("%s: %v, and the model says that it is possible", id, err)
		}
		w.agrees(id)
		return
	case o == nil:
		w.Fatalf("%s: %v", id, err)
	}
	for i := 0; o.State == flow.OperationStatePending; i++ {
		if i > 100 {
			w.Fatalf("%s stays pending: %v", id, o)
		}
		w.klarna.Advance(20 * time.Second)
		w.recovers(w.replica)
		again := w.operation(id)
		o = &again
	}
	w.counts[string(o.State)]++
	if want := applies(); (o.State == flow.OperationStateDone) != want {
		w.Fatalf("%s: %v with reason %q, and the model says %v", id, o, o.Reason, want)
	}
	w.asked[id] = do
	w.ids = append(w.ids, id)
	w.agrees(id)
}

// meets sometimes makes a call fail.
func (w *modelWalk) meets(call string) {
	w.klarna.ClearFaults()
	if w.dice.IntN(4) > 0 {
		return
	}
	w.counts["a fault"]++
	faults := []klarnatest.Fault{
		{Kind: klarnatest.FaultDropBefore}, {Kind: klarnatest.FaultDropAfter}, {Kind: klarnatest.FaultTruncate},
		{StatusCode: 503}, {StatusCode: 503, AfterExecution: true}, {StatusCode: 409},
	}
	fault := faults[w.dice.IntN(len(faults))]
	fault.Operation, fault.Times = call, 1+w.dice.IntN(3)
	w.klarna.Script(fault)
}

// repeats makes an operation again, with the same or other content.
func (w *modelWalk) repeats() {
	w.Helper()
	id := w.ids[w.dice.IntN(len(w.ids))]
	before := w.operation(id)
	if w.dice.IntN(2) == 0 {
		w.counts["a repeat"]++
		if o, err := w.asked[id](); err != nil || *o != before {
			w.Fatalf("a repeat of %s: %v, %v, want %v", id, o, err, before)
		}
	} else {
		w.counts["other content"]++
		_, err := w.replica.Capture(w.Context(), orderID, flow.CaptureParams{ID: id, Amount: before.Amount + 1})
		if !errors.Is(err, flow.ErrOtherOperation) {
			w.Fatalf("%s with other content: %v", id, err)
		}
	}
	w.agrees(id)
}

// agrees compares the model with the record and with Klarna's ledger.
func (w *modelWalk) agrees(id string) {
	w.Helper()
	want := flow.Amounts{
		Authorized: 118_00, Captured: w.captured, Refunded: w.refunded, Voided: w.voided, Remaining: w.remaining, Exact: true,
	}
	if got := w.status(orderID).Amounts; got != want {
		w.Fatalf("after %s the record has %+v, and the model %+v\n%s", id, got, want, w.log)
	}
	t := w.transaction()
	if t.CapturedAmount != w.captured || t.RefundedAmount != w.refunded || t.VoidedAmount != w.voided {
		w.Fatalf("after %s Klarna has %+v, and the model %+v", id, t, want)
	}
}
