package klarnatest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Fault is something that goes wrong between a client and Klarna. Requests meet scripted faults in the order of their
// scripting; what a request does beyond its operation does not matter.
type Fault struct {
	// Operation is the operation that meets the fault, such as "authorization.authorize"; "" is any.
	Operation string
	// Times is how many requests meet it. 0 is 1.
	Times int
	// Kind is what goes wrong. The zero value is FaultStatus.
	Kind FaultKind
	// StatusCode is the HTTP status of FaultStatus. 0 is 503.
	StatusCode int
	// Code is the error_code of FaultStatus. "" is the usual code of the status.
	Code string
	// Header is added to the answer of FaultStatus and FaultHTML, such as Retry-After.
	Header http.Header
	// Release ends FaultHold when it is closed. A nil channel holds until the client gives up.
	Release <-chan struct{}
}

// FaultKind is a way in which a request goes wrong.
type FaultKind int

const (
	// FaultStatus answers with a status and Klarna's error body; the request is not executed.
	FaultStatus FaultKind = iota
	// FaultDropBefore cuts the connection; the request is not executed. As on any network, net/http repeats by itself a
	// request that it holds for replayable when the connection was not new.
	FaultDropBefore
	// FaultDropAfter executes the request, then cuts the connection: the client does not learn the outcome.
	FaultDropAfter
	// FaultTruncate executes the request, then cuts the connection in the middle of the body.
	FaultTruncate
	// FaultHTML answers 502 with a page of HTML, as a proxy in between does; the request is not executed.
	FaultHTML
	// FaultHold lets the request claim its idempotency key and then wait for Fault.Release before it is executed. A request
	// whose client gives up first is not executed.
	FaultHold
)

var faultNames = [...]string{"FaultStatus", "FaultDropBefore", "FaultDropAfter", "FaultTruncate", "FaultHTML", "FaultHold"}

// String returns the name of the constant.
func (k FaultKind) String() string {
	if k < 0 || int(k) >= len(faultNames) {
		return fmt.Sprintf("FaultKind(%d)", int(k))
	}
	return faultNames[k]
}

func (f Fault) times() int { return max(f.Times, 1) }

type scriptedFault struct {
	Fault
	left int
}

// Script lets coming requests meet faults. A fault that was not met as often as scripted fails the test. It panics on an
// operation that the server does not have, because such a fault could never be met.
func (s *Server) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Operation != "" && !slices.ContainsFunc(routes, func(r route) bool { return r.operation == f.Operation }) {
			panic(fmt.Sprintf("klarnatest: there is no operation %q; there are %s", f.Operation, strings.Join(operations(), ", ")))
		}
		f.Header = f.Header.Clone()
		s.faults = append(s.faults, &scriptedFault{f, f.times()})
	}
}

// nextFault takes the fault that this request meets, nil when there is none.
func (s *Server) nextFault(operation string) *scriptedFault {
	i := slices.IndexFunc(s.faults, func(f *scriptedFault) bool { return f.Operation == "" || f.Operation == operation })
	if i < 0 {
		return nil
	}
	f := s.faults[i]
	if f.left--; f.left == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return f
}

// apply answers c with the fault in the way. A nil fault is none.
func (f *scriptedFault) apply(s *Server, c *call) answer {
	if f == nil {
		return s.process(c, nil)
	}
	switch f.Kind {
	case FaultDropBefore:
		return answer{cut: cutAll}
	case FaultDropAfter:
		a := s.process(c, nil)
		a.cut = cutAll
		return a
	case FaultTruncate:
		a := s.process(c, nil)
		a.cut = max(a.cut, cutHalfBody)
		return a
	case FaultHTML:
		a := answer{
			status: http.StatusBadGateway,
			header: http.Header{"Content-Type": {"text/html"}},
			body:   []byte("<html><body><h1>502 Bad Gateway</h1></body></html>"),
		}
		return a.with(f.Header)
	case FaultHold:
		return s.process(c, func() error { return f.hold(c) })
	default:
		status := cmp.Or(f.StatusCode, http.StatusServiceUnavailable)
		return failure(status, cmp.Or(f.Code, usualCodes[status]), "scripted by the test").with(f.Header)
	}
}

// hold waits without the server's own context: Close cuts the connection, which ends the request's, and inside a
// testing/synctest bubble every channel of the select must be the bubble's.
func (f *scriptedFault) hold(c *call) error {
	select {
	case <-f.Release:
		return nil
	case <-c.request.Context().Done():
		return c.request.Context().Err()
	}
}

func (a answer) with(header http.Header) answer {
	for name, values := range header {
		a.header[http.CanonicalHeaderKey(name)] = values
	}
	return a
}
