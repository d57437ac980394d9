package klarnatest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// chargeback is captured money that a customer disputes.
type chargeback struct {
	*account
	transaction *transaction
	id          string
	amount      int64
	createdAt   time.Time
}

type chargebackBody struct {
	ID                   string    `json:"payment_chargeback_id"`
	TransactionID        string    `json:"payment_transaction_id"`
	TransactionReference string    `json:"payment_transaction_reference"`
	Amount               int64     `json:"chargeback_amount"`
	Currency             string    `json:"currency"`
	CreatedAt            time.Time `json:"created_at"`
}

func (b *chargeback) body() chargebackBody {
	return chargebackBody{
		ID:                   b.id,
		TransactionID:        b.transaction.id,
		TransactionReference: b.transaction.reference,
		Amount:               b.amount,
		Currency:             b.transaction.currency,
		CreatedAt:            b.createdAt,
	}
}

type disputeEvent struct {
	ID                   string         `json:"payment_dispute_id"`
	TransactionID        string         `json:"payment_transaction_id"`
	TransactionReference string         `json:"payment_transaction_reference"`
	CaptureID            string         `json:"payment_capture_id"`
	CaptureReference     string         `json:"payment_capture_reference,omitempty"`
	PaymentAccountID     string         `json:"payment_account_id"`
	State                string         `json:"state"`
	Reason               string         `json:"dispute_reason"`
	Details              disputeDetails `json:"dispute_details"`
	CreatedAt            time.Time      `json:"created_at"`
	UpdatedAt            time.Time      `json:"updated_at"`
}

type disputeDetails struct {
	Amount    int64  `json:"dispute_amount"`
	Currency  string `json:"currency"`
	CreatedBy string `json:"created_by"`
}

// Chargeback makes the customer of a transaction charge back amount, in minor units of its
// currency, of what was captured. A chargeback can then be read and a dispute begins, each with its
// webhook. The transaction does not change. Chargeback returns an error if no such transaction
// exists, or if more would be charged back than was captured.
func (s *Server) Chargeback(paymentTransactionID string, amount int64) (paymentChargebackID string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	t, ok := s.transactions.byID[paymentTransactionID]
	switch {
	case !ok:
		return "", fmt.Errorf("klarnatest: no payment transaction %q", paymentTransactionID)
	case amount < 1 || amount > t.captured-t.disputed:
		return "", fmt.Errorf("klarnatest: %d cannot be charged back: %d is captured and %d charged back already", amount, t.captured, t.disputed)
	}
	now := s.clock.now()
	b := &chargeback{
		account:     t.account,
		transaction: t,
		id:          "krn:payment:eu1:chargeback:" + uuid.NewString(),
		amount:      amount,
		createdAt:   now,
	}
	t.disputed += amount
	s.chargebacks.add(b.id, b)
	s.touch(b)
	t.disputes = append(t.disputes, b.id)
	s.emit(t.account, "payment.transaction.chargeback", b.body())
	s.emit(t.account, "payment.dispute.state-change.initiated", disputeOf(t, t.captures[0], amount, disputeInitiated, now))
	return b.id, nil
}

const disputeInitiated = "INITIATED"

// disputeOf returns a new dispute. The package chooses its reason and the name of its creator.
func disputeOf(t *transaction, c *capture, amount int64, state string, now time.Time) disputeEvent {
	return disputeEvent{
		ID:                   "krn:payment:eu1:dispute:" + uuid.NewString(),
		TransactionID:        t.id,
		TransactionReference: t.reference,
		CaptureID:            c.id,
		CaptureReference:     c.reference,
		PaymentAccountID:     t.account.id,
		State:                state,
		Reason:               "GOODS_NOT_RECEIVED",
		Details:              disputeDetails{amount, t.currency, "CUSTOMER"},
		CreatedAt:            now,
		UpdatedAt:            now,
	}
}

func (s *Server) readChargeback(c *call) answer {
	b, ok := own(c, s.chargebacks)
	if !ok {
		return notFound("payment chargeback")
	}
	return reply(http.StatusOK, b.body())
}
