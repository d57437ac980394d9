package klarnatest

import "fmt"

// Open acts as a customer who opens payment_request_url: the payment request goes from SUBMITTED to
// IN_PROGRESS. It changes nothing if the customer has already opened the page.
func (s *Server) Open(paymentRequestID string) error {
	_, err := s.visit(paymentRequestID, func(*paymentRequest) {})
	return err
}

// Approve acts as a customer who pays: the payment request becomes COMPLETED and gets a session
// token, valid for 60 minutes. If the customer has not opened the page yet, Approve opens it. It
// returns the URL to which the browser is sent, which is return_url with its placeholders filled,
// or "" if there is no return_url. A customer whose email has "+denied" before the "@" is denied,
// as in Klarna's test environment: the payment request becomes DECLINED.
func (s *Server) Approve(paymentRequestID string) (returnURL string, err error) {
	return s.visit(paymentRequestID, func(r *paymentRequest) {
		if r.draft.purchase.deniedTestCustomer() {
			s.move(r, stateDeclined, reasonDeclined)
			return
		}
		s.complete(r)
	})
}

// Decline acts as Klarna does when it denies a customer: the payment request becomes DECLINED, a
// final state. It returns the URL to which the browser is sent, as [Server.Approve] does.
func (s *Server) Decline(paymentRequestID string) (returnURL string, err error) {
	return s.visit(paymentRequestID, func(r *paymentRequest) {
		s.move(r, stateDeclined, reasonDeclined)
	})
}

// Abandon acts as a customer who leaves without paying: the payment request returns to SUBMITTED,
// without the shipping that the customer chose. The customer may come back. It returns the URL to
// which the browser is sent, as [Server.Approve] does.
func (s *Server) Abandon(paymentRequestID string) (returnURL string, err error) {
	return s.visit(paymentRequestID, func(r *paymentRequest) {
		r.draft.amount, r.shipping = r.cartAmount(), nil
		s.move(r, stateSubmitted, "PURCHASE_FLOW_ABORTED")
	})
}

// visit opens the payment request for the customer if necessary, and calls act while it is
// IN_PROGRESS, from which every journey can continue.
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
