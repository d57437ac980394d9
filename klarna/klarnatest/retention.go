package klarnatest

import "time"

// WithRetention makes the server forget what has been over for d on its clock, so that the memory
// of a server that runs for long does not grow. It forgets payment requests that were canceled,
// declined or expired, transactions that are COMPLETED or CLOSED, session tokens that expired, with
// the payment requests that they completed, customer tokens that were revoked, and the records of
// requests and deliveries. What is forgotten is in no list and answers 404.
// [Server.CheckInvariants] fails on a server with a retention, because the server keeps no journal.
// Without the option a server remembers everything, as a test needs; only idempotency keys are
// forgotten a day after their first use, and session tokens a day after their expiry.
func WithRetention(d time.Duration) Option { return func(c *config) { c.retention = d } }

// WithLogLimit makes the server remember only the last n requests and the last n deliveries. The
// default is unlimited, and 1000 with [WithStateFile].
func WithLogLimit(n int) Option { return func(c *config) { c.logLimit = n } }

// deadTokenLife is how long a server without a retention remembers a session token after its
// expiry.
const deadTokenLife = 24 * time.Hour

// forgetLater calls forget one retention after over, and never without a retention. forget finds a
// resource by its id, so that the agenda does not keep a removed resource in memory.
func (s *Server) forgetLater(over time.Time, forget func()) {
	if s.retention > 0 {
		s.schedule(over.Add(s.retention), forget)
	}
}

// forgetPaymentRequestLater forgets a payment request that has just reached a final state.
func (s *Server) forgetPaymentRequestLater(r *paymentRequest) {
	id := r.id
	s.forgetLater(r.updatedAt, func() { s.forgetPaymentRequest(id) })
}

func (s *Server) forgetPaymentRequest(id string) {
	if r := s.paymentRequests.byID[id]; r != nil {
		s.paymentRequests.remove(id)
		s.drop(r)
	}
}

func (s *Server) forgetTransactionLater(t *transaction) {
	id := t.id
	s.forgetLater(t.overAt, func() {
		t := s.transactions.byID[id]
		if t == nil || !t.over() {
			return
		}
		s.transactions.remove(id)
		s.drop(t)
		for _, c := range t.captures {
			s.captures.remove(c.id)
			s.drop(c)
		}
		for _, id := range t.refunds {
			s.drop(s.refunds.byID[id])
			s.refunds.remove(id)
		}
		for _, id := range t.disputes {
			s.drop(s.chargebacks.byID[id])
			s.chargebacks.remove(id)
		}
	})
}

// forgetTokenLater forgets a token some time after its expiry, when it can no longer finalize a
// payment, together with the payment request that it completed.
func (s *Server) forgetTokenLater(t *sessionToken) {
	life := deadTokenLife
	if s.retention > 0 {
		life = s.retention
	}
	value := t.value
	s.schedule(t.expiresAt.Add(life), func() {
		t := s.tokens[value]
		if t.request != nil && s.retention > 0 {
			s.forgetPaymentRequest(t.request.id)
		}
		delete(s.tokens, value)
		s.drop(t)
	})
}

func (s *Server) forgetCustomerTokenLater(t *customerToken) {
	s.forgetLater(t.revokedAt, func() {
		delete(s.customerTokens, t.value)
		s.drop(t)
	})
}

// trimLogs forgets requests and deliveries that are older than the retention or beyond the limit.
func (s *Server) trimLogs() {
	for s.logLimit > 0 && s.requests.Len() > s.logLimit {
		s.requests.Pop()
	}
	for s.logLimit > 0 && s.deliveryLog.Len() > s.logLimit {
		s.deliveryLog.Pop()
	}
	if s.retention <= 0 {
		return
	}
	oldest := s.clock.now().Add(-s.retention)
	for s.requests.Len() > 0 && !s.requests.All()[0].Time.After(oldest) {
		s.requests.Pop()
	}
	for s.deliveryLog.Len() > 0 && !s.deliveryLog.All()[0].At.After(oldest) {
		s.deliveryLog.Pop()
	}
}
