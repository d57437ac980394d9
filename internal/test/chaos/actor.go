package chaos

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// actor is the client and the customer of one purchase.
type actor struct {
	*purchase
	world *World
	// pick returns a replica, another one each time.
	pick func() Replica
	// random makes the actor hesitate and repeat itself. Without it, everything happens in order.
	random *rand.Rand
	// tries is the number of times that a client makes a failing call.
	tries     int
	requestID string
	// setup returns the replica that authorizes the purchase, if the steps of that are of no
	// interest.
	setup func() Replica
	// transaction is the payment transaction, after authorize.
	transaction string
}

// call is a call of a client's.
type call func(context.Context, Replica) (*flow.Status, error)

// call makes a client's call, and repeats it if it fails.
func (a *actor) call(ctx context.Context, name string, do call) (status *flow.Status) {
	for try := range a.tries {
		if try > 0 {
			a.world.duplicates.Add(1)
			pause(ctx, a.world.wallTime(time.Second))
		}
		var err error
		status, err = a.impatient(ctx, do)
		if errors.Is(err, errDead) {
			// The client did not receive the answer.
			status = nil
			continue
		}
		a.receive(name, status, err)
		if err == nil || errors.Is(err, flow.ErrRejected) {
			return status
		}
		if _, isKlarnas := errors.AsType[*klarna.Error](err); !isKlarnas {
			status = nil
		}
	}
	return status
}

// impatient makes a call once. Some clients leave before the answer arrives, or before they have
// sent the call.
func (a *actor) impatient(ctx context.Context, do call) (*flow.Status, error) {
	if a.random != nil && a.random.IntN(8) == 0 {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, a.world.wallTime(time.Duration(a.random.Int64N(int64(3*time.Second)))))
		defer leave()
	}
	began := time.Now()
	status, err := do(ctx, a.pick())
	if took := time.Since(began); a.world.answersWithin > 0 && took > a.world.answersWithin {
		a.note(func() { a.wrong("a client waited %v for its answer", took) })
	}
	return status, err
}

// crowd makes a call; if there is no order, several at the same time on several replicas.
func (a *actor) crowd(ctx context.Context, name string, do call) (status *flow.Status) {
	var others sync.WaitGroup
	defer others.Wait()
	for a.random != nil && a.random.IntN(3) == 0 {
		a.world.duplicates.Add(1)
		late := time.Duration(a.random.Int64N(int64(2 * time.Second)))
		other := a.pick()
		others.Go(func() {
			pause(ctx, a.world.wallTime(late))
			if status, err := do(ctx, other); !errors.Is(err, errDead) {
				a.receive(name, status, err)
			}
		})
	}
	return a.call(ctx, name, do)
}

// begin begins the purchase. It reports whether the customer has a URL to go to.
func (a *actor) begin(ctx context.Context) bool {
	from := a.journey.purchase(a.id, a.account, a.token)
	status := a.crowd(ctx, "Begin", func(ctx context.Context, r Replica) (*flow.Status, error) { return r.Begin(ctx, from) })
	if status == nil || status.PaymentRequestURL == "" {
		return false
	}
	a.requestID = status.PaymentRequestID
	a.wait(ctx)
	return true
}

func (a *actor) comeBack(ctx context.Context) {
	a.crowd(ctx, "HandleReturn", func(ctx context.Context, r Replica) (*flow.Status, error) { return r.HandleReturn(ctx, a.id) })
}

func (a *actor) cancel(ctx context.Context) {
	a.note(func() { a.canceled = true })
	a.call(ctx, "Cancel", func(ctx context.Context, r Replica) (*flow.Status, error) { return r.Cancel(ctx, a.id) })
}

// wait waits for some or all of the webhooks that are on their way.
func (a *actor) wait(ctx context.Context) {
	if a.random == nil {
		a.world.Klarna.Flush()
		return
	}
	most := []time.Duration{10 * time.Millisecond, time.Second, time.Minute, 2 * time.Minute}[a.random.IntN(4)]
	pause(ctx, a.world.wallTime(time.Duration(a.random.Int64N(int64(most)))))
}

// note changes the known facts of the purchase.
func (p *purchase) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// bringToken makes the customer approve in the browser before the purchase begins.
func (a *actor) bringToken() {
	token, err := a.world.Klarna.IssueSessionTokenFor(a.account, "EUR", amountOf(a.id))
	a.note(func() {
		a.token, a.instant, a.acted = klarna.NewSecret(token), true, true
		if err != nil {
			a.wrong("%v", err)
		}
	})
}

// noCustomer marks a journey that ends before the customer acts.
func (a *actor) noCustomer() { a.note(func() { a.acted = true }) }

// act performs the customer's action at Klarna. It reports whether that was still possible.
func (a *actor) act(do func(paymentRequestID string) (string, error)) bool {
	_, err := do(a.requestID)
	if err == nil {
		a.note(func() { a.acted = true })
	}
	return err == nil
}

func (a *actor) changeAmount(by int64) bool {
	return a.world.Klarna.ChangeAmount(a.requestID, amountOf(a.id)+by) == nil
}

func (a *actor) approve() bool {
	amount := amountOf(a.id)
	switch a.journey.name {
	case "approve another amount, which is accepted":
		amount += 500
	case "approve another amount, which is refused":
		amount += 501
	}
	// This comes first: the transaction may exist before the call returns.
	a.note(func() { a.approved, a.approvedAt = amount, time.Now() })
	if !a.act(a.world.Klarna.Approve) {
		a.note(func() { a.approved = 0 })
		return false
	}
	return true
}

// elsewhere returns a client of another program, whose calls do not fail.
func (a *actor) elsewhere() (*authorization.Client, error) {
	client, err := klarna.NewClient(a.world.Klarna.APIKey, klarna.WithBaseURL(a.world.Klarna.URL), klarna.WithLogger(slog.New(slog.DiscardHandler)),
		klarna.WithHTTPClient(&http.Client{Transport: a.world.Klarna.Transport()}))
	if err != nil {
		return nil, err
	}
	return authorization.New(client.ForAccount(a.account)), nil
}

func (a *actor) cancelElsewhere(ctx context.Context) {
	other, err := a.elsewhere()
	if err != nil {
		a.note(func() { a.wrong("%v", err) })
		return
	}
	if _, err := other.CancelPaymentRequest(ctx, a.requestID); mayHaveRun(err) {
		a.note(func() { a.canceled = true })
	}
}

func (a *actor) finalizeElsewhere(ctx context.Context) {
	other, err := a.elsewhere()
	if err != nil {
		a.note(func() { a.wrong("%v", err) })
		return
	}
	read, err := other.GetPaymentRequest(ctx, a.requestID)
	if err != nil {
		return
	}
	approval, err := read.Approval()
	if err != nil {
		return
	}
	first := a.journey.purchase(a.id, a.account, a.token).Request
	first.RequestPaymentTransaction.PaymentTransactionReference = a.id + " of another program"
	if _, err := other.Finalize(ctx, first, approval); mayHaveRun(err) {
		a.note(func() { a.foreign = true })
	}
}

func mayHaveRun(err error) bool { return err == nil || klarna.OutcomeOf(err) == klarna.OutcomeUnknown }
