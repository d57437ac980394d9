package klarnatest

import "fmt"

// Open does what a customer does who opens payment_request_url: the payment request goes from
// SUBMITTED to IN_PROGRESS. It changes nothing when the customer is there already.
func (s *Server) Open(paymentRequestID string) error {
	_, err := s.visit(paymentRequestID, func(*paymentRequest) {})
	return err
}

// Approve does what a customer does who pays: the payment request becomes COMPLETED and gets a
// session token, good for 60 minutes. A customer who is not there yet opens the page first. It
// returns the URL the browser is sent to, return_url with its placeholders filled, or "" when there
// is none. A customer with "+denied" before the "@" of the email is denied, as in Klarna's test
// environment: the payment request becomes DECLINED.
func (s *Server) Approve(paymentRequestID string) (returnURL string, err error) {
	return s.visit(paymentRequestID, func(r *paymentRequest) {
		if r.draft.purchase.deniedTestCustomer() {
			s.move(r, stateDeclined, reasonDeclined)
			return
		}
		s.complete(r)
	})
}

// Decline does what happens to a customer whom Klarna denies: the payment request becomes DECLINED,
// which is final. It returns the URL the browser is sent to, as Approve does.
func (s *Server) Decline(paymentRequestID string) (returnURL string, err error) {
	return s.visit(paymentRequestID, func(r *paymentRequest) {
		s.move(r, stateDeclined, reasonDeclined)
	})
}

// Abandon does what a customer does who leaves without paying: the payment request goes back to
// SUBMITTED, without the shipping that the customer chose, and the customer may come again. It
// returns the URL the browser is sent to, as Approve does.
func (s *Server) Abandon(paymentRequestID string) (returnURL string, err error) {
	return s.visit(paymentRequestID, func(r *paymentRequest) {
		r.draft.amount, r.shipping = r.cartAmount(), nil
		s.move(r, stateSubmitted, "PURCHASE_FLOW_ABORTED")
	})
}

// visit opens the payment request for the customer, if need be, and lets act happen while it is
// IN_PROGRESS, from where every journey may go on.
func (s *Server) visit(id string, act func(*paymentRequest)) (returnURL string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	r, ok := s.paymentRequests.byID[id]
	if !ok {
		return "", fmt.Errorf("klarnatest: no payment request %q", id)
	}
	if r.state != stateInProgress {
		if err := r.check(stateInProgress); err != nil {
			return "", fmt.Errorf("klarnatest: %w", err)
		}
		s.move(r, stateInProgress, "")
	}
	act(r)
	return fillPlaceholders(r.draft.interaction.returnURL, r), nil
}
