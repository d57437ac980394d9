package klarnatest

import (
	"io"
	"maps"
	"net/http"

	"github.com/google/uuid"
)

const maxBody = 1 << 20

// handle answers one request, from a socket or from a Transport. It returns only after the state
// file has recorded the request's effects.
func (s *Server) handle(r *http.Request) answer {
	a := s.answer(r)
	if err := s.unsaved(); err != nil {
		return failure(http.StatusInternalServerError, codeInternal, "the state file cannot be written: "+err.Error())
	}
	return a
}

func (s *Server) answer(r *http.Request) answer {
	if a, ok := s.browse(r); ok {
		return a
	}
	var body []byte
	if r.Body != nil {
		var err error
		// One byte more than allowed distinguishes a body that is too long from one that just fits.
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1)); err != nil {
			return answer{cut: cutAll}
		}
		if len(body) > maxBody {
			// A client that is still writing would see a reset connection instead of the 413.
			_, _ = io.CopyN(io.Discard, r.Body, 8*maxBody)
		}
	}
	c := &call{
		target:        find(r.Method, r.URL.EscapedPath()),
		request:       r,
		body:          body,
		token:         sessionTokenOf(r.Header),
		customerToken: r.Header.Get(headerCustomerToken),
	}

	s.mu.Lock()
	c.partner = s.partner(c)
	entry := s.record(c)
	c.allowance = s.quota.take(entry.Time)
	fault := s.nextFault(c.operation())
	s.mu.Unlock()

	a := fault.apply(s, c)
	if pause(r.Context(), s.latency) != nil {
		a = answer{cut: cutAll}
	}
	s.addCommonHeaders(&a, c)

	s.mu.Lock()
	defer s.mu.Unlock()
	if a.cut != cutAll {
		entry.StatusCode = a.status
	}
	s.touch(entry)
	return a
}

// process executes a request that meets no fault.
func (s *Server) process(c *call, hold func() error) answer {
	if refused := s.guard(c); refused != nil {
		return *refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle() // the timer of a running clock may be late
	if !c.route.is(keyed) || c.request.Header.Get(headerIdempotencyKey) == "" {
		if err := s.unlocked(hold); err != nil {
			return answer{cut: cutAll}
		}
		return c.route.run(s, c)
	}
	first, repeated := s.remember(c)
	if repeated != nil {
		return *repeated
	}
	if err := s.unlocked(hold); err != nil {
		s.forget(c)
		return answer{cut: cutAll}
	}
	a := c.route.run(s, c)
	first.answer = &a
	s.touch(first)
	return a
}

// unlocked releases the mutex while a request is held.
func (s *Server) unlocked(hold func() error) error {
	if hold == nil {
		return nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return hold()
}

func (s *Server) addCommonHeaders(a *answer, c *call) {
	h := http.Header{}
	h.Set("Klarna-Correlation-Id", uuid.NewString())
	if id := c.request.Header.Get(headerPartnerCorrelationID); id != "" {
		h.Set(headerPartnerCorrelationID, id)
	}
	c.allowance.show(h, lastSegment(s.PartnerAccountID))
	h.Set("Klarna-Mtls-Verification-Status", s.authority.verify(c.request.TLS))
	maps.Copy(h, a.header) // a scripted header replaces the usual one
	a.header = h
}
