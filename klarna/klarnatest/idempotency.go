package klarnatest

import (
	"crypto/sha256"
	"time"
)

const idempotencyLife = 24 * time.Hour

// idempotencyKey is a Klarna-Idempotency-Key with its scope.
type idempotencyKey struct {
	partner        *account
	operation, key string
}

// remembered is the first request with a key, and its answer once it exists.
type remembered struct {
	key         idempotencyKey
	at          time.Time
	fingerprint [sha256.Size]byte
	answer      *answer
}

func (c *call) idempotencyKey() idempotencyKey {
	return idempotencyKey{c.partner, c.operation(), c.request.Header.Get(headerIdempotencyKey)}
}

// fingerprint hashes what makes two requests the same: method, resource, tokens and the bytes of
// the body.
func (c *call) fingerprint() [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{c.request.Method, c.route.path, c.resource, c.token, c.customerToken, string(c.body)} {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// remember claims the request's key, or returns the answer to a repeated request.
func (s *Server) remember(c *call) (first *remembered, repeated *answer) {
	now, fingerprint := s.clock.now(), c.fingerprint()
	known := s.remembered[c.idempotencyKey()]
	switch {
	case known == nil || now.Sub(known.at) >= idempotencyLife:
		first = &remembered{key: c.idempotencyKey(), at: now, fingerprint: fingerprint}
		s.remembered[first.key] = first
		s.forgetRememberedLater(first)
		return first, nil
	case known.fingerprint != fingerprint:
		return nil, new(conflict("the idempotency key was used for another request"))
	case known.answer == nil:
		return nil, new(conflict("the first request with this idempotency key is still running"))
	}
	return nil, known.answer
}

func (s *Server) forgetRememberedLater(r *remembered) {
	s.schedule(r.at.Add(idempotencyLife), func() {
		if s.remembered[r.key] == r {
			delete(s.remembered, r.key)
			s.drop(r)
		}
	})
}

// forget releases the claim of a request that was not executed.
func (s *Server) forget(c *call) { delete(s.remembered, c.idempotencyKey()) }
