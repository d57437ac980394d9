package klarnatest

import "time"

// WithRetention lets the server forget what is over, d later on its clock, so that one that runs for long holds no more than
// what lives: payment requests that were canceled, declined or expired, transactions COMPLETED or CLOSED, session tokens
// that died, with the payment requests they completed, customer tokens that were revoked, and the records of requests and deliveries. What is forgotten is in
// no list and answers 404, and [Server.CheckInvariants] has nothing to judge by. Without it a server remembers all it did, as a test wants it; only idempotency keys go a day
// after their first use, and session tokens a day after their end.
func WithRetention(d time.Duration) Option { return func(c *config) { c.retention = d } }

// deadTokenLife is how long a session token is known after its end when the server has no retention of its own.
const deadTokenLife = 24 * time.Hour

// forgetLater lets forget run a retention from now, and never without one. What it forgets it finds by its id, for the
// agenda must not keep alive what is gone.
func (s *Server) forgetLater(forget func()) {
	if s.retention > 0 {
		s.schedule(s.clock.now().Add(s.retention), forget)
	}
}

func (s *Server) forgetPaymentRequestLater(id string) {
	s.forgetLater(func() { s.paymentRequests.remove(id) })
}

func (s *Server) forgetTransactionLater(id string) {
	s.forgetLater(func() {
		t := s.transactions.byID[id]
		if t == nil || !t.over() {
			return
		}
		s.transactions.remove(id)
		for _, c := range t.captures {
			s.captures.remove(c.id)
		}
		for _, refund := range t.refunds {
			s.refunds.remove(refund)
		}
		for _, chargeback := range t.disputes {
			s.chargebacks.remove(chargeback)
		}
	})
}

// forgetTokenLater forgets a token some time after its end, when nobody can finalize with it any more, and with it the
// payment request that it completed.
func (s *Server) forgetTokenLater(t *sessionToken) {
	life := deadTokenLife
	if s.retention > 0 {
		life = s.retention
	}
	value := t.value
	s.schedule(t.expiresAt.Add(life), func() {
		if t := s.tokens[value]; t != nil && t.request != nil && s.retention > 0 {
			s.paymentRequests.remove(t.request.id)
		}
		delete(s.tokens, value)
	})
}

// trimLogs forgets requests and deliveries that are older than the retention.
func (s *Server) trimLogs() {
	if s.retention <= 0 {
		return
	}
	oldest := s.clock.now().Add(-s.retention)
	for s.requests.len() > 0 && !s.requests.all()[0].Time.After(oldest) {
		s.requests.pop()
	}
	for s.deliveryLog.len() > 0 && !s.deliveryLog.all()[0].At.After(oldest) {
		s.deliveryLog.pop()
	}
}
