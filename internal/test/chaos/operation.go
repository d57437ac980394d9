package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
)

// Order is what a client asks for after the approval. The fields that its kind does not need are
// zero.
type Order struct {
	ID      string             `json:"id"`
	Kind    flow.OperationKind `json:"kind"`
	Amount  int64              `json:"amount,omitempty"`
	Days    int                `json:"days,omitempty"`
	Release bool               `json:"release,omitempty"`
	// CaptureID is the capture that a refund names, or "" for a refund of the transaction.
	CaptureID string `json:"capture_id,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// give makes a Coordinator execute the order.
func (o Order) give(ctx context.Context, c *flow.Coordinator, purchaseID string) (*flow.Operation, error) {
	switch o.Kind {
	case flow.OperationKindCapture:
		return c.Capture(ctx, purchaseID, flow.CaptureParams{ID: o.ID, Amount: o.Amount, ReleaseRemaining: o.Release})
	case flow.OperationKindRefund:
		return c.Refund(ctx, purchaseID, flow.RefundParams{ID: o.ID, Amount: o.Amount, CaptureID: o.CaptureID})
	case flow.OperationKindVoid:
		return c.Void(ctx, purchaseID, flow.VoidParams{ID: o.ID})
	case flow.OperationKindExtension:
		return c.Extend(ctx, purchaseID, flow.ExtendParams{ID: o.ID, Amount: o.Amount, Days: o.Days})
	default:
		return c.UpdateTransaction(ctx, purchaseID, flow.UpdateTransactionParams{ID: o.ID, Reference: o.Reference})
	}
}

// referenceAt returns the reference that the operation has at Klarna.
func (o Order) referenceAt(purchaseID string) string { return purchaseID + "/" + o.ID }

// updated follows a purchase's reference after an update.
const updated = " updated"

// elsewhereReference begins the references of captures that another program makes.
const elsewhereReference = "elsewhere "

// operationAnswer is an operation that a client received.
type operationAnswer struct {
	order     Order
	operation flow.Operation
}

// authorize brings a purchase to StateAuthorized. It reports whether that succeeded.
func (a *actor) authorize(ctx context.Context) bool {
	if a.setup != nil {
		pick, tries := a.pick, a.tries
		a.pick, a.tries = a.setup, 1
		defer func() { a.pick, a.tries = pick, tries }()
	}
	if a.random == nil || a.random.IntN(2) == 0 {
		a.bringToken()
		a.begin(ctx)
	} else if !a.begin(ctx) || !a.approve() {
		return false
	}
	from := a.journey.purchase(a.id, a.account, a.token)
	for range 40 {
		status := a.call(ctx, "Begin", func(ctx context.Context, r Replica) (*flow.Status, error) { return r.Begin(ctx, from) })
		switch {
		case status == nil:
		case status.State == flow.StateAuthorized:
			a.note(func() { a.transaction = status.PaymentTransactionID })
			return true
		case status.State.Final():
			return false
		}
		pause(ctx, a.world.wallTime(20*time.Second))
	}
	return false
}

// operate gives an order, as often as the client tries, and returns the last operation that the
// client received. Without an order of steps, other clients give the same order at the same time,
// and one gives another order with the same ID.
func (a *actor) operate(ctx context.Context, o Order) (result *flow.Operation) {
	a.note(func() { a.orders[o.ID] = o })
	var others sync.WaitGroup
	defer others.Wait()
	for a.random != nil && a.random.IntN(3) == 0 {
		a.world.duplicates.Add(1)
		late := time.Duration(a.random.Int64N(int64(2 * time.Second)))
		replica := a.pick()
		others.Go(func() {
			pause(ctx, a.world.wallTime(late))
			_, _ = a.give(ctx, replica, o) // it is recorded
		})
	}
	for try := range a.tries {
		if try > 0 {
			a.world.duplicates.Add(1)
			pause(ctx, a.world.wallTime(time.Second))
		}
		asking, leave := ctx, context.CancelFunc(func() {})
		if a.random != nil && a.random.IntN(8) == 0 {
			asking, leave = context.WithTimeout(ctx, a.world.wallTime(time.Duration(a.random.Int64N(int64(3*time.Second)))))
		}
		operation, err := a.give(asking, a.pick(), o)
		leave()
		if operation != nil {
			result = operation
		}
		if err == nil && operation.State != flow.OperationStatePending || errors.Is(err, flow.ErrImpossible) {
			break
		}
	}
	if result != nil && (a.random == nil || a.random.IntN(4) == 0) {
		a.giveOther(ctx, o)
	}
	return result
}

// give gives an order to a replica, and records the answer.
func (a *actor) give(ctx context.Context, replica Replica, o Order) (*flow.Operation, error) {
	operation, err := replica.Operate(ctx, a.id, o)
	if errors.Is(err, errDead) {
		return nil, err // the client did not receive the answer
	}
	a.note(func() {
		switch {
		case operation != nil:
			a.operationAnswers = append(a.operationAnswers, operationAnswer{o, *operation})
		case err == nil:
			a.wrong("operation %s has neither an answer nor an error", o.ID)
		case errors.Is(err, flow.ErrOtherOperation):
			a.wrong("operation %s is taken for another one: %v", o.ID, err)
		}
	})
	return operation, err
}

// giveOther gives an order with other content under the ID of one that is recorded. It must be
// refused before anything is sent, which the ledger shows.
func (a *actor) giveOther(ctx context.Context, o Order) {
	switch o.Kind {
	case flow.OperationKindUpdate:
		o.Reference += ", again"
	case flow.OperationKindVoid:
		o.Kind, o.Amount = flow.OperationKindCapture, 1
	default:
		o.Amount++
	}
	operation, err := a.pick().Operate(ctx, a.id, o)
	if err == nil || operation != nil && !errors.Is(err, errDead) {
		a.note(func() { a.wrong("operation %s was accepted with other content", o.ID) })
	}
	if errors.Is(err, flow.ErrOtherOperation) {
		a.world.refusedOthers.Add(1)
	}
}

// captureElsewhere captures as another program does, and reports whether that may have succeeded.
func (a *actor) captureElsewhere(ctx context.Context, amount int64) bool {
	other, err := a.elsewhere()
	if err != nil {
		a.note(func() { a.wrong("%v", err) })
		return false
	}
	a.note(func() { a.interfered = true })
	_, err = other.CaptureTransaction(ctx, a.transaction, authorization.CaptureTransactionParams{
		CaptureAmount: amount, PaymentCaptureReference: fmt.Sprint(elsewhereReference, a.id, " ", amount),
	})
	return mayHaveRun(err)
}

// scripted returns a journey whose client gives orders one after the other.
func scripted(name string, orders func(purchaseID string) []Order) *journey {
	return &journey{
		name: name, webhooks: lost, ends: []flow.State{flow.StateAuthorized},
		play: func(ctx context.Context, a *actor) {
			if !a.authorize(ctx) {
				return
			}
			for _, o := range orders(a.id) {
				a.operate(ctx, o)
			}
		},
	}
}

// operationJourneys are the journeys that continue after the approval. [AtRandom] and
// [KillAtRandom] take the last one twice as often.
var operationJourneys = []*journey{
	scripted("capture all, and refund the capture", func(id string) []Order {
		amount := amountOf(id)
		return []Order{
			{ID: "all", Kind: flow.OperationKindCapture, Amount: amount},
			{ID: "return-1", Kind: flow.OperationKindRefund, Amount: amount / 4, CaptureID: "all"},
			{ID: "return-2", Kind: flow.OperationKindRefund, Amount: amount / 4, CaptureID: "all"},
		}
	}),
	scripted("capture two parcels, release the rest, and refund the transaction", func(id string) []Order {
		amount := amountOf(id)
		return []Order{
			{ID: "parcel-1", Kind: flow.OperationKindCapture, Amount: amount / 4},
			{ID: "parcel-2", Kind: flow.OperationKindCapture, Amount: amount / 4, Release: true},
			{ID: "return", Kind: flow.OperationKindRefund, Amount: amount / 2},
		}
	}),
	scripted("extend, capture a part, and void the rest", func(id string) []Order {
		amount := amountOf(id)
		return []Order{
			{ID: "longer", Kind: flow.OperationKindExtension, Amount: 200, Days: 3},
			{ID: "parcel", Kind: flow.OperationKindCapture, Amount: amount / 2},
			{ID: "rest", Kind: flow.OperationKindVoid},
		}
	}),
	scripted("update, and capture all", func(id string) []Order {
		return []Order{
			{ID: "number", Kind: flow.OperationKindUpdate, Reference: id + updated},
			{ID: "all", Kind: flow.OperationKindCapture, Amount: amountOf(id)},
		}
	}),
	{
		name: "capture automatically, and refund that", webhooks: twice, ends: []flow.State{flow.StateAuthorized},
		request: func(r *authorization.AuthorizeParams) {
			r.RequestPaymentTransaction.Capture = authorization.CaptureTimingNow
		},
		play: func(ctx context.Context, a *actor) {
			if a.authorize(ctx) {
				a.operate(ctx, Order{ID: "return", Kind: flow.OperationKindRefund, Amount: amountOf(a.id) / 2, CaptureID: flow.AutomaticCaptureID})
			}
		},
	},
	{
		name: "capture, while another program captures", ends: []flow.State{flow.StateAuthorized},
		play: func(ctx context.Context, a *actor) {
			if !a.authorize(ctx) {
				return
			}
			part := amountOf(a.id) / 4
			a.operate(ctx, Order{ID: "parcel-1", Kind: flow.OperationKindCapture, Amount: part})
			a.captureElsewhere(ctx, part)
			a.operate(ctx, Order{ID: "parcel-2", Kind: flow.OperationKindCapture, Amount: part})
			a.operate(ctx, Order{ID: "too much", Kind: flow.OperationKindCapture, Amount: 2 * part})
			a.operate(ctx, Order{ID: "return", Kind: flow.OperationKindRefund, Amount: part, CaptureID: "parcel-2"})
		},
	},
	{
		name: "operate at random", ends: []flow.State{flow.StateAuthorized},
		play: func(ctx context.Context, a *actor) {
			if a.random != nil && a.authorize(ctx) {
				(&clerk{actor: a, remaining: amountOf(a.id)}).operateAtRandom(ctx)
			}
		},
	},
}

// clerk gives random orders for a purchase. Its amounts are what it can be sure of.
type clerk struct {
	*actor
	remaining, captured, refunded int64
	captures                      []Order
	refundedOf                    map[string]int64
	overlapping                   sync.WaitGroup
}

func (k *clerk) operateAtRandom(ctx context.Context) {
	defer k.overlapping.Wait()
	k.refundedOf = map[string]int64{}
	for n := range 5 + k.random.IntN(8) {
		if k.random.IntN(12) == 0 && k.remaining > 1 {
			amount := 1 + k.random.Int64N(k.remaining/2)
			if k.captureElsewhere(ctx, amount) {
				k.remaining -= amount
			}
		}
		o, ok := k.next(fmt.Sprintf("op-%d", n))
		if !ok {
			continue
		}
		if k.random.IntN(4) == 0 && o.Kind != flow.OperationKindExtension {
			// Another client gives an order meanwhile, and nobody waits for the answer. What it
			// captures may not be refunded yet.
			replica := k.pick()
			k.note(func() { k.orders[o.ID], k.overlaps = o, true })
			k.overlapping.Go(func() { _, _ = k.give(ctx, replica, o) })
			continue
		}
		if k.operate(ctx, o) != nil {
			k.learn(o)
		}
		if k.random.IntN(2) == 0 {
			k.wait(ctx)
		}
	}
}

// next returns a random order. It takes what the order captures or releases from what remains, also
// if nothing comes of it.
func (k *clerk) next(id string) (Order, bool) {
	o := Order{ID: id, Kind: flow.OperationKindCapture}
	switch n := k.random.IntN(24); {
	case n < 10 && k.remaining > 0:
		o.Amount = 1 + k.random.Int64N(k.remaining)
		if k.random.IntN(3) > 0 {
			o.Amount = 1 + o.Amount/3
		}
		o.Amount = min(o.Amount, k.remaining)
		o.Release = k.random.IntN(8) == 0
		k.remaining -= o.Amount
		if o.Release {
			k.remaining = 0
		}
	case n < 14 && k.captured > k.refunded:
		o.Kind, o.Amount = flow.OperationKindRefund, 1+k.random.Int64N(k.captured-k.refunded)
	case n < 19 && len(k.captures) > 0:
		of := k.captures[k.random.IntN(len(k.captures))]
		left := min(of.Amount-k.refundedOf[of.ID], k.captured-k.refunded)
		if left < 1 {
			return o, false
		}
		o.Kind, o.CaptureID, o.Amount = flow.OperationKindRefund, of.ID, 1+k.random.Int64N(left)
	case n == 19 && k.remaining > 0:
		o.Kind = flow.OperationKindVoid
		k.remaining = 0
	case n < 22 && k.remaining > 0:
		o.Kind, o.Days, o.Amount = flow.OperationKindExtension, 1+k.random.IntN(9), 1+k.random.Int64N(500)
	case n == 22:
		o.Kind, o.Reference = flow.OperationKindUpdate, k.id+updated
	case n == 23:
		o.Amount = k.remaining + 1 + k.random.Int64N(1000)
		k.note(func() { k.beyond = true })
	default:
		return o, false
	}
	if o.Kind == flow.OperationKindRefund {
		k.refunded += o.Amount
		k.refundedOf[o.CaptureID] += o.Amount
		if o.CaptureID == "" { // Klarna takes it from the oldest captures
			k.captures = nil
		}
	}
	return o, true
}

// learn adds what a recorded order makes possible.
func (k *clerk) learn(o Order) {
	switch o.Kind {
	case flow.OperationKindCapture:
		k.captured += o.Amount
		k.captures = append(k.captures, o)
	case flow.OperationKindExtension:
		k.remaining += o.Amount
	}
}

// Operate implements Replica.
func (l *incarnation) Operate(ctx context.Context, purchaseID string, o Order) (*flow.Operation, error) {
	operation, err := o.give(ctx, l.Coordinator, purchaseID)
	if l.isDead() {
		return nil, errDead
	}
	return operation, err
}

// refusing notes that a call of an operation is refused, and whose it is. path names the
// transaction or the capture.
func (s *World) refusing(path string) {
	_, of, found := strings.Cut(path, "/payment/transactions/")
	id, _, _ := strings.Cut(of, "/")
	if !found {
		_, of, _ = strings.Cut(path, "/payment/captures/")
		captureID, _, _ := strings.Cut(of, "/")
		for _, c := range s.Klarna.Captures() {
			if c.PaymentCaptureID == captureID {
				id = c.PaymentTransactionID
			}
		}
	}
	for _, t := range s.Klarna.Transactions() {
		if p := s.purchase(purchaseOf(t.Reference)); t.PaymentTransactionID == id && p != nil {
			p.note(func() { p.refusals++ })
		}
	}
}

// purchaseOf returns the purchase that a transaction's reference belongs to.
func purchaseOf(reference string) string { return strings.TrimSuffix(reference, updated) }

// interferedPurchases returns the IDs of the purchases that another program captured from.
func (s *World) interferedPurchases() (ids []string) {
	for id, p := range s.purchases {
		p.note(func() {
			if p.interfered {
				ids = append(ids, id)
			}
		})
	}
	return ids
}
