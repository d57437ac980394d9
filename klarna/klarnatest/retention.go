package klarnatest

import "time"

// WithRetention lets the server forget what is over, d later on its clock, so that one that runs
// for long holds no more than what lives: payment requests that were canceled, declined or expired,
// transactions COMPLETED or CLOSED, session tokens that died, with the payment requests they
// completed, customer tokens that were revoked, and the records of requests and deliveries. What is
// forgotten is in no list and answers 404, and [Server.CheckInvariants] has nothing to judge by.
// Without it a server remembers all it did, as a test wants it; only idempotency keys go a day
// after their first use, and session tokens a day after their end.
func WithRetention(d time.Duration) Option { return func(c *config) { c.retention = d } }

// WithLogLimit lets the server remember no more than the last n requests and the last n deliveries.
// The default is all of them, and 1000 with [WithStateFile].
func WithLogLimit(n int) Option { return func(c *config) { c.logLimit = n } }

// deadTokenLife is how long a session token is known after its end when the server has no retention
// of its own.
const deadTokenLife = 24 * time.Hour

// forgetLater lets forget run a retention after something was over, and never without one. What it
// forgets it finds by its id, for the agenda must not keep alive what is gone.
func (s *Server) forgetLater(over time.Time, forget func()) {
	if s.retention > 0 {
		s.schedule(over.Add(s.retention), forget)
	}
}

// forgetPaymentRequestLater is for one in a final state, which was its last change.
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

// forgetTokenLater forgets a token some time after its end, when nobody can finalize with it any
// more, and with it the payment request that it completed.
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

// trimLogs forgets requests and deliveries that are older than the retention, or more than the
// limit.
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
