package checkout

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
)

// Order is what a Partner wants to be paid.
type Order struct {
	// Reference is the Partner's order number. A repeated request with it is the same session.
	Reference string `json:"reference"`
	// Amount is in minor units of Currency, and the sum of LineItems.
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Locale    string `json:"locale"`
	LineItems []Line `json:"line_items"`
	// KlarnaNetworkData is what the Partner has for Klarna. It goes there byte for byte.
	KlarnaNetworkData string `json:"klarna_network_data,omitempty"`
	// ReturnURL is where a customer goes who has paid, CancelURL where one who would rather not.
	ReturnURL string `json:"return_url"`
	CancelURL string `json:"cancel_url"`
}

// Line is a line of an order.
type Line struct {
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
	// TotalAmount is in minor units, tax included. A discount is a negative line.
	TotalAmount int64 `json:"total_amount"`
}

// check says what is wrong with an order, "" if nothing.
func (o *Order) check() string {
	switch {
	case o.Reference == "" || len(o.Reference) > 200:
		return "reference must have 1 to 200 bytes"
	case o.Amount <= 0 || o.Currency == "" || o.Locale == "":
		return "amount, currency and locale are required"
	case authorization.LinesTotal(o.klarnaLines()) != o.Amount:
		return "line_items must sum to amount"
	case origin(o.ReturnURL) == "" || origin(o.CancelURL) == "":
		return "return_url and cancel_url must be addresses of the web"
	}
	return ""
}

func (o *Order) klarnaLines() []authorization.LineItem {
	var items []authorization.LineItem
	for _, l := range o.LineItems {
		items = append(items, authorization.LineItem{Name: l.Name, Quantity: l.Quantity, TotalAmount: l.TotalAmount})
	}
	return items
}

// origin is that of a web address, "" for any other.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// session is one order at the checkout.
type session struct {
	// id is in the addresses: who knows it may pay. payment is what the purchases are called, at
	// Klarna and in logs.
	id, payment string
	order       Order

	// lock is held by whoever begins or cancels a payment, so that no two ways of paying are under way
	// at once. Where replicas share their sessions it is a lock in their database.
	lock chan struct{}
	// attempt counts purchases, each begun when the one before had ended without payment.
	attempt atomic.Int64
	// otherwise is set once the session was paid with another method than Klarna.
	otherwise atomic.Bool

	mu    sync.Mutex
	asked time.Time // when Klarna was asked last
}

// purchase is the flow.Purchase's ID of the present attempt.
func (s *session) purchase() string { return s.payment + "-" + strconv.FormatInt(s.attempt.Load(), 10) }

// path is where the session's pages are.
func (s *session) path() string { return "/checkout/" + s.id }

// acquire waits until no other request changes how the session is paid.
func (s *session) acquire(ctx context.Context) (done func(), err error) {
	select {
	case s.lock <- struct{}{}:
		return func() { <-s.lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// askEvery bounds how often a session's open pages have Klarna asked.
const askEvery = 5 * time.Second

func (s *session) mayAsk(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.asked) < askEvery {
		return false
	}
	s.asked = now
	return true
}

// sessions are those of this process. Yours belong in a database.
type sessions struct {
	mu          sync.Mutex
	byID        map[string]*session
	byReference map[string]*session
	oldest      []*session
}

// mostSessions bounds the memory.
const mostSessions = 10_000

func newSessions() *sessions {
	return &sessions{byID: map[string]*session{}, byReference: map[string]*session{}}
}

func (all *sessions) find(id string) (*session, bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	s, ok := all.byID[id]
	return s, ok
}

// create returns the session of an order, which may be there already.
func (all *sessions) create(order Order) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	if s, ok := all.byReference[order.Reference]; ok {
		return s
	}
	s := &session{id: rand.Text(), payment: "pay-" + strings.ToLower(rand.Text()[:12]), order: order, lock: make(chan struct{}, 1)}
	s.attempt.Store(1)
	if len(all.oldest) == mostSessions {
		gone := all.oldest[0]
		all.oldest = all.oldest[1:]
		delete(all.byID, gone.id)
		delete(all.byReference, gone.order.Reference)
	}
	all.byID[s.id], all.byReference[order.Reference] = s, s
	all.oldest = append(all.oldest, s)
	return s
}

// Session is what a Partner is told.
type Session struct {
	ID string `json:"session_id"`
	// CheckoutURL is where to send the customer.
	CheckoutURL string `json:"checkout_url"`
	Status      Status `json:"status"`
	// Amount is in minor units of Currency: what the Partner asked, and once paid, what was paid. It
	// is another when the customer chose other shipping at Klarna.
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	// Method is KLARNA or CARD, once paid, and PaymentTransactionID Klarna's.
	Method               string `json:"method,omitempty"`
	PaymentTransactionID string `json:"payment_transaction_id,omitempty"`
}

// createSession takes an order.
func (c *Checkout) createSession(w http.ResponseWriter, r *http.Request) {
	var order Order
	if !readJSON(w, r, &order) {
		return
	}
	if wrong := order.check(); wrong != "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error_code": "BAD_REQUEST", "message": wrong})
		return
	}
	s := c.sessions.create(order)
	if s.order.Amount != order.Amount || s.order.Currency != order.Currency {
		writeJSON(w, http.StatusConflict, map[string]string{"error_code": "OTHER_ORDER", "message": "this reference is another order's"})
		return
	}
	c.tellPartner(w, r, s, http.StatusCreated)
}

// readSession tells a Partner whether an order was paid.
func (c *Checkout) readSession(w http.ResponseWriter, r *http.Request) {
	s, ok := c.sessions.find(r.PathValue("session"))
	if !ok {
		writeJSON(w, http.StatusNotFound, map[string]string{"error_code": "NOT_FOUND", "message": "no such session"})
		return
	}
	c.tellPartner(w, r, s, http.StatusOK)
}

func (c *Checkout) tellPartner(w http.ResponseWriter, r *http.Request, s *session, code int) {
	now := c.stand(r.Context(), s)
	answer := Session{
		ID: s.id, CheckoutURL: c.URL + s.path(), Status: now.status,
		Amount: s.order.Amount, Currency: s.order.Currency,
	}
	switch {
	case now.status != StatusPaid:
	case s.otherwise.Load():
		answer.Method = "CARD"
	default:
		answer.Method, answer.Amount, answer.PaymentTransactionID = "KLARNA", now.purchase.Amount, now.purchase.PaymentTransactionID
	}
	writeJSON(w, code, answer)
}

// Status is how a session stands.
type Status string

// The statuses. StatusPaid alone is good for delivering.
const (
	// StatusNew: no payment was begun.
	StatusNew Status = "NEW"
	// StatusOpen: the customer may be at Klarna.
	StatusOpen Status = "OPEN"
	// StatusWaiting: the customer has approved, or it is not known; another status follows by itself.
	StatusWaiting Status = "WAITING"
	StatusPaid    Status = "PAID"
	// StatusUnpaid: the attempt has ended without payment, and another may be made.
	StatusUnpaid Status = "UNPAID"
	// StatusUnclear: money may have moved, and a person has to look into it.
	StatusUnclear Status = "UNCLEAR"
)

// statuses are those of the coordinator's states.
var statuses = map[flow.State]Status{
	flow.StateBegun:            StatusWaiting,
	flow.StateAwaitingCustomer: StatusOpen,
	flow.StateFinalizing:       StatusWaiting,
	flow.StateCanceling:        StatusWaiting,
	flow.StateAuthorized:       StatusPaid,
	flow.StateDeclined:         StatusUnpaid,
	flow.StateCanceled:         StatusUnpaid,
	flow.StateExpired:          StatusUnpaid,
	flow.StateRejected:         StatusUnpaid,
	flow.StateUnknown:          StatusUnclear,
}

// standing is how a session stands; purchase is the present attempt, nil where none was begun.
type standing struct {
	status   Status
	purchase *flow.Status
	// unasked: Klarna was to be asked, and did not answer.
	unasked bool
}

// stand asks Klarna how the present attempt stands, if there is something to learn.
func (c *Checkout) stand(ctx context.Context, s *session) standing { return c.look(ctx, s, true) }

// glance is stand for pages that look again and again. It does not rely on the webhook, which may
// be late or lost, but has Klarna asked now and then only.
func (c *Checkout) glance(ctx context.Context, s *session) standing {
	return c.look(ctx, s, s.mayAsk(time.Now()))
}

func (c *Checkout) look(ctx context.Context, s *session, ask bool) standing {
	if s.otherwise.Load() {
		return standing{status: StatusPaid}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id := s.purchase()
	purchase, err := c.Coordinator.GetStatus(ctx, id)
	if errors.Is(err, flow.ErrNotFound) {
		return standing{status: StatusNew}
	}
	if ask && err == nil && !purchase.State.Final() {
		purchase, err = c.Coordinator.HandleReturn(ctx, id)
	}
	if err != nil {
		c.failed(ctx, "the state of a purchase", s, err)
	}
	if purchase == nil {
		return standing{status: StatusWaiting, unasked: true}
	}
	return standing{status: statuses[purchase.State], purchase: purchase, unasked: err != nil}
}
