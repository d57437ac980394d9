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

// Order is an order of a Partner.
type Order struct {
	// Reference is the Partner's order number. A repeated request with it is the same session.
	Reference string `json:"reference"`
	// Amount is in minor units of Currency, and the sum of LineItems.
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Locale    string `json:"locale"`
	LineItems []Line `json:"line_items"`
	// KlarnaNetworkData is the Partner's data for Klarna. It is sent byte for byte.
	KlarnaNetworkData string `json:"klarna_network_data,omitempty"`
	// ReturnURL is where customers go after they paid, CancelURL where they go if they cancel.
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

// check returns what is wrong with an order, or "".
func (o *Order) check() string {
	switch {
	case o.Reference == "" || len(o.Reference) > 200:
		return "reference must have 1 to 200 bytes"
	case o.Amount <= 0 || o.Currency == "" || o.Locale == "":
		return "amount, currency and locale are required"
	case authorization.LinesTotal(o.klarnaLines()) != o.Amount:
		return "line_items must sum to amount"
	case origin(o.ReturnURL) == "" || origin(o.CancelURL) == "":
		return "return_url and cancel_url must be http or https URLs"
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

// origin returns the origin of an http or https URL, or "".
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// session is one order at the checkout.
type session struct {
	// id is part of the URLs. Knowing it is enough to pay. payment is the first part of the ids of
	// the purchases, which appear at Klarna and in logs.
	id, payment string
	order       Order

	// lock is held while a payment is begun or canceled, so that two payment methods are not in
	// progress at the same time. If replicas share the sessions, use a lock in their database.
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

// sessions are the sessions of this process. In production, keep them in a database.
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

// Session is a session as a Partner sees it.
type Session struct {
	ID string `json:"session_id"`
	// CheckoutURL is where to send the customer.
	CheckoutURL string `json:"checkout_url"`
	Status      Status `json:"status"`
	// Amount is in minor units of Currency. Once the order is paid, it is the amount that was paid,
	// which differs from the order's if the customer chose other shipping at Klarna.
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
		writeJSON(w, http.StatusConflict, map[string]string{"error_code": "OTHER_ORDER", "message": "this reference belongs to another order"})
		return
	}
	c.tellPartner(w, r, s, http.StatusCreated)
}

// readSession returns a session, which says whether the order was paid.
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

// Status is the status of a session.
type Status string

// The statuses. Deliver an order only with StatusPaid.
const (
	// StatusNew means that no payment was begun.
	StatusNew Status = "NEW"
	// StatusOpen means that the customer may be at Klarna.
	StatusOpen Status = "OPEN"
	// StatusWaiting means that the customer has approved, or that the state is not known. Another
	// status follows automatically.
	StatusWaiting Status = "WAITING"
	// StatusPaid means that the order is paid.
	StatusPaid Status = "PAID"
	// StatusUnpaid means that the attempt has ended without payment. Another may be made.
	StatusUnpaid Status = "UNPAID"
	// StatusUnclear means that the customer may have paid, and that a person has to find out.
	StatusUnclear Status = "UNCLEAR"
)

// statuses maps the states of purchases to statuses.
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

// standing is the state of a session. purchase is the current attempt, or nil if none was begun.
type standing struct {
	status   Status
	purchase *flow.Status
	// unasked reports whether the state could not be read from Klarna.
	unasked bool
}

// stand reads the state of the current attempt from Klarna, unless it is final.
func (c *Checkout) stand(ctx context.Context, s *session) standing { return c.look(ctx, s, true) }

// glance is stand for pages that poll. It does not rely on the webhook, which may be late or lost,
// but reads from Klarna only from time to time.
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
