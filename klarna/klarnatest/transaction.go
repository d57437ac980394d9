package klarnatest

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	// transactionLife is the life of an authorization for which no expiry is set. It is the
	// package's choice.
	transactionLife = 28 * 24 * time.Hour
	// transactionGrace is the time after its expiry in which a transaction can be extended before
	// it closes.
	transactionGrace = 7 * 24 * time.Hour

	maxCaptures   = 200
	maxRefunds    = 200
	maxOperations = 500
)

const (
	transactionAuthorized = "AUTHORIZED"
	transactionCompleted  = "COMPLETED"
	transactionExpired    = "EXPIRED"
	transactionClosed     = "CLOSED"

	fundingPending = "PENDING"
	fundingFunded  = "FUNDED"
	fundingExpired = "EXPIRED"
)

// transaction is an authorized payment. Its amounts are in minor units of its currency. captured
// and released together never exceed amount.
type transaction struct {
	*account
	id         string
	reference  string
	amount     int64 // authorized, extensions included
	captured   int64
	released   int64
	refunded   int64
	disputed   int64
	currency   string
	state      string
	funding    string
	purchase   json.RawMessage
	request    string // id of the payment request, which may be forgotten; "" without a step-up
	captures   []*capture
	refunds    []string // ids
	disputes   []string // ids of chargebacks
	operations int
	createdAt  time.Time
	expiresAt  time.Time
	overAt     time.Time // time since which nothing is authorized
}

// remaining returns what is still authorized: neither captured nor released.
func (t *transaction) remaining() int64 { return t.amount - t.captured - t.released }

type transactionBody struct {
	ID        string             `json:"payment_transaction_id"`
	Reference string             `json:"payment_transaction_reference"`
	Amount    int64              `json:"amount"`
	Currency  string             `json:"currency"`
	State     string             `json:"state"`
	ExpiresAt time.Time          `json:"expires_at"`
	Funding   fundingBody        `json:"payment_funding"`
	Captures  []captureReference `json:"payment_captures"` // all of them, also where there is none: the double's choice
	Purchase  json.RawMessage    `json:"supplementary_purchase_data,omitempty"`
}

type fundingBody struct {
	Type  string `json:"type"`
	State string `json:"state"`
}

// summary returns t without the customer's data, as events contain it.
func (t *transaction) summary() *transactionBody {
	b := &transactionBody{
		ID:        t.id,
		Reference: t.reference,
		Amount:    t.amount,
		Currency:  t.currency,
		State:     t.state,
		ExpiresAt: t.expiresAt,
		Funding:   fundingBody{Type: "GUARANTEED", State: t.funding},
		Captures:  []captureReference{},
	}
	for _, c := range t.captures {
		b.Captures = append(b.Captures, captureReference{c.id, c.reference})
	}
	return b
}

func (t *transaction) body() *transactionBody {
	b := t.summary()
	b.Purchase = t.purchase
	return b
}

// newTransaction creates the transaction of an approval. request is the payment request that it
// finalizes, if any.
func (s *Server) newTransaction(partner *account, order authorizeOrder, request *paymentRequest) *transaction {
	now := s.clock.now()
	t := &transaction{
		account:   partner,
		id:        "krn:payment:eu1:transaction:" + uuid.NewString(),
		reference: order.reference,
		amount:    order.amount,
		currency:  order.currency,
		funding:   fundingPending,
		purchase:  order.purchase.raw,
		createdAt: now,
		expiresAt: now.Add(transactionLife),
	}
	s.transactions.add(t.id, t)
	authorized := t.journalEntry(entryAuthorized, t.amount)
	if request != nil {
		t.request, request.transaction = request.id, t.id
		authorized.request = request.id
	}
	s.note(authorized)
	s.moveTransaction(t, transactionAuthorized)
	if order.captureNow {
		s.capture(t, capture{amount: t.amount, reference: order.captureReference})
		return t
	}
	s.scheduleEnd(t)
	return t
}

func (t *transaction) journalEntry(kind entryKind, amount int64) journalEntry {
	return journalEntry{
		kind: kind, account: t.account.id, transaction: t.id, reference: t.reference, amount: amount, currency: t.currency,
	}
}

// scheduleEnd schedules the expiry and the closing of t. An extension moves both.
func (s *Server) scheduleEnd(t *transaction) {
	id := t.id // the transaction may be forgotten by then
	s.schedule(t.expiresAt, func() {
		t := s.transactions.byID[id]
		if t == nil || t.state != transactionAuthorized || t.expiresAt.After(s.clock.now()) {
			return
		}
		s.moveTransaction(t, transactionExpired)
		if t.captured == 0 {
			s.moveFunding(t, fundingExpired)
		}
		s.scheduleClosing(t)
	})
}

func (s *Server) scheduleClosing(t *transaction) {
	id := t.id
	s.schedule(t.expiresAt.Add(transactionGrace), func() {
		t := s.transactions.byID[id]
		if t != nil && t.state == transactionExpired && !t.expiresAt.Add(transactionGrace).After(s.clock.now()) {
			s.moveTransaction(t, transactionClosed)
		}
	})
}

type transactionEvent struct {
	*transactionBody
	PreviousState    string `json:"previous_state,omitempty"`
	PaymentRequestID string `json:"payment_request_id,omitempty"`
}

// over reports whether nothing is authorized any more.
func (t *transaction) over() bool {
	return t.state == transactionCompleted || t.state == transactionClosed
}

func (t *transaction) event(previous string) transactionEvent {
	return transactionEvent{transactionBody: t.summary(), PreviousState: previous, PaymentRequestID: t.request}
}

func (s *Server) moveTransaction(t *transaction, state string) {
	previous := t.state
	t.state = state
	s.touch(t)
	if t.over() {
		t.overAt = s.clock.now()
		s.forgetTransactionLater(t)
	}
	s.emit(t.account, "payment.transaction.state-change."+eventName(state), t.event(previous))
}

// moveFunding changes the state of the funding: FUNDED with the first capture, EXPIRED when a
// transaction expires without one. It is the package's choice.
func (s *Server) moveFunding(t *transaction, state string) {
	if t.funding != state {
		t.funding = state
		s.touch(t)
		s.emit(t.account, "payment.funding.state-change."+eventName(state), t.event(""))
	}
}

// release releases what is still authorized.
func (s *Server) release(t *transaction) {
	s.note(t.journalEntry(entryReleased, t.remaining()))
	t.released += t.remaining()
	s.touch(t)
}

// refuseOperation refuses a change of t unless t is in one of states. Without states any state is
// accepted.
func (t *transaction) refuseOperation(states ...string) *answer {
	switch {
	case len(states) > 0 && !slices.Contains(states, t.state):
		return new(conflict("the payment transaction is " + t.state))
	case t.operations >= maxOperations:
		return new(forbidden("a payment transaction has at most %d operations", maxOperations))
	}
	return nil
}

func (s *Server) readTransaction(c *call) answer {
	t, ok := own(c, s.transactions)
	if !ok {
		return notFound("payment transaction")
	}
	return reply(http.StatusOK, t.body())
}

func (s *Server) updateTransaction(c *call) answer {
	t, ok := own(c, s.transactions)
	if !ok {
		return notFound("payment transaction")
	}
	var found problems
	o := readObject(c.body, &found)
	reference := o.text("payment_transaction_reference", 255)
	data := readPurchase(o, t.amount).raw
	if len(found) > 0 {
		return invalid(found...)
	}
	if refused := t.refuseOperation(); refused != nil {
		return *refused
	}
	t.operations++
	s.touch(t)
	if reference != "" {
		t.reference = reference
	}
	if data != nil {
		t.purchase = data
	}
	return reply(http.StatusOK, t.body())
}

func (s *Server) voidTransaction(c *call) answer {
	t, ok := own(c, s.transactions)
	if !ok {
		return notFound("payment transaction")
	}
	if refused := t.refuseOperation(transactionAuthorized); refused != nil {
		return *refused
	}
	t.operations++
	s.release(t)
	s.moveTransaction(t, transactionCompleted)
	return reply(http.StatusOK, t.body())
}

// extendTransaction extends an authorization by extension_days, or by a whole life if there are
// none, and adds amount to it.
func (s *Server) extendTransaction(c *call) answer {
	t, ok := own(c, s.transactions)
	if !ok {
		return notFound("payment transaction")
	}
	now := s.clock.now()
	var found problems
	o := readObject(c.body, &found)
	days, amount := o.amount("extension_days"), o.amount("amount")
	expiresAt := now.Add(transactionLife)
	if o.has("extension_days") && days >= 0 && days < 1e6 {
		expiresAt = latest(now, t.expiresAt).AddDate(0, 0, int(days))
	}
	// JSON has no form for a year with five digits.
	if days >= 1e6 || expiresAt.Year() > 9999 {
		found.add("extension_days", "is too large")
	}
	if amount > math.MaxInt64-t.amount {
		found.add("amount", "is too large")
	}
	data := readUnpaid(o).raw
	if len(found) > 0 {
		return invalid(found...)
	}
	if refused := t.refuseOperation(transactionAuthorized, transactionExpired); refused != nil {
		return *refused
	}
	t.operations++
	s.touch(t)
	t.amount += amount
	t.expiresAt = latest(t.expiresAt, expiresAt)
	if data != nil {
		t.purchase = data
	}
	s.note(t.journalEntry(entryExtended, amount))
	if t.state == transactionExpired {
		if t.funding == fundingExpired {
			t.funding = fundingPending
		}
		s.moveTransaction(t, transactionAuthorized)
	}
	s.scheduleEnd(t)
	return reply(http.StatusOK, t.body())
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
