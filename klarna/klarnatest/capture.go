package klarnatest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// capture is a part of a transaction's amount that was captured.
type capture struct {
	*account
	transaction *transaction
	id          string
	reference   string
	amount      int64
	refunded    int64 // by refunds of the capture and of the transaction
	data        json.RawMessage
	createdAt   time.Time
}

// captureReference is a capture as its transaction lists it.
type captureReference struct {
	ID        string `json:"payment_capture_id"`
	Reference string `json:"payment_capture_reference,omitempty"`
}

type captureBody struct {
	captureReference
	TransactionID        string          `json:"payment_transaction_id"`
	TransactionReference string          `json:"payment_transaction_reference"`
	Amount               int64           `json:"capture_amount"`
	Currency             string          `json:"currency"`
	CreatedAt            time.Time       `json:"created_at"`
	Data                 json.RawMessage `json:"supplementary_capture_data,omitempty"`
}

func (c *capture) body() captureBody {
	return captureBody{
		captureReference:     captureReference{c.id, c.reference},
		TransactionID:        c.transaction.id,
		TransactionReference: c.transaction.reference,
		Amount:               c.amount,
		Currency:             c.transaction.currency,
		CreatedAt:            c.createdAt,
		Data:                 c.data,
	}
}

// capture captures the amount of draft, which t still has, and completes t when nothing is left.
func (s *Server) capture(t *transaction, draft capture) *capture {
	draft.account = t.account
	draft.transaction = t
	draft.id = "krn:payment:eu1:capture:" + uuid.NewString()
	draft.createdAt = s.clock.now()
	t.captured += draft.amount
	t.captures = append(t.captures, &draft)
	s.captures.add(draft.id, &draft)
	s.touch(t, &draft)
	taken := t.journalEntry(entryCaptured, draft.amount)
	taken.capture, taken.reference = draft.id, draft.reference
	s.note(taken)
	s.emit(t.account, "payment.transaction.captured", draft.body())
	s.moveFunding(t, fundingFunded)
	if t.remaining() == 0 {
		s.moveTransaction(t, transactionCompleted)
	}
	return &draft
}

func (s *Server) captureTransaction(c *call) answer {
	t, ok := own(c, s.transactions)
	if !ok {
		return notFound("payment transaction")
	}
	var found problems
	o := readObject(c.body, &found)
	o.need("capture_amount")
	draft := capture{
		amount:    o.amount("capture_amount"),
		reference: o.text("payment_capture_reference", 255),
		data:      readOpaque(o, "supplementary_capture_data"),
	}
	releases := o.text("remaining_authorization", 255) == "RELEASE"
	data := readUnpaid(o).raw
	if len(found) > 0 {
		return invalid(found...)
	}
	if refused := t.refuseOperation(transactionAuthorized); refused != nil {
		return *refused
	}
	switch {
	case len(t.captures) >= maxCaptures:
		return forbidden("a payment transaction has at most %d captures", maxCaptures)
	case draft.amount > t.remaining():
		found.add("capture_amount", "must be at most %d, which is still authorized", t.remaining())
		return invalid(found...)
	}
	t.operations++
	if data != nil {
		t.purchase = data
	}
	taken := s.capture(t, draft)
	if releases && t.remaining() > 0 {
		s.release(t)
		s.moveTransaction(t, transactionCompleted)
	}
	return reply(http.StatusCreated, taken.body())
}

func (s *Server) readCapture(c *call) answer {
	taken, ok := own(c, s.captures)
	if !ok {
		return notFound("payment capture")
	}
	return reply(http.StatusOK, taken.body())
}

// Capture is a capture that was really made.
type Capture struct {
	PaymentCaptureID     string
	PaymentTransactionID string
	// Reference is the caller's payment_capture_reference.
	Reference string
	// Amount and RefundedAmount are in minor units of Currency. RefundedAmount counts the refunds
	// of the capture and its share of the refunds of the transaction, which are taken from the
	// oldest captures first.
	Amount         int64
	RefundedAmount int64
	Currency       string
	// CreatedAt is in UTC.
	CreatedAt time.Time
}

// Captures returns every capture so far, in order.
func (s *Server) Captures() []Capture {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	var list []Capture
	for _, c := range s.captures.all() {
		list = append(list, Capture{
			PaymentCaptureID:     c.id,
			PaymentTransactionID: c.transaction.id,
			Reference:            c.reference,
			Amount:               c.amount,
			RefundedAmount:       c.refunded,
			Currency:             c.transaction.currency,
			CreatedAt:            c.createdAt,
		})
	}
	return list
}
