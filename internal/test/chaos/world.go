package chaos

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// Replica is the interface of a replica for clients and Klarna.
type Replica interface {
	Begin(ctx context.Context, p flow.Purchase) (*flow.Status, error)
	HandleReturn(ctx context.Context, id string) (*flow.Status, error)
	Cancel(ctx context.Context, id string) (*flow.Status, error)
	Operate(ctx context.Context, purchaseID string, o Order) (*flow.Operation, error)
	// ServeHTTP receives a webhook.
	http.Handler
}

// World is everything outside of the replicas: Klarna, the clients and customers of the purchases,
// and the answers and reports that they received.
type World struct {
	Klarna     *klarnatest.Server
	accounts   []string
	signingKey webhook.Key
	courier    *courier
	// journeys are what customers do in open. operates means that they continue after the approval.
	journeys []*journey
	operates bool

	mu        sync.Mutex
	purchases map[string]*purchase
	// stormy is the time until which calls with an idempotency key are answered with conflicts.
	// meanwhile maps payment requests to the purchases whose customers approve while they are
	// canceled.
	stormy    map[string]time.Time
	stormFor  func() time.Duration
	meanwhile map[string]*purchase

	// scale is the speed of the purchases' time, relative to the wall clock.
	scale time.Duration
	// answersWithin bounds a client's call; 0 means no bound.
	answersWithin time.Duration

	crashes, faults, duplicates, authorizeCalls, refusedOthers atomic.Int64
}

// purchase is what is known of a purchase, apart from the replicas' store.
type purchase struct {
	id, account string
	journey     *journey

	mu sync.Mutex
	// approved is the amount that the customer approved, 0 before. instant means that the first
	// call brought a session token.
	approved int64
	instant  bool
	token    klarna.Secret
	// approvedAt is the time of the approval. promptly is the time within which there must be a
	// transaction after it; 0 means any time.
	approvedAt time.Time
	promptly   time.Duration
	// acted means that the customer did what the journey asks for.
	acted bool
	// canceled means that the client asked for it, and foreign that another program changed the
	// payment request. unheard means that the customer approved during the cancelation, and that no
	// replica acknowledged it.
	canceled, foreign, unheard bool
	// refused is determined at the end.
	refused bool
	// reports are the reported transitions, in order, with repetitions.
	reports   []flow.Transition
	confirmed map[string]bool
	answers   []answer
	// orders are what the client asked for after the approval, by ID. operationAnswers are what it
	// received. refusals counts the calls of operations that were refused for no reason. interfered
	// means that another program captured, and beyond that the client asked for more than there
	// was.
	orders             map[string]Order
	operationAnswers   []operationAnswer
	refusals           int
	interfered, beyond bool
	// overlaps means that the client gave an order before it knew the result of the preceding one.
	overlaps bool
	// operations are those of the store, at the end.
	operations []flow.Operation
	wrongs     []string
}

// answer is a final status that a client received.
type answer struct {
	from   string
	status flow.Status
}

// newWorld opens a world whose replicas receive Klarna's webhooks through the courier.
func newWorld(courier *courier, options ...klarnatest.Option) (*World, error) {
	s := &World{purchases: map[string]*purchase{}, stormy: map[string]time.Time{}, meanwhile: map[string]*purchase{}, courier: courier, journeys: journeys, scale: 1, stormFor: func() time.Duration { return stormFor }}
	var err error
	if s.Klarna, err = klarnatest.Start(append(options, klarnatest.WithWebhookTransport(courier))...); err != nil {
		return nil, err
	}
	s.accounts = []string{s.Klarna.PartnerAccountID}
	key := s.Klarna.Subscribe("https://shop.example/klarna/webhook", "payment.*")
	s.signingKey = webhook.Key{ID: key.ID, Secret: klarna.NewSecret(key.Secret)}
	courier.world = s
	return s, nil
}

// operate makes all journeys continue after the approval.
func (s *World) operate() { s.journeys, s.operates = operationJourneys, true }

// disturbWebhooks makes klarnatest lose, repeat, delay and reorder webhooks.
func (s *World) disturbWebhooks() {
	for _, fault := range []klarnatest.WebhookFault{
		klarnatest.WebhookFaultLose, klarnatest.WebhookFaultDuplicate, klarnatest.WebhookFaultLate, klarnatest.WebhookFaultReorder,
	} {
		s.Klarna.ScriptWebhooks(klarnatest.WebhookRule{Fault: fault, Probability: 0.08})
	}
}

// stormFor is the duration of a storm of conflicts. It is longer than any call.
const stormFor = 6 * time.Minute

func (s *World) beginStorm(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stormy[key].IsZero() { // once for each call, so that it ends in time
		s.stormy[key] = time.Now().Add(s.stormFor())
	}
}

func (s *World) storms(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.stormy[key])
}

func (s *World) willApproveMeanwhile(paymentRequestID string, p *purchase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meanwhile[paymentRequestID] = p
}

// approvesMeanwhile returns, once, the purchase whose customer approves now, or nil.
func (s *World) approvesMeanwhile(paymentRequestID string) *purchase {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.meanwhile[paymentRequestID]
	delete(s.meanwhile, paymentRequestID)
	return p
}

// add adds a purchase before any replica learns of it.
func (s *World) add(id string, j *journey, account string) *purchase {
	p := &purchase{id: id, account: account, journey: j, confirmed: map[string]bool{}, orders: map[string]Order{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purchases[id] = p
	return p
}

func (s *World) purchase(id string) *purchase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.purchases[id]
}

// Reported records a callback.
func (s *World) Reported(t flow.Transition) {
	p := s.purchase(t.Status.ID)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reported(t)
}

// confirmed records that the replica learned of the callback's success.
func (s *World) confirmed(t flow.Transition) {
	p := s.purchase(t.Status.ID)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmed[t.ID] = true
}

// wallTime returns the wall-clock time that corresponds to d of the purchases' time.
func (s *World) wallTime(d time.Duration) time.Duration { return d / s.scale }

// receive records an answer to a client. An answer with an error that is not Klarna's says nothing
// about the purchase.
func (p *purchase) receive(from string, status *flow.Status, err error) {
	_, isKlarnas := errors.AsType[*klarna.Error](err)
	if status == nil || err != nil && !isKlarnas && !errors.Is(err, flow.ErrRejected) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if status.State.Final() {
		p.answers = append(p.answers, answer{from, *status})
	}
	if status.State == flow.StateAwaitingCustomer && status.PaymentRequestURL == "" && err == nil {
		p.wrong("%s says that the customer is awaited, but returns no URL", from)
	}
}
