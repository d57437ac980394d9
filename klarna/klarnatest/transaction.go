package klarnatest

import (
	"net/http"
	"time"

	"github.com/google/uuid"
)

const (
	transactionLife = 28 * 24 * time.Hour
	// An expired transaction can be extended for a week before it closes.
	transactionGrace = 7 * 24 * time.Hour
)

type transaction struct {
	id        string
	reference string
	amount    int64
	currency  string
	state     string
	request   *paymentRequest // nil when approved without a step-up
	captures  []captureBody
	createdAt time.Time
	expiresAt time.Time
}

type transactionBody struct {
	ID        string        `json:"payment_transaction_id"`
	Reference string        `json:"payment_transaction_reference"`
	Amount    int64         `json:"amount"`
	Currency  string        `json:"currency"`
	State     string        `json:"state"`
	ExpiresAt time.Time     `json:"expires_at"`
	Funding   fundingBody   `json:"payment_funding"`
	Captures  []captureBody `json:"payment_captures,omitempty"`
}

type fundingBody struct {
	Type  string `json:"type"`
	State string `json:"state"`
}

type captureBody struct {
	ID        string `json:"payment_capture_id"`
	Reference string `json:"payment_capture_reference,omitempty"`
}

func (t *transaction) body() *transactionBody {
	return &transactionBody{
		ID:        t.id,
		Reference: t.reference,
		Amount:    t.amount,
		Currency:  t.currency,
		State:     t.state,
		ExpiresAt: t.expiresAt,
		Funding:   fundingBody{Type: "GUARANTEED", State: "PENDING"},
		Captures:  t.captures,
	}
}

// newTransaction takes the money that an approval promises. The token, if any, is dead afterwards.
func (s *Server) newTransaction(order authorizeOrder, token *sessionToken) *transaction {
	now := s.clock.now()
	t := &transaction{
		id:        "krn:payment:eu1:transaction:" + uuid.NewString(),
		reference: order.reference,
		amount:    order.amount,
		currency:  order.currency,
		createdAt: now,
		expiresAt: now.Add(transactionLife),
	}
	s.transactions.add(t.id, t)
	if token != nil && token.request != nil {
		t.request = token.request
		t.request.transaction = t
	}
	s.moveTransaction(t, "AUTHORIZED")
	if order.captureNow {
		id := "krn:payment:eu1:capture:" + uuid.NewString()
		t.captures = []captureBody{{ID: id, Reference: order.captureReference}}
		s.moveTransaction(t, "COMPLETED")
		return t
	}
	s.schedule(t.expiresAt, func() {
		s.moveTransaction(t, "EXPIRED")
		s.schedule(t.expiresAt.Add(transactionGrace), func() { s.moveTransaction(t, "CLOSED") })
	})
	return t
}

type transactionEvent struct {
	*transactionBody
	PreviousState    string `json:"previous_state,omitempty"`
	PaymentRequestID string `json:"payment_request_id,omitempty"`
}

// over tells whether nothing more is authorized.
func (t *transaction) over() bool { return t.state == "COMPLETED" || t.state == "CLOSED" }

func (s *Server) moveTransaction(t *transaction, state string) {
	event := transactionEvent{PreviousState: t.state}
	if t.request != nil {
		event.PaymentRequestID = t.request.id
	}
	t.state = state
	if t.over() {
		s.forgetTransactionLater(t.id)
	}
	event.transactionBody = t.body()
	s.emit("payment.transaction.state-change."+eventName(state), event)
}

func (s *Server) readTransaction(c *call) answer {
	t, ok := s.transactions.byID[c.resource]
	if !ok {
		return notFound("payment transaction")
	}
	return reply(http.StatusOK, t.body())
}
