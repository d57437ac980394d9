package klarnatest

// Held returns the number of records that the server remembers, by kind.
func (s *Server) Held() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]int{
		"payment requests":  len(s.paymentRequests.byID),
		"transactions":      len(s.transactions.byID),
		"session tokens":    len(s.tokens),
		"idempotency keys":  len(s.remembered),
		"requests":          s.requests.Len(),
		"deliveries":        s.deliveryLog.Len(),
		"webhooks to come":  len(s.outbox),
		"appointments":      len(s.agenda.heap),
		"removed, in order": len(s.paymentRequests.removed) + len(s.transactions.removed),
	}
}
