package klarnatest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// refund is captured money that was refunded.
type refund struct {
	*account
	transaction *transaction
	capture     *capture // nil if the transaction was refunded
	id          string
	reference   string
	amount      int64
	data        json.RawMessage
	createdAt   time.Time
}

// refundBody encodes the reference under the name with which it was sent: refunds of a transaction
// and refunds of a capture use different names.
type refundBody struct {
	ID                   string          `json:"payment_refund_id"`
	RefundReference      string          `json:"refund_reference,omitempty"`
	PaymentReference     string          `json:"payment_refund_reference,omitempty"`
	CaptureID            string          `json:"payment_capture_id,omitempty"`
	TransactionID        string          `json:"payment_transaction_id"`
	TransactionReference string          `json:"payment_transaction_reference"`
	Amount               int64           `json:"refund_amount"`
	Currency             string          `json:"currency"`
	CreatedAt            time.Time       `json:"created_at"`
	Data                 json.RawMessage `json:"supplementary_refund_data,omitempty"`
}

func (r *refund) body() refundBody {
	b := refundBody{
		ID:                   r.id,
		TransactionID:        r.transaction.id,
		TransactionReference: r.transaction.reference,
		Amount:               r.amount,
		Currency:             r.transaction.currency,
		CreatedAt:            r.createdAt,
		Data:                 r.data,
	}
	if r.capture == nil {
		b.RefundReference = r.reference
	} else {
		b.PaymentReference, b.CaptureID = r.reference, r.capture.id
	}
	return b
}

func (s *Server) refundTransaction(c *call) answer {
	t, ok := own(c, s.transactions)
	if !ok {
		return notFound("payment transaction")
	}
	return s.refund(c, refund{transaction: t}, "refund_reference", t.captured-t.refunded)
}

func (s *Server) refundCapture(c *call) answer {
	taken, ok := own(c, s.captures)
	if !ok {
		return notFound("payment capture")
	}
	return s.refund(c, refund{transaction: taken.transaction, capture: taken}, "payment_refund_reference", taken.amount-taken.refunded)
}

// refund refunds at most limit, in any state of the transaction.
func (s *Server) refund(c *call, draft refund, referenceName string, limit int64) answer {
	var found problems
	o := readObject(c.body, &found)
	o.need("refund_amount")
	draft.amount = o.amount("refund_amount")
	draft.reference = o.text(referenceName, 255)
	draft.data = readOpaque(o, "supplementary_refund_data")
	if len(found) > 0 {
		return invalid(found...)
	}
	t := draft.transaction
	if refused := t.refuseOperation(); refused != nil {
		return *refused
	}
	switch {
	case len(t.refunds) >= maxRefunds:
		return forbidden("a payment transaction has at most %d refunds", maxRefunds)
	case draft.amount > limit:
		found.add("refund_amount", "must be at most %d, which is captured and not refunded", limit)
		return invalid(found...)
	}
	t.operations++
	draft.account = t.account
	draft.id = "krn:payment:eu1:refund:" + uuid.NewString()
	draft.createdAt = s.clock.now()
	s.refunds.add(draft.id, &draft)
	t.refunds = append(t.refunds, draft.id)
	given := t.journalEntry(entryRefunded, draft.amount)
	given.reference = draft.reference
	if draft.capture != nil {
		given.capture = draft.capture.id
	}
	s.note(given)
	s.touch(t, &draft)
	s.spread(&draft)
	s.emit(t.account, "payment.transaction.refunded", draft.body())
	return reply(http.StatusCreated, draft.body())
}

// spread takes a refund from its capture, or from the captures of its transaction, the oldest
// first.
func (s *Server) spread(r *refund) {
	from := []*capture{r.capture}
	if r.capture == nil {
		from = r.transaction.captures
	}
	left := r.amount
	for _, c := range from {
		part := min(left, c.amount-c.refunded)
		c.refunded += part
		s.touch(c)
		left -= part
	}
	r.transaction.refunded += r.amount
}

func (s *Server) readRefund(c *call) answer {
	given, ok := own(c, s.refunds)
	if !ok {
		return notFound("payment refund")
	}
	return reply(http.StatusOK, given.body())
}

// Refund is a refund that was really made.
type Refund struct {
	PaymentRefundID      string
	PaymentTransactionID string
	// PaymentCaptureID is the capture that was refunded, "" if the transaction was refunded.
	PaymentCaptureID string
	// Reference is the caller's refund_reference for a refund of a transaction, and
	// payment_refund_reference for a refund of a capture.
	Reference string
	// Amount is in minor units of Currency.
	Amount   int64
	Currency string
	// CreatedAt is in UTC.
	CreatedAt time.Time
}

// Refunds returns every refund so far, in order.
func (s *Server) Refunds() []Refund {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	var list []Refund
	for _, r := range s.refunds.all() {
		entry := Refund{
			PaymentRefundID:      r.id,
			PaymentTransactionID: r.transaction.id,
			Reference:            r.reference,
			Amount:               r.amount,
			Currency:             r.transaction.currency,
			CreatedAt:            r.createdAt,
		}
		if r.capture != nil {
			entry.PaymentCaptureID = r.capture.id
		}
		list = append(list, entry)
	}
	return list
}
