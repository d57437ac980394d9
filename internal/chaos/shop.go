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

// Replica is what clients and Klarna reach of a replica.
type Replica interface {
	Begin(ctx context.Context, p flow.Purchase) (*flow.Status, error)
	HandleReturn(ctx context.Context, id string) (*flow.Status, error)
	Cancel(ctx context.Context, id string) (*flow.Status, error)
	// ServeHTTP takes a webhook.
	http.Handler
}

// Shop is the world outside of the replicas: Klarna, the purchases' clients and customers, and what
// they were told.
type Shop struct {
	Klarna     *klarnatest.Server
	accounts   []string
	signingKey webhook.Key
	mail       *postman

	mu        sync.Mutex
	purchases map[string]*purchase
	// stormy is until when calls with an idempotency key are answered with conflicts. meanwhile are
	// the purchases, by their payment requests, whose customers approve while they are canceled.
	stormy    map[string]time.Time
	stormFor  func() time.Duration
	meanwhile map[string]*purchase

	// scale is how many times faster than the machine's time the purchases' goes.
	scale time.Duration
	// answersWithin is how long a client's call may take; 0 for as long as it likes.
	answersWithin time.Duration

	crashes, faults, duplicates, authorizeCalls atomic.Int64
}

// purchase is what is known of one, apart from the replicas' store.
type purchase struct {
	id, account string
	journey     *journey

	mu sync.Mutex
	// approved is the amount that the customer approved, 0 before; instant, that the first call
	// brought a session token.
	approved int64
	instant  bool
	token    klarna.Secret
	// approvedAt is when; promptly, how soon after it there is to be a transaction, 0 for any time.
	approvedAt time.Time
	promptly   time.Duration
	// acted: the customer did what the journey has the customer do.
	acted bool
	// canceled: the client asked for it; foreign: somebody else meddled with the payment request;
	// unheard: the customer approved while it was canceled, and nobody acknowledged that.
	canceled, foreign, unheard bool
	// refused is found out in the end.
	refused bool
	// reports are the transitions reported, in order, with repeats.
	reports   []flow.Transition
	confirmed map[string]bool
	answers   []answer
	wrongs    []string
}

// answer is a final status that a client was given.
type answer struct {
	from   string
	status flow.Status
}

// newShop opens a shop whose replicas get Klarna's webhooks through the postman.
func newShop(mail *postman, options ...klarnatest.Option) (*Shop, error) {
	s := &Shop{purchases: map[string]*purchase{}, stormy: map[string]time.Time{}, meanwhile: map[string]*purchase{}, mail: mail, scale: 1, stormFor: func() time.Duration { return stormFor }}
	var err error
	if s.Klarna, err = klarnatest.Start(append(options, klarnatest.WithWebhookTransport(mail))...); err != nil {
		return nil, err
	}
	s.accounts = []string{s.Klarna.PartnerAccountID}
	key := s.Klarna.Subscribe("https://shop.example/klarna/webhook", "payment.*")
	s.signingKey = webhook.Key{ID: key.ID, Secret: klarna.NewSecret(key.Secret)}
	mail.shop = s
	return s, nil
}

// loseMail lets the double lose, repeat, delay and reorder webhooks.
func (s *Shop) loseMail() {
	for _, fault := range []klarnatest.WebhookFault{
		klarnatest.WebhookLose, klarnatest.WebhookDuplicate, klarnatest.WebhookLate, klarnatest.WebhookReorder,
	} {
		s.Klarna.ScriptWebhooks(klarnatest.WebhookRule{Fault: fault, Probability: 0.08})
	}
}

// stormFor is how long a storm of conflicts lasts. It is longer than any call runs.
const stormFor = 6 * time.Minute

func (s *Shop) beginStorm(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stormy[key].IsZero() { // once a call: it is to end in time
		s.stormy[key] = time.Now().Add(s.stormFor())
	}
}

func (s *Shop) storms(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.stormy[key])
}

func (s *Shop) willApproveMeanwhile(paymentRequestID string, p *purchase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meanwhile[paymentRequestID] = p
}

// approvesMeanwhile returns the purchase whose customer approves now, once; nil for none.
func (s *Shop) approvesMeanwhile(paymentRequestID string) *purchase {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.meanwhile[paymentRequestID]
	delete(s.meanwhile, paymentRequestID)
	return p
}

// add makes a purchase known, before anybody can hear of it.
func (s *Shop) add(id string, j *journey, account string) *purchase {
	p := &purchase{id: id, account: account, journey: j, confirmed: map[string]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purchases[id] = p
	return p
}

func (s *Shop) purchase(id string) *purchase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.purchases[id]
}

// Reported notes a callback.
func (s *Shop) Reported(t flow.Transition) {
	p := s.purchase(t.Purchase.ID)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reported(t)
}

// confirmed notes that the replica learned of the callback's success.
func (s *Shop) confirmed(t flow.Transition) {
	p := s.purchase(t.Purchase.ID)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmed[t.ID] = true
}

// machine is how long the machine takes for d of the purchases' time.
func (s *Shop) machine(d time.Duration) time.Duration { return d / s.scale }

// tell notes what a client was told. An answer with another error than Klarna's says nothing about
// the purchase.
func (p *purchase) tell(from string, status *flow.Status, err error) {
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
		p.wrong("%s says that the customer is awaited, and not where", from)
	}
}
