package klarnatest

import (
	"bytes"
	"net/http"
	"net/url"
	"time"
)

// Request is one request as the server received it.
type Request struct {
	// Time is the server's time of arrival, in UTC.
	Time time.Time
	// Operation is the name of the operation, such as "authorization.authorize". It is "" if the
	// path has none.
	Operation string
	Method    string
	// Path is escaped as it was received.
	Path   string
	Query  url.Values
	Header http.Header
	// Body is cut after 1 MB.
	Body []byte
	// StatusCode is the status of the answer. It is 0 while the request runs and if the connection
	// was cut.
	StatusCode int
}

// loggedRequest is a request with its position in the log.
type loggedRequest struct {
	Request
	number uint64
}

func (s *Server) record(c *call) *loggedRequest {
	r := c.request
	s.arrivals++
	entry := &loggedRequest{number: s.arrivals, Request: Request{
		Time:      s.clock.now(),
		Operation: c.operation(),
		Method:    r.Method,
		Path:      r.URL.EscapedPath(),
		Query:     r.URL.Query(),
		Header:    r.Header.Clone(),
		Body:      c.body,
	}}
	s.requests.Push(entry)
	s.trimLogs()
	return entry
}

// Requests returns every request received so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trimLogs()
	list := make([]Request, s.requests.Len())
	for i, entry := range s.requests.All() {
		list[i] = entry.Request
		list[i].Header = entry.Header.Clone()
		list[i].Body = bytes.Clone(entry.Body)
	}
	return list
}

// Transaction is an amount that was really authorized, whether or not the client learned of it.
type Transaction struct {
	PaymentTransactionID string
	// Reference is the caller's payment_transaction_reference.
	Reference string
	// PaymentRequestID is the payment request that it finalizes, "" if it was approved without a
	// step-up.
	PaymentRequestID string
	// PartnerAccountID is the account it belongs to.
	PartnerAccountID string
	// Amount is what was authorized, extensions included. This and the other amounts are in minor
	// units of Currency.
	Amount         int64
	CapturedAmount int64
	RefundedAmount int64
	// VoidedAmount was released by a void, or by a capture that released the rest.
	VoidedAmount int64
	Currency     string
	State        string
	// CreatedAt is in UTC.
	CreatedAt time.Time
}

// Transactions returns every transaction of every account so far, in order.
func (s *Server) Transactions() []Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	var list []Transaction
	for _, t := range s.transactions.all() {
		list = append(list, Transaction{
			PaymentTransactionID: t.id,
			Reference:            t.reference,
			PaymentRequestID:     t.request,
			PartnerAccountID:     t.account.id,
			Amount:               t.amount,
			CapturedAmount:       t.captured,
			RefundedAmount:       t.refunded,
			VoidedAmount:         t.released,
			Currency:             t.currency,
			State:                t.state,
			CreatedAt:            t.createdAt,
		})
	}
	return list
}

// PaymentRequest is the present state of a payment request.
type PaymentRequest struct {
	PaymentRequestID string
	// PartnerAccountID is the account it belongs to.
	PartnerAccountID string
	// Reference is the caller's payment_request_reference.
	Reference string
	// Amount is in minor units of Currency.
	Amount      int64
	Currency    string
	State       string
	StateReason string
	// PaymentRequestURL is the URL to which the customer is sent.
	PaymentRequestURL string
	// SessionToken is the token of a completed payment request.
	SessionToken string
	// CustomerToken is the token that the completed payment request issued, if one was requested.
	CustomerToken string
	// PaymentTransactionID is the transaction that finalized it, "" before that.
	PaymentTransactionID string
	// CreatedAt and ExpiresAt are in UTC.
	CreatedAt time.Time
	ExpiresAt time.Time
}

// PaymentRequests returns every payment request so far, in order.
func (s *Server) PaymentRequests() []PaymentRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	var list []PaymentRequest
	for _, r := range s.paymentRequests.all() {
		entry := PaymentRequest{
			PaymentRequestID:     r.id,
			PartnerAccountID:     r.account.id,
			Reference:            r.draft.reference,
			Amount:               r.draft.amount,
			Currency:             r.draft.currency,
			State:                r.state,
			StateReason:          r.reason,
			PaymentRequestURL:    r.customerURL,
			SessionToken:         r.token,
			CreatedAt:            r.createdAt,
			ExpiresAt:            r.draft.expiresAt,
			PaymentTransactionID: r.transaction,
		}
		if r.customerToken != nil {
			entry.CustomerToken = r.customerToken.value
		}
		list = append(list, entry)
	}
	return list
}
